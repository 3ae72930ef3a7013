"""The settings of each search strategy: flags of `search`, which has a strategy's settings whichever it uses.

To add a strategy: its settings here, and how it is built in nas/strategies/catalog.py.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from autogan_tf.config.fields import setting

REINFORCE = "strategy reinforce"


@dataclasses.dataclass(frozen=True)
class ReinforceSettings:
    """AutoGAN's own: a controller that learns by REINFORCE (paper: arXiv 1908.03835, sections 3.3 and 3.4)."""

    hid_size: int = setting(100, "Units of the controller's LSTM.", group=REINFORCE, minimum=1)
    ctrl_step: int = setting(30, "Controller steps in an iteration.", group=REINFORCE, minimum=1)
    ctrl_sample_batch: int = setting(
        1, "Architectures that a controller step draws and scores.", group=REINFORCE, minimum=1
    )
    ctrl_lr: float = setting(3.5e-4, "The controller's learning rate (Adam).", group=REINFORCE, above=0)
    ctrl_beta1: float = setting(
        0.9, "Decay of the first moment of the controller's Adam.", group=REINFORCE, minimum=0, below=1
    )
    ctrl_beta2: float = setting(
        0.999, "Decay of the second moment of the controller's Adam.", group=REINFORCE, minimum=0, below=1
    )
    baseline_decay: float = setting(
        0.9, "Decay of the moving average of rewards that REINFORCE subtracts.", group=REINFORCE, minimum=0, below=1
    )
    entropy_coeff: float = setting(
        1e-3, "Weight of the entropy of the controller's choices, which keeps it trying.", group=REINFORCE, minimum=0
    )


SETTINGS: Mapping[str, type] = {"reinforce": ReinforceSettings}


def chosen(config: Any) -> Any:
    """The settings of the strategy that `config.strategy` names, out of all of a search."""
    settings_class = SETTINGS[config.strategy]
    return settings_class(**{field.name: getattr(config, field.name) for field in dataclasses.fields(settings_class)})
