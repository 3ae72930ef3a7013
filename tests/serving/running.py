"""A local server in a thread of the test's process, on ports that were free, and the browser that looks at its page."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import shutil
import threading
from collections.abc import Iterator
from urllib.parse import quote

from autogan_tf.serving import local_server
from autogan_tf.serving.batching import Batcher
from autogan_tf.serving.served_model import ServedModel

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Running:
    """The server's model, batcher and addresses."""

    def __init__(self, model: ServedModel, batcher: Batcher, addresses: local_server.Addresses) -> None:
        self.model, self.batcher, self.addresses = model, batcher, addresses
        self.rest = f"http://127.0.0.1:{addresses.rest_port}"
        self.grpc = f"127.0.0.1:{addresses.grpc_port}"

    @property
    def url(self) -> str:
        """Of the model."""
        return f"{self.rest}/v1/models/{quote(self.model.name)}"


@contextlib.contextmanager
def running(path: pathlib.Path, *, max_rows: int = 64, timeout: float = 30.0, **options) -> Iterator[Running]:
    """Serves `path` while the block runs."""
    batcher = Batcher(max_rows=max_rows, max_waiting=options.pop("max_waiting", 100))
    model = ServedModel(path, batcher=batcher, timeout=timeout)
    settings = {"max_request_bytes": 500_000, "keepalive": 5.0, "poll": 0.05} | options
    ready, ended, found = threading.Event(), threading.Event(), []

    async def serve() -> None:
        stop = asyncio.Event()
        async with local_server.serving(model, local_server.Addresses("127.0.0.1", 0, 0), **settings) as addresses:
            found.extend([addresses, asyncio.get_running_loop(), stop])
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            ready.set()
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    ready.wait(30)
    addresses, loop, stop = found
    try:
        yield Running(model, batcher, addresses)
    finally:
        loop.call_soon_threadsafe(stop.set)
        assert ended.wait(30)
        batcher.close()
