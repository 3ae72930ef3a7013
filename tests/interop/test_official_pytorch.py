"""Loading states by the published names: both layouts, the way back, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds
from autogan_tf.interop import official_pytorch
from autogan_tf.models import initializers
from autogan_tf.models.controller import Controller
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import Generator, SupernetGenerator, copy_weights
from autogan_tf.search_space import published
from autogan_tf.search_space.genotype import Genotype

DECONVOLUTIONS = [0, 1, 2, 1, 1, 2, 2, 0, 1, 0, 1, 2, 1, 3]


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype and actual[name].shape == array.shape, name
        np.testing.assert_array_equal(actual[name], array, err_msg=name)


@pytest.fixture
def supernet_state(recorded):
    return recorded("gan_arch0_stage2").part("gen/")


@pytest.fixture
def derived_state(recorded):
    return recorded("derived_c").part("gen/")


def test_a_supernet_gives_back_the_very_arrays(supernet_state):
    network = official_pytorch.supernet(supernet_state)
    assert (network.num_cells, network.gf_dim, network.latent_dim) == (3, 4, 8)
    assert_same(official_pytorch.state_dict(network), supernet_state)


def test_a_derived_layout_gives_back_the_very_arrays(derived_state, recorded):
    network = official_pytorch.generator(derived_state, recorded("derived_c").tokens)
    assert_same(official_pytorch.state_dict(network), derived_state)


def test_a_discriminator_gives_back_the_very_arrays(recorded):
    state = recorded("gan_arch3_stage1").part("dis/")
    network = official_pytorch.discriminator(state, 1)
    assert network(np.zeros((1, 16, 16, 3), np.float32)).shape == (1, 1)
    assert_same(official_pytorch.state_dict(network), state)


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_controller_gives_back_the_very_arrays(recorded, stage):
    state = recorded(f"controller_stage{stage}").part("ctrl/")
    assert_same(official_pytorch.state_dict(official_pytorch.controller(state, stage)), state)


@pytest.mark.parametrize("tokens", [DECONVOLUTIONS, DECONVOLUTIONS[:9], [1, 0, 0, 0]])
def test_a_derived_generator_from_a_supernet_gives_back_what_it_uses(supernet_state, tokens):
    network = official_pytorch.generator(supernet_state, tokens)
    arrays = official_pytorch.state_dict(network)
    used = {name: array for name, array in supernet_state.items() if name in arrays}
    assert_same(arrays, used)
    trained = sum(variable.shape.num_elements() for variable in network.trainable_variables)
    parameters = [name for name in used if name.endswith((".weight", ".bias"))]
    assert sum(used[name].size for name in parameters) == trained
    again = official_pytorch.generator(arrays, tokens)
    z = np.ones((2, 8), np.float32)
    np.testing.assert_array_equal(again(z), network(z))


def test_values_after_training_are_given_back(derived_state, recorded):
    network = official_pytorch.generator(derived_state, recorded("derived_c").tokens)
    network.to_rgb_conv.bias.assign([1.0, 2.0, 3.0])
    arrays = official_pytorch.state_dict(network)
    np.testing.assert_array_equal(arrays["to_rgb.2.bias"], [1, 2, 3])


def test_the_arrays_given_back_are_copies(supernet_state):
    network = official_pytorch.supernet(supernet_state)
    official_pytorch.state_dict(network)["cell1.skip_deconvx2.weight"][:] = 7
    assert_same(official_pytorch.state_dict(network), supernet_state)


def test_counts_of_batches_may_be_absent(supernet_state):
    state = {name: array for name, array in supernet_state.items() if "num_batches" not in name}
    assert_same(official_pytorch.state_dict(official_pytorch.supernet(state)), state)


def test_names_from_data_parallel(derived_state, recorded):
    state = {f"module.{name}": array for name, array in derived_state.items()}
    network = official_pytorch.generator(state, recorded("derived_c").tokens)
    assert_same(official_pytorch.state_dict(network), state)


def drawn(network):
    initializers.initialize(network.named_layers(), seed=seeds.stateless_seed(0, "weights"))
    rng = np.random.default_rng(0)
    for variable in network.non_trainable_variables:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return network


@pytest.mark.parametrize(
    ("num_cells", "bottom_width", "channels"), [(1, 4, 3), (2, 6, 1), pytest.param(4, 2, 3, marks=pytest.mark.slow)]
)
def test_other_sizes_go_there_and_back(num_cells, bottom_width, channels):
    sizes = {"gf_dim": 3, "latent_dim": 5, "bottom_width": bottom_width, "channels": channels}
    network = drawn(SupernetGenerator(num_cells=num_cells, **sizes))
    arrays = official_pytorch.state_dict(network)
    again = official_pytorch.supernet(arrays)
    assert (again.num_cells, again.bottom_width, again.channels) == (num_cells, bottom_width, channels)
    tokens = [0, 1, 2, 1, 1, 2, 2, 0, 1, 0, 1, 2, 1, 3, 1, 1, 2, 1, 7][: 5 * num_cells - 1]
    z = np.random.default_rng(1).standard_normal((2, 5)).astype(np.float32)
    np.testing.assert_array_equal(again(z, tokens=tokens), network(z, tokens=tokens))
    derived = official_pytorch.generator(arrays, tokens)
    np.testing.assert_allclose(derived(z), network(z, tokens=tokens), atol=1e-6)
    assert ("cell4.skip_deconvx8.2.weight" in arrays) == (num_cells == 4)
    discriminator = drawn(Discriminator(num_cells=num_cells, df_dim=3, channels=channels))
    other = official_pytorch.discriminator(official_pytorch.state_dict(discriminator), num_cells - 1)
    images = network(z, tokens=tokens)
    np.testing.assert_array_equal(other(images), discriminator(images))


def test_a_network_that_was_not_loaded_gets_the_derived_names_where_they_exist():
    network = drawn(Generator(published.load("autogan_cifar10_a"), gf_dim=3, latent_dim=5))
    arrays = official_pytorch.state_dict(network)
    assert "cell1.c1.weight" in arrays and "cell3.skip_in_ops.1.weight" in arrays
    z = np.ones((2, 5), np.float32)
    np.testing.assert_array_equal(official_pytorch.generator(arrays, network.genotype.tokens)(z), network(z))
    with_deconvolutions = drawn(Generator(Genotype.from_tokens(DECONVOLUTIONS), gf_dim=3, latent_dim=5))
    arrays = official_pytorch.state_dict(with_deconvolutions)
    assert "cell1.post_conv1.deconv.weight" in arrays
    np.testing.assert_array_equal(official_pytorch.generator(arrays, DECONVOLUTIONS)(z), with_deconvolutions(z))


def test_the_derived_layout_counts_only_the_skips_that_exist():
    network = drawn(Generator(Genotype.from_string("1 0 1 1 1 0 1 1 0 1 0 1 0 1"), gf_dim=3, latent_dim=5))
    arrays = official_pytorch.state_dict(network)
    assert "cell3.skip_in_ops.0.weight" in arrays and "cell3.skip_in_ops.1.weight" not in arrays
    kernel = network.named_layers()["cell3.skip1_conv"].kernel.numpy()  # from the second cell
    np.testing.assert_array_equal(arrays["cell3.skip_in_ops.0.weight"], kernel.transpose(3, 2, 0, 1))


def test_the_published_sizes():
    counts = {"autogan_cifar10_a": 4_405_251, "autogan_cifar10_b": 4_471_043, "autogan_cifar10_c": 4_406_275}
    for name, count in counts.items():
        network = Generator(published.load(name), gf_dim=256, latent_dim=128)
        assert sum(variable.shape.num_elements() for variable in network.trainable_variables) == count
        arrays = official_pytorch.state_dict(network)
        assert sum(array.size for key, array in arrays.items() if key.endswith((".weight", ".bias"))) == count
    arrays = official_pytorch.state_dict(Discriminator(df_dim=128))
    assert sum(array.size for key, array in arrays.items() if key.endswith((".weight_orig", ".bias"))) == 1_053_824


def message(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_that_does_not_fit_is_listed_at_once(supernet_state):
    del supernet_state["cell2.pre_conv1.conv.bias"]
    supernet_state["cell1.post_conv2.bn.weight"] = np.zeros(5, np.float32)
    supernet_state["cell9x.what"] = np.zeros(2, np.float32)
    supernet_state["l1.bias"] = np.array(["text"] * 64)
    text = message(official_pytorch.supernet, supernet_state)
    for part in ("cell2.pre_conv1.conv.bias is missing", "cell9x.what is unknown", "l1.bias holds", "(5,)", "(4,)"):
        assert part in text
    assert "cell1.post_conv2.bn.weight" in text


@pytest.mark.parametrize(
    ("tokens", "part"),
    [
        ([1, 0, 1], "got 3"),
        ([1, 0, 1, 2], "shortcut"),
        ([1, 3, 1, 1], "norm"),
        ([1, 0, 1, 1] + 3 * [0, 0, 0, 0, 0], "4 cells"),
    ],
)
def test_tokens_that_do_not_fit(supernet_state, tokens, part):
    assert part in message(official_pytorch.generator, supernet_state, tokens)


def test_tokens_that_do_not_fit_a_derived_layout(derived_state):
    assert "exactly" in message(official_pytorch.generator, derived_state, [1, 1, 1, 1])
    assert "deconvolution" in message(official_pytorch.generator, derived_state, [1, 1, 2, 1, *DECONVOLUTIONS[4:]])
    text = message(official_pytorch.generator, derived_state, [1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 1])
    assert "cell1.n1.weight is unknown" in text and "cell3.skip_in_ops.1.weight is unknown" in text


def test_states_of_something_else(supernet_state, derived_state, recorded):
    discriminator = recorded("gan_arch0_stage0").part("dis/")
    assert "no generator's state" in message(official_pytorch.generator, discriminator, [1, 0, 1, 1])
    assert "derived generator" in message(official_pytorch.supernet, derived_state)
    assert "no discriminator's state" in message(official_pytorch.discriminator, supernet_state, 0)
    assert "stage must be" in message(official_pytorch.discriminator, discriminator, 3)
    assert "lstm.weight_hh" in message(official_pytorch.controller, discriminator, 0)
    stage1 = recorded("controller_stage1").part("ctrl/")
    assert "decoders.4.weight is unknown" in message(official_pytorch.controller, stage1, 0)
    assert "no names" in message(official_pytorch.generator, {}, [1, 0, 1, 1])
    supernet_state["l1.weight"] = supernet_state["l1.weight"][:-3]
    assert "l1.weight has 61 rows" in message(official_pytorch.supernet, supernet_state)


def test_nothing_is_assigned_when_something_does_not_fit(recorded):
    """A network only exists when all of it fits."""
    state = recorded("controller_stage0").part("ctrl/")
    state["lstm.bias_hh"] = state["lstm.bias_hh"][:-1]
    assert "lstm.bias_hh has the shape (47,) instead of (48,)" in message(official_pytorch.controller, state, 0)


def test_a_whole_checkpoint_gives_the_moving_average(recorded, derived_state):
    last = {name: 2 * array for name, array in derived_state.items()}
    discriminator = recorded("gan_arch0_stage2").part("dis/")
    checkpoint = {
        "epoch": 3,
        "gen_state_dict": last,
        "avg_gen_state_dict": derived_state,
        "dis_state_dict": discriminator,
    }
    tokens = recorded("derived_c").tokens
    assert_same(official_pytorch.state_dict(official_pytorch.generator(checkpoint, tokens)), derived_state)
    del checkpoint["avg_gen_state_dict"]
    assert_same(official_pytorch.state_dict(official_pytorch.generator(checkpoint, tokens)), last)
    assert_same(official_pytorch.state_dict(official_pytorch.discriminator(checkpoint, 2)), discriminator)
    assert "gen_state_dict" in message(official_pytorch.controller, checkpoint, 0)


def test_only_our_networks_have_a_state_dict():
    with pytest.raises(TypeError, match="Sequential"):
        official_pytorch.state_dict(tf.keras.Sequential())
    controller = Controller(stage=0, hid_size=4)
    assert len(official_pytorch.state_dict(controller)) == 5 + 2 * 4


def test_weights_of_a_loaded_network_go_on_to_others(supernet_state):
    source = official_pytorch.supernet(supernet_state)
    target = Generator(Genotype.from_tokens(DECONVOLUTIONS), gf_dim=4, latent_dim=8)
    copy_weights(source=source, target=target)
    z = np.ones((2, 8), np.float32)
    np.testing.assert_array_equal(target(z), official_pytorch.generator(supernet_state, DECONVOLUTIONS)(z))


@pytest.mark.parametrize(
    ("network", "what"),
    [
        (Generator(Genotype.from_string("1 0 1 1"), gf_dim=2, latent_dim=2, num_classes=3), "no conditional networks"),
        (Discriminator(num_cells=1, df_dim=2, num_classes=3), "no conditional networks"),
        (Generator(Genotype.from_string("1 0 1 1"), gf_dim=2, latent_dim=2, spectral_norm=True), "in the generator"),
        (Discriminator(num_cells=1, df_dim=2, spectral_norm=False), "this one has no spectral norm"),
        (Discriminator(num_cells=1, df_dim=2, minibatch_std=True), "this one has minibatch standard deviation"),
    ],
)
def test_what_the_published_implementation_has_not_cannot_be_given_to_it(network, what):
    with pytest.raises(UserError, match=what):
        official_pytorch.state_dict(network)


@pytest.mark.parametrize(
    ("state", "told"),
    [({"cell1.c1.weight": [[1], [1, 2]]}, "its cell1.c1.weight is a list"), ({7: np.zeros(3)}, "got 7 as a name")],
)
def test_a_state_that_does_not_hold_arrays_by_name_is_refused(state, told):
    with pytest.raises(UserError, match=told):
        official_pytorch.generator(state, [0, 1, 0, 1])
