"""The classifier: it learns, it repeats itself, its cache is safe, and it says what it cannot learn from."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import pipeline, sources
from autogan_tf.data.image_data import ImageData
from autogan_tf.features import classifier, classifier_network, classifier_training
from autogan_tf.metrics.inception_score import inception_score


def stripes(*, count: int, seed: int, split: str, channels: int = 1) -> ImageData:
    """16-pixel images of one bright band, 4 pixels wide: upright (class 0) or level (class 1), on noise."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, size=(count, 16, 16, channels)).astype(np.uint8)
    labels = (np.arange(count) % 2).astype(np.int32)
    for image, label, at in zip(images, labels, rng.integers(0, 13, size=count), strict=True):
        band = (slice(None), slice(at, at + 4)) if label == 0 else (slice(at, at + 4), slice(None))
        image[band] += 190
    return ImageData(name="stripes", images=images, labels=labels, num_classes=2, split=split)


TRAIN, TEST = stripes(count=200, seed=0, split="train"), stripes(count=80, seed=1, split="test")


def fit(cache_dir: pathlib.Path, **changes) -> classifier.Classifier:
    settings = dict(train=TRAIN, test=TEST, sizes=[8, 16], steps=40, batch_size=16, width=4, seed=3)
    return classifier.load_or_train(**{**settings, **changes}, cache_dir=cache_dir)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(folder: pathlib.Path) -> classifier.Classifier:
    return fit(folder)


def test_it_learns_what_is_easy_at_every_size(trained: classifier.Classifier) -> None:
    assert set(trained.accuracy) == {8, 16}
    assert min(trained.accuracy.values()) >= 0.95
    assert not trained.from_cache


def test_the_reported_accuracy_is_that_of_its_logits(trained: classifier.Classifier) -> None:
    _, logits = trained(TEST.images)
    assert trained.accuracy[16] == np.mean(np.argmax(logits, axis=1) == TEST.labels)


def test_outputs_have_the_promised_shapes_inside_a_function_too(trained: classifier.Classifier) -> None:
    images = tf.random.stateless_uniform([5, 8, 8, 1], seed=[1, 2], minval=-1.0, maxval=1.0)
    features, logits = trained(images)
    assert features.shape == (5, trained.num_features) and logits.shape == (5, trained.num_logits) == (5, 2)
    assert features.dtype == logits.dtype == tf.float32
    for eager, traced in zip((features, logits), tf.function(trained)(images), strict=True):
        np.testing.assert_allclose(eager, traced, rtol=1e-5, atol=1e-5)


