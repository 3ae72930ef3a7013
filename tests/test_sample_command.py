"""The sample command as a person runs it, on a conditional run and on a plain one."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from autogan_tf import sample


@pytest.fixture(autouse=True)
def there(trained_runs, monkeypatch):
    monkeypatch.chdir(trained_runs)


def drawn(name: str, run: str = "plain", **flags) -> dict[str, np.ndarray]:
    """The files that the command writes, by name."""
    arguments = {"run_dir": f"runs/{run}", "images": name, "num_images": 6} | flags
    assert sample.main([f"--{flag}={value}" for flag, value in arguments.items()]) == 0
    return {path.name: np.asarray(Image.open(path)) for path in sorted(pathlib.Path(name).iterdir())}


def test_a_seed_gives_the_same_image_alone_and_in_any_batch():
    six, one = drawn("six"), drawn("one", seed=4, num_images=1)
    assert list(six) == [f"{seed:08d}.png" for seed in range(6)]
    assert len({image.tobytes() for image in six.values()}) == 6
    (name, image), = one.items()
    assert name == "00000004.png"
    np.testing.assert_array_equal(image, six[name])
    four = drawn("four", seed=2, num_images=4, batch_size=3)
    for name, image in four.items():
        np.testing.assert_array_equal(image, six.get(name, image))


def test_a_grid_holds_the_images_in_order():
    six = drawn("again", grid="grid.png", columns=3, scale=1)
    pixels = np.asarray(Image.open("grid.png"))
    assert pixels.shape == (2 * 9 + 1, 3 * 9 + 1)
    np.testing.assert_array_equal(pixels[10:18, 1:9], six["00000003.png"])


def test_classes_are_chosen_or_come_row_by_row(trained_runs):
    settings = json.loads((trained_runs / "runs" / "classes" / "config.json").read_text())["settings"]
    assert settings["class_counts"] == [12, 24]  # bright comes first
    zero, one = drawn("zero", "classes", label=0), drawn("ones", "classes", label=1)
    assert list(one) == [f"{seed:08d}-1.png" for seed in range(6)]
    rows = drawn("rows", "classes", columns=2)  # classes 0 0 1 1 0 0
    assert list(rows) == [f"{seed:08d}-{label}.png" for seed, label in enumerate([0, 0, 1, 1, 0, 0])]
    for name, image in rows.items():
        np.testing.assert_array_equal(image, (zero | one)[name])
    assert any(np.any(a != b) for a, b in zip(zero.values(), one.values(), strict=True))


@pytest.mark.parametrize(
    ("flags", "needed"),
    [
        ({"run_dir": None}, "as one of --run_dir (a run's folder), --saved_model and --server, got none"),
        ({"saved_model": "x"}, "got --run_dir and --saved_model"),
        ({"images": None}, "nowhere to write"),
        ({"grid": "grid.jpg"}, "--grid=grid.jpg must end in .png"),
        ({"images": "photos"}, "--images=photos exists already"),
        ({"grid": "there.png"}, "--grid=there.png exists already"),
        ({"run_dir": "runs"}, "holds no finished run"),
        ({"label": 0}, "--label=0 is for conditional generators, and this one has no classes"),
        ({"run_dir": "runs/classes", "label": 2}, "--label=2 must be less than the generator's 2 classes"),
        ({"num_images": 0}, "--num_images"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(flags, needed, capsys):
    pathlib.Path("there.png").write_bytes(b"mine")
    arguments = {"run_dir": "runs/plain", "images": "new"} | flags
    words = [f"--{flag}={value}" for flag, value in arguments.items() if value is not None]
    assert sample.main(words) == 2
    assert needed in capsys.readouterr().err
    assert not pathlib.Path("new").exists() and pathlib.Path("there.png").read_bytes() == b"mine"
