"""A report as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import base64
import functools
import io
import pathlib
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from autogan_tf.config import fields
from autogan_tf.config.search import SearchConfig
from autogan_tf.runs import diagram, report_charts
from autogan_tf.runs.history import History
from autogan_tf.search_space.space import SearchSpace

_TEMPLATES = pathlib.Path(__file__).with_name("templates")
_MOST_PICTURES = 8  # of samples as they came to be
_MOST_CANDIDATES = 20  # in the table; report.json has all
_OF_REWARDS = ("dataset", "data_digest", "reward", "features", "inception_weights", "features_resolution",
               "classifier_steps", "classifier_batch_size", "classifier_width", "classifier_seed")  # fmt: skip
_WIDEST = 700  # pixels of a picture in the page


def page(run: History, document: Mapping[str, Any]) -> str:
    """The page of one run, of what `report_data.document` says of it."""
    best = run.folder.best.samples
    return _template("run.html").render(
        document=document,
        charts=_charts(document, run.space),
        diagram=_diagram(run),
        leading=_leading((document["search"] or {}).get("candidates", [])),
        search_pictures=_series(run.samples, "iteration-", "iteration"),
        pictures=_series(run.samples, "step-", "step") or _series(_files(best), "step-", "step"),
        real=_picture(run.samples.get("real") or best / "real.png"),
        final=_picture(run.samples.get("final") or best / "final.png"),
        neighbours=_picture(run.samples.get("neighbours") or best / "neighbours.png"),
    )


def comparison(documents: Sequence[Mapping[str, Any]]) -> str:
    """The page that sets several runs side by side."""
    names = _distinct([document["name"] for document in documents])
    values: dict[str, set[str]] = {}  # of each setting, among the runs that have it
    for document in documents:
        for name, value in document["settings"].items():
            values.setdefault(name, set()).add(value)
    differing = sorted(name for name, found in values.items() if len(found) > 1 and name != "run_dir")
    measures = {
        (row.get("feature_network"), row.get("reference_digest"), row.get("num_images"))
        for document in documents
        if (row := document["training"]["best_evaluation"])
    }
    comparable = len(measures) <= 1
    rewarded = {_rewarded(document["settings"]) for document in documents if document["search"]}
    charts = {}
    searches = {
        name: ([row["step"] + 1 for row in found], [row["mean"] for row in found])
        for name, document in zip(names, documents, strict=True)
        if document["search"] and (found := document["search"]["iterations"])
    }
    if searches and len(rewarded) == 1:
        figure = report_charts.lines(searches, x="search iteration", y="mean reward")
        charts["reward"] = _svg(figure, "reward")
    distances = {
        name: ([row["step"] for row in found], [row.get("frechet_distance") for row in found])
        for name, document in zip(names, documents, strict=True)
        if (found := document["training"]["evaluations"])
    }
    if distances and comparable:
        figure = report_charts.lines(distances, x="generator step", y="Fréchet distance", points=True)
        charts["distance"] = _svg(figure, "distance")
    return _template("comparison.html").render(
        documents=list(zip(names, documents, strict=True)),
        differing=differing,
        comparable=comparable,
        same_rewards=len(rewarded) <= 1,
        charts=charts,
    )


def _rewarded(settings: Mapping[str, str]) -> tuple[str, ...]:
    """What a search's rewards depend on besides the architecture; a setting that there was not yet is its default."""
    defaults = {field.name: fields.to_text(field.default) for field in fields.fields_of(SearchConfig)}
    return tuple(settings.get(name, defaults.get(name, "")) for name in _OF_REWARDS)


@functools.cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "duration": _duration}
    return environment.get_template(name)


