"""Reading .pth files: those that PyTorch wrote (tools/make_pth_fixtures.py), damaged ones, and hostile ones."""

from __future__ import annotations

import collections
import io
import os
import pathlib
import pickle
import random
import zipfile

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.interop.pth_reader import LEGACY_MAGIC, read_checkpoint

FILES = pathlib.Path(__file__).with_name("checkpoints")
BOTH = pytest.mark.parametrize("suffix", ["", "_legacy"])


@BOTH
def test_a_training_checkpoint(recorded, suffix):
    checkpoint = read_checkpoint(FILES / f"training{suffix}.pth")
    assert list(checkpoint)[:4] == ["epoch", "gen_state_dict", "avg_gen_state_dict", "dis_state_dict"]
    assert checkpoint["epoch"] == 3 and checkpoint["best_fid"] == 12.42
    assert checkpoint["path_helper"]["log_path"] == "logs/derived_a/Log"
    for part, fixture, prefix in (
        ("avg_gen_state_dict", "derived_a", "gen/"),
        ("dis_state_dict", "gan_arch0_stage2", "dis/"),
    ):
        expected = recorded(fixture).part(prefix)
        assert list(checkpoint[part]) == list(expected)
        for name, array in expected.items():
            assert checkpoint[part][name].dtype == array.dtype
            np.testing.assert_array_equal(checkpoint[part][name], array)
    bias = recorded("derived_a").part("gen/")["to_rgb.2.bias"]
    np.testing.assert_array_equal(checkpoint["gen_state_dict"]["to_rgb.2.bias"], bias / 2)
    np.testing.assert_array_equal(checkpoint["fixed_z"], np.arange(12).reshape(3, 4).T[1:, ::2])
    (group,) = checkpoint["gen_optimizer"]["param_groups"]
    assert group["lr"] == 2e-4 and group["betas"] == (0.0, 0.9)


@BOTH
def test_every_kind_of_content(suffix):
    kinds = read_checkpoint(FILES / f"kinds{suffix}.pth")
    assert kinds["parameter"].shape == (2, 3) and kinds["parameter"].dtype == np.float32
    np.testing.assert_array_equal(kinds["half"], np.array([1.5, -2], np.float16))
    np.testing.assert_array_equal(kinds["bfloat16"], np.array([1.5, -2], np.float32))
    assert kinds["double"].shape == () and kinds["double"] == np.pi
    assert kinds["bool"].tolist() == [True, False]
    assert [array.dtype.name for array in kinds["integers"]] == ["int8", "int16", "int32", "int64"]
    assert all(array.tolist() == [-1, 2] for array in kinds["integers"])
    assert kinds["bytes"].tolist() == [0, 255]
    assert kinds["empty"].shape == (0, 3)
    np.testing.assert_array_equal(np.stack(kinds["shared"]), kinds["parameter"])
    assert kinds["plain"] == [None, True, 1, -(2**70), 2.5, "text", b"bytes", (1, 2), {3}, (4, 5)]
    assert kinds["numpy"] == [0.25, -7, True]


@BOTH
def test_what_the_weights_only_loader_admits(suffix):
    """torch.load(..., weights_only=True) takes these files; tools/make_pth_fixtures.py gives the values."""
    found = read_checkpoint(FILES / f"admitted{suffix}.pth")
    half = np.arange(6, dtype=np.float32).reshape(2, 3) / 2
    assert found["counter"] == {"h": 1, "e": 1, "l": 2, "o": 1}
    assert found["device"] == ["cuda:1", "cpu"] and found["size"] == (2, 3)
    assert found["dtypes"] == [f"torch.{name}" for name in ("float32", "bfloat16", "uint16", "qint8", "bits8")]
    assert (found["layout"], found["type"]) == ("torch.strided", "torch.FloatTensor")
    assert found["plain"] == [b"a\xff", 1 + 2j, {1, 2}]
    assert found["noted"].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found["parameter"], half)
    assert [array.tolist() for array in found["complex"]] == [[1 + 2j], [1 - 2j], [-2]]
    # steps of 0.5 hold the halves, steps of 0.1 the first row; the second is 8.5, 11 and 13.5 steps of 0.2 from -0.2
    np.testing.assert_array_equal(found["quantized"][0], half)
    np.testing.assert_allclose(found["quantized"][1], [[0, 0.5, 1], [1.4, 2, 2.6]], rtol=1e-6)
    layout, (indices, values, size, *_) = found["sparse"]
    dense = np.zeros(size, np.float32)
    dense[tuple(indices)] = values
    assert layout == "torch.sparse_coo"
    np.testing.assert_array_equal(dense, half)
    assert found["meta"] is None
    assert found["storage"].tolist() == [1, -2] and found["storage"].dtype == np.int16


