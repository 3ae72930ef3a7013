"""Settings as text: the list of flags for --help, and the resolved settings for --dry_run."""

import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

from autogan_tf.config.fields import Field, fields_of, limits, requirement, to_text

_HELP_INDENT = " " * 6


def type_name(field: Field) -> str:
    """What stands for the value in the help: INT, NUMBER, TEXT, or INT,INT,... for a tuple."""
    name = {bool: "BOOL", int: "INT", float: "NUMBER", str: "TEXT"}[field.item_type]
    return f"{name},{name},..." if field.sequence else name


def format_help(config_class: Any, *, doc: str, flag_file_names: Sequence[str]) -> str:
    """The help of a command: what it does, then every flag under its group's heading.

    Args:
        config_class: a configuration class.
        doc: the text above the flags.
        flag_file_names: names that --flagfile takes from anywhere.
    """
    width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 110)
    shipped = f" Shipped: {', '.join(flag_file_names)}." if flag_file_names else ""
    parts = [
        doc.strip(),
        "\nflags:",
        _entry("--help", "Prints this and exits.", width),
        _entry(
            "--flagfile=NAME",
            "Reads flags from a file, one --name=value a line; may be given several times. "
            f"A flag on the command line wins.{shipped}",
            width,
        ),
    ]
    for group, fields in _by_group(config_class):
        parts.append(f"\n{group}:")
        for field in fields:
            switch = field.item_type is bool and not field.sequence and not field.optional
            head = f"--[no]{field.name}" if switch else f"--{field.name}={type_name(field)}"
            parts.append(_entry(head, f"{field.rules.help} ({_facts(field)})", width))
    return "\n".join(parts) + "\n"


def _facts(field: Field) -> str:
    """The default and, where the type alone does not say it, what is allowed."""
    default = to_text(field.default) or "empty"
    if field.rules.choices or field.sequence or field.optional:
        return f"default {default}; {requirement(field)}"
    return f"default {default}" + (f", {limits(field.rules)}" if limits(field.rules) else "")


def _entry(head: str, text: str, width: int) -> str:
    body = textwrap.fill(text, width, initial_indent=_HELP_INDENT, subsequent_indent=_HELP_INDENT)
    return f"  {head}\n{body}"


def _by_group(config_class: Any) -> list[tuple[str, list[Field]]]:
    groups: dict[str, list[Field]] = {}
    for field in fields_of(config_class):
        groups.setdefault(field.rules.group, []).append(field)
    return list(groups.items())


def format_settings(config: Any) -> str:
    """The settings of a configuration as an aligned table under group headings; `*` marks values off their defaults."""
    groups = _by_group(config)
    names = max(len(field.name) for _, fields in groups for field in fields)
    lines = []
    for group, fields in groups:
        lines.append(group)
        for field in fields:
            value = getattr(config, field.name)
            mark = "*" if value != field.default else " "
            default = f"  (default {to_text(field.default) or 'empty'})" if mark == "*" else ""
            lines.append(f"  {mark} {field.name:<{names}}  {to_text(value)}{default}".rstrip())
    return "\n".join([*lines, "* differs from the default"]) + "\n"
