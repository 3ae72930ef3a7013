"""The charts of a report, drawn with Matplotlib: SVG for a page, pixels for TensorBoard."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from autogan_tf.search_space.space import SearchSpace

BLUE, ORANGE, GREEN, PURPLE, GREY = "#1f5fa8", "#c4572a", "#2f8f5b", "#8a4fa3", "#8795a1"
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, "#b08a1e", "#3a9ca8", "#a33d5c")
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8795a1",
    "axes.grid": True,
    "grid.color": "#e3e8ec",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
_MANY = 400  # dots, from which on they are drawn as one picture

Values = Sequence[float | None]


def svg(figure: Figure, name: str) -> str:
    """A figure as an `<svg>` element, of the width that there is; `name` keeps its ids apart from other figures'."""
    text = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    body = text.getvalue()[text.getvalue().index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'^<svg [^>]*viewBox="([^"]*)"[^>]*>', r'<svg xmlns="http://www.w3.org/2000/svg" '
                  r'xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="\1" class="chart" aria-hidden="true">',
                  body, count=1)  # fmt: skip
    # in the order in which they come: Matplotlib's own are other ones every time
    ids = {found: f"{name}-{place}" for place, found in enumerate(re.findall(r'\bid="([^"]+)"', body))}
    return re.sub(r'(\bid="|url\(#|href="#)([^")]+)', lambda m: m[1] + ids.get(m[2], m[2]), body)


def element(figure: Figure, name: str) -> Markup:
    """As `svg`, for a template."""
    return Markup(svg(figure, name))


def pixels(figure: Figure) -> np.ndarray:
    """A figure as uint8 [H, W, 3]."""
    with matplotlib.rc_context(STYLE):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _figure(height: float, draw: Callable[[Figure], None]) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, height), layout="constrained")
        draw(figure)
    return figure


def lines(
    curves: Mapping[str, tuple[Sequence[float], Values]],
    *,
    x: str,
    y: str,
    marks: Sequence[tuple[float, str]] = (),
    dots: tuple[Sequence[float], Values] | None = None,
    points: bool = False,
    robust: bool = False,
    height: float = 2.6,
) -> Figure:
    """Curves by name: (x values, y values), None where there is none.

    Args:
      x, y: what the axes show.
      marks: (x, word) of upright lines.
      dots: (x values, y values) of a cloud behind the curves.
      points: marks every value of the curves.
      robust: the y axis leaves out the outermost hundredths of the values, where a start would squeeze all the rest.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if dots is not None and dots[0]:
            axes.plot(dots[0], _numbers(dots[1]), ".", color="#5b6b79", alpha=0.55, markersize=5, markeredgewidth=0,
                      rasterized=len(dots[0]) > _MANY, zorder=1)  # fmt: skip
        marker = "o" if points else None
        for (name, (xs, ys)), colour in zip(curves.items(), itertools.cycle(_COLOURS), strict=False):
            axes.plot(xs, _numbers(ys), label=_literal(name), color=colour, linewidth=1.4, marker=marker, markersize=3)
        if robust:
            _leave_out_extremes(axes, [_numbers(ys) for _, ys in curves.values()])
        _mark(axes, marks)
        _label(figure, axes, x=x, y=y, number=len(curves))

    return _figure(height, draw)


def bands(
    curves: Mapping[str, tuple[Sequence[float], Values, Values, Values]], *, x: str, y: str, height: float = 3.6
) -> Figure:
    """Curves by name, each with a band around it: (x values, middle, low, high), None where there is none."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for (name, (xs, middle, low, high)), colour in zip(curves.items(), itertools.cycle(_COLOURS), strict=False):
            axes.plot(xs, _numbers(middle), label=_literal(name), color=colour, linewidth=1.6)
            axes.fill_between(xs, _numbers(low), _numbers(high), color=colour, alpha=0.12, linewidth=0)
        _label(figure, axes, x=x, y=y, number=len(curves))

    return _figure(height, draw)


def clouds(groups: Mapping[str, tuple[Sequence[float], Values]], *, x: str, y: str, height: float = 2.6) -> Figure:
    """Dots of each group in a colour of its own, (x values, y values) by name."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for (name, (xs, ys)), colour in zip(groups.items(), itertools.cycle(_COLOURS), strict=False):
            axes.plot(xs, _numbers(ys), ".", label=_literal(name), color=colour, alpha=0.8, markersize=9,
                      markeredgewidth=0, rasterized=len(xs) > _MANY)  # fmt: skip
        _label(figure, axes, x=x, y=y, number=len(groups))

    return _figure(height, draw)


Axis = tuple[Sequence[float], Sequence[float], str]


def front(x: Axis, y: Axis, *, joined: bool, height: float = 3.6) -> Figure:
    """A front among all that it was compared with, by two objectives.

    Args:
      x, y: the values of all, those of the front, the best in x first, and what the axis shows.
      joined: by a line whose steps bound what the front dominates: where no further objective was compared by.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(x[0], y[0], ".", label="tried", color=GREY, alpha=0.6, markersize=6, markeredgewidth=0,
                  rasterized=len(x[0]) > _MANY)  # fmt: skip
        style = "-" if joined else ""
        axes.plot(x[1], y[1], f"o{style}", label="front", color=ORANGE, drawstyle="steps-post", linewidth=1.2,
                  markersize=5)  # fmt: skip
        for axis, (*_, words) in ((axes.xaxis, x), (axes.yaxis, y)):
            axis.set_major_locator(MaxNLocator(7))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            axis.set_label_text(_literal(words))
        figure.legend(loc="outside upper right", ncols=2, fontsize=8)

    return _figure(height, draw)


