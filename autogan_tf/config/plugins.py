"""Python files of the user's that add strategies, objectives, operations and search spaces, named by --plugin.

They are imported before the flags are read, so that what they add has flags, and is known by its name like the rest.
See docs/extending.md. TensorFlow is not imported here.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
import os
import pathlib
import sys
import traceback
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from autogan_tf.config import environment, strategy_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, Field, fields_of, from_text, setting

_loaded: dict[str, str] = {}  # digest of each file's content, by path, that this process has imported


def plugin(*, group: str) -> tuple[str, ...]:
    """--plugin."""
    return setting(
        (),
        "Python files, separated by commas, that add strategies, objectives, operations or search spaces (see "
        "docs/extending.md); a run with one needs it in every command.",
        group=group,
        path=PATH,
    )


def given(config_class: type, words: Sequence[str]) -> tuple[str, ...]:
    """The files that the last --plugin among a command's words names; none for a command that takes none.

    Raises UserError for a path that nothing can be done with.
    """
    field = _field(config_class)
    text = ""
    following = iter(words if field else ())
    for word in following:
        name, equals, value = word.partition("=")
        if word == "--":
            break
        if name in ("--plugin", "-plugin"):
            text = value if equals else next(following, "")
    return from_text(field, text) if field else ()


def load(files: Sequence[str]) -> None:
    """Imports each file, once in a process.

    Raises:
      UserError: a file is missing, or fails when it is imported: with its name, the line and the reason.
    """
    for file in files:
        path, found = os.path.realpath(file), _digest(file)
        if path in _loaded and _loaded[path] != found:
            raise UserError(f"--plugin={file} has been changed since this process read it; begin a new process")
        if path not in _loaded:
            _run(file, path)
            _loaded[path] = found


def digest(files: Sequence[str]) -> str:
    """16 hexadecimal digits of what the files contain; empty where there are none. Raises as `load`."""
    if not files:
        return ""
    return hashlib.sha256("".join(map(_digest, files)).encode()).hexdigest()[:16]


def extended(config_class: Any) -> Any:
    """The configuration of a search with the settings and names of the strategies that were added; others as they are.

    Raises:
      UserError: an added strategy has a setting of a name that is taken, or that no flag can be made of.
    """
    added = strategy_settings.added()
    if not added or not issubclass(config_class, strategy_settings.StrategySettings):
        return config_class
    return _extended(config_class, tuple(added))


@functools.cache
def _extended(config_class: Any, names: tuple[str, ...]) -> Any:
    known = {field.name: field for field in fields_of(config_class)}
    new: dict[str, tuple[str, Any, Any]] = {}
    groups: list[str] = []
    for name in names:
        kind = strategy_settings.entry(name).settings
        try:
            declared = {field.name: field for field in dataclasses.fields(kind)}
            fields, hints = fields_of(kind), typing.get_type_hints(kind)
        except TypeError as error:
            raise UserError(f"the settings of the strategy {name} make no flags: {error}") from None
        for field in fields:
            if field == known.get(field.name):  # of a strategy that there was before, such as round_trials
                continue
            if field.name in known or field.name in new:
                raise UserError(
                    f"the strategy {name} has the setting {field.name}, which there is already; give it another name"
                )
            ours = declared[field.name]
            copy = dataclasses.field(default=ours.default, metadata=ours.metadata)
            new[field.name] = (field.name, hints[field.name], copy)
            groups.append(field.rules.group)
    before: tuple[str, ...] = config_class.GROUPS
    place = before.index(strategy_settings.GROUPS[-1]) + 1
    own = [group for group in dict.fromkeys(groups) if group not in before]
    strategy = strategy_settings.strategy(group=known["strategy"].rules.group)
    return dataclasses.make_dataclass(
        config_class.__name__,
        [("strategy", str, strategy), *new.values()],
        bases=(config_class,),
        frozen=True,
        namespace={
            "GROUPS": (*before[:place], *own, *before[place:]),
            "__doc__": config_class.__doc__,
            "__reduce__": lambda self: (_remade, (config_class, _values(self))),
        },
    )


def _values(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in fields_of(config)}


def _remade(config_class: Any, values: Mapping[str, Any]) -> Any:
    """A configuration in another process, which knows nothing of its plugins yet."""
    load(values["plugin"])
    return extended(config_class)(**values)


def _field(config_class: type) -> Field | None:
    return next((field for field in fields_of(config_class) if field.name == "plugin"), None)


def _digest(file: str) -> str:
    path = pathlib.Path(file)
    if path.suffix != ".py":
        raise UserError(f"--plugin must name Python files, NAME.py, but it is {file!r}")
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"--plugin={file}: {error.strerror}; give the Python file that adds what you use") from None


def _run(file: str, path: str) -> None:
    environment.set_tensorflow_defaults()  # which it may import
    environment.give_libraries_a_folder()
    name = f"autogan_tf_plugin_{len(_loaded) + 1}_{pathlib.Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"--plugin={file}{_line(error, path)}: {_reason(error)}") from None


def _line(error: BaseException, path: str) -> str:
    """Where in the file it went wrong; empty where that is not known."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f", line {lines[-1]}" if lines else ""


def _reason(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {' '.join(said.split())}".rstrip(": ")
