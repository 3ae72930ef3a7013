"""When a run saves itself: at intervals, and when it is asked to stop, after which it ends."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator

import numpy as np

from autogan_tf.runs import signals


class Interrupted(RuntimeError):
    """The run was asked to stop and has saved itself."""

    def __init__(self, number: int, saved: str) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; saved as {saved}")
        self.exit_code = 128 + number
        self._given = (number, saved)

    def __reduce__(self) -> tuple[type[Interrupted], tuple[int, str]]:
        """To other processes and back."""
        return Interrupted, self._given


class StopRequest:
    """SIGTERM and SIGINT while it is `listening`: the first is noted, a second one ends the process at once."""

    def __init__(self) -> None:
        self.signal = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Hears the signals, see `signals.heard`."""
        with signals.heard(self._note):
            yield self

    def _note(self, number: int) -> None:
        if self.signal:
            signals.end_at_once(number)
        self.signal = number
        signals.tell("stopping after this step, with a checkpoint; once more to stop at once")


class Keeper:
    """Asked between steps whether to save.

    Args:
      save: writes a checkpoint and returns its path.
      every_steps: saves at each multiple of it, if it is asked there; 0 for none.
      every_minutes: between checkpoints; 0 for no such interval.
      stop: notes the wish to stop.
      any_worker: where there are several workers, see `Distribution.any_worker`: what one of them wishes, all do.
    """

    def __init__(
        self,
        save: Callable[[], str],
        *,
        every_steps: int = 0,
        every_minutes: float = 0.0,
        stop: StopRequest | None = None,
        any_worker: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self._save, self._any_worker = save, any_worker
        self._every_steps, self._every_seconds = every_steps, 60.0 * every_minutes
        self._stop = stop or StopRequest()
        self._step, self._clock = 0, time.monotonic()

    def begin(self, step: int) -> None:
        """The run goes on from `step`: from a checkpoint, or once more from its beginning."""
        self._step, self._clock = step, time.monotonic()

    def check(self) -> None:
        """Raises Interrupted if the run is to stop, in the chief's own work, which a checkpoint was written before.

        Not among several workers, which all stop at their next pause.
        """
        if self._stop.signal and self._any_worker is None:
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
        every = self._every_steps
        due = bool(every) and step // every > self._step // every
        due = due or (bool(self._every_seconds) and time.monotonic() - self._clock >= self._every_seconds)
        wishes = np.array([due, *(self._stop.signal == number for number in signals.ENDING)])
        if self._any_worker is not None:
            wishes = self._any_worker(wishes)
        if save or wishes.any():
            path = self._save()
            self._step, self._clock = step, time.monotonic()
            for number, wish in zip(signals.ENDING, wishes[1:], strict=True):
                if wish:
                    raise Interrupted(number, path)
