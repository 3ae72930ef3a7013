"""From a command line to a configuration: absl flags made from a dataclass's fields, flag files, one clear error.

TensorFlow is not imported here, so that `--help` and a misspelt flag answer at once.
"""

import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from absl import flags as absl_flags

from autogan_tf.config import encoding, environment, flag_files, listing, paths, plugins
from autogan_tf.config.distribution_settings import DISTRIBUTIONS
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import Field, did_you_mean, fields_of, from_text, path_in, resolved

Config = TypeVar("Config")

_HELP_FLAGS = ("--help", "-help", "-h", "--helpfull", "-helpfull", "--h")
# absl's way to have unknown flags ignored: a misspelt flag would pass unseen, so here it is an unknown flag itself.
_REFUSED = ("undefok",)


def parse(config_class: type[Config], argv: Sequence[str], *, doc: str) -> Config:
    """Reads a command's settings from its arguments, and prints the help and exits with 0 where they ask for it.

    `--flagfile=NAME`, which may be given several times, is read before the other arguments: a flag on the command line
    wins over one in a file, whatever their order. Of two files the later one wins. What --plugin names is imported
    first of all.

    Args:
        config_class: a frozen dataclass whose fields are declared with `fields.setting`. If it has a method
            `validate()`, that is called at the end.
        argv: the arguments without the program's name: `sys.argv[1:]`.
        doc: what the command does and how it is called, printed above the list of flags: the command's `__doc__`.

    Raises:
        UserError: an unknown flag, a value that does not fit, a stray word, a flag file that is missing or wrong, or
            settings that do not go together; one line.
        SystemExit: with code 0, after printing the help.
    """
    names, rest = _split_flag_files(argv)
    asks_for_help = any(word in _HELP_FLAGS for word in argv)
    from_files = [] if asks_for_help else [entry for name in names for entry in flag_files.read(name)]
    plugins.load(plugins.given(config_class, [*(flag for flag, _ in from_files), *rest]))
    config_class = plugins.extended(config_class)
    fields = fields_of(config_class)
    if asks_for_help:
        sys.stdout.write(listing.format_help(config_class, doc=doc, flag_file_names=flag_files.shipped_names()))
        sys.stdout.flush()
        raise SystemExit(0)
    values = _define(fields, getattr(config_class, "ALIASES", {}))
    for flag, where in from_files:
        try:
            _refuse(_apply(values, [flag]))
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
    stray = _apply(values, rest)
    taker = next((field for field in fields if field.rules.words), None)
    if stray and taker is None:
        _refuse(stray)
    settings = {field.name: values[field.name].value for field in fields}
    if taker is not None:
        settings[taker.name] = (*(settings[taker.name] or ()), *(resolved(taker, word) for word in stray))
    config = config_class(**settings)
    validate = getattr(config, "validate", None)
    if validate is not None:
        validate()
    return config


