"""A report as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

import base64
import functools
import io
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from autogan_tf.config import fields
from autogan_tf.config.search import SearchConfig
from autogan_tf.runs import diagram, report_charts, report_data, report_search_charts
from autogan_tf.runs.history import History
from autogan_tf.search_space.space import SearchSpace

_TEMPLATES = pathlib.Path(__file__).with_name("templates")
_MOST_PICTURES = 8  # of samples as they came to be
_MOST_CANDIDATES = 20  # in the table; report.json has all
# What makes the rewards of two searches another quantity; not what only decides which architectures are tried.
_OF_REWARDS = ("dataset", "data_digest", "reward", "features", "inception_weights", "features_resolution",
               "classifier_steps", "classifier_batch_size", "classifier_width", "classifier_seed", "rl_num_eval_img",
               "estimation", "space", "num_cells", "bottom_width", "single_level")  # fmt: skip
_WIDEST = 700  # pixels of a picture in the page


def page(run: History, document: Mapping[str, Any]) -> str:
    """The page of one run, of what `report_data.document` says of it."""
    best = run.folder.best.samples
    return template("run.html").render(
        document=document,
        charts=_charts(document, run.space),
        diagram=_diagram(run),
        cells_differ=report_search_charts.cells_differ(document),
        timeline=_timeline(document["search"]),
        optima=_optima(document["search"]),
        front=_thinned_front(document["search"]),
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
        name: curve
        for name, document in zip(names, documents, strict=True)
        if document["search"] and (curve := report_search_charts.whole_generators(document))[0]
    }
    if searches and len(rewarded) == 1:
        figure = report_charts.lines(searches, x="architectures tried", y="best reward so far")
        charts["reward"] = report_charts.element(figure, "reward")
    distances = {
        name: ([row["step"] for row in found], [row.get("frechet_distance") for row in found])
        for name, document in zip(names, documents, strict=True)
        if (found := document["training"]["evaluations"])
    }
    if distances and comparable:
        figure = report_charts.lines(distances, x="generator step", y="Fréchet distance", points=True)
        charts["distance"] = report_charts.element(figure, "distance")
    return template("comparison.html").render(
        documents=list(zip(names, documents, strict=True)),
        differing=differing,
        comparable=comparable,
        same_rewards=len(rewarded) <= 1,
        charts=charts,
    )


def _rewarded(settings: dict[str, str]) -> tuple[str, ...]:
    """What a search's rewards depend on besides the architecture; a setting that there was not yet is its default."""
    defaults = {field.name: fields.to_text(field.default) for field in fields.fields_of(SearchConfig)}
    found = defaults | settings
    steps = found["fidelities"] or found["train_steps"]  # that candidates are trained for
    by_itself = found["estimation"] != "shared_weights"
    return *(found.get(name, "") for name in _OF_REWARDS), steps if by_itself else ""


@functools.cache
def template(name: str) -> jinja2.Template:
    """One of the pages in templates/."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "duration": _duration, "own_weights": _own_weights}
    return environment.get_template(name)


def _charts(document: Mapping[str, Any], space: SearchSpace | None) -> dict[str, Any]:
    charts = report_search_charts.charts(document, space)
    training = document["training"]
    line = functools.partial(report_charts.lines, x="generator step")
    if training["evaluations"]:
        rows = training["evaluations"]
        for key, title in (("frechet_distance", "Fréchet distance"), ("inception_score", "Inception score"),
                           ("kernel_distance", "kernel distance")):  # fmt: skip
            if len(rows) > 1 and any(row.get(key) is not None for row in rows):
                curve = ([row["step"] for row in rows], [row.get(key) for row in rows])
                charts[key] = report_charts.element(line({title: curve}, y=title, points=True, height=2.2), key)
    if training["reports"]:
        rows = training["reports"]
        curves = {
            name: ([row["step"] for row in rows], [row[key] for row in rows])
            for key, name in (("d_loss", "discriminator"), ("g_loss", "generator"))
        }
        charts["training_losses"] = report_charts.element(line(curves, y="loss", robust=True), "traininglosses")
    return charts


def _timeline(search: Mapping[str, Any] | None) -> list[tuple[int, Mapping[str, float] | None]]:
    """(iterations done, what was kept where a cell came, None at a reset), in the order in which it happened."""
    if not search:
        return []
    resets: list[tuple[int, Mapping[str, float] | None]] = [(step + 1, None) for step in search["resets"]]
    growth = [(entry["step"], entry["kept"]) for entry in search["growth"]]
    return sorted(resets + growth, key=lambda entry: entry[0])  # a reset is still within the iteration before a growth


def _optima(search: Mapping[str, Any] | None) -> list[tuple[int, str, float | None]]:
    """(iteration, architecture, reward) of the optima that a local search found, the newest iteration's best first."""
    found = [
        (row["step"] + 1, name, reward)
        for row in (search or {}).get("optima", [])
        for name, reward in row["architectures"].items()
        if reward is not None
    ]
    return sorted(found, key=lambda entry: (-entry[0], -entry[2]))[:_MOST_CANDIDATES]


def _thinned_front(search: Mapping[str, Any] | None) -> list[tuple[int, Mapping[str, Any]]]:
    """(place on the front, architecture) of at most so many, evenly, the first and the last among them."""
    front = (search or {}).get("front")
    places = list(enumerate(front["architectures"], 1)) if front else []
    return report_data.thinned(places, _MOST_CANDIDATES)


def _leading(candidates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the most cells, of them the ones that were trained longest, and among these the best."""

    def order(candidate: Mapping[str, Any]) -> tuple[int, int, float]:
        return -len(candidate["architecture"].split()), -candidate["steps"], -candidate["reward"]

    return sorted((one for one in candidates if one["reward"] is not None), key=order)[:_MOST_CANDIDATES]


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


def _own_weights(scores: Mapping[str, Any], search: Mapping[str, Any] | None) -> bool:
    """Whether an architecture's reward is of weights of its own; where its file does not say, as the search looks."""
    told = scores.get("weights")
    return told == "own" if told in ("own", "shared") else bool(search and search["candidates"])


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
