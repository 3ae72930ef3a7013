"""Augmentation beside a plain NumPy implementation, its gradients, and the ranges of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import augmentation, seeds
from autogan_tf.data.augmentation import AUGMENTATIONS, augment, draw_flips, draw_parameters, flip

ALL = ("color", "translation", "cutout")


def seed(step: int = 0) -> tf.Tensor:
    return seeds.stateless_seed(0, "augmentation", step)


def images(n: int = 16, height: int = 16, width: int = 16, channels: int = 3, number: int = 0) -> np.ndarray:
    return np.random.default_rng(number).uniform(-1, 1, (n, height, width, channels)).astype(np.float32)


def diff_augment(batch, draw: tf.Tensor, policy) -> tf.Tensor:
    """Drawn and applied, as a training step does it."""
    batch = tf.convert_to_tensor(batch)
    return augment(batch, draw_parameters(draw, tf.shape(batch)[0], batch.shape[1], batch.shape[2]), policy)


def random_flip(batch: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
    return flip(batch, draw_flips(draw, tf.shape(batch)[0]))


def in_numpy(batch: np.ndarray, drawn: dict[str, np.ndarray], policy: tuple[str, ...]) -> np.ndarray:
    """The paper's augmentations, pixel by pixel."""
    result = []
    for i, image in enumerate(batch.astype(np.float64)):
        p = {name: values[i] for name, values in drawn.items()}
        height, width, _ = image.shape
        for name in policy:
            if name == "color":
                image = image + p["brightness"]
                grey = image.mean(axis=2, keepdims=True)
                image = grey + p["saturation"] * (image - grey)
                image = image.mean() + p["contrast"] * (image - image.mean())
            moved = np.zeros_like(image) if name == "translation" else image.copy()
            for y in range(height):
                for x in range(width):
                    if name == "translation":
                        from_y, from_x = y - p["shift_y"], x - p["shift_x"]
                        if 0 <= from_y < height and 0 <= from_x < width:
                            moved[y, x] = image[from_y, from_x]
                    if name == "cutout":
                        top, left = p["center_y"] - height // 2 // 2, p["center_x"] - width // 2 // 2
                        if top <= y < top + height // 2 and left <= x < left + width // 2:
                            moved[y, x] = 0
            image = moved
        result.append(image)
    return np.stack(result)


def as_numpy(parameters: augmentation.Parameters) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in parameters._asdict().items()}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(16, 16), (8, 8), (12, 18), (7, 9)])
@pytest.mark.parametrize("policy", [("color",), ("translation",), ("cutout",), ALL, ("cutout", "translation")])
def test_against_numpy(policy, size, channels):
    batch = images(12, *size, channels)
    drawn = draw_parameters(seed(), 12, *size)
    result = diff_augment(batch, seed(), policy)
    assert result.dtype == tf.float32 and result.shape == batch.shape
    np.testing.assert_allclose(result, in_numpy(batch, as_numpy(drawn), policy), atol=2e-6)
    assert not np.allclose(result, batch)


