"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import pathlib
import stat

import numpy as np
import pytest

from autogan_tf.data.atomic_file import replacing


def names(path: pathlib.Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o644)])
def test_the_folder_is_made_and_others_may_read_the_file_as_far_as_the_umask_lets_them(tmp_path, umask, mode):
    path = tmp_path / "deep" / "er" / "array.npy"
    before = os.umask(umask)
    try:
        with replacing(path) as file:
            np.save(file, np.arange(3))
    finally:
        os.umask(before)
    np.testing.assert_array_equal(np.load(path), [0, 1, 2])
    assert names(path.parent) == ["array.npy"]
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_the_old_file_stays_until_the_block_ends(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(str(path)) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and names(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_in_the_block_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as file:
        file.write(b"ne")
        raise error
    assert path.read_bytes() == b"old" and names(tmp_path) == ["file"]


def test_an_exception_stays_itself_where_the_temporary_file_is_gone(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / "file"):
        (temporary,) = tmp_path.iterdir()
        temporary.unlink()
        raise KeyError


def test_all_is_on_the_disk_before_the_rename(tmp_path, monkeypatch):
    events: list[tuple[str, int]] = []
    replace = os.replace

    def noted(source, target):
        events.append(("rename", os.stat(source).st_size))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", lambda descriptor: events.append(("sync", os.fstat(descriptor).st_size)))
    monkeypatch.setattr(os, "replace", noted)
    with replacing(tmp_path / "file") as file:
        file.write(b"four")
    assert events == [("sync", 4), ("rename", 4)]


def test_two_writers_at_once_do_not_meet(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as one, replacing(path) as other:
        one.write(b"one")
        other.write(b"other")
    # the inner block ends first, so the outer one has the last word
    assert path.read_bytes() == b"one" and names(tmp_path) == ["file"]


def test_a_file_in_the_place_of_the_folder_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError), replacing(tmp_path / "file" / "below"):
        raise AssertionError("not reached")
