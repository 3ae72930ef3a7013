"""The charts of a search: rewards, what the strategy told, the policy, the candidates, the population."""

from __future__ import annotations

import bisect
import functools
import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from autogan_tf.runs import report_charts
from autogan_tf.search_space.space import SearchSpace

_MOST_POINTS = 1500  # of a curve over the architectures that were tried
_MOST_TOLD = 12  # charts of what a strategy told
_FEW = 60  # architectures, up to which each is a point on the curve

Curve = tuple[list[float], list[float | None]]


def charts(document: Mapping[str, Any], space: SearchSpace | None) -> dict[str, Any]:
    """The charts by name, of what `report_data.document` says; none where no iteration is done."""
    found: dict[str, Any] = {}
    search = document["search"]
    if not search or not search["iterations"]:
        return found
    rows = search["iterations"]
    steps = [row["step"] + 1 for row in rows]
    marks = [(entry["step"] + 0.5, "a cell more") for entry in search["growth"]]
    marks += [(step + 1.0, "reset") for step in search["resets"]]

    def column(key: str) -> tuple[list[int], list[float | None]]:
        return steps, [row[key] for row in rows]

    tried = search["tried"]
    dots = ([iteration + 1 for iteration in tried["iteration"]], tried["reward"])
    line = functools.partial(report_charts.lines, x="search iteration", marks=marks)
    if tried["reward"]:
        found["learning"] = _learning(search, with_dots=len(rows) == 1)
    if len(rows) > 1 or "learning" not in found:
        curves = {"best of the iteration": column("best"), "mean": column("mean")}
        found["reward"] = report_charts.element(line(curves, y="reward", dots=dots, height=3.2), "reward")
        scores = [row["mean_scores"] for row in rows]
        found["objectives"] = [
            (name, report_charts.element(
                line({name: (steps, [of_row.get(name) for of_row in scores])}, y=name, height=2.0), name))
            for name in dict.fromkeys(name for of_row in scores for name in of_row)
        ]  # fmt: skip
    if any(row["d_loss"] is not None for row in rows):  # none where candidates are trained by themselves
        losses = {"discriminator": column("d_loss"), "generator": column("g_loss")}
        found["losses"] = report_charts.element(line(losses, y="loss"), "losses")
    if any(row["entropy"] is not None for row in rows):
        figure = line({"entropy": column("entropy")}, y="nats per decision", height=2.0)
        found["entropy"] = report_charts.element(figure, "entropy")
    if search["candidates"]:
        figure = report_charts.clouds(_by_steps(search["candidates"]), x="candidates trained", y="reward")
        found["candidates"] = report_charts.element(figure, "candidates")
    if search["trust"]["expected"]:
        both = list(search["trust"]["expected"]["architectures"].values())
        pairs = [entry["expected"] for entry in both], [entry["reward"] for entry in both]
        figure = report_charts.clouds({"architectures": pairs}, x="expected, in standard deviations", y="reward")
        found["expected"] = report_charts.element(figure, "expected")
    if search["population"]:
        alive, members = _population(search["population"])
        found["population"] = report_charts.element(line(alive, y="reward", dots=members), "population")
    found["front"] = [
        (f"{x} and {y}", report_charts.element(figure, f"front{x}{y}")) for (x, y), figure in fronts(search).items()
    ]
    if space is not None:
        draw = functools.partial(report_charts.policy, search["policy"], space=space, resets=search["resets"])
        stages = sorted({row["stage"] for row in search["policy"]})
        which = "Cells 1 to" if document["settings"].get("single_level") == "true" else "Cell"
        found["policy"] = [
            (f"{which} {stage + 1}", report_charts.element(draw(stage=stage), f"policy{stage}")) for stage in stages
        ]
    shown = {"reward"} | ({"entropy"} if "entropy" in found else set())
    shown |= {"population_best", "population_mean"} if "population" in found else set()
    found["told"] = _told(search, shown)
    return found


def fronts(search: Mapping[str, Any]) -> dict[tuple[str, str], Figure]:
    """The front among all that it was compared with, for each two of the objectives; none where there is no front."""
    front = search["front"]
    if not front:
        return {}
    scores = [entry["scores"] for entry in front["architectures"]]
    good = front["objectives"]
    return {
        (x, y): report_charts.front(
            *((front["compared"][name], [of_one[name] for of_one in scores], f"{name}, {good[name]} is good")
              for name in (x, y)),
            joined=len(good) == 2,
        )
        for x, y in itertools.combinations(good, 2)
    }  # fmt: skip


