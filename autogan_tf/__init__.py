"""AutoGAN in TensorFlow: neural architecture search for generative adversarial networks (arXiv 1908.03835).

Light on purpose: the public names are loaded when they are first used, and importing the package imports no TensorFlow.
"""

import importlib
from typing import Any

from autogan_tf.config import environment, quiet_import

environment.keep_keras_2()
quiet_import.install()

__version__ = "0.1.0"

_PUBLIC = {"Genotype": "autogan_tf.search_space.genotype"}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'autogan_tf' has no attribute {name!r}; public names: {', '.join(__all__)}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
