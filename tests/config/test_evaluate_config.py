"""The settings of the evaluate command: what goes together and what does not."""

from __future__ import annotations

import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.config.evaluate import METRICS, EvaluateConfig
from autogan_tf.metrics import evaluator

LITE = {"features": "efficientnet_lite0"}


@pytest.mark.parametrize(
    "settings",
    [
        {"run_dir": "run"},
        {"run_dir": "run", "features": "classifier"},
        {"run_dir": "run", "metrics": ("is",), "features": "inception", "inception_weights": "i.pth"},
        {"images": "folder", "metrics": ("is", "is_inf")} | LITE,
        {"images": "folder", "reference": "cifar10"} | LITE,
        {"images": "folder", "reference": "cifar10.npz", "metrics": ("is", "fid")} | LITE,
        {"saved_model": "model", "reference": "folder:photos", "repeats": 3} | LITE,
        {"write_reference": "a.npz", "reference": "cifar10", "image_size": 32} | LITE,
        {"images": "folder", "write_reference": "a.npz", "reference": "cifar10"} | LITE,
    ],
)
def test_what_goes_together(settings):
    EvaluateConfig(**settings).validate()


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({}, "got none of them"),
        ({"run_dir": "run", "images": "folder"}, "--run_dir and --images"),
        ({"images": "folder", "reference": "cifar10"}, "--inception_weights"),
        ({"images": "folder"} | LITE, "--reference is empty"),
        ({"images": "folder", "reference": "a.npz"} | LITE, "kid,prdc"),
        ({"images": "folder", "reference": "a.npz", "metrics": ("fid",), "write_reference": "b.npz"} | LITE, "a.npz"),
        ({"images": "folder", "reference": "cifar10", "write_reference": "b.txt"} | LITE, "must end in .npz"),
        ({"write_reference": "a.npz", "reference": "cifar10"} | LITE, "--image_size is 0"),
        ({"images": "folder", "reference": "cifar10", "image_size": 32} | LITE, "a size of their own"),
        ({"images": "folder", "reference": "cifar10", "repeats": 2} | LITE, "--repeats=2"),
        ({"run_dir": "run", "heldout": True, "reference_split": "test"}, "--heldout needs"),
        ({"run_dir": "run", "metrics": ()}, "--metrics is empty"),
        ({"run_dir": "run", "metrics": ("fid", "lpips")}, "lpips"),
        ({"run_dir": "run", "num_eval_imgs": 1}, "num_eval_imgs"),
    ],
)
def test_what_does_not(settings, part):
    with pytest.raises(UserError, match=part):
        EvaluateConfig(**settings).validate()


def test_the_metrics_are_the_evaluators():
    assert METRICS == evaluator.METRICS