def cells_differ(document: Mapping[str, Any]) -> bool:
    """Whether the search tries architectures of different numbers of cells; so it is taken where it is not known."""
    settings = document["settings"]
    return settings.get("single_level") != "true" and settings.get("num_cells") != "1"


def whole_generators(document: Mapping[str, Any]) -> Curve:
    """Best so far of a search's whole generators over the architectures tried so far, those of fewer cells among them.

    Empty where it has not come to whole generators.
    """
    tried = document["search"]["tried"]
    stages = tried["stage"]
    told = document["settings"].get("num_cells", "")
    last = int(told) - 1 if told.isdecimal() else max(stages, default=0)
    places = _spread([place for place, stage in enumerate(stages) if stage == last])
    return [place + 1 for place in places], [tried["best_so_far"][place] for place in places]


def _learning(search: Mapping[str, Any], *, with_dots: bool) -> Markup:
    """Best and mean so far over the architectures tried; both begin anew with a cell more."""
    tried = search["tried"]
    curves = {
        "best so far": _stage_by_stage(tried["best_so_far"], tried["stage"]),
        "mean so far": _stage_by_stage(tried["mean_so_far"], tried["stage"]),
    }
    dots = (list(range(1, len(tried["reward"]) + 1)), tried["reward"]) if with_dots else None
    figure = report_charts.lines(curves, x="architectures tried", y="reward", marks=_marks(search), dots=dots,
                                 points=len(tried["reward"]) <= _FEW)  # fmt: skip
    return report_charts.element(figure, "learning")


def _told(search: Mapping[str, Any], shown: set[str]) -> list[tuple[str, Markup]]:
    """A small chart of each number of the strategy that the page does not show otherwise."""
    told = search["told"]
    places = _spread(range(len(told["tried"])))
    found = []
    for number, (name, values) in enumerate(told["numbers"].items()):
        if name not in shown and any(value is not None for value in values):
            curve = [told["tried"][place] for place in places], [values[place] for place in places]
            figure = report_charts.lines({name: curve}, x="architectures tried", y=name, marks=_marks(search),
                                         points=len(places) <= _FEW, height=1.8)  # fmt: skip
            found.append((name, report_charts.element(figure, f"told{number}")))
    return found[:_MOST_TOLD]


def _marks(search: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Growths and resets among the architectures tried."""
    iterations = search["tried"]["iteration"]  # rising
    marks = [(bisect.bisect_left(iterations, entry["step"]) + 0.5, "a cell more") for entry in search["growth"]]
    return marks + [(bisect.bisect_right(iterations, step) + 0.5, "reset") for step in search["resets"]]


def _spread(places: Sequence[int]) -> list[int]:
    """At most so many of the places as a curve has points, evenly, the first and the last among them."""
    if len(places) <= _MOST_POINTS:
        return list(places)
    return [places[round(number * (len(places) - 1) / (_MOST_POINTS - 1))] for number in range(_MOST_POINTS)]


def _stage_by_stage(values: Sequence[float | None], stages: Sequence[int]) -> Curve:
    """A curve over the architectures tried, with a gap where a stage ends."""
    xs: list[float] = []
    ys: list[float | None] = []
    before = None
    for place in _spread(range(len(values))):
        if before is not None and stages[place] != stages[before]:
            xs.append(place + 0.5)
            ys.append(None)
        xs.append(place + 1)
        ys.append(values[place])
        before = place
    return xs, ys


def _by_steps(candidates: Sequence[Mapping[str, Any]]) -> dict[str, tuple[list[int], list[float | None]]]:
    """Numbers, from 1, and rewards of the candidates that were trained for as many steps, the longest first."""
    numbered = list(enumerate(candidates, 1))
    return {
        f"{steps:,} steps": (
            [number for number, candidate in numbered if candidate["steps"] == steps],
            [candidate["reward"] for _, candidate in numbered if candidate["steps"] == steps],
        )
        for steps in sorted({candidate["steps"] for candidate in candidates}, reverse=True)
    }


def _population(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, tuple[list[int], list[float]]], Any]:
    """The best and the mean of the members by iteration, as curves, and all members, as dots."""
    members = [(row["step"] + 1, member["reward"]) for row in rows for member in row["members"]]
    finite: dict[int, list[float]] = {}
    for iteration, reward in members:
        if reward is not None:
            finite.setdefault(iteration, []).append(reward)
    curves = {
        "best": (list(finite), [max(rewards) for rewards in finite.values()]),
        "mean": (list(finite), [statistics.fmean(rewards) for rewards in finite.values()]),
    }
    return curves, ([iteration for iteration, _ in members], [reward for _, reward in members])
