"""How a command's words choose an architecture."""

from __future__ import annotations

import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.search_space import autogan, catalog, published
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import Option
from tests.plugged import restored


@pytest.fixture
def other():
    with restored():
        space = autogan.SPACE.with_options("other", norm=[Option("layer", "layer", "layer norm")])
        catalog.register(space)
        yield space


def test_a_genotype_file_names_its_own_space(other, tmp_path):
    file = tmp_path / "found.json"
    genotype = Genotype.from_string("0 3 0 0", other)
    file.write_text(genotype.to_json())
    for space in ("autogan", "other"):  # the default, and the same one
        assert published.choose(arch="", genotype=str(file), space=space) == genotype
    assert published.choose(arch="0 3 0 0", genotype="", space="other") == genotype


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"genotype": "autogan_cifar10_a", "space": "other"}, "of the search space autogan, not of --space=other"),
        ({"genotype": "autogan_cifar10_a", "space": "unknown"}, "no search space is called 'unknown'"),
        ({"arch": "0 3 0 0"}, "3"),
        ({"genotype": "autogan_cifar10_d"}, "autogan_cifar10_d"),
    ],
)
def test_what_does_not_fit_is_one_error(other, choice, told):
    with pytest.raises(UserError, match=told):
        published.choose(**({"arch": "", "genotype": ""} | choice))
