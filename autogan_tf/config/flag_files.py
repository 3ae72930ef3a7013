"""Flag files: finding one by its name (as given, beside the file that names it, or among the shipped ones), reading it.

A flag file has one `--name=value` on a line; empty lines and lines that start with # or // are skipped. A pair of
quotes around a value is taken off, as a shell does; without quotes, what follows a blank and # or // is a comment.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import autogan_tf
from autogan_tf.config import paths
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import did_you_mean

Line = tuple[str, str]
"""A flag as on a command line and where it stands: ("--gf_dim=32", "quickstart.flags, line 7")."""

# A value in quotes, also after the beginning that says what kind of value it is: folder:"my pictures".
_COMMENT = r"\s+(?:#|//).*"
_QUOTED = re.compile(rf"""(?P<before>\w+:|)(?P<quote>["'])(?P<text>(?:(?!(?P=quote)).)*)(?P=quote)(?:{_COMMENT})?""")
_OPENED = re.compile(r"""(\w+:|)["']""")
_FLAG = re.compile(rf"(?P<name>--?[^\s=-][^\s=]*)(?P<rest>=.*|{_COMMENT}|)")


def shipped_folder() -> Path:
    """The folder of the flag files that come with the program, in a checkout or in the installed package."""
    package = Path(autogan_tf.__file__).resolve().parent
    checkout = package.parent / "configs"
    # Site-packages may hold a `configs` of someone else's, so the folder counts only beside our setup.py.
    if checkout.is_dir() and (package.parent / "setup.py").is_file():
        return checkout
    return package / "configs"


def shipped_names() -> list[str]:
    """The names of the shipped flag files, sorted: ["cifar10.flags", ...]."""
    return sorted(path.name for path in shipped_folder().glob("*.flags"))


def find(name: str, *, beside: Path | None = None) -> Path:
    """The flag file that a name means.

    Args:
        name: a path, relative to the current folder, or the name of a shipped file.
        beside: the folder of the flag file that names it; looked in before the shipped ones.

    Raises:
        UserError: there is no such file; the message has the path tried and the shipped names.
    """
    if not name:
        raise UserError(f"--flagfile must name a file, but it is empty; shipped ones: {', '.join(shipped_names())}")
    tried = Path(paths.resolve(name, given=f"--flagfile={name}"))
    candidates = [tried]
    if beside is not None:
        candidates.append(beside / tried)
    if tried.name == name:
        candidates.append(shipped_folder() / name)
    for path in candidates:
        if os.path.isfile(path):
            return path
    shipped = shipped_names()
    kind = "is a folder, not a flag file" if tried.is_dir() else "does not exist"
    raise UserError(
        f"--flagfile={name} {kind} (tried {os.path.abspath(tried)}) and is not among the shipped ones: "
        f"{', '.join(shipped)}{did_you_mean(name, shipped, prefix='--flagfile=')}"
    )


def read(name: str) -> Iterator[Line]:
    """The flags of a file in their order, those of the files that it names (`--flagfile=...`) where it names them.

    Raises:
        UserError: a file that is missing, not readable as UTF-8 text, that contains itself, or a line that is no flag.
    """
    path = find(name)
    yield from _flags_of(path, _lines_of(path), stack=(path.resolve(),))


def _lines_of(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"--flagfile={path} cannot be read: {paths.reason(error)}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"--flagfile={path} cannot be read as UTF-8 text ({error}); give a text file") from None


def _flags_of(path: Path, lines: list[str], *, stack: tuple[Path, ...]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        flag, where = line.strip(), f"{path.name}, line {number}"
        if not flag or flag.startswith(("#", "//")):
            continue
        words = flag.lstrip("-")
        if not flag.startswith("-") or not words or words[0] == "=":
            raise UserError(f"{where}: must be a flag such as --seed=0 or a comment after #, but it is {flag!r}")
        match = _FLAG.fullmatch(flag)
        if match is None:
            raise UserError(f"{where}: must be --name=value with an equals sign, but it is {flag!r}")
        name, has_value = match["name"], match["rest"].startswith("=")
        value = _without_quotes_and_comment(match["rest"][1:], where) if has_value else ""
        if name.lstrip("-") != "flagfile":
            yield (f"{name}={value}" if has_value else name), where
        elif not has_value:
            raise UserError(f"{where}: --flagfile must name a file; write --flagfile=NAME")
        else:
            try:
                inner = find(value, beside=path.parent)
                if inner.resolve() in stack:
                    chain = " -> ".join(step.name for step in (*stack, inner))
                    raise UserError(f"--flagfile={value} contains itself ({chain}); remove one of these lines")
                inner_lines = _lines_of(inner)
            except UserError as error:
                raise UserError(f"{where}: {error}") from None
            yield from _flags_of(inner, inner_lines, stack=(*stack, inner.resolve()))


def _without_quotes_and_comment(value: str, where: str) -> str:
    quoted = _QUOTED.fullmatch(value.strip())
    if quoted:
        return quoted["before"] + quoted["text"]
    if _OPENED.match(value.strip()):
        raise UserError(
            f"{where}: a quote that opens a value must close it, and after it only a comment may follow, but it is "
            f"{value.strip()}; put the whole value in one pair of quotes"
        )
    return re.sub(_COMMENT, "", value).strip()
