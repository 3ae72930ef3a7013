"""When a run saves itself: at intervals, and when it is asked to stop, after which it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

import numpy as np

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(RuntimeError):
    """The run was asked to stop and has saved itself."""

    def __init__(self, number: int, saved: str) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; saved as {saved}")
        self.exit_code = 128 + number


class StopRequest:
    """SIGTERM and SIGINT while it is `listening`: the first is noted, a second one ends the process at once."""

    def __init__(self) -> None:
        self.signal = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Installs the handlers, and those that were before at the end."""
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            os._exit(128 + number)
        self.signal = number
        # not through a stream that the main program may hold locked
        os.write(2, b"\nstopping after this step, with a checkpoint; once more to stop at once\n")


class Keeper:
    """Asked between steps whether to save.

    Args:
      save: writes a checkpoint and returns its path.
      every_steps, every_minutes: between checkpoints; 0 for no such interval.
      stop: notes the wish to stop.
      agreed: where there are several workers, gives the chief's values to all, see `Distribution.agreed`.
    """

    def __init__(
        self,
        save: Callable[[], str],
        *,
        every_steps: int = 0,
        every_minutes: float = 0.0,
        stop: StopRequest | None = None,
        agreed: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self._save, self._agreed = save, agreed
        self._every_steps, self._every_seconds = every_steps, 60.0 * every_minutes
        self._stop = stop or StopRequest()
        self._step, self._clock = 0, time.monotonic()

    def begin(self, step: int) -> None:
        """The run goes on from a checkpoint at `step`."""
        self._step, self._clock = step, time.monotonic()

    def check(self) -> None:
        """Raises Interrupted if the run is to stop, in the chief's own work, which a checkpoint was written before.

        Not among several workers, which all stop at their next pause.
        """
        if self._stop.signal and self._agreed is None:
            raise Interrupted(self._stop.signal, "the newest checkpoint")

    def now(self, step: int) -> None:
        """Saves, in the chief's own work.

        Raises:
          Interrupted: as `check`.
          SaveFailed: it could not be saved.
        """
        self._save()
        self._step, self._clock = step, time.monotonic()
        self.check()

    def pause(self, step: int, *, save: bool = False) -> None:
        """`step` steps are done: saves if `save` or an interval is over or the run is to stop.

        Raises:
          Interrupted: the run is to stop; it has been saved.
          SaveFailed: it could not be saved.
        """
        due = bool(self._every_steps) and step - self._step >= self._every_steps
        due = due or (bool(self._every_seconds) and time.monotonic() - self._clock >= self._every_seconds)
        told = np.array([due, self._stop.signal], np.int64)
        wish, number = map(int, told if self._agreed is None else self._agreed(told))
        if wish or number or save:
            path = self._save()
            self._step, self._clock = step, time.monotonic()
            if number:
                raise Interrupted(number, path)
