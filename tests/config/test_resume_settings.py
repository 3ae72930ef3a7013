"""What may be another when a run goes on."""

from __future__ import annotations

import contextlib

import pytest

from autogan_tf.config import resume_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import to_dict
from autogan_tf.config.train import TrainConfig


@pytest.mark.parametrize(
    ("minibatch_std", "then", "now", "refused"),
    [(True, 2, 1, True), (True, 1, 4, True), (True, 2, 2, False), (False, 2, 1, False), (True, None, 2, False)],
)
def test_looking_across_a_batch_keeps_the_number_of_replicas(minibatch_std, then, now, refused):
    """Other recipes follow one replica with the whole batch, whatever their number is."""
    settings = {"minibatch_std": minibatch_std, "replica_count": now}
    written = {"minibatch_std": minibatch_std} | ({} if then is None else {"replica_count": then})
    if not refused:
        resume_settings.check_same_replicas(settings, written)
        return
    with pytest.raises(UserError, match=f"--minibatch_std.* there were {then} and are {now}; .* another --run_dir"):
        resume_settings.check_same_replicas(settings, written)


@pytest.mark.parametrize(
    ("then", "now", "refused"),
    [
        ({"tensorflow": "2.15.1"}, "2.21.0", True),
        ({"tensorflow": "2.21.0"}, "2.15.1", True),
        ({"tensorflow": "2.15.0"}, "2.15.1", False),
        ({}, "2.21.0", False),  # of a run that does not tell
    ],
)
def test_another_tensorflow_is_refused_unless_it_is_asked_for(then, now, refused):
    resume_settings.check_same_stack(TrainConfig(other_stack=True), then, {"tensorflow": now})
    if not refused:
        resume_settings.check_same_stack(TrainConfig(), then, {"tensorflow": now})
        return
    with pytest.raises(UserError, match="wrote the run, and this is .*--other_stack"):
        resume_settings.check_same_stack(TrainConfig(), then, {"tensorflow": now})


def test_a_training_from_before_a_setting_goes_on():
    """Runs were written before train had --reference_semantics."""
    written = to_dict(TrainConfig(arch="0 1 2 1"))
    del written["reference_semantics"]
    resume_settings.check_same(TrainConfig(arch="0 1 2 1"), written)


@pytest.mark.parametrize(
    ("then", "now", "refused"),
    [("a", "a", False), ("a", "b", True), (None, "a", False), ("a", None, False), (None, None, False)],
)
def test_other_images_are_refused_where_both_have_looked_at_some(then, now, refused):
    """A search by the bench's table has not, unless something is trained in the end."""
    written, settings = ({"dataset": "x"} | ({"data_digest": digest} if digest else {}) for digest in (then, now))
    with pytest.raises(UserError, match="are not those") if refused else contextlib.nullcontext():
        resume_settings.check_same_data(settings, written)