def test_bytes_and_floats_of_the_same_images_give_the_same(trained: classifier.Classifier) -> None:
    floats = (TEST.images.astype(np.float64) / 127.5 - 1).astype(np.float32)
    for a, b in zip(trained(TEST.images), trained(floats), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_in_half_precision_its_outputs_are_float32_and_near(trained: classifier.Classifier, precision: str) -> None:
    half = trained.computing_in(precision)
    images = stripes(count=32, seed=4, split="test").images
    for ours, expected in zip(half(images), trained(images), strict=True):
        assert ours.dtype == tf.float32 and np.any(ours != expected)
        np.testing.assert_allclose(ours, expected, atol=0.03 * np.abs(expected).max())
    assert (half.name, half.digest, half.accuracy) == (trained.name, trained.digest, trained.accuracy)
    assert trained.computing_in("float32") is trained


def test_an_image_is_scored_the_same_in_any_company(trained: classifier.Classifier) -> None:
    # Inference mode: batch norm must use its stored statistics.
    alone, together = trained(TEST.images[:1])[1], trained(TEST.images)[1]
    np.testing.assert_allclose(alone[0], together[0], rtol=1e-4, atol=1e-5)


def test_training_twice_gives_the_same_bits_and_another_seed_does_not(
    trained: classifier.Classifier, tmp_path: pathlib.Path
) -> None:
    assert fit(tmp_path).digest == trained.digest
    assert fit(tmp_path, seed=4).digest != trained.digest


def test_the_second_call_loads(trained: classifier.Classifier, folder: pathlib.Path) -> None:
    def no_training(_: dict) -> None:
        raise AssertionError("trained again")

    again = fit(folder, log=no_training)
    assert again.from_cache and again.digest == trained.digest and again.accuracy == trained.accuracy
    for a, b in zip(trained(TEST.images), again(TEST.images), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [path.suffix for path in folder.iterdir()] == [".npz"]


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 2},
        {"batch_size": 15},
        {"width": 5},
        {"seed": 4},
        {"sizes": [16]},
        {"flip": True},
        {"label_smoothing": 0.1},
        {"train": stripes(count=200, seed=9, split="train")},
        {"train": dataclasses.replace(TRAIN, labels=np.roll(np.asarray(TRAIN.labels), 1))},
        {"test": stripes(count=80, seed=9, split="test")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_result_has_a_file_of_its_own(
    trained: classifier.Classifier, folder: pathlib.Path, tmp_path: pathlib.Path, change: dict, monkeypatch
) -> None:
    class Started(Exception):
        pass

    def started(*_, **__):
        raise Started

    monkeypatch.setattr(classifier_training, "train_network", started)
    assert fit(folder).from_cache
    with pytest.raises(Started):
        fit(folder, **change)


def test_sizes_are_a_set_and_hold_the_full_one(trained: classifier.Classifier, folder: pathlib.Path) -> None:
    assert fit(folder, sizes=(8,)).from_cache and fit(folder, sizes=[16, 8, 8]).from_cache


def damage(path: pathlib.Path, how: str) -> None:
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("weights")
    else:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if how == "other weights":
            arrays["logits/bias"] = arrays["logits/bias"] + 1
        elif how == "other shapes":
            arrays["logits/bias"] = np.zeros(7, np.float32)
        else:
            del arrays["about"]
        np.savez(path, **arrays)


@pytest.mark.parametrize("how", ["truncated", "empty", "text", "other weights", "other shapes", "no description"])
def test_a_damaged_cache_is_reported_and_made_anew(
    how: str, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, monkeypatch
) -> None:
    # The drawn weights serve as trained ones: what is at stake is the file.
    monkeypatch.setattr(classifier_training, "train_network", lambda *_, **__: None)
    first = fit(tmp_path, steps=2)
    (path,) = tmp_path.iterdir()
    damage(path, how)
    with caplog.at_level("WARNING", logger="absl"):
        again = fit(tmp_path, steps=2)
    assert str(path) in caplog.text and "training it again" in caplog.text
    assert not again.from_cache and again.digest == first.digest
    assert fit(tmp_path, steps=2).from_cache


def test_progress_is_told(tmp_path: pathlib.Path) -> None:
    told: list[dict] = []
    fit(tmp_path, steps=classifier_training.LOG_EVERY + 1, log=told.append)
    assert [entry["step"] for entry in told] == [classifier_training.LOG_EVERY, classifier_training.LOG_EVERY + 1]
    assert all(entry["steps"] == classifier_training.LOG_EVERY + 1 for entry in told)
    assert all(np.isfinite(entry["loss"]) and entry["rate"] > 0 for entry in told)


def test_what_cannot_be_trained_on_is_refused_and_nothing_written(tmp_path: pathlib.Path) -> None:
    cache = tmp_path / "cache"
    unlabelled = dataclasses.replace(TRAIN, labels=None, num_classes=0)
    one_class = dataclasses.replace(TRAIN, labels=np.zeros_like(TRAIN.labels), num_classes=1)
    for changes, message in (
        ({"train": unlabelled}, r"labels, and stripes \(train\) has none.*one subfolder per class"),
        ({"test": dataclasses.replace(TEST, labels=None, num_classes=0)}, r"stripes \(test\) has none"),
        ({"train": one_class}, "at least 2 classes, and stripes has 1"),
        ({"test": stripes(count=4, seed=0, split="test", channels=3)}, "one shape"),
        ({"sizes": [32]}, r"in 1\.\.16, the images' side, got \[32\]"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"batch_size": 1}, "batch_size must be at least 2, got 1"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
    ):
        with pytest.raises(UserError, match=message):
            fit(cache, **changes)
    assert not cache.exists()


def test_images_that_it_cannot_look_at_are_refused(trained: classifier.Classifier) -> None:
    with pytest.raises(UserError, match=r"up to 16 x 16 x 1, got shape \(2, 32, 32, 1\)"):
        trained(tf.zeros([2, 32, 32, 1]))
    with pytest.raises(UserError, match=r"got shape \(2, 16, 16, 3\)"):
        trained(tf.zeros([2, 16, 16, 3]))
    with pytest.raises(UserError, match=r"got shape \(16, 16, 1\)"):
        trained(tf.zeros([16, 16, 1]))
    with pytest.raises(UserError, match="uint8, or float32 .*, got int32"):
        trained(tf.zeros([2, 16, 16, 1], tf.int32))


def test_a_loss_that_is_no_number_stops_with_its_step(tmp_path: pathlib.Path, monkeypatch) -> None:
    monkeypatch.setitem(classifier_training.CONSTANTS, "peak_learning_rate", float("nan"))
    with pytest.raises(FloatingPointError, match="loss is nan at step 2 of 4"):
        fit(tmp_path, steps=4)
    assert not list(tmp_path.iterdir())


def test_one_cycle_rises_then_falls_to_zero() -> None:
    schedule = classifier_training.OneCycle(steps=10, peak=1.0, warmup=0.2)
    # Middles of the steps: 0.05, 0.15 of the way up to 0.2; then (1 - 0.25) / 0.8 and so on, down to 0.05 / 0.8.
    rates = [float(schedule(tf.constant(step))) for step in range(10)]
    np.testing.assert_allclose(rates[:3], [0.25, 0.75, 0.9375], rtol=1e-6)
    assert rates[-1] == pytest.approx(0.0625) and rates[2:] == sorted(rates[2:], reverse=True)


def test_half_a_batch_is_full_size_and_the_rest_is_shared() -> None:
    assert classifier_training.group_ends(batch_size=64, num_groups=1) == [64]
    assert classifier_training.group_ends(batch_size=64, num_groups=2) == [32, 64]
    assert classifier_training.group_ends(batch_size=64, num_groups=3) == [32, 48, 64]
    assert classifier_training.group_ends(batch_size=5, num_groups=3) == [3, 4, 5]


def test_augmented_images_are_shifts_with_reflected_borders() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    padded = np.pad(image[0, :, :, 0], 1, mode="reflect")
    crops = {padded[i : i + 4, j : j + 4].tobytes() for i in range(3) for j in range(3)}
    rng = np.random.default_rng(0)
    found = classifier_training.augmented(image, np.zeros(200, int), padding=1, flip=False, rng=rng)
    assert {x.tobytes() for x in found} == crops
    mirrored = {np.frombuffer(crop, np.uint8).reshape(4, 4)[:, ::-1].tobytes() for crop in crops}
    found = classifier_training.augmented(image, np.zeros(400, int), padding=1, flip=True, rng=rng)
    assert {x.tobytes() for x in found} == crops | mirrored


def test_a_fresh_network_is_deterministic_in_its_seed_alone() -> None:
    def weights(seed: int) -> dict[str, np.ndarray]:
        network = classifier_network.build_network(resolution=8, channels=3, num_classes=4, width=2)
        classifier_network.initialise(network, seed=seed)
        return classifier_network.weight_arrays(network)

    one, same, other = weights(0), weights(0), weights(1)
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["stem_conv/kernel"], other["stem_conv/kernel"])
    assert one["logits/kernel"].shape == (8, 4)  # 4 * width features


@pytest.mark.slow
def test_it_learns_real_digits() -> None:
    train, test = sources.labelled_splits(dataset="mnist5k", data_dir="", resolution=32)
    with tempfile.TemporaryDirectory() as folder:
        network = classifier.load_or_train(
            train=train, test=test, sizes=[8, 16, 32], steps=800, batch_size=64, width=16, seed=0,
            cache_dir=pathlib.Path(folder),
        )  # fmt: skip
    assert network.accuracy[32] >= 0.97 and network.accuracy[16] >= 0.95 and network.accuracy[8] >= 0.90
    # Real digits must score near their 10 classes at full size, or a search's reward has no room to grow.
    scores = {
        size: inception_score(np.asarray(network(pipeline.reduce(test.images, size))[1]), splits=1)[0]
        for size in (8, 32)
    }
    assert scores[32] >= 9.0 and 5.0 <= scores[8] < scores[32]


@pytest.mark.parametrize("how", ["below a file", "unreadable"])
def test_a_cache_that_cannot_be_used_costs_a_warning_only(
    how: str, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, monkeypatch
) -> None:
    # The drawn weights serve as trained ones: what is at stake is the file.
    monkeypatch.setattr(classifier_training, "train_network", lambda *_, **__: None)
    (tmp_path / "file").touch()
    # a name longer than file systems allow fails for root, too
    cache = tmp_path / "file" / "cache" if how == "below a file" else tmp_path / ("x" * 300)
    with caplog.at_level("WARNING", logger="absl"):
        made = fit(cache, steps=2)
    (record,) = caplog.records
    assert "classifier is not kept in the cache" in record.getMessage()
    assert made.digest == fit(tmp_path / "good", steps=2).digest and not made.from_cache


def test_a_file_of_half_precision_holds_a_rounded_one_exactly(trained: classifier.Classifier, tmp_path) -> None:
    copy = classifier.rounded(trained)
    path = tmp_path / "judge.npz"
    classifier.write(path, copy)
    found = classifier.read(path)
    assert (found.digest, found.resolution, found.channels) == (copy.digest, trained.resolution, trained.channels)
    assert found.accuracy == trained.accuracy
    images = np.random.default_rng(0).integers(0, 256, (3, *[trained.resolution] * 2, 1)).astype(np.uint8)
    for ours, theirs in zip(found(images), copy(images), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(UserError, match=r"missing\.npz cannot be read"):
        classifier.read(tmp_path / "missing.npz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"judge\.npz cannot be read"):
        classifier.read(path)
