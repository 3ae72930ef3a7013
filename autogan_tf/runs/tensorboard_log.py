"""What TensorBoard shows of a run: scalars in groups, their layout, settings beside scores, pictures and texts."""

from __future__ import annotations

import contextlib
import errno
import math
import pathlib
import weakref
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from autogan_tf.config.encoding import shown
from autogan_tf.data.literal_path import literal
from autogan_tf.runs.checkpoints import why

# A number's group in the phases whose steps these are; all others are under the name of their phase.
_GROUPS = {
    "losses": ("d_loss", "g_loss"),
    "gradient_norms": ("d_gradient_norm", "g_gradient_norm"),
    "learning_rates": ("d_lr", "g_lr"),
    "reset_window": ("d_loss_spread", "g_loss_spread", "collapsed", "resets"),
    "reward": ("best", "best_so_far", "mean", "distinct"),
    "machine": ("images_per_second", "seconds", "memory_mb"),
}
_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}
_GROUPED = ("search", "train")
_PHASES = {"evaluation": "scores"}

# Charts with several curves, by category: title -> tags.
_LAYOUT: dict[str, dict[str, tuple[str, ...]]] = {
    "search": {
        "reward of an iteration": ("reward/best_so_far", "reward/best", "reward/mean"),
        "mean reward of a step of the strategy": ("strategy/reward",),
        "entropy of each decision (nats), where there is a policy": ("entropy/.*",),
        "spread of the losses, under which the shared GAN is drawn anew": (
            "reset_window/d_loss_spread",
            "reset_window/g_loss_spread",
        ),
    },
    "training": {
        "losses": ("losses/d_loss", "losses/g_loss"),
        "gradient norms": ("gradient_norms/d_gradient_norm", "gradient_norms/g_gradient_norm"),
        "learning rates": ("learning_rates/d_lr", "learning_rates/g_lr"),
    },
    "scores": {
        "Fréchet distance": ("scores/frechet_distance",),
        "Inception score": ("scores/inception_score",),
        "kernel distance": ("scores/kernel_distance",),
    },
}
_SCORES = ("scores/frechet_distance", "scores/inception_score", "scores/kernel_distance", "reward/best_so_far")


class TensorBoardLog:
    """Writes one folder of event files.

    Args:
      folder: of the files; made where it is missing.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        with _as_os_error(folder), contextlib.ExitStack() as stack:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = tf.summary.create_file_writer(stack.enter_context(literal(folder)))
            weakref.finalize(self._writer, stack.pop_all().close)  # it looks at its file again and again
        self._begun = False

    def begin(self, settings: Mapping[str, Any]) -> None:
        """The layout of the charts, and the settings: as a table, and beside the final scores of all runs (HParams)."""
        columns = {name: _plain(value) for name, value in settings.items()}
        with self._writing():
            hparams.hparams_config(
                hparams=[hparams.HParam(name) for name in columns], metrics=[hparams.Metric(tag) for tag in _SCORES]
            )
            hparams.hparams(columns)
            tf.summary.experimental.write_raw_pb(custom_scalar.pb(_layout()).SerializeToString(), step=0)
        self.text("settings", table(("setting", "value"), [(name, str(value)) for name, value in columns.items()]))
        self._begun = True

    def go_on(self) -> None:
        """As `begin`, where an earlier process has written all that."""
        self._begun = True

    def scalars(self, *, step: int, phase: str, numbers: Mapping[str, Any]) -> None:
        """The numbers among `numbers`, each under its group's name; of those by name their distribution."""
        groups = _GROUP_OF if phase in _GROUPED else {}
        values = {
            f"{groups.get(name, _PHASES.get(phase, phase))}/{name}": float(value)
            for name, value in numbers.items()
            if isinstance(value, Real) and name != "iteration"
        }
        for group, key in (("entropy", "entropies"), ("objectives", "mean_scores")):
            by_name = numbers.get(key)
            if isinstance(by_name, Mapping):  # a strategy may call something else so
                values |= {f"{group}/{name}": float(v) for name, v in by_name.items() if isinstance(v, Real)}
        together = Summary()  # one record instead of an operation for each number
        for tag, value in values.items():
            together.MergeFrom(scalar_pb(tag, value))
        by_architecture = numbers.get("rewards") if phase == "strategy" else None
        rewards = [value for value in (by_architecture or {}).values() if math.isfinite(value)]
        if rewards:
            together.MergeFrom(histogram_pb("strategy/rewards", rewards))
        with self._writing():
            tf.summary.experimental.write_raw_pb(together.SerializeToString(), step=step)

    def image(self, tag: str, pixels: np.ndarray, *, step: int = 0) -> None:
        """A picture, uint8 [H, W, C], C 1 or 3."""
        with self._writing():
            tf.summary.image(tag, pixels[None], step)

    def text(self, tag: str, markdown: str, *, step: int = 0) -> None:
        """A text, which TensorBoard shows as Markdown."""
        with self._writing():
            tf.summary.text(tag, shown(markdown), step)

    def flush(self) -> None:
        """Everything so far is in the files."""
        with self._writing():
            self._writer.flush()

    def close(self, *, complete: bool = True) -> None:
        """Ends the files; `complete`: the run is, and has not failed."""
        if self._begun:
            status = api_pb2.STATUS_SUCCESS if complete else api_pb2.STATUS_FAILURE
            with self._writing():
                end = hparams_summary.session_end_pb(status)
                tf.summary.experimental.write_raw_pb(end.SerializeToString(), step=0)
        with self._writing():
            self._writer.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with _as_os_error(self._folder), self._writer.as_default():
            yield


@contextlib.contextmanager
def _as_os_error(folder: pathlib.Path) -> Iterator[None]:
    """As other files do, TensorFlow's raise OSError where the disk is full or cannot be written to."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, why(error), str(folder)) from None


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _plain(value: Any) -> bool | int | float | str:
    """As HParams takes it."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return shown(",".join(map(str, value)))
    return "none" if value is None else shown(str(value))


def _layout() -> layout_pb2.Layout:
    categories = []
    for title, charts in _LAYOUT.items():
        found = [
            layout_pb2.Chart(title=name, multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$" for tag in tags]))
            for name, tags in charts.items()
        ]
        categories.append(layout_pb2.Category(title=title, chart=found))
    return layout_pb2.Layout(category=categories)
