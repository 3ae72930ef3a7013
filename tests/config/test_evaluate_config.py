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
        {"images": "folder", "reference": "cifar10.npz"} | LITE,
        {"run_dir": "run", "metrics": ("memorization",), "heldout": True},
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
        ({"images": "folder", "reference": "a.npz", "metrics": ("is", "kid", "prdc")} | LITE, "kid,prdc"),
        ({"images": "folder", "reference": "a.npz", "num_reference_imgs": 9} | LITE, "a file of statistics"),
        ({"images": "folder", "reference": "a.npz", "metrics": ("fid",), "write_reference": "b.npz"} | LITE, "a.npz"),
        ({"images": "folder", "reference": "cifar10", "write_reference": "b.txt"} | LITE, "must end in .npz"),
        ({"write_reference": "a.npz", "reference": "cifar10"} | LITE, "--image_size is 0"),
        ({"images": "folder", "reference": "cifar10", "image_size": 32} | LITE, "a size of their own"),
        ({"images": "folder", "reference": "cifar10", "repeats": 2} | LITE, "--repeats=2"),
        ({"run_dir": "run", "heldout": True}, "--heldout is for"),
        ({"run_dir": "run", "metrics": ("memorization",), "reference_split": "test"}, "all images that the generator"),
        ({"run_dir": "run", "metrics": ("memorization",), "num_reference_imgs": 100}, "all images that the generator"),
        ({"run_dir": "run", "engine": "tfgan", "preset": "official"}, "one part only"),
        ({"run_dir": "run", "seed": 2**31 - 1, "repeats": 2}, "lower --seed"),
        ({"write_reference": "a.npz", "reference": "cifar10", "image_size": 5000} | LITE, "image_size"),
        ({"run_dir": "run", "metrics": ("fid", "lpips")}, "lpips"),
        ({"run_dir": "run", "num_eval_imgs": 1}, "num_eval_imgs"),
    ],
)
def test_what_does_not(settings, part):
    with pytest.raises(UserError, match=part):
        EvaluateConfig(**settings).validate()


def test_what_is_wanted_where_nothing_is_said():
    assert EvaluateConfig(run_dir="run").wanted == ("is", "fid", "kid", "prdc")
    assert EvaluateConfig(images="folder", reference="a.npz").wanted == ("is", "fid")
    assert EvaluateConfig(run_dir="run", metrics=("kid",)).wanted == ("kid",)


def test_the_metrics_are_the_evaluators():
    assert METRICS == evaluator.METRICS
