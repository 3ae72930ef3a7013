"""An architecture as a picture: SVG, from the latent vector at the top to the image at the bottom.

Drawn as the cells compute (paper figure 2): upsampling, a convolution block, what earlier cells skip in, another block,
and the shortcut that is added to it. A cell's skips begin where those that it takes in have been added. What a cell has
of these, and the words for it, is in its `CellOutline`.
"""

from __future__ import annotations

from xml.etree import ElementTree

from autogan_tf.config.image_sides import image_sides
from autogan_tf.search_space import cell_outline
from autogan_tf.search_space.cell_outline import CellOutline
from autogan_tf.search_space.genotype import Genotype

_CENTRE, _BOX_WIDTH, _BOX_HEIGHT = 192, 248, 26
_GAP = 14  # between boxes; arrows run in it
_FRAME = 176  # half of a cell's width
_TITLE, _FOOT, _MARGIN = 38, 10, 16  # heights of a cell's head and foot; around everything
_INK, _FLOW, _SHORTCUT, _PAPER, _BOX = "#22303c", "#5b6b79", "#1f5fa8", "#ffffff", "#eef3f8"
_SKIPS = ("#c4572a", "#2f8f5b", "#8a4fa3", "#b08a1e")  # by the cell that they come from
_RADIUS = 8  # of a plus sign


def svg(genotype: Genotype, *, bottom_width: int = 4, latent_dim: int = 0, channels: int = 0) -> str:
    """The diagram of a generator.

    Every cell is a `<g class="cell">`, every shortcut a `<path class="shortcut">`, every skip a
    `<path class="skip" data-from="1" data-to="3">` (cells from 1).

    Args:
      genotype: any number of cells.
      bottom_width: side of the map that the latent vector becomes.
      latent_dim, channels: of latents and images; 0 leaves the number out.

    Returns:
      A document of its own, without scripts, fonts or anything from elsewhere.
    """
    return _Drawing(genotype, bottom_width, latent_dim, channels).text()


