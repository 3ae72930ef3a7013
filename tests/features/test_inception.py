"""The FID Inception against recorded outputs of torch-fidelity's (tests/parity/inception.npz), and what it refuses."""

from __future__ import annotations

import json
import pathlib
import zipfile
import zlib

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.features import extraction, inception, inception_network

FIXTURE = pathlib.Path(__file__).parents[1] / "parity" / "inception.npz"
TOLERANCE = 1e-5  # of the largest entry
SETS = ("32", "48")


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    with np.load(FIXTURE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def weights(recorded: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The 24 million weights that the recording was made with: drawn from their names, as the recording did."""

    def draw(name: str, shape: list[int], seed: int) -> np.ndarray:
        rng = np.random.RandomState((zlib.crc32(name.encode()) ^ seed) & 0xFFFFFFFF)
        x = rng.randn(*shape).astype(np.float32)
        if name.endswith("running_var"):
            return (1 + 0.2 * rng.rand(*shape)).astype(np.float32)
        if name.endswith("bn.weight"):
            return 1 + np.float32(0.1) * x
        if name.endswith("conv.weight"):
            return x * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        if name == "fc.weight":
            return x / np.float32(np.sqrt(shape[1]))
        return np.float32(0.1) * x

    shapes = json.loads(str(recorded["shapes"]))
    return {name: draw(name, shape, int(recorded["seed"])) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def network(weights: dict[str, np.ndarray]) -> inception.Inception:
    return inception.load(weights)


def deviation(ours: tf.Tensor, recorded: np.ndarray) -> float:
    """Largest difference, relative to the largest entry."""
    assert ours.dtype == tf.float32 and ours.shape == recorded.shape
    return float(np.max(np.abs(ours.numpy() - recorded)) / np.max(np.abs(recorded)))


@pytest.mark.parametrize("size", SETS)
def test_features_and_logits_are_the_recorded_ones(
    network: inception.Inception, recorded: dict[str, np.ndarray], size: str
) -> None:
    features, logits = network(recorded[f"images{size}"])
    assert deviation(features, recorded[f"2048_{size}"]) < TOLERANCE
    assert deviation(logits, recorded[f"logits_unbiased_{size}"]) < TOLERANCE
    # With the last layer's bias the logits would be these.
    assert deviation(logits, recorded[f"logits_{size}"]) > 100 * TOLERANCE


@pytest.mark.parametrize("size", SETS)
def test_inner_blocks_are_the_recorded_ones(
    network: inception.Inception, recorded: dict[str, np.ndarray], size: str
) -> None:
    activations = network.activations(recorded[f"images{size}"])
    assert set(activations) == {"64", "192", "768", "2048", "logits_unbiased"}
    for name, values in activations.items():
        assert deviation(values, recorded[f"{name}_{size}"]) < TOLERANCE, name


def half_pixel_resize(images: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(images, [299, 299], method="bilinear")


def average_without_padding(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(x, 3, 1, "SAME")


def average_with_padding(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 1, "VALID")


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("resized", half_pixel_resize),
        ("last_pool", average_without_padding),
        ("average_pool", average_with_padding),
    ],
    ids=["half-pixel resizing", "average pooling in the last block", "pooling that counts the padding"],
)
def test_what_other_inceptions_do_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
    weights: dict[str, np.ndarray],
    recorded: dict[str, np.ndarray],
    part: str,
    wrong: object,
) -> None:
    monkeypatch.setattr(inception_network, part, wrong)
    features, logits = inception.load(weights)(recorded["images32"])
    assert deviation(features, recorded["2048_32"]) > 100 * TOLERANCE
    assert deviation(logits, recorded["logits_unbiased_32"]) > 100 * TOLERANCE


def test_resizing_is_tensorflow_1s() -> None:
    # Output pixel i reads at i * 2 / 299: half way between the two pixels of a row at i = 74.75, hence 74/149.5 and
    # 75/149.5 of the way at 74 and 75, and the last one is repeated from i = 149.5 on.
    row = tf.constant([[[[0.0], [1.0]]]])
    across = inception_network.resized(row)[0, 0, :, 0].numpy()
    np.testing.assert_allclose(across[[0, 74, 75]], [0.0, 74 / 149.5, 75 / 149.5], rtol=1e-6)
    np.testing.assert_array_equal(across[150:], np.ones(149, np.float32))


def test_levels_are_scaled_by_128() -> None:
    levels = np.array([0, 64, 128, 255], np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (4, 299, 299, 3))
    np.testing.assert_array_equal(inception_network.prepared(images)[:, 7, 9, 1], [-1.0, -0.5, 0.0, 127 / 128])


def test_floats_are_the_same_images(network: inception.Inception, recorded: dict[str, np.ndarray]) -> None:
    floats = (recorded["images32"].astype(np.float64) / 127.5 - 1).astype(np.float32)
    assert deviation(network(tf.constant(floats))[0], recorded["2048_32"]) < TOLERANCE


def test_grey_images_are_colour_images_of_three_equal_channels(network: inception.Inception) -> None:
    grey = np.random.default_rng(3).integers(0, 256, size=(1, 20, 24, 1), dtype=np.uint8)
    for one, three in zip(network(grey), network(np.repeat(grey, 3, axis=3)), strict=True):
        np.testing.assert_array_equal(one, three)


def test_a_function_gives_the_same_with_an_unknown_batch(
    network: inception.Inception, recorded: dict[str, np.ndarray]
) -> None:
    traced = tf.function(lambda x: network(x), input_signature=[tf.TensorSpec([None, 32, 32, 3], tf.uint8)])
    features, logits = traced.get_concrete_function().structured_outputs
    assert features.shape.as_list() == [None, network.num_features] == [None, 2048]
    assert logits.shape.as_list() == [None, network.num_logits] == [None, 1008]
    assert deviation(traced(recorded["images32"])[0], recorded["2048_32"]) < TOLERANCE


def test_a_ragged_last_batch_costs_no_trace_and_changes_nothing(
    network: inception.Inception, recorded: dict[str, np.ndarray]
) -> None:
    traces = []

    class Counted:
        def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            traces.append(images.shape)
            return network(images)

    images = recorded["images32"]
    batches = [images, images[:1]]
    rows = np.concatenate([features for features, _ in extraction.outputs_of(batches, Counted())])  # type: ignore[arg-type]
    assert traces == [(2, 32, 32, 3)]
    assert deviation(tf.constant(rows), recorded["2048_32"][[0, 1, 0]]) < TOLERANCE


def test_shapes_are_those_of_the_published_weights(recorded: dict[str, np.ndarray]) -> None:
    published = {name: tuple(shape) for name, shape in json.loads(str(recorded["shapes"])).items()}
    assert inception_network.weight_shapes() == published


def test_the_digest_follows_the_weights(network: inception.Inception, weights: dict[str, np.ndarray]) -> None:
    counters = {"Conv2d_1a_3x3.bn.num_batches_tracked": np.array(7)}
    assert inception.load(weights | counters).digest == network.digest
    bias = weights["fc.bias"].copy()
    bias[0] += 1
    assert inception.load(weights | {"fc.bias": bias}).digest != network.digest
    assert network.name == "inception" and len(network.digest) == 16


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        (np.zeros((2, 32, 32, 3), np.float64), "float64"),
        (np.zeros((2, 32, 32, 3), np.int32), "int32"),
        (np.zeros((32, 32, 3), np.uint8), r"\(32, 32, 3\)"),
        (np.zeros((2, 3, 32, 32), np.uint8), r"\(2, 3, 32, 32\)"),
        (np.zeros((2, 32, 32, 4), np.uint8), r"\(2, 32, 32, 4\)"),
        (np.zeros((2, 0, 32, 3), np.uint8), r"\(2, 0, 32, 3\)"),
    ],
)
def test_what_are_no_images_is_refused(network: inception.Inception, images: np.ndarray, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        network(images)
    with pytest.raises(UserError, match=complaint):
        tf.function(network, autograph=False)(images)


def test_all_that_does_not_fit_is_listed_in_one_error(weights: dict[str, np.ndarray]) -> None:
    wrong = dict(weights)
    del wrong["fc.weight"]
    wrong["AuxLogits.fc.weight"] = np.zeros((2, 2), np.float32)
    wrong["Mixed_5b.branch1x1.conv.weight"] = np.zeros((64, 192, 3, 3), np.float32)
    wrong["Mixed_7c.branch_pool.bn.bias"] = np.full(192, np.nan, np.float32)
    wrong["Mixed_6a.branch3x3.bn.running_var"] = np.full(384, -1, np.float32)
    wrong["fc.bias"] = np.array(["a"])
    with pytest.raises(UserError) as error:
        inception.load(wrong)
    message = str(error.value)
    for phrase in (
        "fc.weight is missing",
        "AuxLogits.fc.weight is unknown",
        "Mixed_5b.branch1x1.conv.weight has the shape (64, 192, 3, 3) instead of (64, 192, 1, 1)",
        "Mixed_7c.branch_pool.bn.bias has values that are not finite",
        "Mixed_6a.branch3x3.bn.running_var has negative values",
        "fc.bias holds <U1",
    ):
        assert phrase in message
    assert "\n" not in message


def test_a_missing_file_says_where_it_is_published(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError) as error:
        inception.load(tmp_path / "absent.pth")
    message = str(error.value)
    assert str(tmp_path / "absent.pth") in message and "curl" in message and "\n" not in message
    assert "toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth" in message
    assert "mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth" in message


def test_a_damaged_file_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "damaged.pth"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="damaged.pth"):
        inception.load(str(path))


def test_a_pth_file_is_read_without_pytorch(
    tmp_path: pathlib.Path, weights: dict[str, np.ndarray], network: inception.Inception
) -> None:
    path = tmp_path / "weights.pth"
    write_pth(path, weights)
    assert inception.load(str(path)).digest == network.digest


def write_pth(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    """float32 arrays as `torch.save` writes a state dict: a zip file of one pickle and one record per tensor.

    The pickle is written by hand in the opcodes of protocol 2, since its globals belong to PyTorch.
    """

    def text(value: str) -> bytes:
        return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()

    def integer(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little")

    def integers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(integer, values)) + b"t"

    pickled = b"\x80\x02}("
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, array) in enumerate(arrays.items()):
            strides = tuple(stride // array.itemsize for stride in np.ascontiguousarray(array).strides)
            storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(str(number)) + text("cpu")
            pickled += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n("
            pickled += storage + integer(array.size) + b"tQ" + integer(0) + integers(array.shape) + integers(strides)
            pickled += b"\x89ccollections\nOrderedDict\n)RtR"
            archive.writestr(f"archive/data/{number}", np.ascontiguousarray(array).tobytes())
        archive.writestr("archive/data.pkl", pickled + b"u.")
