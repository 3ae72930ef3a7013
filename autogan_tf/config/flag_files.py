"""Flag files: finding one by its name (as given, beside the file that names it, or among the shipped ones), reading it.

A flag file has one `--name=value` on a line; empty lines and lines that start with # or // are skipped.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import autogan_tf
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import did_you_mean

Line = tuple[str, str]
"""A flag as it was written and where: ("--gf_dim=32", "quickstart.flags, line 7")."""


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
    tried = Path(name).expanduser()
    candidates = [tried]
    if beside is not None:
        candidates.append(beside / tried)
    if tried.name == name:
        candidates.append(shipped_folder() / name)
    for path in candidates:
        if path.is_file():
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
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--flagfile={path} cannot be read as UTF-8 text ({error}); give a text file") from None


def _flags_of(path: Path, lines: list[str], *, stack: tuple[Path, ...]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        flag, where = line.strip(), f"{path.name}, line {number}"
        if not flag or flag.startswith(("#", "//")):
            continue
        words = flag.lstrip("-")
        if not flag.startswith("-") or not words or words[0] == "=":
            raise UserError(f"{where}: must be a flag such as --seed=0 or a comment after #, but it is {flag!r}")
        key, equals, value = words.partition("=")
        if " " in key or "\t" in key:
            raise UserError(f"{where}: must be --name=value with an equals sign, but it is {flag!r}")
        if key != "flagfile":
            yield flag, where
        elif not equals:
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
