"""How large the images are: every cell of a generator doubles the side of the map before it."""


def image_sides(*, bottom_width: int, num_cells: int) -> list[int]:
    """Side in pixels of the images after each of the cells, [8, 16, 32] for a bottom_width of 4 and three cells."""
    return [bottom_width * 2**number for number in range(1, num_cells + 1)]


def bottom_width_of(*, side: int, num_cells: int) -> int:
    """The bottom_width of a generator whose images have that side after all of its cells."""
    return side // 2**num_cells
