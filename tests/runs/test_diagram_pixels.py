"""The diagram as pixels."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from autogan_tf.runs import diagram
from autogan_tf.runs.diagram_pixels import pixels
from autogan_tf.search_space import published


def test_it_is_the_svg_at_its_scale():
    genotype = published.choose(arch="", genotype="autogan_cifar10_a")
    root = ElementTree.fromstring(diagram.svg(genotype))
    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    drawn = pixels(genotype, scale=1)
    assert drawn.dtype == np.uint8 and drawn.shape == (height, width, 3)
    assert (drawn[0, 0] == 255).all()
    colours = {tuple(colour) for colour in drawn.reshape(-1, 3).tolist()}
    assert (0xEE, 0xF3, 0xF8) in colours  # boxes
    assert (0xC4, 0x57, 0x2A) in colours  # skips from the first cell
    dark = (drawn.astype(int).sum(axis=2) < 250).sum()
    assert dark > 500  # the texts, which need a font
