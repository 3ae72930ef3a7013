"""Labels from a file dataset.json, as StyleGAN's tools write it, in folders and zip files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from autogan_tf.config.errors import UserError
from autogan_tf.data import sources
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.image_store import IN_MEMORY, ImageStore

NAMES = ("00000/img00000000.png", "00000/img00000001.png", "00001/img00001000.png")
LABELS = [[NAMES[2], 0], [NAMES[0], 6], [NAMES[1], 2]]


def write(root: Path, content: Any, *, inside: str = "", names: tuple[str, ...] = NAMES) -> Path:
    """A folder with pictures of the levels 0, 1 ... in the order of `names`, all and dataset.json in `inside`."""
    for level, name in enumerate(names):
        (root / inside / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), level).save(root / inside / name)
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (root / inside / "dataset.json").write_bytes(text)
    return root


def packed(root: Path) -> Path:
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as file:
        for member in sorted(root.rglob("*")):
            file.write(member, member.relative_to(root))
    return path


def load(path: Path, *, store: ImageStore = IN_MEMORY) -> ImageData:
    return sources.load(dataset=f"folder:{path}", data_dir="", resolution=4, store=store)


def found(path: Path) -> str:
    return sources.check_available(dataset=f"folder:{path}", data_dir="")


@pytest.mark.parametrize("inside", ["", "cats", "my/data"])
@pytest.mark.parametrize("is_zip", [False, True])
def test_labels(tmp_path: Path, inside: str, is_zip: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Of the images in their own order; the classes are those up to the highest label."""
    path = write(tmp_path / "data", {"labels": LABELS}, inside=inside)
    path = packed(path) if is_zip else path
    data = load(path)
    assert data.labels is not None and data.labels.tolist() == [6, 2, 0] and data.num_classes == 7
    assert data.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert found(path).endswith("dataset.json: 0 (1), 1 (0), 2 (1), 3 (0), 4 (0), 5 (0), 6 (1)")
    assert not caplog.records


@pytest.mark.parametrize(
    "labels",
    [
        [[name.replace("/", "\\"), label] for name, label in LABELS],
        [[f"./{name}", float(label)] for name, label in LABELS],
        [*LABELS, LABELS[0]],
        dict(LABELS),
    ],
)
def test_other_ways_to_write_the_same(tmp_path: Path, labels: Any) -> None:
    data = load(write(tmp_path, {"labels": labels, "more": 1}))
    assert data.labels is not None and data.labels.tolist() == [6, 2, 0]


def test_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert load(write(tmp_path, b"\xef\xbb\xbf" + json.dumps({"labels": LABELS}).encode())).num_classes == 7


def test_no_labels_means_that_folders_are_no_classes(tmp_path: Path) -> None:
    data = load(write(tmp_path, {"labels": None}))
    assert data.labels is None and data.num_classes == 0
    assert found(tmp_path).endswith("3 images without classes")
    mixed = write(tmp_path / "mixed", {"labels": None}, names=("a.png", "b/c.png"))
    assert len(load(mixed).images) == 2


@pytest.mark.parametrize("content", [{"categories": []}, [], 3])
def test_another_file_of_that_name_is_left_out(tmp_path: Path, content: Any, caplog: pytest.LogCaptureFixture) -> None:
    data = load(write(tmp_path, content))
    assert data.labels is not None and data.labels.tolist() == [0, 0, 1]  # of the folders
    found(tmp_path)
    assert "1 .json" in caplog.text


def test_changed_labels_are_noticed_and_nothing_is_decoded_again(tmp_path: Path) -> None:
    store = ImageStore(folder=tmp_path / "cache")
    digests = set()
    for labels in ([6, 2, 0], [6, 2, 1], None):
        pairs = labels and [[name, label] for name, label in zip(NAMES, labels, strict=True)]
        data = load(write(tmp_path / "data", {"labels": pairs}), store=store)
        assert (None if data.labels is None else data.labels.tolist()) == labels
        digests.add(data.digest())
    assert len(digests) == 3


def test_labels_of_pictures_that_are_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, {"labels": [*LABELS, *([f"gone/{index:02d}.png", 0] for index in range(12))]})
    assert load(path).num_classes == 7
    found(path)
    assert "12 files in dataset.json are not there: gone/00.png, " in caplog.text and "and 2 more" in caplog.text


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[" * 100_000, "nested too deeply"),
        ({"labels": []}, "must be null or a list"),
        ({"labels": 3}, "must be null or a list of [path, class], got 3"),
        ({"labels": [["a.png"]]}, "must hold [path, class] for each image, got ['a.png']"),
        ({"labels": [[3, 4]]}, "must hold [path, class]"),
        ({"labels": LABELS[1:]}, f"1 of 3 images have no label in it: {NAMES[2]}"),
        ({"labels": [["a.png", 0]]}, f"3 of 3 images have no label in it: {', '.join(NAMES)}"),
        ({"labels": [*LABELS[1:], [NAMES[2], -1]]}, f"1 of 3 \"labels\" are no class, a whole number from 0 to 99,999: "
         f"{NAMES[2]} (-1)"),
        ({"labels": [*LABELS[1:], [NAMES[2], 1.5]]}, "(1.5)"),
        ({"labels": [*LABELS[1:], [NAMES[2], "cat"]]}, "('cat')"),
        ({"labels": [*LABELS[1:], [NAMES[2], True]]}, "(True)"),
        ({"labels": [*LABELS[1:], [NAMES[2], None]]}, "(None)"),
        ({"labels": [*LABELS[1:], [NAMES[2], [0.0, 1.0]]]}, "([0.0, 1.0])"),
        ({"labels": [*LABELS[1:], [NAMES[2], 10**9]]}, "(1000000000)"),
        (b'{"labels": [["00000/img00000000.png", NaN]]}', "(nan)"),
        ({"labels": [*LABELS, [NAMES[2], 1]]}, f"has {NAMES[2]} twice, as 0 and 1"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_used(tmp_path: Path, content: Any, part: str) -> None:
    with pytest.raises(UserError) as caught:
        found(write(tmp_path, content))
    assert f"--dataset=folder:{tmp_path}: {tmp_path / 'dataset.json'}" in str(caught.value)
    assert part in str(caught.value) and "\n" not in str(caught.value)
