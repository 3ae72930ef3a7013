"""The architecture's diagram: every cell, shortcut and skip is there, once; nothing lies outside or comes from afar."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from autogan_tf.runs import diagram
from autogan_tf.search_space import published
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import Option

SVG = "{http://www.w3.org/2000/svg}"


def drawn(genotype: Genotype, **sizes: int) -> ElementTree.Element:
    return ElementTree.fromstring(diagram.svg(genotype, **sizes))


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if element.get("class") == name]


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(SVG + "text")]


def test_the_published_architecture_by_hand():
    """1 0 1 1, 1 0 0 1 1, 1 0 1 0 3: shortcuts in cells 1 and 2; skips 1 to 2, 1 to 3 and 2 to 3."""
    root = drawn(published.load("autogan_cifar10_a"), latent_dim=128, channels=3)
    cells = of_class(root, "cell")
    block = "ReLU · conv 3 × 3"
    assert [texts(cell) for cell in cells] == [
        ["cell 1, 8 × 8", "nearest upsampling", block, block, "+", "up, conv 1 × 1"],
        ["cell 2, 16 × 16", "bilinear upsampling", block, "+", block, "+", "up, conv 1 × 1"],
        ["cell 3, 32 × 32", "nearest upsampling", block, "+", block],
    ]
    assert [len(of_class(cell, "shortcut")) for cell in cells] == [1, 1, 0]
    for cell in cells[:2]:
        (path,) = of_class(cell, "shortcut")
        top, bottom = (int(found) for found in re.fullmatch(r"M\d+ (\d+) H\d+ V(\d+) H\d+", path.get("d")).groups())
        (label,) = [text for text in cell.iter(SVG + "text") if text.text == "up, conv 1 × 1"]
        assert abs(int(label.get("y")) - (top + bottom) / 2) < 1  # in its middle
        assert [text for text in cell.iter(SVG + "text") if text.get("transform")] == [label]  # which alone is turned
        title, frame = cell.find(SVG + "text"), cell.find(SVG + "rect")
        left, above = (int(frame.get(name)) for name in "xy")
        assert left < int(title.get("x")) < left + 20 and above < int(title.get("y")) < above + 20
    skips = [(path.get("data-from"), path.get("data-to")) for path in of_class(root, "skip")]
    assert skips == [("1", "2"), ("1", "3"), ("2", "3")]
    assert texts(root)[:2] == ["latent vector, 128", "dense, to 4 × 4"]
    assert texts(root)[-2:] == ["batch norm · ReLU · conv 3 × 3 · tanh", "image, 32 × 32 × 3"]


def test_the_order_of_a_block_follows_the_genotype():
    root = drawn(Genotype.from_string("0 1 2 0  1 2 0 0 0"), bottom_width=6)
    first, second = of_class(root, "cell")
    assert texts(first) == ["cell 1, 12 × 12", "transposed convolution", *["conv 3 × 3 · batch norm · ReLU"] * 2]
    assert texts(second)[2] == "instance norm · ReLU · conv 3 × 3"
    assert of_class(root, "skip") == of_class(root, "shortcut") == []


@pytest.mark.parametrize("num_cells", [1, 2, 4, 6])
def test_everything_lies_on_the_paper_and_is_used(num_cells):
    """All skips: cells (cells - 1) / 2 of them, whose lines and boxes stay inside of the view box."""
    tokens = [0, 2, 2, 1] + [token for cell in range(1, num_cells) for token in (0, 2, 2, 1, 2**cell - 1)]
    text = diagram.svg(Genotype.from_tokens(tokens))
    root = ElementTree.fromstring(text)
    assert len(of_class(root, "skip")) == num_cells * (num_cells - 1) // 2
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for element in root.iter(SVG + "rect"):
        x, y = (float(element.get(name, 0)) for name in "xy")
        assert 0 <= x and x + float(element.get("width", 0)) <= width
        assert 0 <= y and y + float(element.get("height", 0)) <= height
    for path in of_class(root, "skip"):
        assert all(0 <= float(number) < width for number in re.findall(r"H([\d.]+)", path.get("d", "")))
    named = set(re.findall(r"url\(#([^)]+)\)", text))
    assert named <= {marker.get("id") for marker in root.iter(SVG + "marker")}
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "") and "<script" not in text


def test_a_reader_who_sees_no_picture_is_told_the_same():
    root = drawn(Genotype.from_string("1 0 1 1  0 1 2 0 1  0 2 0 1 3"))
    assert root.findtext(SVG + "desc") == (
        "Cell 1: pre-activation, no norm, nearest upsampling, shortcut. "
        "Cell 2: post-activation, batch norm, transposed convolution, no shortcut, skip from cell 1. "
        "Cell 3: post-activation, instance norm, bilinear upsampling, shortcut, skips from cell 1 and 2."
    )


def test_a_name_with_markup_stays_text():
    root = drawn(Genotype.from_string("1 0 1 1", name="<b>&"))
    assert root.findtext(SVG + "title") == "Generator <b>&"


def test_what_is_not_drawn_is_named_in_the_cells_head():
    options = [Option("relu", "relu", ""), Option("leaky", "leaky", "leaky ReLU")]
    space = published.load("autogan_cifar10_a").space.with_options("other", activation=options)
    cells = of_class(drawn(Genotype.from_string("1 0 1 0 1  1 0 0 0 0 0", space)), "cell")
    assert [texts(cell)[0] for cell in cells] == ["cell 1, 8 × 8, leaky ReLU", "cell 2, 16 × 16"]
