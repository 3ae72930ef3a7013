"""Characters that a terminal does not have, and bytes of names that are not UTF-8."""

from __future__ import annotations

import io
import os
import sys

import pytest

from autogan_tf.config import encoding

NAME = os.fsdecode(b"f\xfclder")  # Latin-1, in Python a surrogate


@pytest.mark.parametrize(
    ("name", "text", "printed"),
    [
        ("ascii", "Fréchet ↓ 1 ± 2 × 3 … – ł", b"Frechet v 1 +- 2 x 3 ... - ?"),
        ("ascii", NAME, rb"f\xfclder"),
        ("latin-1", "Fréchet ↓ ± ł", b"Fr\xe9chet v \xb1 ?"),
        ("cp1252", "Fréchet ↑ …", b"Fr\xe9chet ^ \x85"),
        ("utf-8", "Fréchet ↓ ł", "Fréchet ↓ ł".encode()),
        ("utf-8", NAME, rb"f\xfclder"),
        ("utf-8", "half \ud83d", b"half ?"),
    ],
)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_a_terminal_does_not_have_is_replaced(name, text, printed, stream, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys." + stream, io.TextIOWrapper(written, encoding=name))
    encoding.let_streams_replace()
    print(text, end="", file=getattr(sys, stream), flush=True)
    assert written.getvalue() == printed


def test_streams_that_know_no_encoding_stay(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setattr("sys.stderr", None)
    encoding.let_streams_replace()


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("Fréchet ↓", "Fréchet ↓"),
        (NAME, r"f\xfclder"),
        (os.fsdecode(b"\xc3\xb6\xff"), r"ö\xff"),
        ("\udcc3\udcb6", "ö"),  # as a process with an ASCII locale reads it
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_text_that_every_file_can_hold(text, valid):
    assert encoding.shown(text) == valid
