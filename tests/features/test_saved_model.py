"""Feature networks from SavedModel folders: any of the documented form, and those of TF-GAN's form."""

from __future__ import annotations

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.features import inception_network, saved_model, tfgan, tfgan_inception

IMAGES = np.random.default_rng(0).integers(0, 256, size=(3, 8, 8, 3), dtype=np.uint8)


def export(
    folder: pathlib.Path,
    shape: list[int | None],
    dtype: tf.DType = tf.float32,
    *,
    names: tuple[str, ...] = ("features", "logits"),
    signature: str = "serving_default",
    offset: float = 0.0,
) -> pathlib.Path:
    """A model whose features are the channels' means over space and whose logits are their sum; plus `offset`."""

    class Model(tf.Module):
        def __init__(self) -> None:
            self.offset = tf.Variable(offset)

        @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="pictures")])
        def call(self, pictures: tf.Tensor) -> dict[str, tf.Tensor]:
            means = tf.reduce_mean(tf.cast(pictures, tf.float32), [1, 2]) + self.offset
            return dict(zip(names, (means, tf.reduce_sum(means, axis=1, keepdims=True)), strict=False))

    model = Model()
    tf.saved_model.save(model, str(folder), signatures={signature: model.call})
    return folder


def test_floats_go_in_as_they_are_and_bytes_become_floats(tmp_path: pathlib.Path) -> None:
    network = saved_model.load(export(tmp_path / "means", [None, None, None, 3], offset=2.0))
    assert (network.name, network.num_features, network.num_logits) == ("saved_model:means", 3, 1)
    floats = (IMAGES.astype(np.float64) / 127.5 - 1).astype(np.float32)
    expected = floats.mean(axis=(1, 2)) + 2
    for images in (IMAGES, floats, tf.constant(IMAGES)):
        features, logits = network(images)
        np.testing.assert_allclose(features, expected, rtol=1e-5)
        np.testing.assert_allclose(logits, expected.sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(tf.function(network)(IMAGES)[0], expected, rtol=1e-5)


def test_a_network_of_bytes_gets_bytes(tmp_path: pathlib.Path) -> None:
    network = saved_model.load(export(tmp_path / "bytes", [None, 8, 8, 3], tf.uint8))
    floats = (IMAGES.astype(np.float64) / 127.5 - 1).astype(np.float32)
    for images in (IMAGES, floats):
        np.testing.assert_allclose(network(images)[0], IMAGES.mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("dtype", [tf.float32, tf.uint8])
def test_images_are_resized_to_a_fixed_resolution(tmp_path: pathlib.Path, dtype: tf.DType) -> None:
    network = saved_model.load(export(tmp_path / "fixed", [None, 2, 1, 1], dtype))
    # With half-pixel centres, halving a pixel row reads midway between neighbours: (0 + 100) / 2 and (100 + 240) / 2,
    # whose mean is 110; aligned corners would read 0 and 240 (mean 120), and TensorFlow 1's rule 0 and 100 (mean 50).
    image = np.array([0, 100, 100, 240], np.uint8).reshape(1, 4, 1, 1)
    level = float(network(image)[0][0, 0])
    np.testing.assert_allclose(level if dtype == tf.uint8 else (level + 1) * 127.5, 110.0, atol=0.01)


def test_an_only_signature_may_have_any_name(tmp_path: pathlib.Path) -> None:
    assert saved_model.load(export(tmp_path / "m", [None, 8, 8, 3], signature="look"))(IMAGES)[0].shape == (3, 3)


def test_other_images_are_refused(tmp_path: pathlib.Path) -> None:
    network = saved_model.load(export(tmp_path / "colour", [None, 8, 8, 3]))
    with pytest.raises(UserError, match=r"saved_model:colour takes NHWC images of depth 3, got shape \(3, 8, 8, 1\)"):
        network(IMAGES[..., :1])
    with pytest.raises(UserError, match=r"\(8, 8, 3\)"):
        network(IMAGES[0])
    with pytest.raises(UserError, match="float64"):
        network(IMAGES.astype(np.float64))


def test_the_digest_is_of_the_content_not_of_the_place(tmp_path: pathlib.Path) -> None:
    one = export(tmp_path / "one", [None, 8, 8, 3])
    other = export(tmp_path / "other", [None, 8, 8, 3], offset=1.0)
    copy = shutil.copytree(one, tmp_path / "copy")
    assert saved_model.load(one).digest == saved_model.load(copy).digest != saved_model.load(other).digest


@pytest.mark.parametrize("name", ["x [1] y", "a\\b", "f\udcfclder"])
def test_a_folder_of_any_name_also_where_the_network_reads_a_file_of_its_own(tmp_path: pathlib.Path, name: str) -> None:
    class Model(tf.Module):
        def __init__(self) -> None:
            (tmp_path / "offset.txt").write_text("2.5")
            self.file, self.scale = tf.saved_model.Asset(str(tmp_path / "offset.txt")), tf.Variable(3.0)

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], name="pictures")])
        def call(self, pictures: tf.Tensor) -> dict[str, tf.Tensor]:
            offset = tf.strings.to_number(tf.io.read_file(self.file.asset_path))
            means = self.scale * tf.reduce_mean(pictures, [1, 2]) + offset
            return {"features": means, "logits": means}

    model = Model()
    tf.saved_model.save(model, str(tmp_path / "plain"), signatures={"serving_default": model.call})
    (tmp_path / "offset.txt").unlink()
    network = saved_model.load((tmp_path / "plain").rename(tmp_path / name))
    assert network.name == f"saved_model:{shown(name)}"
    np.testing.assert_allclose(network(np.full([2, 4, 4, 3], 0.5, np.float32))[0], np.full([2, 3], 4.0), rtol=1e-6)


