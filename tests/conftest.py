"""The tests run TensorFlow as the commands do; two small trained runs for the commands that take one."""

from __future__ import annotations

import functools
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from autogan_tf.config import environment
from autogan_tf.config.errors import UserError
from autogan_tf.serving.request_error import RequestError

environment.set_tensorflow_defaults()

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")  # is the user's
# Blanks at an end or before a mark, two marks where one belongs ("..." is one), two blanks after a mark.
UNTIDY = re.compile(r"^\s|\s$| [.,;:](?=\s|$)|[,;:] *[.,;:](?=\s|$)|\. *[,;:](?=\s|$)|(?<!\.)\. *\.(?=\s|$)|[.,;:]  ")


def _all_messages_are_tidy(error: type[Exception]) -> None:
    """Every message of `error` that any test provokes is looked at, whatever the test is about."""
    begin = error.__init__

    @functools.wraps(begin)
    def checked(self, *arguments) -> None:
        begin(self, *arguments)
        found = UNTIDY.search(QUOTED.sub("''", str(self)))
        assert not found, f"the message {str(self)!r} has {found[0]!r}"

    error.__init__ = checked  # type: ignore[method-assign]


_all_messages_are_tidy(UserError)
_all_messages_are_tidy(RequestError)


# The processes that share the tests tell each other valid text only.
def pytest_make_parametrize_id(config, val, argname):
    """Texts with halves of characters are named by their escapes."""
    if isinstance(val, str) and val.encode(errors="replace") != val.encode(errors="surrogatepass"):
        return ascii(val)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """So are they in what a test logged."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


TRAINING = {
    "arch": "0 1 1 1",
    "dataset": "folder:photos",
    "gf_dim": 4,
    "df_dim": 6,
    "latent_dim": 5,
    "gen_batch_size": 6,
    "dis_batch_size": 5,
    "n_critic": 1,
    "max_iter": 3,
    "num_eval_imgs": 40,
    "classifier_steps": 10,
    "classifier_batch_size": 16,
    "classifier_width": 4,
    "cache_dir": "cache",
}


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory) -> pathlib.Path:
    """photos/ with 24 dark and 12 bright images; runs/plain, and runs/classes, a conditional run."""
    root = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    for name, low, number in (("bright", 128, 12), ("dark", 0, 24)):
        (root / "photos" / name).mkdir(parents=True)
        for index, image in enumerate(rng.integers(low, low + 100, (number, 8, 8), np.uint8)):
            Image.fromarray(image).save(root / "photos" / name / f"{index:02d}.png")
    with pytest.MonkeyPatch.context() as patch:
        from autogan_tf import train

        patch.chdir(root)
        for name, extra in (("plain", {}), ("classes", {"conditional": True})):
            flags = TRAINING | {"run_dir": f"runs/{name}"} | extra
            assert train.main([f"--{flag}={value}" for flag, value in flags.items()]) == 0
    return root
