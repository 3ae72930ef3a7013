"""Sizes, scale and order of the training images."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from autogan_tf.data import image_store, pipeline


def _smooth_images(num_images: int, side: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, [num_images, side, side, channels]).astype(np.uint8)


def test_reduce_by_hand() -> None:
    """Halving with a triangle filter weighs pixels at distance 0.5 and 1.5 from the new centre by 0.75 and 0.25."""
    row = np.array([0, 0, 0, 0, 80, 80, 80, 80], np.uint8)
    image = np.tile(row, [8, 1])[np.newaxis, :, :, np.newaxis]
    # Second new pixel: (1 * 0 + 3 * 0 + 3 * 0 + 1 * 80) / 8 = 10; third: (1 * 0 + 3 * 80 + 3 * 80 + 1 * 80) / 8 = 70.
    np.testing.assert_array_equal(pipeline.reduce(image, 4)[0, 1, :, 0], [0, 10, 70, 80])
    # 86 / 8 is 10.75 and 7 * 86 / 8 is 75.25: the nearest levels, not those below.
    np.testing.assert_array_equal(pipeline.reduce(image // 80 * 86, 4)[0, 1, :, 0], [0, 11, 75, 86])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [4, 8, 16, 24])
def test_reduce_agrees_with_pillow(size: int, channels: int) -> None:
    images = _smooth_images(5, 32, channels)
    reduced = pipeline.reduce(images, size)
    assert reduced.dtype == np.uint8 and reduced.shape == (5, size, size, channels)
    for image, result in zip(images, reduced, strict=True):
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        expected = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)).reshape(result.shape)
        # Pillow rounds between its two passes, so one level of difference is its own error.
        assert np.abs(result.astype(int) - expected).max() <= 1


def test_reduce_does_not_alias() -> None:
    """A checkerboard of single pixels has no detail below its own size: reduced, it is flat grey."""
    board = (np.indices([32, 32]).sum(0) % 2 * 255).astype(np.uint8)[np.newaxis, :, :, np.newaxis]
    assert set(np.unique(pipeline.reduce(board, 8)[:, 1:-1, 1:-1])) <= {127, 128}


def test_reduce_to_the_same_size_is_the_identity() -> None:
    images = _smooth_images(2, 8, 3)
    assert pipeline.reduce(images, 8) is images


def test_reduce_in_blocks_equals_reduce_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = _smooth_images(10, 16, 3)
    at_once = pipeline.reduce(images, 8)
    monkeypatch.setattr(pipeline, "_RESIZE_BLOCK_BYTES", 3 * 4 * 16 * 16 * 3)
    np.testing.assert_array_equal(pipeline.reduce(images, 8), at_once)


@pytest.mark.parametrize("size", [0, -1, 9])
def test_reduce_refuses_sizes_out_of_range(size: int) -> None:
    with pytest.raises(ValueError, match=rf"1\.\.8.*got {size}"):
        pipeline.reduce(_smooth_images(1, 8, 1), size)


def test_reduce_refuses_what_is_not_square_uint8() -> None:
    for images in (np.zeros([2, 8, 8, 3], np.float32), np.zeros([2, 8, 9, 3], np.uint8), np.zeros([8, 8, 3], np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            pipeline.reduce(images, 4)


def test_resize_enlarges() -> None:
    assert pipeline.resize(np.full([2, 4, 4, 1], 9, np.uint8), 6).tolist() == np.full([2, 6, 6, 1], 9).tolist()


def test_float_scale_by_hand() -> None:
    scaled = pipeline.to_float(np.array([0, 51, 255], np.uint8))
    assert scaled.dtype == tf.float32
    np.testing.assert_allclose(scaled.numpy(), [-1.0, -0.6, 1.0], rtol=0, atol=1e-6)


def test_every_level_has_the_same_bits_in_every_mode() -> None:
    """Unless it does, a resumed or compiled run trains on other images."""
    levels = tf.constant(np.arange(256, dtype=np.uint8))
    eager = pipeline.to_float(levels).numpy()
    assert eager[0] == -1.0 and eager[255] == 1.0
    np.testing.assert_array_equal(tf.function(pipeline.to_float)(levels), eager)
    np.testing.assert_array_equal(tf.function(pipeline.to_float, jit_compile=True)(levels), eager)


def test_levels_survive_both_conversions() -> None:
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pipeline.to_uint8(pipeline.to_float(levels)), levels)


def test_to_uint8_clips_and_rounds() -> None:
    values = tf.constant([-3.0, -1.0, 0.49 / 127.5 - 1, 0.51 / 127.5 - 1, 1.0, 1.01, 300.0, np.inf, -np.inf, np.nan])
    assert pipeline.to_uint8(values).numpy().tolist() == [0, 0, 0, 1, 255, 255, 255, 255, 0, 0]


def test_truncated_levels_are_those_of_the_published_arithmetic() -> None:
    """It multiplies before it adds, which puts some levels on the other side of a whole number."""
    values = (np.arange(256) / 127.5 - 1).astype(np.float32)
    half = np.float32(127.5)
    published = np.floor(values * half + half)
    assert np.any(published != np.floor((values + np.float32(1)) * half))
    np.testing.assert_array_equal(pipeline.to_uint8(values, truncate=True), published)


def _epoch(num_images: int, epoch: int, *, seed: int = 0, purpose: str = "image_order") -> np.ndarray:
    return pipeline.batch_indices(
        seed=seed, first_position=epoch * num_images, batch_size=num_images, num_images=num_images, purpose=purpose
    ).numpy()


@pytest.mark.parametrize("num_images", [1, 2, 7, 64, 5_000, 50_000])
def test_each_epoch_is_a_permutation(num_images: int) -> None:
    for epoch in (0, 1, 2**33 // num_images):
        np.testing.assert_array_equal(np.sort(_epoch(num_images, epoch)), np.arange(num_images))


def test_epochs_seeds_and_purposes_have_orders_of_their_own() -> None:
    orders = [_epoch(50, epoch, seed=seed, purpose=p) for epoch in (0, 1) for seed in (0, 1) for p in ("a", "b")]
    assert len({tuple(order.tolist()) for order in orders}) == 8


@pytest.mark.parametrize(("num_images", "batch_size"), [(7, 3), (7, 20), (3, 1), (1, 5), (100, 64)])
def test_batches_are_cut_from_one_stream(num_images: int, batch_size: int) -> None:
    stream = np.concatenate([_epoch(num_images, epoch) for epoch in range(8 * batch_size // num_images + 1)])
    for step in range(8):
        batch = pipeline.batch_indices(
            seed=0, first_position=step * batch_size, batch_size=batch_size, num_images=num_images
        )
        assert batch.dtype == tf.int64
        np.testing.assert_array_equal(batch, stream[step * batch_size : (step + 1) * batch_size])


def test_every_position_is_taken_by_every_image_equally_often() -> None:
    """Chi-square of position against image over 2,000 epochs of 6 images: 25 degrees of freedom, 99.99 % below 60."""

    @tf.function
    def all_orders() -> tf.Tensor:
        order = lambda epoch: pipeline.batch_indices(  # noqa: E731
            seed=0, first_position=6 * epoch, batch_size=6, num_images=6
        )
        return tf.map_fn(order, tf.range(2000, dtype=tf.int64))

    orders = all_orders().numpy()
    counts = np.array([np.bincount(orders[:, position], minlength=6) for position in range(6)])
    expected = 2000 / 6
    assert ((counts - expected) ** 2 / expected).sum() < 60


@pytest.mark.parametrize("num_images", [5_000, 50_000, 65_536])
def test_neighbours_in_an_epoch_are_unrelated(num_images: int) -> None:
    """Lagged correlations are about normal with variance 1/N; TensorFlow's own 4 rounds miss this by 20 to 90 sigma."""
    order = _epoch(num_images, 0).astype(float)
    for lag in (1, 2, 3, 4, 8, 16, 64):
        assert abs(np.corrcoef(order[:-lag], order[lag:])[0, 1]) * np.sqrt(num_images) < 5, lag


