"""The signatures of an exported generator, loaded back from the disk."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import pipeline, seeds
from autogan_tf.models import initializers
from autogan_tf.models.generator import Generator
from autogan_tf.search_space import published
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.serving import signatures
from autogan_tf.training import sampling

LABELS = tf.constant([2, 0, 1, 1, 0, 2])


def decoded(png_bytes: np.ndarray) -> np.ndarray:
    return np.stack([tf.io.decode_png(one).numpy() for one in png_bytes])


@pytest.mark.parametrize("number", [1, 6])
def test_images_are_the_generators(signed, plain, conditional, latents, number):
    z = tf.constant(latents[:number])
    images = signed("serving_default", z=z)["images"]
    assert images.shape == (number, 8, 8, 1) and images.dtype == np.float32
    np.testing.assert_allclose(images, plain(z, training=False), atol=1e-6)
    of_classes = signed("serving_default", z=z, label=LABELS[:number])["images"]
    np.testing.assert_allclose(of_classes, conditional(z, LABELS[:number], training=False), atol=1e-6)
    assert np.abs(of_classes).max() > 0.1


def test_png_files_hold_these_images_rounded_to_eight_bits(signed, latents):
    z = tf.constant(latents)
    expected = pipeline.to_uint8(tf.constant(signed("serving_default", z=z)["images"])).numpy()
    files = signed("png", z=z)["png_bytes"]
    assert files.shape == (6,)
    np.testing.assert_array_equal(decoded(files), expected)
    np.testing.assert_array_equal(
        decoded(signed("png", z=z, label=LABELS)["png_bytes"]),
        pipeline.to_uint8(tf.constant(signed("serving_default", z=z, label=LABELS)["images"])),
    )


def test_a_seed_gives_the_picture_of_the_sample_command_alone_and_in_any_batch(signed, plain):
    seeds = np.array([7, 0, 2**40, 7], np.int64)
    answer = signed("sample", seed=tf.constant(seeds))
    assert answer["png_bytes"][0] == answer["png_bytes"][3] != answer["png_bytes"][1]
    for row, seed in enumerate(seeds):
        alone = signed("sample", seed=tf.constant([seed], tf.int64))
        assert alone["png_bytes"][0] == answer["png_bytes"][row]
        np.testing.assert_array_equal(alone["z"][0], answer["z"][row])
    graph = sampling.quantized(plain, latent_dim=5)
    expected = np.concatenate(list(sampling.of_seeds(graph, seeds, latent_dim=5)))
    np.testing.assert_array_equal(decoded(answer["png_bytes"]), expected)
    assert signed("png", z=tf.constant(answer["z"]))["png_bytes"].tolist() == answer["png_bytes"].tolist()


@pytest.mark.parametrize("name", ["autogan_cifar10_a", "0 2 2 1  1 1 2 0 1  0 2 0 1 3"])
def test_an_image_does_not_depend_on_the_size_of_its_batch(name):
    """To the last digit: else a level of 8 bits changes here and there."""
    genotype = published.load(name) if "_" in name else Genotype.from_tokens([int(word) for word in name.split()])
    generator = Generator(genotype, gf_dim=32)
    initializers.initialize(generator.named_layers(), seed=seeds.stateless_seed(0, "weights"))
    draw = signatures.drawing(generator)
    z = tf.random.stateless_normal([66, 128], [1, 2])
    images = draw(z).numpy()
    assert images.std() > 0.3
    for size in (1, 2, 3, 7, 16, 32, 33):
        parts = [draw(z[start : start + size]).numpy() for start in range(0, 66, size)]
        np.testing.assert_array_equal(np.concatenate(parts), images)


def test_classes_of_a_seed(signed):
    seeds = tf.zeros([3], tf.int64)
    files = signed("sample", seed=seeds, label=tf.range(3))["png_bytes"]
    assert len(set(files.tolist())) == 3


def test_an_interpolation_goes_from_one_latent_to_the_other(signed, latents):
    start, end = tf.constant(latents[:2]), tf.constant(latents[2:4])
    rows = signed("interpolate", z_start=start, z_end=end, steps=tf.constant([3, 5]))["png_bytes"]
    assert rows.shape == (2, 5) and rows[0, 3:].tolist() == [b"", b""]
    assert rows[:, 0].tolist() == signed("png", z=start)["png_bytes"].tolist()
    assert [rows[0, 2], rows[1, 4]] == signed("png", z=end)["png_bytes"].tolist()
    assert len(set(rows[1].tolist())) == 5
    middle = signatures.between(start, end, tf.constant([[0.5], [0.5]]))[0]
    assert rows[0, 1] == signed("png", z=middle)["png_bytes"][0]


def test_an_interpolation_keeps_its_class(signed, latents):
    z = tf.constant(latents[:2])
    rows = signed("interpolate", z_start=z, z_end=z, steps=tf.constant([2, 3]), label=LABELS[:2])["png_bytes"]
    expected = signed("png", z=z, label=LABELS[:2])["png_bytes"]
    assert rows[0, :2].tolist() == [expected[0]] * 2 and rows[1].tolist() == [expected[1]] * 3


def test_the_way_between_latents_by_hand():
    start = tf.constant([[3.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    end = tf.constant([[0.0, 1.0], [-1.0, 0.0], [2.0, 2.0], [0.0, 4.0]])
    way = signatures.between(start, end, tf.constant([[0.0, 0.5, 1.0]] * 4)).numpy()
    # lengths 3 and 1, a right angle: half way lies the diagonal with length 2
    np.testing.assert_allclose(way[0], [[3, 0], [2**0.5, 2**0.5], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(way[1], [[1, 0], [0, 0], [-1, 0]], atol=1e-6)  # opposite: straight on
    np.testing.assert_allclose(way[2], [[1, 1], [1.5, 1.5], [2, 2]], atol=1e-6)
    np.testing.assert_allclose(way[3], [[0, 0], [0, 2], [0, 4]], atol=1e-6)


EMPTY = "the batch is empty; give at least one row"
Z, NO_Z = tf.zeros([2, 5]), tf.zeros([0, 5])


@pytest.mark.parametrize(
    ("signature", "inputs", "said"),
    [
        ("serving_default", {"z": NO_Z}, EMPTY),
        ("png", {"z": NO_Z}, EMPTY),
        ("sample", {"seed": tf.zeros([0], tf.int64)}, EMPTY),
        ("interpolate", {"z_start": NO_Z, "z_end": NO_Z, "steps": tf.zeros([0], tf.int32)}, EMPTY),
        ("interpolate", {"z_start": Z, "z_end": Z[:1], "steps": tf.constant([2, 2])}, "equally many rows"),
        ("interpolate", {"z_start": Z, "z_end": Z, "steps": tf.constant([2, 1])}, "steps must be at least 2"),
        ("interpolate", {"z_start": Z, "z_end": Z, "steps": tf.constant([2, 257])}, "steps must be at most 256"),
        (
            "interpolate",
            {"z_start": tf.zeros([17, 5]), "z_end": tf.zeros([17, 5]), "steps": tf.fill([17], 256)},
            "at most 4096 together",
        ),
        ("serving_default", {"z": Z, "label": tf.constant([0])}, "equally many rows"),
        ("png", {"z": Z, "label": tf.constant([0, 3])}, "label must be from 0 to 2"),
        ("sample", {"seed": tf.zeros([1], tf.int64), "label": tf.constant([-1])}, "label must be from 0 to 2"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_graph(signed, signature, inputs, said):
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"\[[^]]*{said}\]"):  # TensorFlow adds nothing to it
        signed(signature, **inputs)


def test_no_python_is_needed(plain_version, signed, latents):
    """A plain session of TensorFlow 1, by the names of the SignatureDef."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], str(plain_version))
        definitions = graph.signature_def

        def run(name: str, output: str, **inputs):
            of = definitions[name]
            return session.run(of.outputs[output].name, {of.inputs[key].name: value for key, value in inputs.items()})

        images = run("serving_default", "images", z=latents)
        files = run("sample", "png_bytes", seed=np.array([3, 4], np.int64))
        shapes = {key: [dim.size for dim in value.tensor_shape.dim] for key, value in
                  definitions["serving_default"].inputs.items()}  # fmt: skip
    assert set(definitions) >= {"serving_default", "png", "sample", "interpolate"}
    assert shapes == {"z": [-1, 5]}
    np.testing.assert_allclose(images, signed("serving_default", z=tf.constant(latents))["images"], atol=1e-6)
    assert files.tolist() == signed("sample", seed=tf.constant([3, 4], tf.int64))["png_bytes"].tolist()