@BOTH
def test_types_without_a_storage_type_of_their_own(suffix):
    found = read_checkpoint(FILES / f"untyped{suffix}.pth")
    assert [array.tolist() for array in found["unsigned"]] == [[1, 2**16 - 1], [1, 2**32 - 1]]
    assert [array.dtype for array in found["unsigned"]] == [np.uint16, np.uint32]
    assert [array.tolist() for array in found["float8"]] == [[1.5, -2], [1.5, -2]]


def message(path: pathlib.Path) -> str:
    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_whole_module_is_refused_by_name():
    assert "torch.nn.modules.linear.Linear" in message(FILES / "module.pth")


def zip_file(path: pathlib.Path, pickled: bytes, **records: bytes) -> pathlib.Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, data in records.items():
            archive.writestr(f"archive/data/{name}", data)
    return path


def legacy_file(path: pathlib.Path, pickled: bytes) -> pathlib.Path:
    start = [pickle.dumps(part, 2) for part in (LEGACY_MAGIC, 1001, {"little_endian": True})]
    path.write_bytes(b"".join([*start, pickled, pickle.dumps([], 2)]))
    return path


class Call:
    """Pickled as a call of `function`."""

    def __init__(self, function, *arguments) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def hostile(folder: pathlib.Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that would make `folder`/trace if they were executed, and the name that each wants to import."""
    trace = str(folder / "trace")
    system = os.system.__module__ + ".system"
    cases = {
        "system": (pickle.dumps({"a": Call(os.system, f"touch {trace}")}, 2), system),
        "protocol 4": (pickle.dumps({"a": Call(os.system, f"touch {trace}")}, 4), system),
        "eval": (pickle.dumps({"a": Call(eval, f"open({trace!r}, 'w')")}, 2), ".eval"),
        "open": (pickle.dumps({"a": Call(open, trace, "w")}, 2), ".open"),
        "getattr": (pickle.dumps({"a": Call(getattr, "", "join")}, 2), ".getattr"),
        "an attribute of what is admitted": (
            b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.",
            "numpy.dtype.__init__",
        ),
        "torch.load": (b"ctorch\nload\n.", "torch.load"),
        "a subclass": (pickle.dumps({"a": Call(collections.defaultdict, list)}, 2), "collections.defaultdict"),
        "numpy.load": (b"cnumpy\nload\n.", "numpy.load"),
        "an instance": (b"(ios\nsystem\n.", "os.system"),
    }
    return cases


@pytest.mark.parametrize("write", [zip_file, legacy_file])
def test_nothing_is_executed(tmp_path, write):
    for name, (pickled, wanted) in hostile(tmp_path).items():
        text = message(write(tmp_path / "hostile.pth", pickled))
        assert wanted in text and "refused" in text, name
    assert not (tmp_path / "trace").exists()


def storage(key: str = "0", size: int = 4, kind: str = "FloatStorage") -> bytes:
    """Opcodes of a persistent id."""
    return b"(X\x07\x00\x00\x00storagectorch\n" + kind.encode() + b"\nX\x01\x00\x00\x00" + key.encode() + (
        b"X\x03\x00\x00\x00cpuJ" + size.to_bytes(4, "little") + b"tQ"
    )


def tensor(offset: int, size: tuple[int, ...], stride: tuple[int, ...], stored: bytes) -> bytes:
    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + value.to_bytes(4, "little", signed=True) for value in values) + b"t"

    call = b"ctorch._utils\n_rebuild_tensor_v2\n("
    rest = b"J" + offset.to_bytes(4, "little", signed=True) + numbers(size) + numbers(stride) + b"\x89NtR"
    return b"\x80\x02}X\x01\x00\x00\x00a" + call + stored + rest + b"s."


def test_the_opcodes_of_these_tests_make_a_tensor(tmp_path):
    data = np.arange(4, dtype="<f4").tobytes()
    path = zip_file(tmp_path / "a.pth", tensor(1, (2,), (2,), storage()), **{"0": data})
    assert read_checkpoint(path)["a"].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("pickled", "part"),
    [
        (tensor(0, (5,), (1,), storage()), "beyond"),
        (tensor(3, (2,), (1,), storage()), "beyond"),
        (tensor(-1, (2,), (1,), storage()), "impossible"),
        (tensor(0, (2,), (-1,), storage()), "impossible"),
        (tensor(0, (-2,), (1,), storage()), "impossible"),
        (tensor(0, (2, 2), (1,), storage()), "impossible"),
        (tensor(0, (2,), (1,), storage(key="1")), "missing"),
        (tensor(0, (2,), (1,), storage(size=5)), "bytes"),
        (tensor(0, (2,), (1,), storage(kind="QUInt4x2Storage")), "torch.QUInt4x2Storage"),
        (b"\x80\x02X\x01\x00\x00\x00aQ.", "no tensor's data"),
        (pickle.dumps([1], 2), "holds a list"),
        # a size, of which a bytearray and a set would be made, and a state for what is admitted
        (b"\x80\x02}X\x01\x00\x00\x00ac__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85Rs.", "not supported"),
        (b"\x80\x02}X\x01\x00\x00\x00accollections\nCounter\nN}X\x01\x00\x00\x00xK\x01s\x86bs.", "state"),
        (b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor\n}X\x08\x00\x00\x00__code__Nsbs.", "state"),
        (b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor\ns.", "holds a Call"),
    ],
)
def test_malformed_content(tmp_path, pickled, part):
    data = np.arange(4, dtype="<f4").tobytes()
    assert part in message(zip_file(tmp_path / "a.pth", pickled, **{"0": data}))


def test_a_tensor_larger_than_memory_is_refused(tmp_path):
    """A stride of 0 would make any size out of a few bytes."""
    pickled = tensor(0, (2**30, 2**30), (0, 0), storage())
    assert "repeats" in message(zip_file(tmp_path / "a.pth", pickled, **{"0": bytes(16)}))


@pytest.mark.parametrize("content", [b"", b"x", b"text\n" * 50, pickle.dumps({"a": 1}, 2), b"PK\x03\x04"])
def test_files_of_another_kind(tmp_path, content):
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    message(path)


def test_missing_files_folders_and_other_zip_files(tmp_path):
    assert "No such file" in message(tmp_path / "none.pth")
    message(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    assert "data.pkl" in message(tmp_path / "a.zip")


@BOTH
def test_damage_gives_an_error_or_other_values_and_nothing_else(tmp_path, suffix):
    whole = (FILES / f"kinds{suffix}.pth").read_bytes()
    rng = random.Random(0)
    path = tmp_path / "a.pth"
    refused = 0
    for number in range(400):
        damaged = bytearray(whole)
        if number % 4 == 0:
            damaged = damaged[: rng.randrange(len(whole))]
        else:
            for _ in range(rng.choice([1, 1, 4])):
                damaged[rng.randrange(len(whole))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_checkpoint(path)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


def test_a_damaged_compressed_record(tmp_path):
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({str(number): number for number in range(2000)}, 2))
    damaged = bytearray(path.read_bytes())
    damaged[200:220] = bytes(20)
    path.write_bytes(damaged)
    assert "damaged" in message(path)


def test_a_pickle_bomb_of_structure_is_refused_before_it_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", io.BytesIO(bytes(65 * 2**20)).read())
    assert "structure" in message(tmp_path / "a.pth")
