"""A study as one HTML file that needs nothing else, and as curves in TensorBoard."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from autogan_tf.runs import report_charts
from autogan_tf.runs.report_page import template
from autogan_tf.runs.tensorboard_log import TensorBoardLog


def page(document: Mapping[str, Any]) -> str:
    """The page of what `document.document` says."""
    y = document["measure"].split(":")[0].split(",")[0]
    if len(document["costs"]) > 1:
        curves = {
            name: (document["costs"], group["median"], group["low"], group["high"])
            for name, group in document["groups"].items()
        }
        figure = report_charts.bands(curves, x="cost in full trainings", y=y)
    else:
        ends = {name: group["end"] for name, group in document["groups"].items()}
        figure = report_charts.strips(ends, x=y)
    return template("study.html").render(document=document, chart=report_charts.element(figure, "curves"))


def write_tensorboard(folder: pathlib.Path, document: Mapping[str, Any]) -> None:
    """A folder of event files for each group of searches; steps are costs."""
    for name, group in document["groups"].items():
        log = TensorBoardLog(folder / name.replace(" ", "-"))
        for cost, *numbers in zip(document["costs"], group["median"], group["low"], group["high"], strict=True):
            found = dict(zip(("median", "low", "high"), numbers, strict=True))
            log.scalars(step=int(cost), phase="study", numbers={k: v for k, v in found.items() if v is not None})
        log.close()
