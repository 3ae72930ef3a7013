"""How long a job made of several kinds of work will still take, from what was done of each kind so far."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

_LATEST = 9  # records that a rate is taken from


class TimeLeft:
    """Rates are medians of a kind's latest records; its first one, which also makes graphs, counts while it is alone.

    Args:
      units: how much there is of each kind, in the order of the work.
      as_other: for a kind of which nothing was done yet, the kind and the factor that its rate is guessed from; kinds
        without such a guess count as soon as some of it was done.
    """

    def __init__(
        self, units: Mapping[str, float], *, as_other: Mapping[str, tuple[str, float]] | None = None
    ) -> None:
        self._left = dict(units)
        self._as_other = dict(as_other or {})
        self._rates: dict[str, list[float]] = {kind: [] for kind in units}  # seconds for a unit

    def did(self, kind: str, units: float, seconds: float) -> None:
        """So much of `kind` was done, in so long."""
        self._left[kind] = max(0.0, self._left[kind] - units)
        if units > 0:
            self._rates[kind].append(seconds / units)

    def skip(self, kind: str, units: float) -> None:
        """So much of `kind` will not be done."""
        self._left[kind] = max(0.0, self._left[kind] - units)

    def seconds(self) -> float | None:
        """What is left; None as long as something of it has a rate that nothing tells."""
        total = 0.0
        for kind, left in self._left.items():
            if left:
                rate = self._rate(kind)
                if rate is None:
                    return None
                total += left * rate
        return total

    def _rate(self, kind: str) -> float | None:
        found = self._rates[kind]
        if found:
            return statistics.median(found[1:][-_LATEST:] or found)
        if kind not in self._as_other:
            return None
        other, factor = self._as_other[kind]
        rate = self._rate(other)
        return None if rate is None else factor * rate
