"""Paths as users write them: `~`, names in any encoding, and what the file system refuses in any case."""

from __future__ import annotations

import errno
import os

from autogan_tf.config.errors import UserError

_SHOWN = 120  # characters of a value in a message
_REASONS = {
    errno.ENAMETOOLONG: "it, or a name in it, is longer than the system takes (mostly 255 bytes a name); give a "
    "shorter one",
    errno.ELOOP: "its symbolic links lead in a circle; give another path",
}


def home(user: str = "") -> str | None:
    """The home folder of this user, or of another one; None where the system does not know it.

    A container may run as a number that has no entry in the list of users, and without HOME.
    """
    if not user and os.environ.get("HOME") == "":  # which os.path would take for the root
        return None
    folder = os.path.expanduser(f"~{user}")
    return None if folder.startswith("~") else folder


def resolve(text: str, *, given: str) -> str:
    """The path that a user's text means: with `~` and `~user` replaced, and in the file system's encoding.

    Nothing needs to be there, and what is may be anything.

    Args:
      text: the path; `./~x` for one that begins with a `~` of its own.
      given: where it comes from, for messages: "--run_dir=~/x".

    Raises:
      UserError: a `~` that stands for no known folder, or as `check`.
    """
    path = _without_tilde(text, abbreviated(given))
    check(path, given=given)
    return native(path)


def check(path: str, *, given: str) -> None:
    """UserError for a path that nothing can be done with.

    That is one that is too long, has links in a circle, leads through a folder that may not be looked into, or has a
    character that no path can have. `given` as for `resolve`.
    """
    try:
        os.stat(native(path))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except PermissionError:
        raise UserError(
            f"{abbreviated(given)}: a folder on the way may not be looked into; give another path, or ask for the "
            "permission"
        ) from None
    except OSError as error:
        raise UserError(f"{abbreviated(given)}: {reason(error)}") from None
    except ValueError as error:  # a null character, half of a surrogate pair
        raise UserError(f"{abbreviated(given)} cannot be a path ({error}); give another one") from None


def reason(error: OSError) -> str:
    """Why the file system refuses a path, and what to do."""
    told = f"{error.strerror or error}; give another path, or change what is there"
    return _REASONS.get(error.errno or 0, told)


def abbreviated(text: str) -> str:
    """A text for a message, without its middle where it is long."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 40]}…{text[-39:]}"


def native(path: str) -> str:
    """A path as this process must write it.

    Python gives names in the locale's encoding, with what does not fit as surrogates. A path that was read from a file
    in UTF-8, or written by a process with another locale, may be another text than the same path on a command line.

    Raises:
      UnicodeEncodeError: half of a surrogate pair.
    """
    try:
        return os.fsdecode(os.fsencode(path))
    except UnicodeEncodeError:
        return os.fsdecode(path.encode("utf-8", "surrogateescape"))


def _without_tilde(text: str, given: str) -> str:
    if not text.startswith("~"):
        return text
    user, slash, rest = text[1:].partition("/")
    folder = home(user)
    if folder is not None:
        return (folder.rstrip("/") + slash + rest) or "/"
    if user:
        raise UserError(
            f"{given}: there is no user {user!r} whose home folder ~{user} could be; give the whole path, or "
            f"./~{user} for a name that begins with ~"
        )
    raise UserError(
        f"{given}: the home folder is not known, as HOME is not set and the system has no entry of user "
        f"{os.getuid()}; set HOME, or give the whole path"
    )