def strips(groups: Mapping[str, Values], *, x: str) -> Figure:
    """A row of dots for each group by name, each dot a value, with an upright line at their median."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, ((_, values), colour) in enumerate(zip(groups.items(), itertools.cycle(_COLOURS), strict=False)):
            numbers = _numbers(values)
            known = numbers[np.isfinite(numbers)]
            # beside each other in turn, so that equal ones are seen
            heights = place + np.resize([0.0, 0.14, -0.14], len(known))
            axes.plot(np.sort(known), heights, "o", color=colour, alpha=0.75, markersize=4.5, markeredgewidth=0)
            if len(known):
                axes.plot([np.median(known)] * 2, [place - 0.32, place + 0.32], color=colour, linewidth=2)
        axes.set_yticks(range(len(groups)), [_literal(name) for name in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlabel(x)

    return _figure(0.9 + 0.45 * len(groups), draw)


def policy(rows: Sequence[Mapping[str, Any]], *, space: SearchSpace, stage: int, resets: Sequence[int] = ()) -> Figure:
    """A heat map for each decision of one cell, or of all where they are searched at once: a row for each choice, a
    column for each iteration.

    Args:
      rows: {"step", "stage", "probabilities"} of each iteration.
      space: that is searched.
      stage: of the cell, from 0.
      resets: iterations after which the shared GAN was drawn anew.
    """
    own = [row for row in rows if row["stage"] == stage]
    at_once = len(own[0]["probabilities"]) > len(space.decisions(stage))
    cells = range(stage + 1) if at_once else (stage,)
    decisions = [(cell, decision) for cell in cells for decision in space.decisions(cell)]
    counts = [len(decision.options) for _, decision in decisions]
    first, last = own[0]["step"] + 1, own[-1]["step"] + 1

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(counts), 1, sharex=True, height_ratios=counts, squeeze=False)[:, 0]
        for place, (axes, (cell, decision)) in enumerate(zip(grid, decisions, strict=True)):
            count = len(decision.options)
            table = np.array([row["probabilities"][place] for row in own], float).T
            image = axes.imshow(table, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0, vmax=1,
                                extent=(first - 0.5, last + 0.5, count - 0.5, -0.5))  # fmt: skip
            axes.grid(False)
            axes.set_yticks(range(count), [option.name for option in decision.options], fontsize=8)
            name = f"{cell + 1} {decision.name}" if at_once else decision.name
            axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=4)
            axes.tick_params(length=0)
            for step in resets:
                if first <= step + 1 <= last:
                    axes.axvline(step + 1.5, color=ORANGE, linewidth=0.8)
        grid[-1].set_xlabel("search iteration")
        grid[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.align_ylabels(grid)
        figure.colorbar(image, ax=list(grid), label="probability", aspect=40, pad=0.01)

    return _figure(0.7 + 0.24 * sum(counts), draw)


def _label(figure: Figure, axes: Axes, *, x: str, y: str, number: int) -> None:
    """What the axes show, and a legend where they show several things."""
    axes.set_xlabel(x)
    axes.set_ylabel(_literal(y))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if number > 1:
        figure.legend(loc="outside upper right", ncols=min(number, 5), fontsize=8)


def _leave_out_extremes(axes: Axes, values: Sequence[np.ndarray]) -> None:
    every = np.concatenate(values)
    every = every[np.isfinite(every)]
    if len(every) > 100:
        low, high = np.percentile(every, [1, 99])
        margin = 0.2 * max(high - low, 1e-9)
        axes.set_ylim(low - margin, high + margin)


def _mark(axes: Axes, marks: Sequence[tuple[float, str]]) -> None:
    for place, word in marks:
        axes.axvline(place, color=GREY, linewidth=0.9, linestyle="--", zorder=0)
        axes.annotate(word, (place, 1), xycoords=("data", "axes fraction"), xytext=(3, -2), textcoords="offset points",
                      fontsize=7, color="#5b6b79", va="top")  # fmt: skip


def _literal(name: str) -> str:
    """A name that holds no formula for Matplotlib."""
    return name.replace("$", r"\$")


def _numbers(values: Values) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], float)
