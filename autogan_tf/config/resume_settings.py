"""The settings of going on with an interrupted run, which search and train share; and which others may then change."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from autogan_tf.config import plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import fields_of, resolved, setting, to_text

RESUMES = ("auto", "must", "never")

# What does not change the computation. The data may lie elsewhere, and rounding differs with the threads. Of plugins it
# is what they contain that counts, see `plugin_digest`.
_FREE = frozenset(
    ("run_dir", "data_dir", "download", "data_memory_gb", "cache_dir", "verbosity", "dry_run", "resume", "save_steps",
     "save_minutes", "keep_checkpoints", "grid_every", "threads", "workers", "plugin", "other_stack")
)  # fmt: skip


def resume(*, group: str) -> str:
    """--resume."""
    return setting(
        "auto",
        "auto: go on with the run in run_dir if there is one; must: only go on; never: only begin, in a new folder.",
        group=group,
        choices=RESUMES,
    )


def other_stack(*, group: str) -> bool:
    """--other_stack."""
    return setting(
        False,
        "Goes on with a run that another version of TensorFlow wrote. It then repeats with neither: rounding differs.",
        group=group,
    )


def save_steps(*, group: str) -> int:
    """--save_steps."""
    return setting(
        0,
        "A checkpoint at each multiple of so many steps (of the generator; while searching, of the shared "
        "discriminator, or of all candidates together), besides those in time; 0 for none.",
        group=group,
        minimum=0,
    )


def save_minutes(*, group: str) -> float:
    """--save_minutes."""
    return setting(10.0, "Minutes between checkpoints; 0 for none.", group=group, minimum=0)


def keep_checkpoints(*, group: str) -> int:
    """--keep_checkpoints."""
    return setting(
        2,
        "Newest checkpoints that stay; the one before the newest is for the day when that is damaged.",
        group=group,
        minimum=1,
    )


def computing(config: Any) -> dict[str, str]:
    """By flag, what is written after it: the settings that change the computation."""
    found = {
        f"--{field.name}": to_text(getattr(config, field.name))
        for field in fields_of(config)
        if field.name not in _FREE
    }
    return found | {"the content of --plugin": plugins.digest(config.plugin) or "none"}


def plugin_digest(config: Any) -> dict[str, str]:
    """What config.json holds of the plugins besides their names; nothing where there are none."""
    found = plugins.digest(config.plugin)
    return {"plugin_digest": found} if found else {}


def check_same_replicas(settings: Mapping[str, Any], written: Mapping[str, Any]) -> None:
    """Raises UserError where a run would go on with another number of replicas that changes its computation by more
    than rounding, as that of the devices or workers does where each looks across its own part of a batch."""
    now, then = settings["replica_count"], written.get("replica_count", settings["replica_count"])
    if settings.get("minibatch_std") and now != then:
        raise UserError(
            f"with --minibatch_std, which looks across each replica's part of a batch, a run cannot go on with another "
            f"number of replicas: there were {then} and are {now}; give it as many devices or workers as before, or "
            "another --run_dir"
        )


def check_same_data(settings: Mapping[str, Any], written: Mapping[str, Any]) -> None:
    """Raises UserError where the images are not those that the run in whose config.json is `written` began with."""
    if "data_digest" in written and written["data_digest"] != settings.get("data_digest", written["data_digest"]):
        raise UserError(
            f"the images of --dataset={written.get('dataset')} are not those that the run began with; give it the same "
            "ones, or another --run_dir"
        )


def check_same_stack(config: Any, written: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raises UserError where a run would go on with another TensorFlow, unless --other_stack allows it.

    Args:
      config: of the command.
      written, now: versions of packages by name, as a run's config.json has them; the last number does not count.
    """
    then, ours = written.get("tensorflow", ""), now["tensorflow"]
    if then and then.split(".")[:2] != ours.split(".")[:2] and not config.other_stack:
        raise UserError(
            f"TensorFlow {then} wrote the run, and this is {ours}: the results would be those of neither; go on with "
            "the Python that had that one, or all the same with --other_stack"
        )


def check_same(config: Any, written: Mapping[str, Any], *, grows: tuple[str, ...] = ()) -> None:
    """Raises UserError, with every difference, where a run would go on with settings that change its computation.

    Args:
      config: of the command now.
      written: the settings in the run's config.json; what is not there was not a setting then, and is its default.
      grows: names of budgets, which may be larger than they were.
    """
    changes = []
    for field in fields_of(config):
        if field.name in _FREE:
            continue
        now, then = getattr(config, field.name), written.get(field.name, field.default)
        then = tuple(then) if isinstance(then, list) else then
        if isinstance(then, str) and now != then:  # the same path may have been written in another way
            with contextlib.suppress(UserError):
                then = resolved(field, then)
        if now == then or (field.name in grows and isinstance(then, int) and now > then):
            continue
        changes.append(f"--{field.name} was {to_text(then)} and is {to_text(now)}")
    if plugin_digest(config).get("plugin_digest", "") != written.get("plugin_digest", ""):
        files, before = config.plugin, tuple(written.get("plugin", ()))
        changes.append(
            f"--plugin was {to_text(before) or 'none'} and is {to_text(files) or 'none'}"
            + (", whose content has changed" if files and before else "")
        )
    if changes:
        raise UserError(
            f"a run cannot go on with other settings: {'; '.join(changes)}; give the same ones, or another --run_dir"
        )