def test_classes_of_a_sorted_set_mix_as_in_random_batches() -> None:
    """Of 781 batches of 64 from 10 sorted classes: the mean chi-square over 9 degrees is 9 * (N - 64) / (N - 1)."""
    classes = _epoch(50_000, 0)[: 781 * 64].reshape(781, 64) * 10 // 50_000
    counts = np.stack([(classes == label).sum(1) for label in range(10)], 1)
    mean = ((counts - 6.4) ** 2 / 6.4).sum(1).mean()
    # A chi-square's variance is 18; five standard errors of 781 of them.
    assert abs(mean - 9 * (50_000 - 64) / 49_999) < 5 * np.sqrt(18 / 781)


def test_no_images_and_no_batch_are_refused() -> None:
    for batch_size, num_images in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            pipeline.batch_indices(seed=0, first_position=0, batch_size=batch_size, num_images=num_images)


def test_stream_gives_the_same_batch_for_integers_tensors_and_graphs() -> None:
    images = _smooth_images(20, 4, 3)
    stream = pipeline.ImageStream(images=images, batch_size=8, seed=1)
    expected = stream.batch(5).numpy()
    assert expected.dtype == np.float32 and expected.shape == (8, 4, 4, 3)
    np.testing.assert_array_equal(stream.batch(tf.constant(5, tf.int64)), expected)
    traces = []

    @tf.function
    def graph_batch(step: tf.Tensor) -> tf.Tensor:
        traces.append(step)
        return stream.batch(step)

    np.testing.assert_array_equal(graph_batch(tf.constant(5, tf.int64)), expected)
    graph_batch(tf.constant(6, tf.int64))
    assert len(traces) == 1
    assert graph_batch.get_concrete_function(tf.constant(0, tf.int64)).output_shapes == [8, 4, 4, 3]


