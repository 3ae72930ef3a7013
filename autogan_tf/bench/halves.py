"""The two halves of the bench's architectures: by one a search is chosen and tuned, by the other it is proven.

The first cells were divided once, at random, six of the twelve with each way of upsampling to a side; an architecture
of one cell or two is on the side of its first cell, 1,296 of two cells on each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

FIRST_CELLS_OF_TUNING = frozenset(
    {
        (0, 0, 0, 0), (0, 0, 2, 0), (0, 0, 2, 1), (0, 1, 2, 1), (0, 2, 0, 1), (0, 2, 1, 1),
        (0, 2, 2, 0), (1, 0, 1, 0), (1, 0, 1, 1), (1, 1, 0, 0), (1, 1, 0, 1), (1, 1, 1, 0),
        (1, 1, 1, 1), (1, 1, 2, 1), (1, 2, 0, 0), (1, 2, 0, 1), (1, 2, 1, 0), (1, 2, 2, 0),
    }
)  # fmt: skip
_LENGTH = 4  # decisions of a first cell


def is_of_tuning(tokens: Sequence[int]) -> bool:
    """Whether an architecture, or a beginning of whole cells, is in the half for tuning."""
    return tuple(tokens[:_LENGTH]) in FIRST_CELLS_OF_TUNING


def admits(half: str) -> Callable[[Sequence[int]], bool] | None:
    """Whether architectures are in a half, "tuning" or "proof"; None for "all" of them."""
    return {"all": None, "tuning": is_of_tuning, "proof": lambda tokens: not is_of_tuning(tokens)}[half]
