"""While TensorFlow waits for the other workers: it is told for whom, and a signal ends the wait."""

from __future__ import annotations

import contextlib
import ctypes
import pathlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from autogan_tf.training.cluster import Cluster, host_and_port

FIRST_TOLD, MOST_BETWEEN = 3.0, 60.0  # seconds until it is told for whom one waits; at most between that and the next
_LOOK = 0.1  # seconds between looks at the signals' handlers


def to_stderr(text: str) -> None:
    """Shows a line."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def telling(
    what: Callable[[], str], *, tell: Callable[[str], None] = to_stderr, look: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """While the body waits, lines that say so, the first after FIRST_TOLD seconds, the others in growing intervals.

    what: in words, what is waited for at that moment; look: called ten times a second.
    """
    over = threading.Event()

    def watch() -> None:
        began, told, interval = time.monotonic(), 0.0, FIRST_TOLD
        while not over.wait(_LOOK):
            look()
            seconds = time.monotonic() - began
            if seconds - told >= interval:
                told, interval = seconds, min(2 * interval, MOST_BETWEEN)
                tell(f"waiting for {what()}: {seconds:.0f} seconds so far, without limit; Ctrl-C or SIGTERM ends it")
        if told:
            tell(f"waited for {time.monotonic() - began:.0f} seconds")

    thread = threading.Thread(target=watch, name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def waiting_for(cluster: Cluster) -> Iterator[None]:
    """Around what makes TensorFlow wait for the other workers: tells for whom.

    SIGTERM and SIGINT keep the handlers that they have: TensorFlow holds Python's lock while it waits, in which no
    thread of Python's can run, and it takes SIGTERM for itself, in order to do nothing with it.
    """
    over, missing, handler = threading.Event(), dict(cluster.others), _handler()

    def keep_handler() -> None:
        if _handler() != handler:
            _set_handler(handler)

    for index in cluster.others:
        threading.Thread(target=_probe, args=(over, missing, index), name="probe", daemon=True).start()
    try:
        with telling(lambda: _in_words(dict(missing), len(cluster.addresses)), look=keep_handler):
            with _letting_threads_run():
                yield
    finally:
        over.set()
        keep_handler()  # TensorFlow may have taken it just now


def _probe(over: threading.Event, missing: dict[int, str], index: int) -> None:
    """Takes a worker from `missing` while something listens at its address, and puts it back when nothing does."""
    address = missing[index]
    while not over.is_set():
        try:
            socket.create_connection(host_and_port(address), timeout=2).close()
            missing.pop(index, None)
        except OSError:
            missing[index] = address
        over.wait(1)


def _in_words(missing: dict[int, str], count: int) -> str:
    if not missing:
        return f"TensorFlow to connect the {count} workers, at whose addresses something answers"
    names = [f"worker {index} at {missing[index]}" for index in sorted(missing)]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"{len(names)} of {count} workers, {', '.join(names[:10])}{more}"


def _handler() -> int | None:
    """SIGTERM's, as the C library has it; Python's own functions know of none that TensorFlow sets, and are for the
    main thread."""
    return _typed(ctypes.pythonapi.PyOS_getsig, ctypes.c_void_p, ctypes.c_int)(signal.SIGTERM)


def _set_handler(handler: int | None) -> None:
    _typed(ctypes.pythonapi.PyOS_setsig, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(signal.SIGTERM, handler)


@contextlib.contextmanager
def _letting_threads_run() -> Iterator[None]:
    """TensorFlow's binding of the call that waits keeps Python's lock; the same function of its C library, called
    through ctypes, lets go of it. Where TensorFlow has no such parts (any longer), its own binding is left."""
    try:
        from tensorflow.python import pywrap_tfe

        bound = pywrap_tfe.TFE_EnableCollectiveOps
        replacement = _enable_collective_ops()
    except (ImportError, AttributeError, OSError, StopIteration):
        yield
        return
    pywrap_tfe.TFE_EnableCollectiveOps = replacement
    try:
        yield
    finally:
        pywrap_tfe.TFE_EnableCollectiveOps = bound


def _enable_collective_ops() -> Callable[[Any, bytes], None]:
    folder = pathlib.Path(tf.__file__).parent
    core, api = (
        ctypes.CDLL(str(next(folder.glob(f"libtensorflow_{name}.*")))) for name in ("framework", "cc")
    )
    python = ctypes.pythonapi
    new_status = _typed(core.TF_NewStatus, ctypes.c_void_p)
    delete_status = _typed(core.TF_DeleteStatus, None, ctypes.c_void_p)
    code_of = _typed(core.TF_GetCode, ctypes.c_int, ctypes.c_void_p)
    message_of = _typed(core.TF_Message, ctypes.c_char_p, ctypes.c_void_p)
    name_of = _typed(python.PyCapsule_GetName, ctypes.c_char_p, ctypes.py_object)
    pointer_of = _typed(python.PyCapsule_GetPointer, ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    enable = _typed(
        api.TFE_EnableCollectiveOps, None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p
    )

    def call(context: Any, server: bytes) -> None:
        status = new_status()
        try:
            enable(pointer_of(context, name_of(context)), server, len(server), status)
            code, message = code_of(status), message_of(status).decode(errors="replace")
        finally:
            delete_status(status)
        if code:
            raise tf.compat.v1.errors.exception_type_from_error_code(code)(None, None, message)

    return call


def _typed(function: Any, result: Any, *arguments: Any) -> Any:
    function.restype, function.argtypes = result, list(arguments)
    return function
