"""Takes what the searcher tells to the terminal, to metrics.jsonl, to TensorBoard, to sample grids and front/."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autogan_tf.nas.front_files import FrontFiles
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.trial import Tokens
from autogan_tf.runs import diagram_pixels, front, history, report_charts, report_search, report_search_charts
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.image_grid import grid
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.progress import Terminal
from autogan_tf.runs.report import Refreshed
from autogan_tf.runs.tensorboard_log import table
from autogan_tf.runs.time_left import TimeLeft
from autogan_tf.search_space.genotype import Genotype

# The next cell has four times the pixels, and all that came before it; until one was seen its cost is guessed so.
_NEXT_CELL = 4.0
_RANKING = "ranking"
# Of an iteration's numbers those that have a place of their own in its line, or none; all others are told by name.
_PLACED = ("stage", "seconds", "memory_mb", "best", "best_so_far", "mean", "distinct", "entropy",
           "trained_images", "scored_images")  # fmt: skip


class SearchLog:
    """An observer of a `Searcher`.

    Args:
      plan: of the search.
      folder, terminal, log: where to.
      draw: images uint8 [N, S, S, C] of an architecture, see `Estimator.pictures`.
      front_files: write a front, where the strategy tells one.
      grid_every: iterations between sample grids, besides those before a growth and the last; 0 for these only.
      done: iterations that an earlier process has done.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        folder: RunFolder,
        terminal: Terminal,
        log: MetricsLog,
        draw: Callable[[Tokens], np.ndarray | None],
        front_files: FrontFiles,
        grid_every: int,
        done: int = 0,
    ) -> None:
        self.phase, self.done, self.event = terminal.phase, terminal.done, terminal.line
        self._plan, self._folder, self._terminal, self._log, self._draw = plan, folder, terminal, log, draw
        self._report, self._front_files = Refreshed(folder), front_files
        self._grid_every = grid_every
        self._left = time_left(plan)
        self._stage = plan.first_cells - 1 + sum(step < done for step in plan.grow_steps)
        for iteration in range(done):
            grown = sum(step <= iteration for step in plan.grow_steps)
            self._left.skip(_iterations(plan.first_cells - 1 + grown), 1)
        terminal.overall("search", plan.max_search_iter, "iterations")
        terminal.advance_overall(done)

    def numbers(self, *, step: int, phase: str, numbers: Mapping[str, Any]) -> None:
        """As `Observer.numbers`."""
        self._log.write(step=step, phase=phase, numbers=numbers)
        if phase == "search":
            self._iteration(step, numbers)
        elif phase == "strategy":
            self._left.did(_images(self._stage), self._plan.rl_num_eval_img * numbers["scored"], numbers["seconds"])
            words = "".join(f"{name} {value:.3f}  " for name, value in report_search.numbers_of_strategy(numbers))
            self._terminal.detail(f"  strategy step {step + 1}  {words}{numbers['seconds']:.2f} s")
        elif phase == "growth":
            self._stage = numbers["stage"] + 1
            rows = [(name, f"{score:.3f}") for name, score in numbers["kept"].items()]
            heading = f"Kept when the search grew after iteration {step}\n\n"
            self._log.tensorboard.text("beam", heading + table(("architecture", "reward"), rows), step=step)

    def _iteration(self, step: int, numbers: Mapping[str, Any]) -> None:
        self._stage = numbers["stage"]
        self._left.did(_iterations(self._stage), 1, numbers["seconds"])
        self._terminal.advance_overall(step + 1, left=self._left.seconds())
        leaders = numbers["leaders"].items()
        self._terminal.best(
            ("best of this stage so far", "reward"), [(name, f"{reward:.3f}") for name, reward in leaders]
        )
        self._terminal.line(
            f"iteration {step + 1:3d}  stage {numbers['stage'] + 1}  best {numbers['best']:.3f}  "
            f"mean {numbers['mean']:.3f}  {_told(numbers)}{numbers['seconds']:.1f} s  [{numbers['best_architecture']}]"
        )
        told = front.read(numbers.get("front"))
        if told is not None:
            self._front_files.write(told)
        done = step + 1
        last = done == self._plan.max_search_iter or done in self._plan.grow_steps
        if last or (self._grid_every and done % self._grid_every == 0):
            self._show(done, numbers["best_architecture"])
        self._report.if_due()

    def _show(self, done: int, architecture: str) -> None:
        """The best architecture: a grid, always on the same latents, and its diagram; the policy, if there is one."""
        tokens = tuple(int(token) for token in architecture.split())
        images = self._draw(tokens)
        if images is not None:
            self._log.picture("samples", grid(images), file=f"iteration-{done:04d}.png", step=done)
        board = self._log.tensorboard
        board.image("diagram", diagram_pixels.pixels(Genotype.from_tokens(tokens, self._plan.space)), step=done)
        so_far = report_search.of_search(history.read(self._folder.path))
        if any(row["stage"] == self._stage for row in so_far["policy"]):
            chart = report_charts.policy(
                so_far["policy"], space=self._plan.space, stage=self._stage, resets=so_far["resets"]
            )
            board.image(f"policy/cell_{self._stage + 1}", report_charts.pixels(chart), step=done)
        for (x, y), chart in report_search_charts.fronts(so_far).items():
            board.image(f"front/{x}_{y}", report_charts.pixels(chart), step=done)
        rows = [
            (str(row["cell"]), row["decision"], row["choice"], str(row["drawn"]),
             "" if row["mean_reward"] is None else f"{row['mean_reward']:.3f}")
            for row in so_far["choices"]
        ]  # fmt: skip
        board.text("choices", table(("cell", "decision", "choice", "drawn", "mean reward"), rows), step=done)


def _told(numbers: Mapping[str, Any]) -> str:
    """The entropy where there is one, and the losses; where there are none, whatever else is a number."""
    told = {name: value for name, value in numbers.items() if report_search.is_number(value)}
    words = [f"entropy {told['entropy']:.3f}"] if "entropy" in told else []
    if "d_loss" in told and "g_loss" in told:
        words += [f"d_loss {told['d_loss']:.3f}", f"g_loss {told['g_loss']:+.3f}"]
    else:
        others = ((name, value) for name, value in told.items() if name not in _PLACED)
        words += [f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:.3f}" for name, value in others]
    return "".join(f"{word}  " for word in words)


def time_left(plan: Plan) -> TimeLeft:
    """Of a search: the iterations of each cell, and the images that the rankings are made on."""
    borders = [0, *plan.grow_steps, plan.max_search_iter]
    counts = [end - begin for begin, end in itertools.pairwise(borders)]
    stages = range(plan.first_cells - 1, plan.first_cells - 1 + len(counts))
    units: dict[str, float] = {_iterations(stage): count for stage, count in zip(stages, counts, strict=True)}
    units |= {_images(stage): 0.0 for stage in stages}  # only for their rate
    units[_RANKING] = (
        plan.num_candidate * plan.score_repeats * plan.rl_num_eval_img + plan.topk * plan.num_eval_imgs
    )
    guesses = {kind(stage): (kind(stage - 1), _NEXT_CELL)
               for stage in stages[1:] for kind in (_iterations, _images)}  # fmt: skip
    return TimeLeft(units, as_other=guesses | {_RANKING: (_images(stages[-1]), 1.0)})


def _iterations(stage: int) -> str:
    return f"iterations on cell {stage + 1}"


def _images(stage: int) -> str:
    return f"images scored on cell {stage + 1}"
