"""The choices of AutoGAN's search space (paper section 3.1, figure 2): index in the tuple = token of the controller."""

CONVS = ("post", "pre")  # order of a convolution block: conv-norm-ReLU, or norm-ReLU-conv
NORMS = ("none", "batch", "instance")
UPSAMPLINGS = ("bilinear", "nearest", "deconv")  # deconv: stride-2 transposed convolution, kernel 2
SHORTCUTS = (False, True)  # 1x1 convolution from the cell's input to its output

DECISIONS = ("conv", "norm", "up", "shortcut", "skips")  # the order in which a cell's tokens are written


def cell_token_counts(cell: int) -> tuple[int, ...]:
    """Number of values of each token of cell `cell` (from 0): (2, 3, 3, 2), and 2^cell skip patterns from cell 1 on."""
    if cell < 0:
        raise ValueError(f"cell must be at least 0, got {cell}")
    counts = (len(CONVS), len(NORMS), len(UPSAMPLINGS), len(SHORTCUTS))
    return counts if cell == 0 else counts + (2**cell,)


def token_counts(num_cells: int) -> tuple[int, ...]:
    """Number of values of every token of an architecture with `num_cells` cells, in order (three cells: 14 tokens)."""
    return tuple(count for cell in range(num_cells) for count in cell_token_counts(cell))


def cell_slices(num_cells: int) -> tuple[slice, ...]:
    """Where each cell's tokens lie in the list of all tokens: [0:4], [4:9], [9:14], ..."""
    slices, start = [], 0
    for cell in range(num_cells):
        stop = start + len(cell_token_counts(cell))
        slices.append(slice(start, stop))
        start = stop
    return tuple(slices)


def num_cells_of(num_tokens: int) -> int:
    """How many cells `num_tokens` tokens describe; ValueError when no number of cells has that many tokens."""
    cells, remainder = divmod(num_tokens + 1, 5)
    if remainder or cells < 1:
        raise ValueError(
            "an architecture has 4 tokens for the first cell and 5 for each further one (4, 9, 14, ...), "
            f"got {num_tokens}"
        )
    return cells
