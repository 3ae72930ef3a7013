"""TF-GAN's modules: the only place that imports that package.

Its parts for evaluation and losses work with every TensorFlow here, but the package as a whole imports tf.estimator,
which TensorFlow 2.16 removed. There its parts are imported past the whole.
"""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import sys
import types


@functools.cache
def module(name: str) -> types.ModuleType:
    """One of tensorflow_gan.python by its name there, such as "eval" or "losses.losses_impl".

    It takes a second and pulls in half of TensorFlow's ecosystem: to be called where it is used.

    Raises:
      ImportError: TF-GAN is not installed, or has no such module.
    """
    whole = f"tensorflow_gan.python.{name}"
    try:
        return importlib.import_module(whole)
    except AttributeError as error:
        if "estimator" not in str(error):
            raise
    _enter_bare_packages()
    return importlib.import_module(whole)


def _enter_bare_packages() -> None:
    """The packages around the parts, without what they import."""
    for loaded in [entry for entry in sys.modules if entry.split(".")[0] == "tensorflow_gan"]:
        del sys.modules[loaded]
    path = None
    for name in ("tensorflow_gan", "tensorflow_gan.python"):
        found = importlib.machinery.PathFinder.find_spec(name, path)
        if found is None or found.submodule_search_locations is None:
            raise ImportError(f"no package {name}", name=name)
        path = list(found.submodule_search_locations)
        bare = types.ModuleType(name)
        bare.__path__ = path
        bare.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        bare.__spec__.submodule_search_locations = path
        sys.modules[name] = bare
