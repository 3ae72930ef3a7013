"""The search spaces by name."""

from __future__ import annotations

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import did_you_mean
from autogan_tf.search_space import autogan
from autogan_tf.search_space.space import SearchSpace

SPACES = {space.name: space for space in (autogan.SPACE,)}


def register(space: SearchSpace) -> None:
    """Adds a space, from a file that --plugin names; UserError where its name is taken."""
    if space.name in SPACES:
        raise UserError(f"there is a search space called {space.name!r} already; give yours another name")
    SPACES[space.name] = space


def space(name: str) -> SearchSpace:
    """The search space called `name`; UserError with the valid names where there is none."""
    if name not in SPACES:
        close = did_you_mean(name, SPACES) or ";"
        raise UserError(
            f"no search space is called {name!r}{close} there are {', '.join(SPACES)}, and those of the files that "
            "--plugin names"
        )
    return SPACES[name]
