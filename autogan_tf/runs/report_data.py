"""What a report says, as plain data: report.json holds it, report.html shows it."""

from __future__ import annotations

import datetime
import itertools
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from autogan_tf.config import fields, plugins
from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.runs import history, report_search, report_trust
from autogan_tf.runs.history import History, Row

FORMAT, VERSION = "autogan-report", 1
_CONFIGS: dict[str, type] = {"search": SearchConfig, "train": TrainConfig}
_ELSEWHERE = ("dry_run", "run_dir", "verbosity", "download")  # settings that say nothing about a result


def document(run: History) -> dict[str, Any]:
    """Everything about one run but the pictures; JSON-able."""
    is_search = run.command == "search"
    missing = list(run.missing)
    best = _best(run, missing) if is_search else None
    search = report_search.of_search(run) | {"trust": report_trust.of_search(run)} if is_search else None
    training = _training(best or run)
    state, complete = _state(run, search, training)
    settings, changed = _settings(run)
    winner = run.ranked[0] if run.ranked else None
    if run.space is None:
        missing.append(f"this program does not know the search space {run.settings.get('space')!r}")
    last = run.of("search")[-1] if run.of("search") else {}
    has_policy = run.settings.get("strategy", "reinforce") == "reinforce"
    if is_search and has_policy and "entropy" in last and "policy" not in last:
        missing.append("the policy's probabilities are not in metrics.jsonl: an earlier version wrote it")
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": shown(run.folder.path.absolute().name),
        "command": run.command,
        "complete": complete,
        "state": state,
        "missing": list(map(shown, missing)),
        "settings": settings,
        "changed_settings": changed,
        "machine": run.config.get("machine", {}),
        "packages": run.config.get("packages", {}) | {"Python": run.config.get("python", "")},
        "commit": run.config.get("commit", ""),
        "time": _times(run, best),
        "memory_mb": max((row.get("memory_mb") or 0 for part in (run, best) if part for row in _all(part)), default=0),
        "best_architecture": None if winner is None else report_search.architecture(winner),
        "search": search,
        "training": training,
        "commands": _commands(run, best, complete),
    }


def _best(run: History, missing: list[str]) -> History | None:
    """The training of a search's best architecture."""
    if not run.folder.best.path.is_dir():
        return None
    try:
        best = history.read(run.folder.best.path)
    except UserError as error:
        missing.append(f"best/: {error}")
        return None
    missing.extend(f"best/: {entry}" for entry in best.missing)
    return best


def _all(run: History) -> list[Row]:
    return [row for rows in run.rows.values() for row in rows]


def _settings(run: History) -> tuple[dict[str, str], dict[str, str]]:
    """All settings as text, and those that differ from the command's defaults."""
    texts = {name: shown(fields.to_text(_tupled(value))) for name, value in run.settings.items()}
    if run.command not in _CONFIGS:
        return texts, {}
    config = plugins.extended(_CONFIGS[run.command])
    defaults = {field.name: field.default for field in fields.fields_of(config)}
    changed = {
        name: texts[name]
        for name, default in defaults.items()
        if name in texts and name not in _ELSEWHERE and _tupled(run.settings[name]) != default
    }
    return texts, changed


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _state(run: History, search: Mapping[str, Any] | None, training: Mapping[str, Any]) -> tuple[str, bool]:
    """How far the run has come, in words, and whether that is its end."""
    last = max((row["time"] for row in _all(run)), default=None)
    when = "" if last is None else f"; last entry {_utc(last)}"
    if search is not None:
        done, planned = len(search["iterations"]), run.settings.get("max_search_iter")
        if not run.ranked or (planned and done < planned):
            return f"not complete: {done} of {planned or '?'} search iterations are done{when}", False
        if not run.settings.get("train_steps"):
            return f"complete: {done} search iterations, no final training asked for", True
    steps, total = training["steps_done"], training["steps_planned"]
    if training["collapses"] and not (total and steps >= total):
        return f"not complete: the losses stood still, {steps:,} of {total or '?'} steps are done{when}", False
    if not training["evaluations"] or not total or training["evaluations"][-1]["step"] < total:
        prefix = "all iterations are done; of the final training" if search else "not complete:"
        return f"{prefix} {steps:,} of {total or '?'} steps are done{when}", False
    return "complete", True