def test_by_hand():
    image = np.arange(1, 17, dtype=np.float32).reshape(1, 4, 4, 1)
    one = {
        "brightness": [0.5],
        "saturation": [0.25],
        "contrast": [1.5],
        "shift_y": [1],
        "shift_x": [-1],
        "center_y": [0],
        "center_x": [3],
    }
    fields = {k: tf.constant(v, tf.int32 if "_" in k else tf.float32) for k, v in one.items()}
    drawn = augmentation.Parameters(**fields)
    # down by one, left by one
    np.testing.assert_array_equal(
        augment(image, drawn, ("translation",))[0, :, :, 0],
        [[0, 0, 0, 0], [2, 3, 4, 0], [6, 7, 8, 0], [10, 11, 12, 0]],
    )
    # a 2x2 window around the corner between rows -1 and 0 and columns 2 and 3
    np.testing.assert_array_equal(
        augment(image, drawn, ("cutout",))[0, :, :, 0], [[1, 2, 0, 0], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
    )
    # grey: the mean 8.5 moves to 9, distances from it grow by a half
    np.testing.assert_allclose(augment(image, drawn, ("color",)), (image - 8.5) * 1.5 + 9)
    # two pixels (1, 2, 3) and (5, 5, 5): brighter by 0.5, distances from the greys 2.5 and 5.5 quartered, from 4 x 1.5
    colored = augment(np.array([[[[1, 2, 3], [5, 5, 5]]]], np.float32), drawn, ("color",))
    np.testing.assert_allclose(colored[0, 0], [[4 - 1.75 * 1.5, 4 - 1.5 * 1.5, 4 - 1.25 * 1.5], [6.25] * 3])


@pytest.mark.parametrize("policy", [(name,) for name in AUGMENTATIONS] + [ALL])
def test_gradients_are_finite_differences(policy):
    """The function is affine, so a difference over a whole step is exact: <f(x + v) - f(x), u> = <v, gradient of u>."""
    x, v, u = (tf.constant(images(8, number=number)) for number in range(3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = diff_augment(x, seed(), policy)
    gradient = tape.gradient(y, x, output_gradients=u)
    change = diff_augment(x + v, seed(), policy) - y
    per_image = [1, 2, 3]
    np.testing.assert_allclose(
        tf.reduce_sum(change * u, per_image), tf.reduce_sum(gradient * v, per_image), rtol=1e-4, atol=1e-4
    )


def squared_gradient_norm_gradient(x: tf.Tensor, s: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As R1 would do it through augmented images."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = diff_augment(x, s, ALL)
            cubes = tf.reduce_sum(y**3)
        size = tf.reduce_sum(inner.gradient(cubes, x) ** 2)
    return y, outer.gradient(size, x)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_and_xla_agree_with_eager_mode_to_the_second_derivative(jit_compile):
    x = tf.constant(images())
    y, second = squared_gradient_norm_gradient(x, seed())
    other_y, other_second = tf.function(squared_gradient_norm_gradient, jit_compile=jit_compile)(x, seed())
    np.testing.assert_allclose(other_y, y, atol=2e-6)
    np.testing.assert_allclose(other_second, second, rtol=1e-4, atol=1e-4 * float(tf.reduce_max(tf.abs(second))))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_draws_do_not_depend_on_who_compiles(jit_compile):
    compiled = tf.function(
        lambda s: (draw_parameters(s, 50, 32, 32), augmentation.draw_flips(s, 50)), jit_compile=jit_compile
    )
    expected = draw_parameters(seed(), 50, 32, 32), augmentation.draw_flips(seed(), 50)
    tf.nest.map_structure(np.testing.assert_array_equal, compiled(seed()), expected)


def test_the_batch_size_may_be_unknown_while_tracing():
    traced = tf.function(lambda x: random_flip(diff_augment(x, seed(), ALL), seed(1))).get_concrete_function(
        tf.TensorSpec([None, 16, 16, 3])
    )
    expected = random_flip(diff_augment(images(), seed(), ALL), seed(1))
    np.testing.assert_allclose(traced(tf.constant(images())), expected, atol=2e-6)


def test_real_and_generated_images_are_treated_alike_and_each_image_by_itself():
    one = np.repeat(images(1), 16, axis=0)
    real, fake = diff_augment(one, seed(), ALL), diff_augment(one + 0, seed(), ALL)
    np.testing.assert_array_equal(real, fake)
    assert len({image.tobytes() for image in real.numpy()}) == 16
    assert not np.array_equal(real, diff_augment(one, seed(1), ALL))


def test_parameters_split_with_the_images():
    """Two replicas with half of the parameters each do what one does with all."""
    batch, drawn = images(), draw_parameters(seed(), 16, 16, 16)
    halves = [
        augment(batch[half], tf.nest.map_structure(lambda p, half=half: p[half], drawn), ALL)
        for half in (slice(0, 8), slice(8, 16))
    ]
    np.testing.assert_allclose(np.concatenate(halves), diff_augment(batch, seed(), ALL), atol=1e-6)


@pytest.mark.parametrize(("side", "shift", "last_center"), [(32, 4, 32), (48, 6, 48), (30, 3, 29), (6, 0, 5)])
def test_ranges_and_uniformity(side, shift, last_center):
    """Windows of 15 and 3 pixels have a middle pixel, those of 16 and 24 a middle between two."""
    drawn = as_numpy(draw_parameters(seed(), 20_000, side, side))
    for name, low, high in [("brightness", -0.5, 0.5), ("saturation", 0.0, 2.0), ("contrast", 0.5, 1.5)]:
        values = (drawn[name] - low) / (high - low)
        assert 0 <= values.min() < 1e-3 and 0.999 < values.max() < 1
        counts = np.histogram(values, bins=20, range=(0, 1))[0]
        assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)
    for name, low, high in [("shift", -shift, shift), ("center", 0, last_center)]:
        for axis in "yx":
            places, counts = np.unique(drawn[f"{name}_{axis}"], return_counts=True)
            np.testing.assert_array_equal(places, np.arange(low, high + 1))
            expected = 20_000 / len(places)
            assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)
    # the fields know nothing of each other
    varying = [values for values in drawn.values() if np.ptp(values) > 0]
    correlations = np.corrcoef(varying) - np.eye(len(varying))
    assert np.abs(correlations).max() < 5 / np.sqrt(20_000)


def test_the_largest_number_never_rounds_up_to_one_place_too_many():
    largest = np.float32(1 - 2.0**-24)
    counts = np.arange(1, 5000, dtype=np.float32)
    np.testing.assert_array_equal(np.floor(largest * counts), counts - 1)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_flips_mirror_about_half_of_the_images(dtype):
    batch = (images(2000, 2, 3, 1) * 100 + 100).astype(dtype)
    flipped = random_flip(tf.constant(batch), seed()).numpy()
    assert flipped.dtype == dtype
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, batch, strict=True)])
    kept = np.array([np.array_equal(a, b) for a, b in zip(flipped, batch, strict=True)])
    assert np.all(mirrored | kept)
    np.testing.assert_array_equal(mirrored & ~kept, augmentation.draw_flips(seed(), 2000) & ~kept)
    assert abs(augmentation.draw_flips(seed(), 2000).numpy().mean() - 0.5) < 5 * 0.5 / np.sqrt(2000)


def test_other_floating_images_are_computed_in_float32():
    batch = tf.cast(images(), tf.bfloat16)
    expected = diff_augment(tf.cast(batch, tf.float32), seed(), ALL)
    np.testing.assert_array_equal(diff_augment(batch, seed(), ALL), expected)


def test_no_policy_changes_nothing():
    np.testing.assert_array_equal(diff_augment(images(), seed(), ()), images())


def test_nan_is_not_hidden_by_cutting():
    batch = np.full([4, 16, 16, 3], np.nan, np.float32)
    assert np.all(np.isnan(diff_augment(batch, seed(), ("cutout", "color"))))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (("color", "cut"), "no augmentation 'cut'; choose among color, translation, cutout"),
        (("color", "color"), "may be named once, got color, color"),
    ],
)
def test_wrong_policies(policy, message):
    with pytest.raises(ValueError, match=message):
        diff_augment(images(), seed(), policy)


def test_levels_are_refused():
    with pytest.raises(ValueError, match=r"floating \[N, H, W, C\], got uint8"):
        diff_augment(np.zeros([2, 8, 8, 3], np.uint8), seed(), ALL)
