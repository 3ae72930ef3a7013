"""What a run has written so far, read back as far as it goes: nothing that is missing or damaged stops the reading."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from autogan_tf.config import earlier_versions, json_text
from autogan_tf.config.errors import UserError
from autogan_tf.runs.folder import FORMAT, VERSION, RunFolder
from autogan_tf.search_space import autogan, catalog
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import SearchSpace

Row = dict[str, Any]

@dataclasses.dataclass(frozen=True)
class Found:
    """A genotype file: the architecture, and the scores and cost beside it."""

    genotype: Genotype
    scores: dict[str, Any]
    cost: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class History:
    """A run as its files tell it.

    Attributes:
      folder: where it lies.
      config: config.json as it is, or {}.
      rows: the lines of metrics.jsonl by phase, in their order.
      ranked: of a search, its genotypes/NN.json, the best first; of a training, its one.
      samples: pictures in samples/ by name without ending.
      missing: what could not be read, in words.
    """

    folder: RunFolder
    config: dict[str, Any]
    rows: dict[str, list[Row]]
    ranked: list[Found]
    samples: dict[str, pathlib.Path]
    missing: list[str]

    @property
    def command(self) -> str:
        """"search" or "train"; as the files look where config.json does not tell."""
        told = self.config.get("command")
        if told in ("search", "train"):
            return str(told)
        return "search" if self.rows.get("search") or self.rows.get("strategy") else "train"

    @property
    def settings(self) -> dict[str, Any]:
        """Of the command, by flag."""
        settings = self.config.get("settings")
        return earlier_versions.in_todays_names(settings) if isinstance(settings, dict) else {}

    @property
    def space(self) -> SearchSpace | None:
        """What was searched; None where this program does not know it."""
        return catalog.SPACES.get(self.settings.get("space", autogan.SPACE.name))

    def of(self, phase: str) -> list[Row]:
        """The rows of a phase; of the strategy's steps each has its "iteration"."""
        rows = self.rows.get(phase, [])
        if phase != "strategy":
            return rows
        settings = self.settings
        return [row | {"iteration": earlier_versions.iteration(row, settings)} for row in rows]


def read(path: str | pathlib.Path) -> History:
    """Reads a run's folder.

    Raises:
      UserError: it holds nothing of a run.
    """
    folder = RunFolder(path)
    if not folder.path.is_dir():
        raise UserError(f"{path} is no folder; give the folder of a run, such as runs/NAME")
    if not folder.config_file.exists() and not folder.metrics_file.exists():
        raise UserError(
            f"{path} holds no run: there is neither config.json nor metrics.jsonl; give a folder that search or train "
            "has written"
        )
    missing: list[str] = []
    config = _config(folder, missing)
    rows = _rows(folder.metrics_file, missing)
    search = config.get("command") == "search" or "search" in rows or "strategy" in rows
    files = sorted(folder.genotypes.glob("*.json")) if search else [folder.genotype_file]
    ranked = [found for found in (_genotype(file, missing) for file in files) if found is not None]
    if search and not files:
        missing.append("there are no ranked architectures yet")
    samples = {file.stem: file for file in sorted(folder.samples.glob("*.png"))}
    if not samples:
        missing.append("there are no pictures in samples/ yet")
    return History(folder, config, rows, ranked, samples, missing)


def _config(folder: RunFolder, missing: list[str]) -> dict[str, Any]:
    try:
        config = json_text.parse(folder.config_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        missing.append("config.json is missing, so the settings are not known")
        return {}
    except (OSError, ValueError) as error:
        missing.append(f"config.json cannot be read ({error})")
        return {}
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        missing.append(f'config.json is not of a run: it must hold "format": "{FORMAT}"')
        return {}
    if config.get("version") != VERSION:
        missing.append(
            f"config.json has version {config.get('version')!r} and this program knows {VERSION}: parts may be missing"
        )
    return config


def _rows(file: pathlib.Path, missing: list[str]) -> dict[str, list[Row]]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        missing.append("metrics.jsonl is missing, so there are no curves")
        return {}
    except OSError as error:
        missing.append(f"metrics.jsonl cannot be read ({error})")
        return {}
    rows: dict[str, list[Row]] = {}
    damaged = []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        try:
            row = json_text.parse(line)
            ok = isinstance(row["step"], int) and isinstance(row["phase"], str) and isinstance(row["time"], int | float)
        except (ValueError, KeyError, TypeError):
            ok = False
        if ok:
            rows.setdefault(earlier_versions.phase(row["phase"]), []).append(row)
        elif number < len(lines):  # a run that goes on may just be writing the last one
            damaged.append(number)
    if damaged:
        shown = ", ".join(map(str, damaged[:5])) + (", …" if len(damaged) > 5 else "")
        missing.append(f"metrics.jsonl: {len(damaged)} damaged lines are left out (line {shown})")
    return rows


def _genotype(file: pathlib.Path, missing: list[str]) -> Found | None:
    try:
        text = file.read_text(encoding="utf-8")
        genotype = Genotype.from_json(text, where=file.name)
        document = json_text.parse(text)
        scores, cost = (part if isinstance(part := document.get(key), dict) else {} for key in ("scores", "cost"))
        return Found(genotype, scores, cost)
    except FileNotFoundError:
        missing.append(f"{file.name} is missing")
    except (OSError, ValueError, UserError) as error:
        missing.append(f"{file.name} cannot be read ({error})")
    return None
