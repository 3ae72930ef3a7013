"""Half precision and TensorFlow Lite: the same images, in fewer bytes."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.serving import signatures, small_forms
from tests.serving.exported import small_generator, write

LABELS = tf.constant([2, 0, 1, 1, 0, 2])


@pytest.fixture(scope="module")
def wide():
    return small_generator(gf_dim=32)


def size_of(version) -> int:
    return sum(path.stat().st_size for path in version.rglob("*") if path.is_file())


def test_half_precision_takes_about_half_the_bytes_and_gives_the_same_images(wide, latents, tmp_path):
    exact = signatures.drawing(wide)
    half = small_forms.with_half_weights(exact)
    versions = [write(tmp_path / "exact", wide), write(tmp_path / "half", wide, draw=half)]
    kernels = sum(4 * int(tf.size(variable)) for variable in wide.variables)
    assert size_of(versions[1]) < size_of(versions[0]) - 0.4 * kernels
    expected = exact(tf.constant(latents)).numpy()
    for signature, output in (("serving_default", "images"), ("sample", "png_bytes")):
        models = [tf.saved_model.load(str(version)) for version in versions]
        given = {"z": tf.constant(latents)} if output == "images" else {"seed": tf.range(3, dtype=tf.int64)}
        answers = [model.signatures[signature](**given)[output].numpy() for model in models]
        if output == "images":
            np.testing.assert_allclose(answers[0], expected, atol=1e-6)
            np.testing.assert_allclose(answers[1], expected, atol=0.02)
            assert (answers[1] != answers[0]).any()
        else:
            assert answers[1].shape == answers[0].shape


def test_half_precision_rounds_each_kernel_once(wide, latents):
    rounded = small_generator(gf_dim=32)
    for variable in rounded.variables:
        if tf.size(variable) >= 1024 and variable.shape.rank > 1:
            variable.assign(tf.cast(tf.cast(variable, tf.float16), tf.float32))
    half = small_forms.with_half_weights(signatures.drawing(wide))
    np.testing.assert_allclose(half(tf.constant(latents)), rounded(latents, training=False), atol=1e-5)


def test_half_precision_leaves_vectors_whole(latents):
    """A moving variance may be beyond what float16 holds; here it is a bias of 1,024 numbers, in equal parts of which
    nothing but the norm behind it is seen."""
    wide = small_generator(gf_dim=64)
    wide.l1.bias.assign_add(tf.fill(wide.l1.bias.shape, 1e5))
    assert tf.size(wide.l1.bias) >= 1024
    half = small_forms.with_half_weights(signatures.drawing(wide))
    assert np.isfinite(half(tf.constant(latents))).all()


def test_half_precision_of_a_conditional_generator(conditional, latents):
    half = small_forms.with_half_weights(signatures.drawing(conditional))
    expected = conditional(latents, LABELS, training=False)
    np.testing.assert_allclose(half(tf.constant(latents), LABELS), expected, atol=0.02)


def test_weights_beyond_half_precision_are_refused():
    generator = small_generator(gf_dim=32)
    kernel = next(variable for variable in generator.trainable_variables if tf.size(variable) >= 1024)
    kernel[..., 0].assign(tf.fill(kernel[..., 0].shape, 70_000.0))
    number = int(tf.size(kernel[..., 0]))
    said = rf"largest here: 7e\+04.*l1.*{number} of .* are infinite.*leave --float16 out"
    with pytest.raises(UserError, match=said):
        small_forms.with_half_weights(signatures.drawing(generator))
    with pytest.raises(UserError, match=said):
        small_forms.tensorflow_lite(generator, half=True)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("kind", ["plain", "conditional"])
def test_tensorflow_lite_gives_the_same_images(request, latents, kind, half, tmp_path, monkeypatch):
    (tmp_path / "x [1] y").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "x [1] y"))  # which TensorFlow reads as a pattern
    generator = request.getfixturevalue(kind)
    content, difference = small_forms.tensorflow_lite(generator, half=half)
    assert difference <= (8 if half else 1) * 2 / 255
    for number in (1, 6):
        given = {"z": tf.constant(latents[:number])}
        given |= {"label": LABELS[:number]} if kind == "conditional" else {}
        images = small_forms.run_lite(content, **given)
        np.testing.assert_allclose(images, generator(*given.values(), training=False), atol=0.02 if half else 1e-4)


def test_tensorflow_lite_in_half_precision_is_smaller(wide):
    exact, half = (small_forms.tensorflow_lite(wide, half=half)[0] for half in (False, True))
    assert len(half) < 0.65 * len(exact)


def test_a_conversion_that_changes_images_is_refused(plain, monkeypatch):
    run_lite = small_forms.run_lite
    monkeypatch.setattr(small_forms, "run_lite", lambda content, **values: run_lite(content, **values) + 0.05)
    with pytest.raises(UserError, match="differ by up to 0.05"):
        small_forms.tensorflow_lite(plain, half=False)
    monkeypatch.setattr(small_forms, "run_lite", lambda content, **values: run_lite(content, **values) * np.nan)
    with pytest.raises(UserError, match="differ by up to nan"):
        small_forms.tensorflow_lite(plain, half=True)