def test_what_is_no_such_model_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        saved_model.load(tmp_path / "absent")
    with pytest.raises(UserError, match="no saved_model.pb"):
        saved_model.load(tmp_path)
    damaged = export(tmp_path / "damaged", [None, 8, 8, 3])
    (damaged / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="damaged cannot be loaded"):
        saved_model.load(damaged)
    with pytest.raises(UserError, match="no output named 'features'; it has embedding, logits"):
        saved_model.load(export(tmp_path / "names", [None, 8, 8, 3], names=("embedding", "logits")))
    with pytest.raises(UserError, match="'pictures' .* must be .N, H, W, C."):
        saved_model.load(export(tmp_path / "one_image", [1, 8, 8, 3]))
    with pytest.raises(UserError, match="uint8 or float32"):
        saved_model.load(export(tmp_path / "doubles", [None, 8, 8, 3], tf.float64))


def test_several_signatures_without_the_default_one_are_listed(tmp_path: pathlib.Path) -> None:
    model = tf.Module()
    model.f = tf.function(lambda x: {"features": x[:, 0, 0], "logits": x[:, 0, 0]})
    concrete = model.f.get_concrete_function(tf.TensorSpec([None, 8, 8, 3], tf.float32))
    tf.saved_model.save(model, str(tmp_path / "m"), signatures={"a": concrete, "b": concrete})
    with pytest.raises(UserError, match="'serving_default', or a single one, is needed; it has a, b"):
        saved_model.load(tmp_path / "m")


