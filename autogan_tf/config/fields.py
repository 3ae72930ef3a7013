"""Declaring settings: a frozen dataclass's fields carry help, group, range and choices; the rest is read off them.

One place for a setting's name, type, default, help and validation: `command_line` makes absl flags from it, `listing`
prints it, and a configuration that was made in Python is checked by the same rules.
"""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from autogan_tf.config import paths
from autogan_tf.config.errors import UserError

Value = TypeVar("Value")
Config = TypeVar("Config")

_METADATA_KEY = "autogan_tf"
_ITEM_TYPES = (bool, int, float, str)

# For `setting(..., path=...)`: the whole text is a path, or a name that is looked for as a file, too.
PATH = ("",)


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a setting means and which values it takes; `minimum` and the like hold for each item of a tuple; `words`:
    it also takes the words of the command line that belong to no flag; `path`: after which of these beginnings a path
    stands."""

    help: str
    group: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    words: bool = False
    path: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Field:
    """A setting as declared: its name, the type of its items, whether None or several items are allowed, its rules."""

    name: str
    item_type: type
    optional: bool
    sequence: bool
    default: Any
    rules: Rules


def setting(
    default: Value,
    help: str,
    *,
    group: str,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Iterable[str] = (),
    words: bool = False,
    path: Iterable[str] = (),
) -> Value:
    """A dataclass field with everything that its flag needs.

    Args:
        default: bool, int, float, str, None (for a type with None) or a tuple.
        help: one or two sentences, with the unit; without the default, range and choices, which are added when shown.
        group: heading under which the setting is listed.
        minimum, maximum: inclusive bounds of a number, or of each number of a tuple.
        above, below: exclusive bounds.
        choices: the only values that a string may take.
        words: of one tuple of strings of a command: the words of the command line that belong to no flag are added.
        path: of strings that name a file or folder: `PATH`, or the beginnings after which a path stands, the first that
            fits counts: ("folder:", ""). There `~` is a home folder.
    """
    rules = Rules(help, group, minimum, maximum, above, below, tuple(choices), words, tuple(path))
    return dataclasses.field(default=default, metadata={_METADATA_KEY: rules})


def fields_of(config_class: Any) -> list[Field]:
    """The settings of a configuration class (or instance) in the order of their declaration, or in that of its
    `GROUPS`, which a class that inherits settings has.

    Raises:
        TypeError: a field was declared without `setting`, or has a type that no flag can have (a programmer's mistake).
    """
    cls = config_class if isinstance(config_class, type) else type(config_class)
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        rules = field.metadata.get(_METADATA_KEY)
        if rules is None:
            raise TypeError(f"{cls.__name__}.{field.name} must be declared with setting(default, help, group=...)")
        item_type, optional, sequence = _read_annotation(f"{cls.__name__}.{field.name}", hints[field.name])
        found.append(Field(field.name, item_type, optional, sequence, field.default, rules))
    groups: tuple[str, ...] = getattr(cls, "GROUPS", ())
    return sorted(found, key=lambda field: groups.index(field.rules.group)) if groups else found


def _read_annotation(where: str, annotation: Any) -> tuple[type, bool, bool]:
    optional = sequence = False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [arm for arm in typing.get_args(annotation) if arm is not types.NoneType]
        optional, annotation = True, rest[0] if len(rest) == 1 else None
    if typing.get_origin(annotation) is tuple:
        item, *ellipsis = typing.get_args(annotation)
        sequence, annotation = True, item if ellipsis == [...] else None
    if annotation not in _ITEM_TYPES:
        raise TypeError(f"{where} must be bool, int, float, str, one of them or None, or a tuple[item, ...] of them")
    return annotation, optional, sequence


def requirement(field: Field) -> str:
    """What a value of this field must be, in words that follow "must be": "a whole number of at least 1"."""
    rules = field.rules
    if rules.choices:
        text = "one of " + ", ".join(rules.choices)
    elif field.sequence:
        plain = {int: "whole numbers", float: "numbers", str: "words", bool: "true or false"}[field.item_type]
        text = plain + " separated by commas"
    else:
        text = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[field.item_type]
    if limits(rules):
        text += (", each " if field.sequence else " that is ") + limits(rules)
    return text + (", or none" if field.optional else "")


def limits(rules: Rules) -> str:
    """The range of a number in words, "at least 1 and at most 6"; empty where there is none."""
    bounds = {
        "at least": rules.minimum,
        "greater than": rules.above,
        "at most": rules.maximum,
        "less than": rules.below,
    }
    return " and ".join(f"{words} {bound}" for words, bound in bounds.items() if bound is not None)


def to_text(value: Any) -> str:
    """A value as it is written after `--name=`: true, 0.0002, 15,35, none."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(to_text(item) for item in value)
    return str(value)


def from_text(field: Field, text: str) -> Any:
    """The value that `--name=text` means, checked against the field's rules.

    Raises:
        UserError: the text is not a value of the field's type, or not in its range or choices.
    """
    stripped = text.strip()
    if field.optional and stripped.lower() in ("", "none"):
        return None
    try:
        if field.sequence:
            value: Any = tuple(_item(field, item.strip()) for item in stripped.split(",")) if stripped else ()
        else:
            value = _item(field, text if field.item_type is str else stripped)
    except UserError:
        raise
    except ValueError:
        raise _wrong(field, text) from None
    if not _allowed(field, value):
        raise _wrong(field, text)
    return value


def _item(field: Field, text: str) -> Any:
    if field.item_type is bool:
        if text.lower() in ("true", "t", "1"):
            return True
        if text.lower() in ("false", "f", "0"):
            return False
        raise ValueError(text)
    return resolved(field, text) if field.item_type is str else field.item_type(text)


def resolved(field: Field, text: str) -> str:
    """A text with the path in it, if any, as the file system takes it.

    Raises:
        UserError: a path that nothing can be done with, see `paths.resolve`.
    """
    path = path_in(field, text)
    if not path:
        return text
    return text.removesuffix(path) + paths.resolve(path, given=f"--{field.name}={text}")


def path_in(field: Field, text: str) -> str:
    """The path in a setting's text; empty where there is none."""
    prefix = next((prefix for prefix in field.rules.path if text.startswith(prefix)), None)
    return "" if prefix is None else text.removeprefix(prefix)


def check_value(field: Field, value: Any) -> None:
    """Raises UserError unless the value has the field's type and keeps to its range and choices."""
    if not _allowed(field, value):
        raise _wrong(field, to_text(value))


def _allowed(field: Field, value: Any) -> bool:
    if value is None:
        return field.optional
    items = value if field.sequence else (value,)
    return isinstance(items, tuple) and all(_fits(field, item) for item in items)


def _fits(field: Field, item: Any) -> bool:
    if field.item_type is float:
        # An int is as good as a float everywhere that a float is wanted; True is not.
        if isinstance(item, bool) or not isinstance(item, (int, float)) or not math.isfinite(item):
            return False
    elif type(item) is not field.item_type:
        return False
    rules = field.rules
    return not (
        (rules.choices and item not in rules.choices)
        or (rules.minimum is not None and item < rules.minimum)
        or (rules.above is not None and item <= rules.above)
        or (rules.maximum is not None and item > rules.maximum)
        or (rules.below is not None and item >= rules.below)
    )


def _wrong(field: Field, received: str) -> UserError:
    close = difflib.get_close_matches(received, field.rules.choices, 1)
    example = close[0] if close else to_text(field.default)
    remedy = f"did you mean --{field.name}={example}?" if close else f"for example --{field.name}={example}"
    return UserError(f"--{field.name} must be {requirement(field)}, but it is {received!r}; {remedy}")


def check_fields(config: Any) -> None:
    """Raises UserError for the first setting of a configuration that breaks its own rules."""
    for field in fields_of(config):
        check_value(field, getattr(config, field.name))


def to_dict(config: Any) -> dict[str, Any]:
    """The settings by name, ready for JSON: tuples become lists. `from_dict` is the way back."""
    values = {field.name: getattr(config, field.name) for field in fields_of(config)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def from_dict(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    """The configuration that `to_dict` described; settings that are not given keep their defaults.

    Raises:
        UserError: a name that the class does not have, or a value that breaks its field's rules.
    """
    fields = {field.name: field for field in fields_of(config_class)}
    kwargs = {}
    for name, value in values.items():
        if name not in fields:
            raise UserError(f"{config_class.__name__} has no setting {name!r}{did_you_mean(name, fields)}")
        kwargs[name] = tuple(value) if isinstance(value, list) else value
        check_value(fields[name], kwargs[name])
    return config_class(**kwargs)


def to_flags(config: Any) -> list[str]:
    """The shortest command line that gives this configuration: one `--name=value` for each value off its default."""
    changed = [field for field in fields_of(config) if getattr(config, field.name) != field.default]
    return [f"--{field.name}={to_text(getattr(config, field.name))}" for field in changed]


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """The end of a message about an unknown name, "; did you mean X?", or "" where no known name is close."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""
