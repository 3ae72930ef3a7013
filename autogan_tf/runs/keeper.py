"""When a run saves itself: at intervals, and when it is asked to stop, after which it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(RuntimeError):
    """The run was asked to stop and has saved itself."""

    def __init__(self, number: int, saved: str) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; saved as {saved}")
        self.exit_code = 128 + number


class StopRequest:
    """SIGTERM and SIGINT while it is `listening`: the first is noted, a second one ends the process at once.

    At once also while TensorFlow computes, which Python's own handlers would wait for: the interpreter writes each
    signal's number to a socket, and a thread reads it there.
    """

    def __init__(self) -> None:
        self.signal = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Installs the handlers, and those that were before at the end. For the main thread."""
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        thread = threading.Thread(target=self._read, args=(reader,), name="signals", daemon=True)
        handlers = {number: signal.signal(number, lambda number, frame: None) for number in _SIGNALS}
        wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        thread.start()
        try:
            yield self
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            writer.close()
            thread.join()
            reader.close()

    def _read(self, reader: socket.socket) -> None:
        while number := int.from_bytes(reader.recv(1), "big"):
            if number in _SIGNALS:
                self._note(number)

    def _note(self, number: int) -> None:
        if self.signal:
            if os.isatty(1):
                os.write(1, b"\x1b[?25h")  # the cursor, which the bars hide
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
        """The run goes on from a checkpoint at `step`."""
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
        due = bool(self._every_steps) and step - self._step >= self._every_steps
        due = due or (bool(self._every_seconds) and time.monotonic() - self._clock >= self._every_seconds)
        wishes = np.array([due, *(self._stop.signal == number for number in _SIGNALS)])
        if self._any_worker is not None:
            wishes = self._any_worker(wishes)
        if save or wishes.any():
            path = self._save()
            self._step, self._clock = step, time.monotonic()
            for number, wish in zip(_SIGNALS, wishes[1:], strict=True):
                if wish:
                    raise Interrupted(number, path)
