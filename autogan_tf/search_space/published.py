"""Architectures that were published for this search space, by name."""

from autogan_tf.config.errors import UserError
from autogan_tf.search_space import autogan, catalog
from autogan_tf.search_space.genotype import Genotype

# AutoGAN's three CIFAR-10 architectures (ICCV 2019, released models A, B, C; A is figure 4 of the paper), and the
# vector that E2GAN (ECCV 2020) found in the same space.
TOKENS = {
    "autogan_cifar10_a": "1 0 1 1  1 0 0 1 1  1 0 1 0 3",
    "autogan_cifar10_b": "1 0 1 1  1 0 1 1 1  1 0 1 1 3",
    "autogan_cifar10_c": "1 1 1 1  1 0 0 1 1  1 0 1 0 3",
    "e2gan_cifar10": "0 1 0 1  0 1 2 1 0  0 1 0 1 2",
}


def choose(*, arch: str, genotype: str, space: str = autogan.SPACE.name) -> Genotype:
    """The architecture that a command was given: integers as text, of the space of this name, or a genotype file or
    published name.

    Exactly one of the two is not empty. Raises UserError where it is neither of these, there is no such space, or
    another space than the default is named and a genotype is not of it.
    """
    wanted = catalog.space(space)
    if arch:
        return Genotype.from_string(arch, wanted)
    found = load(genotype) if genotype in TOKENS else Genotype.load(genotype)
    if space not in (autogan.SPACE.name, found.space.name):
        raise UserError(
            f"--genotype={genotype} is an architecture of the search space {found.space.name}, not of "
            f"--space={space}; leave --space out, as a genotype names its own"
        )
    return found


def load(name: str) -> Genotype:
    """The published architecture called `name`; UserError with the valid names when there is none."""
    if name not in TOKENS:
        raise UserError(f"no published architecture is called {name!r}; there are {', '.join(TOKENS)}")
    return Genotype.from_string(TOKENS[name], name=name)