def test_stream_shows_each_image_once_an_epoch() -> None:
    images = np.broadcast_to(np.arange(12, dtype=np.uint8)[:, None, None, None], [12, 2, 2, 1])
    stream = pipeline.ImageStream(images=images, batch_size=4, seed=0)
    shown = np.concatenate([pipeline.to_uint8(stream.batch(step)).numpy()[:, 0, 0, 0] for step in range(6)])
    assert sorted(shown[:12].tolist()) == sorted(shown[12:].tolist()) == list(range(12))


def test_labels_stay_with_their_images() -> None:
    labels = np.arange(12, dtype=np.int32)
    images = np.broadcast_to(labels.astype(np.uint8)[:, None, None, None], [12, 2, 2, 1])
    stream = pipeline.ImageStream(images=images, labels=labels, batch_size=5, seed=0)
    for step in range(4):
        batch, batch_labels = stream.batch(step), stream.labels(step)
        np.testing.assert_array_equal(pipeline.to_uint8(batch).numpy()[:, 0, 0, 0], batch_labels)
        np.testing.assert_array_equal(batch, stream.batch(step))
        np.testing.assert_array_equal(stream.labels(step, lambda rows: rows[2:4]), batch_labels[2:4])


def test_drawn_labels_come_as_often_as_those_of_the_images_in_an_order_of_their_own() -> None:
    images, labels = _smooth_images(12, 2, 1), np.arange(12, dtype=np.int32)
    stream = pipeline.ImageStream(images=images, labels=labels, batch_size=6, seed=0)
    for epoch in range(2):
        drawn = np.concatenate([stream.drawn_labels(3 * epoch + part, 4) for part in range(3)])
        shown = np.concatenate([stream.labels(2 * epoch + part) for part in range(2)])
        assert sorted(drawn.tolist()) == labels.tolist() and drawn.tolist() != shown.tolist()


def test_streams_at_two_sizes_stay_in_step() -> None:
    images = _smooth_images(20, 8, 1)
    full = pipeline.ImageStream(images=images, batch_size=4, seed=3)
    small = pipeline.ImageStream(images=pipeline.reduce(images, 4), batch_size=4, seed=3)
    np.testing.assert_array_equal(
        pipeline.reduce(pipeline.to_uint8(full.batch(2)).numpy(), 4), pipeline.to_uint8(small.batch(2))
    )


def test_graph_does_not_hold_the_images() -> None:
    images = _smooth_images(500, 16, 3)
    stream = pipeline.ImageStream(images=images, batch_size=8, seed=0)
    graph = tf.function(stream.batch).get_concrete_function(tf.constant(0, tf.int64)).graph
    assert graph.as_graph_def().ByteSize() < images.nbytes / 5


def test_stream_refuses_labels_that_do_not_fit() -> None:
    images = _smooth_images(4, 4, 1)
    with pytest.raises(ValueError, match=r"\[4\].*got \[3\]"):
        pipeline.ImageStream(images=images, labels=np.zeros([3], np.int32), batch_size=2, seed=0)
    with pytest.raises(ValueError, match="no labels"):
        pipeline.ImageStream(images=images, batch_size=2, seed=0).labels(0)
    with pytest.raises(ValueError, match="uint8"):
        pipeline.ImageStream(images=images.astype(np.float32), batch_size=2, seed=0)
    with pytest.raises(ValueError, match=r"N >= 1.*got uint8 \[0, 4, 4, 1\]"):
        pipeline.ImageStream(images=images[:0], batch_size=2, seed=0)


