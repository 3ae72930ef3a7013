"""The settings of a search's final training: those of `train`, each with the prefix `train_`.

They are made from `TrainConfig`'s fields, so that a setting that `train` gains is one of the search, too. What names
the architecture, the data, the run, the devices and the scores is the search's own. A few keep the names that they had
before: `train_steps`, `train_eval_every` and `ema_decay`.
"""

import re
import typing
from typing import Any, TypeVar

from autogan_tf.config import fields
from autogan_tf.config.errors import UserError
from autogan_tf.config.train import TrainConfig

SearchClass = TypeVar("SearchClass", bound=type)

GROUP = "training of the best architecture"
PREFIX = "train_"
# Settings of these groups of `train`, without those that a whole run has, and two more.
_GROUPS = ("networks", "training")
_OF_THE_RUN = ("bottom_width", "reference_semantics", "max_iter", "ema_decay")
_MORE = ("augment", "jit_compile")
# Where they are not given, they are what the search has under the same name.
_SHARED = ("latent_dim", "init_type", "beta1", "beta2")
# Defaults that are not those of `train`: what there was before the setting.
_DEFAULTS = {"dynamic_reset_threshold": 0.0}
_OTHER_NAMES = {"max_iter": "train_steps", "eval_steps": "train_eval_every"}


def _prefixed() -> list[fields.Field]:
    """The fields of `TrainConfig` that get a setting with the prefix."""
    return [
        field
        for field in fields.fields_of(TrainConfig)
        if field.name in _MORE or (field.rules.group in _GROUPS and field.name not in _OF_THE_RUN)
    ]


def with_final_training(search_class: SearchClass) -> SearchClass:
    """Adds the prefixed settings to a search's configuration, before it becomes a dataclass."""
    hints = typing.get_type_hints(TrainConfig)
    for field in _prefixed():
        rules, default, hint = field.rules, _DEFAULTS.get(field.name, field.default), hints[field.name]
        help = rules.help.replace("max_iter", "train_steps")
        if field.name in _SHARED:
            default, hint, help = None, hint | None, f"{help} None for the search's {field.name}."
        if field.name in _DEFAULTS:
            help += f" As a search always did, {fields.to_text(default)} unless another is given."
        values = {name: getattr(rules, name) for name in ("minimum", "maximum", "above", "below", "choices")}
        name = PREFIX + field.name
        search_class.__annotations__[name] = hint
        setattr(search_class, name, fields.setting(default, help, group=GROUP, **values))
    return search_class


def of(config: Any, *, arch: str = "") -> TrainConfig:
    """The final training that a search's settings describe, as settings of `train`.

    Args:
      config: of the search.
      arch: the architecture as integers.

    Returns:
      Without a folder, as what is trained may be moved.
    """
    values: dict[str, Any] = {"arch": arch, "run_dir": ""}
    for field in fields.fields_of(TrainConfig):
        if field.name in values:
            continue
        value = getattr(config, flag_of(field.name), field.default)
        if value is None and field.name in _SHARED:
            value = getattr(config, field.name)
        values[field.name] = value
    return TrainConfig(**values)


def flag_of(name: str) -> str:
    """What a setting of `train` is called among a search's flags."""
    prefixed = {field.name for field in _prefixed()}
    return PREFIX + name if name in prefixed else _OTHER_NAMES.get(name, name)


def validate(config: Any) -> None:
    """Raises UserError, in the names of the search's flags, where the final training's settings do not fit."""
    if not config.train_steps:
        return
    try:
        of(config, arch="of the best").validate()
    except UserError as error:
        names = {field.name for field in _prefixed()}
        renamed = {name: PREFIX + name for name in names} | _OTHER_NAMES
        text = re.sub(r"--([a-z_0-9]+)", lambda match: f"--{renamed.get(match[1], match[1])}", str(error))
        raise UserError(text) from None


def aliases() -> dict[str, str]:
    """Other names of flags: those that follow the rule, of the settings that keep their own."""
    return {PREFIX + name: own for name, own in (_OTHER_NAMES | {"ema_decay": "ema_decay"}).items()}

