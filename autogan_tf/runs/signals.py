"""SIGTERM and SIGINT heard at once, also while TensorFlow computes or waits, for which Python's own handlers wait."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

_SECONDS_TO_HEAR = 5.0  # in which a signal surely comes to whoever listens
ENDING = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def heard(note: Callable[[int], None]) -> Iterator[None]:
    """Calls `note` with the number of each SIGTERM and SIGINT, in a thread; the handlers that were before are back at
    the end. For the main thread; may be nested, the innermost hears.

    The interpreter writes each signal's number to a socket, whatever the main thread does, and the thread reads it
    there as long as what the main thread does lets go of Python's lock.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def read() -> None:
        while number := int.from_bytes(reader.recv(1), "big"):
            if number in ENDING:
                note(number)

    thread = threading.Thread(target=read, name="signals", daemon=True)
    handlers = {number: signal.signal(number, lambda number, frame: None) for number in ENDING}
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        writer.close()
        thread.join()
        reader.close()


@contextlib.contextmanager
def passed_on(wished: Callable[[], int]) -> Iterator[None]:
    """A wish to end that comes by another way, as to a worker process, is heard as SIGTERM by what runs inside; by what
    comes after that it is not. For the main thread.

    wished: nonzero when it is there. What runs inside may not listen yet: it is told again until it does.
    """
    over, came_here = threading.Event(), threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            if wished():
                came_here.clear()
                os.kill(os.getpid(), signal.SIGTERM)
                if not came_here.wait(_SECONDS_TO_HEAR):  # a second one would end what hears it at once
                    return

    thread = threading.Thread(target=look, name="wishes", daemon=True)
    with heard(lambda number: came_here.set()):
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def end_at_once(number: int) -> None:
    """Ends the process as a signal of this number does: with 128 and the number."""
    if os.isatty(1):
        os.write(1, b"\x1b[?25h")  # the cursor, which the bars hide
    os._exit(128 + number)


def tell(text: str) -> None:
    """A line to stderr, not through a stream that the main program may hold locked."""
    os.write(2, f"\n{text}\n".encode())
