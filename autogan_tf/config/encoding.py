"""Text that cannot be encoded: characters that a terminal does not have, and names in paths that are not UTF-8."""

from __future__ import annotations

import codecs
import sys

_HANDLER = "autogan_tf.replaced"
# What the program itself prints beside ASCII: "Fréchet distance ↓".
_STAND_INS = {"é": "e", "↑": "^", "↓": "v", "±": "+-", "×": "x", "·": "*", "…": "...", "–": "-"}


def let_streams_replace() -> None:
    """Makes standard output and error replace what their encoding does not have, instead of raising an exception."""
    codecs.register_error(_HANDLER, _replaced)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # tests and notebooks put other things there
        if reconfigure is not None:
            reconfigure(errors=_HANDLER)


def shown(text: str) -> str:
    """The text in valid Unicode: bytes of a name that are not UTF-8, which Python keeps as surrogates, as \\xfc."""
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair
        content = text.encode("utf-8", "backslashreplace")
    return content.decode("utf-8", "backslashreplace")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_stand_in, error.object[error.start : error.end])), error.end


def _stand_in(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that could not be decoded
        return f"\\x{ord(character) - 0xDC00:02x}"
    return _STAND_INS.get(character, "?")
