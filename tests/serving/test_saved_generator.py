"""A generator read back from a SavedModel."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.serving.saved_generator import SavedGenerator


def save(path, *, factor=1.0, size=2, inputs="z", output="images", latent_dim=3, signature=True) -> None:
    module = tf.Module()
    module.factor = tf.Variable(factor)

    def generate(**arguments):
        z = arguments[inputs]
        return {output: tf.tanh(module.factor * tf.reshape(tf.tile(z[:, :3], [1, size * size]), [-1, size, size, 3]))}

    graph = tf.function(generate).get_concrete_function(
        **{inputs: tf.TensorSpec([None, latent_dim], tf.float32, name=inputs)}
    )
    tf.saved_model.save(module, str(path), signatures=graph if signature else None)


def test_the_newest_version_is_taken(tmp_path):
    for version, factor in ((1, 1.0), (10, 3.0), (9, 2.0)):
        save(tmp_path / str(version), factor=factor)
    (tmp_path / "11.tmp").mkdir()
    generator = SavedGenerator(tmp_path)
    assert (generator.latent_dim, generator.resolution, generator.channels) == (3, 2, 3)
    assert generator.path == tmp_path / "10"
    z = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    expected = np.tanh(3 * np.tile(z, [1, 4]).reshape(5, 2, 2, 3))
    np.testing.assert_allclose(generator(tf.constant(z)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tf.function(SavedGenerator(tmp_path / "10"))(z), expected, rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no SavedModel"):
        SavedGenerator(tmp_path)
    save(tmp_path / "names", inputs="x", output="pictures")
    with pytest.raises(UserError, match="takes x and gives pictures"):
        SavedGenerator(tmp_path / "names")
    save(tmp_path / "open", latent_dim=None)
    with pytest.raises(UserError, match="with D, S and C known"):
        SavedGenerator(tmp_path / "open")
    save(tmp_path / "none", signature=False)
    with pytest.raises(UserError, match="no signature serving_default"):
        SavedGenerator(tmp_path / "none")
    save(tmp_path / "damaged")
    (tmp_path / "damaged" / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be loaded"):
        SavedGenerator(tmp_path / "damaged")


@pytest.mark.parametrize(
    ("shape", "latent_type", "image_type", "message"),
    [
        ([None, 12], tf.float64, tf.float32, r"takes z float64 \(None, 12\) and gives images float32"),
        ([None, 12], tf.int32, tf.float32, "takes z int32"),
        ([None, 12], tf.float32, tf.uint8, r"gives images uint8 \(None, 2, 2, 3\)"),
        ([None, 3, 4], tf.float32, tf.float32, r"takes z float32 \(None, 3, 4\)"),
        ([12], tf.float32, tf.float32, r"takes z float32 \(12,\)"),
    ],
)
def test_other_types_and_ranks_are_refused(tmp_path, shape, latent_type, image_type, message):
    @tf.function(input_signature=[tf.TensorSpec(shape, latent_type, name="z")])
    def generate(z):
        return {"images": tf.cast(tf.reshape(z, [-1, 2, 2, 3]), image_type)}

    module = tf.Module()
    module.generate = generate
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=generate)
    with pytest.raises(UserError, match=f"{message}.*needed is a signature serving_default"):
        SavedGenerator(tmp_path / "model")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    save(tmp_path / "model", factor=[1.0, np.nan, np.inf])
    with pytest.raises(UserError, match=r"model has .*\(3,\), variable 1 \(1 of 3 are NaN and 1 of 3 are infinite"):
        SavedGenerator(tmp_path / "model")

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="z")])
    def generate(z):
        bounds = tf.constant([-np.inf, np.inf, 1.0])  # infinity may be meant in a constant
        return {"images": tf.reshape(tf.minimum(z, bounds) * tf.constant(constants), [-1, 1, 1, 3])}

    for constants in ([0.5, 0.25, 1.0], [0.5, np.nan, 1.0]):
        module = tf.Module()
        module.generate = tf.function(generate.python_function, input_signature=generate.input_signature)
        path = tmp_path / str(constants[1])
        tf.saved_model.save(module, str(path), signatures=module.generate)
    assert SavedGenerator(tmp_path / "0.25").latent_dim == 3
    with pytest.raises(UserError, match=r"1 of 3 are NaN"):
        SavedGenerator(tmp_path / "nan")