def _utc(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _times(run: History, best: History | None) -> dict[str, Any]:
    """Seconds by what they went to; "began" and "ended" are UTC."""
    spans = [[row["time"] for row in _all(part)] for part in (run, best) if part is not None]
    everything = list(itertools.chain.from_iterable(spans))
    if not everything:
        return {"began": None, "ended": None, "parts": {}}
    parts: dict[str, float] = {}
    rest = " and interruptions" if run.config.get("resumed") else ""
    if run.command == "search":
        iterations = sum(row.get("seconds") or 0.0 for row in run.of("search"))
        scoring = sum(row.get("seconds") or 0.0 for row in run.of("strategy"))
        if run.settings.get("estimation", "shared_weights") != "shared_weights":
            parts["training candidates, with scoring"] = scoring
        else:
            parts["training the shared GAN"] = max(0.0, iterations - scoring)
            if scoring:
                parts["trying architectures, with scoring"] = scoring
        own, trained = spans[0], spans[1] if len(spans) > 1 else []
        if own:
            parts[f"ranking and the rest of the search{rest}"] = max(0.0, max(own) - min(own) - iterations)
        if trained:
            parts[f"training the best architecture, with scoring{rest}"] = max(trained) - max(own or trained[:1])
    else:
        parts[f"training, with scoring{rest}"] = max(everything) - min(everything)
    return {
        "began": _utc(min(everything)),
        "ended": _utc(max(everything)),
        "parts": {name: round(seconds, 1) for name, seconds in parts.items()},
    }


def _training(run: History) -> dict[str, Any]:
    settings = run.settings
    planned = settings.get("max_iter") if run.command == "train" and "max_iter" in settings else None
    planned = planned or settings.get("train_steps")
    keys = ("step", "time", "d_loss", "g_loss", "d_gradient_norm", "g_gradient_norm", "d_lr", "g_lr",
            "images_per_second")  # fmt: skip
    rows = [{key: row.get(key) for key in keys} for row in run.of("train")]
    evaluations = [{k: v for k, v in row.items() if k != "phase"} for row in run.of("evaluation")]
    finite = [row for row in evaluations if row.get("frechet_distance") is not None]
    return {
        "steps_done": max((row["step"] for row in run.of("train")), default=0),
        "steps_planned": planned,
        "reports": thinned(rows, 1000),
        "evaluations": evaluations,
        "best_evaluation": min(finite, key=lambda row: row["frechet_distance"], default=None),
        "collapses": [row["step"] for row in run.of("collapse")],
    }


def thinned(rows: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of the rows, evenly, with the first and the last."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def _commands(run: History, best: History | None, complete: bool) -> dict[str, str]:
    """What one may want next, ready for a shell."""
    path = str(run.folder.path)
    commands = {}
    plugin = tuple(run.settings.get("plugin", ()))
    needed = [f"--plugin={fields.to_text(plugin)}"] if plugin else []
    if run.command in _CONFIGS and run.settings:
        config = plugins.extended(_CONFIGS[run.command])
        known = {field.name for field in fields.fields_of(config)}
        try:
            made = fields.from_dict(config, {k: v for k, v in run.settings.items() if k in known and k != "run_dir"})
            if not complete:
                commands["go on with it"] = _shell(run.command, *fields.to_flags(made), f"--run_dir={path}")
            commands["the same run anew"] = _shell(run.command, *fields.to_flags(made), "--run_dir=runs/again")
        except UserError:
            pass  # of another version, whose settings this one does not know
    if run.command == "search" and run.folder.genotype_file.exists():
        data = [f"--{k}={run.settings[k]}" for k in ("dataset", "data_dir") if run.settings.get(k)]
        commands["train the best architecture"] = _shell(
            "train", f"--genotype={run.folder.genotype_file}", *data, *needed, "--run_dir=runs/trained"
        )
    trained = best or (run if run.command == "train" else None)
    if trained is not None and trained.folder.checkpoints.is_dir():
        commands["evaluate"] = _shell("evaluate", f"--run_dir={path}", *needed)
        commands["draw samples"] = _shell("sample", f"--run_dir={path}", *needed, "--grid=samples.png")
        commands["export for TF Serving"] = _shell("export", f"--run_dir={path}", *needed, "--output=models/autogan")
    commands["make this report again"] = _shell("report", path, *needed)
    commands["watch in TensorBoard"] = f"tensorboard {_quoted(f'--logdir={path}')}"
    return commands


def _shell(command: str, *flags: str) -> str:
    """On one line, or where that is long on one for each flag."""
    words = [f"python -m autogan_tf.{command}", *map(_quoted, flags)]
    line = " ".join(words)
    return line if len(line) <= 100 else " \\\n    ".join(words)


def _quoted(word: str) -> str:
    """For a shell; bytes that are not UTF-8 in the form of ANSI C, which bash, zsh and ksh read."""
    if shown(word) == word:
        return shlex.quote(word)
    characters = (
        f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else "\\" + c if c in "\\'" else c for c in word
    )
    return f"$'{''.join(characters)}'"