def run(
    config_class: type[Config], argv: Sequence[str] | None, *, doc: str, body: Callable[[Config], int]
) -> int:
    """Runs a command: reads its settings as `parse` does, then calls `body` with them, which returns the exit code.

    A UserError, and what the file system refuses, becomes one line on stderr and exit code 2, a full disk code 1, an
    interruption from the keyboard 130, a reader that takes no more of the output 141.

    Args:
        argv: the arguments without the program's name; None for those of this process.
    """
    encoding.let_streams_replace()
    config = None
    try:
        config = parse(config_class, sys.argv[1:] if argv is None else argv, doc=doc)
        environment.give_libraries_a_folder()
        code = body(config)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads the output has seen enough, as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still in the buffer goes there
        return 128 + signal.SIGPIPE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            where = _text_of(error.filename) or "a file"
            print(f"error: {where} cannot be written: {error.strerror}; make room", file=sys.stderr)
            return 1
        if not error.filename:  # not about a path: a defect
            raise
        print(f"error: {_flag_of(config, error)}{paths.reason(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _text_of(filename: Any) -> str:
    """A path of an OSError, which may be bytes, or the number of an open file."""
    return os.fsdecode(filename) if isinstance(filename, str | bytes | os.PathLike) else ""


def _flag_of(config: Any, error: OSError) -> str:
    """The path that the system refused, after the setting that it lies in, if any: "--run_dir=x: x/config.json: "."""
    where = _text_of(error.filename)
    for field in fields_of(config) if config is not None else ():
        value = getattr(config, field.name)
        for text in value if isinstance(value, tuple) else (value,):
            path = path_in(field, text) if isinstance(text, str) else ""
            if path and _contains_other(os.path.abspath(path), os.path.abspath(where)):
                return f"--{field.name}={paths.abbreviated(text)}: " + (f"{where}: " if where != path else "")
    return f"{where}: "


def _contains_other(path: str, other: str) -> bool:
    """Whether one of the two lies in the other, or both are the same."""
    return os.path.commonpath([path, other]) in (path, other)


class _Parser(absl_flags.ArgumentParser):
    """absl's parser of one flag, with our rules and messages."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self._field = field

    def parse(self, argument: Any) -> Any:
        return from_text(self._field, argument) if isinstance(argument, str) else argument

    def flag_type(self) -> str:
        return listing.type_name(self._field)


def _define(fields: Sequence[Field], aliases: Mapping[str, str]) -> absl_flags.FlagValues:
    """Flags of our own, apart from absl's global ones, to which imported libraries add theirs; aliases: other names of
    some."""
    values = absl_flags.FlagValues()
    values.set_gnu_getopt(True)
    for field in fields:
        is_switch = field.item_type is bool and not field.sequence and not field.optional
        flag: absl_flags.Flag = absl_flags.Flag(
            _Parser(field), None, field.name, None, field.rules.help, boolean=is_switch, allow_using_method_names=True
        )
        values[field.name] = flag
    for alias, name in aliases.items():
        absl_flags.DEFINE_alias(alias, name, flag_values=values)
    # Defaults come last: absl would send a text through the parser, and an alias unsets its flag.
    for field in fields:
        values[field.name].value = field.default
    return values


def _split_flag_files(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names given with --flagfile, and the arguments without them."""
    names: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            rest.extend([word, *words])
        elif name not in ("--flagfile", "-flagfile"):
            rest.append(word)
        else:
            names.append(value if equals else next(words, ""))
    return names, rest


def _apply(values: absl_flags.FlagValues, words: Sequence[str]) -> list[str]:
    """Sets the flags that the words give, and returns the words that belong to none; what absl raises becomes a
    UserError with the same parts as ours."""
    names = list(values)
    for word in words:
        name = word.lstrip("-").partition("=")[0]
        if word.startswith("-") and name in _REFUSED:
            raise UserError(f"unknown flag --{name}; --help lists the flags")
    try:
        stray = values(["autogan_tf", *words])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        name = error.flagname
        known = names + [f"no{name}" for name in names if values[name].boolean] + ["flagfile", "help"]
        close = did_you_mean(name, known, prefix="--")
        hint = _hint(words) or close or ";"
        raise UserError(f"unknown flag --{name}{hint} --help lists the flags") from None
    except absl_flags.IllegalFlagValueError as error:
        # absl wraps what our parser raised, which says more than the wrapping.
        raise UserError(f"{error.__context__ or error}{_hint(words).rstrip(';')}") from None
    except (absl_flags.Error, ValueError) as error:
        raise UserError(f"{_one_line(error)}; write --name=value") from None
    return list(stray)


def _hint(words: Sequence[str]) -> str:
    """What replaced the flag of an earlier version that is among the words, if one is."""
    moved = re.search(rf"-strategy[= ]({'|'.join(DISTRIBUTIONS)})\b", " ".join(words))
    return "; where steps run is now --distribution;" if moved else ""


def _refuse(stray: Sequence[str]) -> None:
    if stray:
        listed = ", ".join(repr(word) for word in stray)
        raise UserError(f"stray words: {listed}; every setting is given as --name=value, a text with spaces in quotes")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:1].lower() + text[1:]