class _Drawing:
    def __init__(self, genotype: Genotype, bottom_width: int, latent_dim: int, channels: int) -> None:
        self._root = ElementTree.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
        self._add(self._root, "title").text = f"Generator {genotype.name or genotype}"
        words = (f"Cell {i}: {cell.in_words()}." for i, cell in enumerate(genotype.cells, 1))
        self._add(self._root, "desc").text = " ".join(words)
        self._markers()
        paper = self._add(self._root, "rect", fill=_PAPER, rx=6)
        self._skip_sources: list[int] = []  # y below each cell's joint
        self._y = self._bottom = _MARGIN  # where the next thing goes, and where the last one ended
        self._right = _CENTRE + _FRAME
        self._box(self._root, "latent vector" + (f", {latent_dim}" if latent_dim else ""))
        self._arrow(self._root)
        self._box(self._root, f"dense, to {bottom_width} × {bottom_width}")
        sides = image_sides(bottom_width=bottom_width, num_cells=len(genotype.cells))
        for index, (cell, side) in enumerate(zip(genotype.cells, sides, strict=True)):
            self._cell(cell_outline.outline(cell), index, side)
        self._arrow(self._root)
        self._box(self._root, "batch norm · ReLU · conv 3 × 3 · tanh")
        self._arrow(self._root)
        colours = f" × {channels}" if channels else ""
        self._box(self._root, f"image, {sides[-1]} × {sides[-1]}{colours}")
        width, height = self._right + _MARGIN, self._y + _MARGIN
        self._root.set("viewBox", f"0 0 {width} {height}")
        for element in (self._root, paper):
            element.set("width", str(width))
            element.set("height", str(height))

    def text(self) -> str:
        ElementTree.indent(self._root)
        return ElementTree.tostring(self._root, encoding="unicode") + "\n"

    def _cell(self, cell: CellOutline, index: int, side: int) -> None:
        group = self._add(self._root, "g", {"class": "cell", "data-cell": index + 1})
        top = self._y + _GAP
        frame = self._add(
            group, "rect", x=_CENTRE - _FRAME, y=top, width=2 * _FRAME, rx=8, fill="none", stroke="#b9c5cf"
        )
        told = ", ".join([f"cell {index + 1}", f"{side} × {side}", *cell.rest])
        self._label(group, told, _CENTRE - _FRAME + 10, top + 17, anchor="start")
        self._y = top + _TITLE - _GAP
        entry = top + _TITLE - 12
        self._arrow(group)
        self._box(group, cell.upsampling)
        self._arrow(group)
        block = " · ".join(cell.block)
        self._box(group, block)
        if cell.skips:
            joint = self._plus(group)
            for place, source in enumerate(cell.skips):
                self._skip(source, index, joint + 4 * place - 2 * (len(cell.skips) - 1))
        self._skip_sources.append(self._y + _GAP // 2 - 2)
        self._arrow(group)
        self._box(group, block)
        if cell.shortcut:
            end = self._plus(group)
            x = _CENTRE - _BOX_WIDTH // 2 - 18
            line = f"M{_CENTRE} {entry} H{x} V{end} H{_CENTRE - _RADIUS - 2}"
            self._line(group, line, _SHORTCUT, **{"class": "shortcut"})
            middle = (entry + end) // 2
            words = ", ".join(cell.shortcut)
            self._label(group, words, x - 5, middle, anchor="middle", turned=True, colour=_SHORTCUT)
        self._y += _FOOT
        frame.set("height", str(self._y - top))

    def _skip(self, source: int, target: int, end: int) -> None:
        """From one cell's joint to another's, around the right of what lies between."""
        begin, colour = self._skip_sources[source], _SKIPS[source % len(_SKIPS)]
        x = _CENTRE + _BOX_WIDTH // 2 + 18 + 26 * (target - source - 1) + 8 * source
        self._right = max(self._right, x)
        self._line(
            self._root,
            f"M{_CENTRE} {begin} H{x - 8} Q{x} {begin} {x} {begin + 8} V{end - 8} Q{x} {end} {x - 8} {end} "
            f"H{_CENTRE + _RADIUS + 2}",
            colour,
            **{"class": "skip", "data-from": source + 1, "data-to": target + 1, "stroke-width": 1.6},
        )

    def _plus(self, parent: ElementTree.Element) -> int:
        """A joint; returns its middle's y."""
        self._arrow(parent)
        middle = self._y + _RADIUS
        self._add(parent, "circle", cx=_CENTRE, cy=middle, r=_RADIUS, fill=_PAPER, stroke=_INK)
        self._label(parent, "+", _CENTRE, middle + 4, anchor="middle")
        self._y = self._bottom = middle + _RADIUS
        return middle

    def _box(self, parent: ElementTree.Element, text: str) -> None:
        self._add(parent, "rect", x=_CENTRE - _BOX_WIDTH // 2, y=self._y, width=_BOX_WIDTH, height=_BOX_HEIGHT, rx=4,
                  fill=_BOX, stroke=_FLOW)  # fmt: skip
        self._label(parent, text, _CENTRE, self._y + 17, anchor="middle")
        self._y = self._bottom = self._y + _BOX_HEIGHT

    def _arrow(self, parent: ElementTree.Element) -> None:
        """From the last thing to the next one."""
        self._y += _GAP
        self._line(parent, f"M{_CENTRE} {self._bottom} V{self._y - 2}", _FLOW)

    def _line(self, parent: ElementTree.Element, path: str, colour: str, **attributes: object) -> None:
        """With an arrow's head at its end."""
        head = {"marker-end": f"url(#to-{colour[1:]})"}
        self._add(parent, "path", attributes | head, d=path, fill="none", stroke=colour)

    def _label(self, parent: ElementTree.Element, text: str, x: int, y: int, *, anchor: str, turned: bool = False,
               colour: str = _INK) -> None:  # fmt: skip
        element = self._add(parent, "text", {"text-anchor": anchor, "font-family": "system-ui, sans-serif",
                                             "font-size": 12}, x=x, y=y, fill=colour)  # fmt: skip
        if turned:
            element.set("transform", f"rotate(-90 {x} {y})")
        element.text = text

    def _markers(self) -> None:
        definitions = self._add(self._root, "defs")
        for colour in (_FLOW, _SHORTCUT, *_SKIPS):
            marker = self._add(definitions, "marker", id=f"to-{colour[1:]}", viewBox="0 0 8 8", refX=7, refY=4,
                               markerWidth=7, markerHeight=7, orient="auto")  # fmt: skip
            self._add(marker, "path", d="M0 0 L8 4 L0 8 z", fill=colour)

    @staticmethod
    def _add(parent: ElementTree.Element, tag: str, more: dict[str, object] | None = None,
             **attributes: object) -> ElementTree.Element:  # fmt: skip
        return ElementTree.SubElement(parent, tag, {k: str(v) for k, v in ((more or {}) | attributes).items()})
