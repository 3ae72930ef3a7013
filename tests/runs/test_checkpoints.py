"""Checkpoints: what is saved comes back whole, plain state and variables."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds
from autogan_tf.models.controller import Controller
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.training.adam import Adam


class Job:
    """A controller and its optimizer, filled from a seed."""

    def __init__(self, seed: int, stage: int = 0) -> None:
        self.controller = Controller(stage=stage, hid_size=3)
        self.controller.initialize(seeds.stateless_seed(seed, "test"))
        variables = self.controller.trainable_variables
        self.optimizer = Adam(variables, learning_rate=0.1, beta_1=0.9, beta_2=0.999)
        self.optimizer.apply_gradients([(tf.ones_like(v) * (seed + 1), v) for v in variables])

    def objects(self) -> dict:
        return {"controller": self.controller, "optimizer": self.optimizer}

    def values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in [*self.controller.variables, *self.optimizer.variables]]


def restored(checkpoints: Checkpoints) -> dict | None:
    """The state of the newest checkpoint, whose objects are restored; None when there is none."""
    saved = checkpoints.find()
    if saved is None:
        return None
    checkpoints.restore(saved)
    return saved.state


def assert_equal(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_and_variables_come_back(tmp_path):
    saved, other = Job(0), Job(1)
    state = {"iteration": 3, "prefixes": [[0, 1], [1, 0]], "name": "Fréchet", "spread": 0.1}
    Checkpoints(tmp_path / "c", saved.objects()).save(3, state)
    assert any(np.any(a != b) for a, b in zip(saved.values(), other.values(), strict=True))
    assert restored(Checkpoints(tmp_path / "c", other.objects())) == state
    assert_equal(other.values(), saved.values())


def test_the_newest_of_several_is_restored_and_old_ones_go(tmp_path):
    job = Job(0)
    checkpoints = Checkpoints(tmp_path, job.objects(), keep=2)
    for number in range(4):
        job.optimizer.learning_rate.assign(float(number))
        checkpoints.save(number, {"iteration": number})
    other = Job(1)
    assert restored(Checkpoints(tmp_path, other.objects())) == {"iteration": 3}
    assert float(other.optimizer.learning_rate) == 3.0
    assert len(list(tmp_path.glob("*.index"))) == 2


def test_one_from_a_later_point_that_the_run_has_gone_back_from_goes(tmp_path):
    checkpoints = Checkpoints(tmp_path, Job(0).objects(), keep=2)
    for number in (10, 20, 30, 15):
        checkpoints.save(number, {"number": number})
        assert restored(Checkpoints(tmp_path, Job(1).objects())) == {"number": number}
    assert {file.name for file in tmp_path.glob("*.index")} == {"ckpt-15.index"}  # 20 and 30 were kept, 10 was not


@pytest.mark.parametrize("name", ["x [1] y", "a\\b", "*", "[", "f\udcfclder"])
def test_folders_whose_names_are_patterns_to_tensorflow(tmp_path, monkeypatch, name):
    """The same as everywhere: the newest two stay, a damaged one is passed over, and other folders stay as they are."""
    three(tmp_path / "other" / "checkpoints")
    before = bytes_of(tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    folder = pathlib.Path(name) / "checkpoints"
    checkpoints = Checkpoints(folder, Job(1).objects(), keep=2)
    assert [checkpoints.save(number, {"number": number}) for number in (1, 2, 3)][-1] == f"{name}/checkpoints/ckpt-3"
    assert {file.name for file in folder.iterdir()} == {
        "checkpoint", *(f"ckpt-{number}.{part}" for number in (2, 3) for part in ("index", "data-00000-of-00001"))
    }  # fmt: skip
    damage(folder, "data truncated")
    other = Job(0)
    assert restored(Checkpoints((tmp_path / folder), other.objects())) == {"number": 2}
    assert_equal(other.values(), Job(1).values())
    assert bytes_of(tmp_path / "other") == before


def test_without_a_checkpoint_there_is_nothing_to_restore(tmp_path):
    job = Job(0)
    before = job.values()
    assert restored(Checkpoints(tmp_path, job.objects())) is None
    assert_equal(job.values(), before)


def test_an_object_that_was_replaced_is_saved_anew(tmp_path):
    checkpoints = Checkpoints(tmp_path, Job(0).objects())
    checkpoints.save(0, {})
    grown = Job(2, stage=1)
    for name, trackable in grown.objects().items():
        checkpoints.track(name, trackable)
    checkpoints.save(1, {"stage": 1})
    other = Job(3, stage=1)
    assert restored(Checkpoints(tmp_path, other.objects())) == {"stage": 1}
    assert_equal(other.values(), grown.values())


def test_objects_that_do_not_fit_are_no_silent_restart(tmp_path):
    Checkpoints(tmp_path, Job(0).objects()).save(0, {})
    wider = Controller(stage=0, hid_size=5)
    with pytest.raises(UserError, match="does not fit this run"):
        restored(Checkpoints(tmp_path, {"controller": wider}))
    extra = Job(0).objects() | {"other": tf.Module()}
    extra["other"].weight = tf.Variable(1.0)
    with pytest.raises(UserError, match="does not fit this run"):
        restored(Checkpoints(tmp_path, extra))


def three(folder) -> None:
    """Checkpoints 1, 2 and 3, of jobs that differ."""
    for number in (1, 2, 3):
        Checkpoints(folder, Job(number).objects(), keep=3).save(number, {"number": number})


def bytes_of(folder) -> dict:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def damage(folder, how: str) -> None:
    index, data = folder / "ckpt-3.index", folder / "ckpt-3.data-00000-of-00001"
    if how == "data truncated":
        data.write_bytes(data.read_bytes()[:-40])
    elif how == "data empty":
        data.write_bytes(b"")
    elif how == "index truncated":
        index.write_bytes(index.read_bytes()[:30])
    elif how == "bit flipped":
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 4
        data.write_bytes(bytes(content))
    elif how == "index missing":
        index.unlink()
    elif how == "data missing":
        data.unlink()


DAMAGES = ["data truncated", "data empty", "index truncated", "bit flipped", "index missing", "data missing"]


@pytest.mark.parametrize("how", DAMAGES)
def test_from_a_damaged_newest_one_the_way_leads_to_the_one_before(tmp_path, how, caplog):
    three(tmp_path)
    damage(tmp_path, how)
    other = Job(0)
    checkpoints = Checkpoints(tmp_path, other.objects(), keep=3)
    assert restored(checkpoints) == {"number": 2}
    assert_equal(other.values(), Job(2).values())
    assert "ckpt-3 is damaged" in caplog.text
    names = {file.name for file in tmp_path.iterdir()}
    assert not any(name.startswith("ckpt-3") for name in names)
    assert any(name.startswith("damaged-ckpt-3") for name in names)
    checkpoints.save(3, {"number": 33})  # the place is free again
    assert restored(Checkpoints(tmp_path, Job(0).objects())) == {"number": 33}


def test_where_all_are_damaged_there_is_no_silent_restart(tmp_path):
    three(tmp_path)
    for data in tmp_path.glob("*.data*"):
        data.write_bytes(b"x")
    before = bytes_of(tmp_path)
    with pytest.raises(UserError, match="none of the checkpoints .* can be read .*ckpt-3, ckpt-2, ckpt-1"):
        restored(Checkpoints(tmp_path, Job(0).objects()))
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe garbage", b'model_checkpoint_path: "ckpt-9"\n'])
def test_tensorflows_list_does_not_matter(tmp_path, content):
    three(tmp_path)
    if content is None:
        (tmp_path / "checkpoint").unlink()
    else:
        (tmp_path / "checkpoint").write_bytes(content)
    assert restored(Checkpoints(tmp_path, Job(0).objects())) == {"number": 3}
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-3")  # it has been written anew


def test_a_list_that_points_elsewhere_neither_reads_nor_removes_there(tmp_path):
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    three(elsewhere)
    before = bytes_of(elsewhere)
    Checkpoints(run, Job(1).objects()).save(1, {"number": 1})
    lines = [f'{name}: "{elsewhere / "ckpt-3"}"' for name in ("model_checkpoint_path", "all_model_checkpoint_paths")]
    lines += [f'all_model_checkpoint_paths: "{elsewhere / f"ckpt-{number}"}"' for number in (1, 2)]
    (run / "checkpoint").write_text("\n".join(lines))
    checkpoints = Checkpoints(run, Job(0).objects(), keep=1)
    assert restored(checkpoints) == {"number": 1}
    for number in (2, 3, 4):
        checkpoints.save(number, {})
    assert bytes_of(elsewhere) == before
    (run / "checkpoint").write_text("\n".join(lines))
    Checkpoints(run, Job(0).objects(), keep=1).save(5, {})  # without having looked before
    assert bytes_of(elsewhere) == before


def test_a_folder_that_was_moved_goes_on(tmp_path):
    Checkpoints(tmp_path / "old", Job(1).objects()).save(1, {"number": 1})
    (tmp_path / "old").rename(tmp_path / "new")
    job = Job(0)
    checkpoints = Checkpoints(tmp_path / "new", job.objects(), keep=1)
    assert restored(checkpoints) == {"number": 1}
    checkpoints.save(2, {})
    assert {file.name for file in (tmp_path / "new").glob("*.index")} == {"ckpt-2.index"}
    assert not (tmp_path / "old").exists()


def test_what_an_interrupted_save_left_is_swept(tmp_path):
    three(tmp_path)
    (tmp_path / "ckpt-4_temp").mkdir()
    (tmp_path / "ckpt-4_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"x")
    (tmp_path / "checkpoint.tmp12345").write_bytes(b"x")
    (tmp_path / "best").mkdir()
    checkpoints = Checkpoints(tmp_path, Job(0).objects())
    before = bytes_of(tmp_path)
    assert checkpoints.find(tidy=False) is not None and bytes_of(tmp_path) == before
    assert restored(checkpoints) == {"number": 3}
    names = {entry.name for entry in tmp_path.iterdir()}
    assert not any("temp" in name or "tmp" in name for name in names) and "best" in names


def test_a_disk_that_is_full_is_told_and_the_checkpoint_before_is_good(tmp_path):
    """In a process of its own, whose files may have 4,000 bytes, which a checkpoint has more of."""
    Checkpoints(tmp_path, Job(1).objects()).save(1, {"number": 1})
    assert max(file.stat().st_size for file in tmp_path.iterdir()) > 4000
    code = (
        "import pathlib, resource, signal, sys\n"
        "from tests.runs.test_checkpoints import Job\n"
        "from autogan_tf.runs.checkpoints import Checkpoints, SaveFailed\n"
        "checkpoints = Checkpoints(pathlib.Path(sys.argv[1]), Job(2).objects())\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try:\n"
        "    checkpoints.save(2, {'number': 2})\n"
        "except SaveFailed as error:\n"
        "    print(error)\n"
    )
    root = pathlib.Path(__file__).parents[2]
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert f"checkpoint 2 cannot be written to {tmp_path}" in done.stdout
    job = Job(0)
    assert restored(Checkpoints(tmp_path, job.objects())) == {"number": 1}
    assert_equal(job.values(), Job(1).values())