class TfganForm(tf.Module):
    """In the form of TF-GAN's Inception: `pool_3` shows the pixel at the origin, `logits` the one at (10, 20)."""

    def __init__(self, outputs: tuple[str, str] = ("pool_3", "logits")) -> None:
        super().__init__()
        self._outputs = outputs
        self.scale = tf.Variable(10.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 299, 299, 3], tf.float32)])
    def __call__(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        pool = self.scale * images[:, :1, :1]  # [N, 1, 1, 3], as unflattened as the published one
        return dict(zip(self._outputs, (pool, images[:, 10, 20]), strict=True))


@pytest.fixture
def tfgan_folder(tmp_path: pathlib.Path) -> pathlib.Path:
    tf.saved_model.save(TfganForm(), str(tmp_path / "tfgan"))
    return tmp_path / "tfgan"


def test_a_module_of_tfgans_form_is_a_feature_network(tfgan_folder: pathlib.Path) -> None:
    network = tfgan_inception.load(str(tfgan_folder))
    assert (network.name, network.num_features, network.num_logits) == ("tfgan_inception", 3, 3)
    expected = inception_network.prepared(IMAGES).numpy()
    for features, logits in (network(IMAGES), tf.function(network)(IMAGES)):
        # At the origin nothing is interpolated, hence (x - 128) / 128 of the image's own pixel.
        np.testing.assert_allclose(features, 10 * (IMAGES[:, 0, 0].astype(np.float32) - 128) / 128, rtol=1e-6)
        np.testing.assert_allclose(logits, expected[:, 10, 20], rtol=1e-6)
        assert features.dtype == logits.dtype == tf.float32


def test_a_module_of_tfgans_form_is_loaded_once(tfgan_folder: pathlib.Path) -> None:
    network = tfgan_inception.load(str(tfgan_folder))
    before = network(IMAGES)[0].numpy()
    shutil.rmtree(tfgan_folder)
    for batch in (IMAGES, IMAGES[:1], np.repeat(IMAGES, 2, axis=0)):
        np.testing.assert_array_equal(network(batch)[0].numpy()[0], before[0])


def test_its_outputs_are_tfgans(tfgan_folder: pathlib.Path) -> None:
    theirs_eval = tfgan.module("eval")
    names = tuple(getattr(theirs_eval, f"INCEPTION_{name}") for name in ("FINAL_POOL", "OUTPUT", "TFHUB"))
    assert names == (tfgan_inception.FEATURES, tfgan_inception.LOGITS, tfgan_inception.PUBLISHED)
    classify = theirs_eval.classifier_fn_from_tfhub(str(tfgan_folder), None)
    theirs = theirs_eval.run_inception(inception_network.prepared(IMAGES), classifier_fn=classify)
    features, logits = tfgan_inception.load(str(tfgan_folder))(IMAGES)
    np.testing.assert_array_equal(features, theirs["pool_3"])
    np.testing.assert_array_equal(logits, theirs["logits"])


def test_a_handle_is_fetched_only_when_told_to(
    tfgan_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    import tensorflow_hub

    asked: list[str] = []

    def resolve(handle: str) -> str:
        asked.append(handle)
        return str(tfgan_folder)

    monkeypatch.setattr(tensorflow_hub, "resolve", resolve)
    with pytest.raises(UserError, match="--download"):
        tfgan_inception.load(tfgan_inception.PUBLISHED)
    with pytest.raises(UserError, match="there is no such folder"):
        tfgan_inception.load(str(tmp_path / "absent"), download=True)
    assert asked == []
    network = tfgan_inception.load(tfgan_inception.PUBLISHED, download=True)
    assert asked == [tfgan_inception.PUBLISHED]
    assert network.digest == tfgan_inception.load(str(tfgan_folder)).digest


def test_modules_of_another_form_are_refused(tmp_path: pathlib.Path) -> None:
    tf.saved_model.save(TfganForm(outputs=("pool", "logits")), str(tmp_path / "names"))
    with pytest.raises(UserError, match="'pool_3' and 'logits'; it gives logits, pool"):
        tfgan_inception.load(str(tmp_path / "names"))
    export(tmp_path / "signature_only", [None, 299, 299, 3])
    with pytest.raises(UserError, match="cannot be called"):
        tfgan_inception.load(str(tmp_path / "signature_only"))
    with pytest.raises(UserError, match="no saved_model.pb"):
        tfgan_inception.load(str(tmp_path))
