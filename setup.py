"""Which files the package has: autogan_tf, and the flag files of configs/ as the folder autogan_tf/configs.

All else is in pyproject.toml.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["autogan_tf", "autogan_tf.*"]), "autogan_tf.configs"],
    package_dir={"autogan_tf.configs": "configs"},
    package_data={"autogan_tf.configs": ["*.flags"], "autogan_tf.serving": ["gallery.html"],
                  "autogan_tf.runs": ["templates/*.html"], "autogan_tf.bench": ["table/*.npz"],
                  "autogan_tf.pretrained": ["*.npz", "*.json", "*.md"]},
)
