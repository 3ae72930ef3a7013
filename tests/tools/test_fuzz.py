"""tools/fuzz.py: a bounded number of generated files for each reader, and that it finds faults where there are some."""

from __future__ import annotations

import pathlib
import pickle

import pytest
from hypothesis import strategies as st

from autogan_tf.config.errors import UserError

INPUTS = {"genotype": 400, "flags": 150, "statistics": 400, "checkpoint": 200, "image": 200, "images": 100}


@pytest.fixture(autouse=True)
def any_message(monkeypatch):
    """Names from generated files, which messages quote, may look like anything."""
    monkeypatch.setattr(UserError, "__init__", UserError.__init__.__wrapped__)


@pytest.fixture
def fuzz(load):
    return load("fuzz")


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")  # what is generated has names in any alphabet
@pytest.mark.parametrize("name", INPUTS)
def test_a_reader_takes_or_refuses_whatever_it_is_given(fuzz, tmp_path, name):
    (tmp_path / "files").mkdir()
    kind = fuzz.kinds(tmp_path / "files", tmp_path / "canary")[name]
    found = fuzz.fuzz(kind, inputs=INPUTS[name], folder=tmp_path / "files", canary=tmp_path / "canary")
    # hypothesis ends early only where it has tried all there is
    assert sum(found.values()) >= INPUTS[name]
    assert found["read"] >= 1 and found["refused"] >= 50


def run_it(path: pathlib.Path) -> None:
    pickle.loads(path.read_bytes())


def raise_key_error(path: pathlib.Path) -> None:
    if b"!" in path.read_bytes():
        raise KeyError("network")


def refuse_without_a_word(path: pathlib.Path) -> None:
    raise UserError(" ")


def wait(path: pathlib.Path) -> None:
    try:
        while True:
            path.exists()
    except Exception as error:  # as readers have, whose libraries raise anything on damaged files
        raise UserError("it is damaged") from error


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (run_it, "code in the file was run"),
        (raise_key_error, "KeyError: 'network'"),
        (refuse_without_a_word, "without a message"),
        (wait, "still reading after 1 seconds"),
    ],
)
def test_a_fault_is_found_and_its_smallest_file_kept(fuzz, load, tmp_path, monkeypatch, read, told):
    monkeypatch.setattr(fuzz, "SECONDS", 1)
    canary = tmp_path / "canary"
    hostile = pickle.dumps(load("fuzz_inputs").Hostile(canary))
    contents = {run_it: st.just(hostile), wait: st.just(b"")}.get(read, st.binary(max_size=9).map(lambda b: b + b"!"))
    kind = fuzz.Kind("file", contents, read)
    with pytest.raises(fuzz.Fault, match=told):
        fuzz.fuzz(kind, inputs=20, folder=tmp_path, canary=canary)
    assert (tmp_path / "file").read_bytes() in (hostile, b"", b"!")