def _both_streams(folder: Path, *, batch_size: int = 6, num_images: int = 20) -> list[pipeline.ImageStream]:
    """The same stream from memory and from the disk."""
    images = _smooth_images(num_images, 4, 3)
    mapped = image_store.ImageStore(folder=folder, memory_gb=1e-9).allocate(images.shape)
    mapped[:] = images
    labels = np.arange(num_images, dtype=np.int32)
    return [
        pipeline.ImageStream(images=array, labels=labels, batch_size=batch_size, seed=2) for array in (images, mapped)
    ]


@pytest.mark.parametrize("batch_size", [1, 6, 20, 33])
def test_a_stream_from_the_disk_gives_the_batches_of_one_from_memory(tmp_path: Path, batch_size: int) -> None:
    """Over two epochs in order, then at random steps."""
    in_memory, on_disk = _both_streams(tmp_path, batch_size=batch_size)
    steps = [*range(40 // batch_size + 1), *np.random.default_rng(0).integers(0, 2**40, 10).tolist(), 3, 3, 2, 0]
    for step in steps:
        batch = on_disk.batch(step)
        assert batch.dtype == tf.float32 and batch.shape == [batch_size, 4, 4, 3]
        np.testing.assert_array_equal(batch, in_memory.batch(step))
        np.testing.assert_array_equal(on_disk.labels(step), in_memory.labels(step))
        np.testing.assert_array_equal(on_disk.batch(step, lambda rows: rows[1:]), batch[1:])


def test_a_stream_from_the_disk_in_a_loop_of_a_graph(tmp_path: Path) -> None:
    in_memory, on_disk = _both_streams(tmp_path)

    def of(stream: pipeline.ImageStream):
        @tf.function(autograph=False)
        def batches(begin: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
            def one(step, seen):
                batch = stream.batch(step)
                assert batch.shape == [6, 4, 4, 3]  # known while tracing
                return step + 1, seen.write(seen.size(), batch)

            seen = tf.TensorArray(tf.float32, 0, dynamic_size=True)
            return tf.while_loop(lambda step, _: step < end, one, (begin, seen), parallel_iterations=1)[1].stack()

        return batches

    expected, found = of(in_memory), of(on_disk)
    for begin, end in ((0, 7), (7, 8), (3, 12), (1000, 1003)):
        bounds = tf.constant(begin, tf.int64), tf.constant(end, tf.int64)
        np.testing.assert_array_equal(found(*bounds), expected(*bounds))
        np.testing.assert_array_equal(found(*bounds)[-1], on_disk.batch(end - 1))


def test_a_graph_keeps_its_stream_alive(tmp_path: Path) -> None:
    in_memory, on_disk = _both_streams(tmp_path)
    graph_batch = tf.function(on_disk.batch, autograph=False).get_concrete_function(tf.TensorSpec([], tf.int64))
    del on_disk
    np.testing.assert_array_equal(graph_batch(tf.constant(4, tf.int64)), in_memory.batch(4))


def test_a_stream_from_the_disk_beside_a_compiled_function(tmp_path: Path) -> None:
    """As the training does with --jit_compile: the step is compiled, the images come from outside of it."""
    in_memory, on_disk = _both_streams(tmp_path)
    compiled = tf.function(lambda images: images * 2.0, jit_compile=True)
    step = tf.function(lambda number: compiled(on_disk.batch(number)))
    np.testing.assert_array_equal(step(tf.constant(5, tf.int64)), 2 * in_memory.batch(5))


def test_a_stream_from_the_disk_in_several_threads(tmp_path: Path) -> None:
    in_memory, on_disk = _both_streams(tmp_path)
    expected = [in_memory.batch(step).numpy() for step in range(40)]
    orders = [np.random.default_rng(number).permutation(40).tolist() for number in range(3)] + [list(range(40))]

    def look(steps: list[int]) -> bool:
        return all(np.array_equal(on_disk.batch(step), expected[step]) for step in steps)

    with concurrent.futures.ThreadPoolExecutor(len(orders)) as pool:
        assert all(pool.map(look, orders))


def test_the_next_batch_is_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, on_disk = _both_streams(tmp_path)
    asked = []
    read = on_disk._on_disk.read
    monkeypatch.setattr(on_disk._on_disk, "read", lambda *which: asked.append(which) or read(*which))
    for share in (pipeline.whole, lambda rows: rows[2:4]):
        asked.clear()
        on_disk.batch(8, share)
        on_disk.batch(9, share)
        np.testing.assert_array_equal(asked[0][1], asked[1][0])