def _charts(document: Mapping[str, Any], space: SearchSpace | None) -> dict[str, Any]:
    charts: dict[str, Any] = {}
    search = document["search"]
    if search and search["iterations"]:
        rows = search["iterations"]
        steps = [row["step"] + 1 for row in rows]
        marks = [(entry["step"] + 0.5, "a cell more") for entry in search["growth"]]
        marks += [(step + 1.0, "reset") for step in search["resets"]]

        def column(key: str) -> tuple[list[int], list[float | None]]:
            return steps, [row[key] for row in rows]

        tried = search["tried"]
        dots = ([iteration + 1 for iteration in tried["iteration"]], tried["reward"])
        line = functools.partial(report_charts.lines, x="search iteration", marks=marks)
        curves = {"best of the iteration": column("best"), "mean": column("mean")}
        charts["reward"] = _svg(line(curves, y="reward", dots=dots, height=3.2), "reward")
        scores = [row["mean_scores"] or {} for row in rows]
        charts["objectives"] = [
            (name, _svg(line({name: (steps, [of_row.get(name) for of_row in scores])}, y=name, height=2.0), name))
            for name in dict.fromkeys(name for of_row in scores for name in of_row)
        ]
        if any(row["d_loss"] is not None for row in rows):  # none where candidates are trained by themselves
            charts["losses"] = _svg(
                line({"discriminator": column("d_loss"), "generator": column("g_loss")}, y="loss"), "losses"
            )
        if any(row["entropy"] is not None for row in rows):
            charts["entropy"] = _svg(
                line({"entropy": column("entropy")}, y="nats per decision", height=2.0), "entropy"
            )
        if search["candidates"]:
            figure = report_charts.clouds(_by_steps(search["candidates"]), x="search iteration", y="reward")
            charts["candidates"] = _svg(figure, "candidates")
        if search["population"]:
            alive, members = _population(search["population"])
            charts["population"] = _svg(line(alive, y="reward", dots=members), "population")
        if space is not None:
            draw = functools.partial(report_charts.policy, search["policy"], space=space, resets=search["resets"])
            stages = sorted({row["stage"] for row in search["policy"]})
            which = "Cells 1 to" if document["settings"].get("single_level") == "true" else "Cell"
            charts["policy"] = [(f"{which} {stage + 1}", _svg(draw(stage=stage), f"policy{stage}")) for stage in stages]
    training = document["training"]
    line = functools.partial(report_charts.lines, x="generator step")
    if training["evaluations"]:
        rows = training["evaluations"]
        for key, title in (("frechet_distance", "Fréchet distance"), ("inception_score", "Inception score"),
                           ("kernel_distance", "kernel distance")):  # fmt: skip
            if len(rows) > 1 and any(row.get(key) is not None for row in rows):
                curve = ([row["step"] for row in rows], [row.get(key) for row in rows])
                charts[key] = _svg(line({title: curve}, y=title, points=True, height=2.2), key)
    if training["reports"]:
        rows = training["reports"]
        curves = {
            name: ([row["step"] for row in rows], [row[key] for row in rows])
            for key, name in (("d_loss", "discriminator"), ("g_loss", "generator"))
        }
        charts["training_losses"] = _svg(line(curves, y="loss", robust=True), "traininglosses")
    return charts


def _leading(candidates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the most cells, of them the ones that were trained longest, and among these the best."""

    def order(candidate: Mapping[str, Any]) -> tuple[int, int, float]:
        return -len(candidate["architecture"].split()), -candidate["steps"], -candidate["reward"]

    return sorted((one for one in candidates if one["reward"] is not None), key=order)[:_MOST_CANDIDATES]


def _by_steps(candidates: Sequence[Mapping[str, Any]]) -> dict[str, tuple[list[int], list[float | None]]]:
    """Iterations and rewards of the candidates that were trained for as many steps, the longest first."""
    return {
        f"{steps:,} steps": (
            [candidate["iteration"] + 1 for candidate in candidates if candidate["steps"] == steps],
            [candidate["reward"] for candidate in candidates if candidate["steps"] == steps],
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


def _svg(figure: Any, name: str) -> Markup:
    return Markup(report_charts.svg(figure, name))


def _diagram(run: History) -> Markup | None:
    if not run.ranked:
        return None
    return Markup(diagram.svg(run.ranked[0].genotype, bottom_width=run.settings.get("bottom_width", 4)))


def _files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    return {file.stem: file for file in sorted(folder.glob("*.png"))}


def _series(files: Mapping[str, pathlib.Path], prefix: str, word: str) -> list[tuple[str, str]]:
    """(caption, picture) of at most so many of the files with the prefix, the first and the last among them."""
    found = ((re.fullmatch(f"{prefix}([0-9]+)", stem), file) for stem, file in files.items())
    numbers = sorted((int(match[1]), file) for match, file in found if match)
    if len(numbers) > _MOST_PICTURES:
        last = len(numbers) - 1
        numbers = [numbers[round(place * last / (_MOST_PICTURES - 1))] for place in range(_MOST_PICTURES)]
    shown = ((f"{word} {number:,}", _picture(file)) for number, file in numbers)
    return [(caption, picture) for caption, picture in shown if picture]


def _picture(file: pathlib.Path) -> str | None:
    """A picture as a data URI, no wider than needed; None where there is none or it is damaged."""
    try:
        with Image.open(file) as opened:
            image: Image.Image = opened.copy()
            if image.width > _WIDEST:
                image = image.resize((_WIDEST, round(image.height * _WIDEST / image.width)), Image.Resampling.BOX)
            buffer = io.BytesIO()
            small = io.BytesIO()
            image.save(buffer, "PNG", optimize=False)
            image.convert("RGB").save(small, "WEBP", quality=80)
    except (OSError, ValueError):
        return None
    kind, content = min((("png", buffer), ("webp", small)), key=lambda entry: len(entry[1].getvalue()))
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"


def _distinct(names: Sequence[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(names, 1)]


def _number(value: Any, digits: int = 4) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
