"""REST and gRPC of one model in one process and one event loop: for a person without Docker, not for production."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
from collections.abc import AsyncIterator, Callable

import grpc
from aiohttp import web

from autogan_tf.config.errors import UserError
from autogan_tf.serving import grpc_services, rest
from autogan_tf.serving.served_model import ServedModel

_GRACE = 5.0  # seconds that requests may take to end when the server stops


@dataclasses.dataclass(frozen=True)
class Addresses:
    """Where a server listens; the ports are those that it got, where 0 was asked for."""

    host: str
    rest_port: int
    grpc_port: int


@contextlib.asynccontextmanager
async def serving(
    model: ServedModel, wanted: Addresses, *, max_request_bytes: int, keepalive: float, poll: float
) -> AsyncIterator[Addresses]:
    """A running server.

    Args:
      model: what it answers for.
      wanted: host and ports, of which 0 stands for any that is free.
      max_request_bytes: of a request's body.
      keepalive: seconds that a connection may be silent, in the middle of a request, too.
      poll: seconds between looks for versions.

    Raises:
      UserError: a port is taken, or the host is none of this machine's.
    """
    runner = web.AppRunner(
        rest.application(model, max_request_bytes=max_request_bytes),
        keepalive_timeout=keepalive,
        access_log=None,
        handle_signals=False,
    )
    await runner.setup()
    options = [("grpc.max_receive_message_length", max_request_bytes), ("grpc.so_reuseport", 0)]
    server = grpc.aio.server(options=options)
    grpc_services.add_to(server, model)
    following = None
    try:
        site = web.TCPSite(runner, wanted.host, wanted.rest_port, shutdown_timeout=_GRACE)
        try:
            await site.start()
        except OSError as error:
            where = f"{wanted.host}, --rest_port={wanted.rest_port}"
            raise UserError(f"cannot listen on {where}: {error.strerror}") from None
        try:
            host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
            grpc_port = server.add_insecure_port(f"{host}:{wanted.grpc_port}")
        except RuntimeError as error:
            raise UserError(f"cannot listen on {wanted.host}, --grpc_port={wanted.grpc_port}: {error}") from None
        await server.start()
        following = asyncio.create_task(model.follow(every=poll))
        yield Addresses(wanted.host, runner.addresses[0][1], grpc_port)
    finally:
        if following is not None:
            following.cancel()
        await server.stop(_GRACE)
        await runner.cleanup()


async def run_until_stopped(started: Callable[[Addresses], None], **options) -> None:
    """Runs a server, options as for `serving`, until SIGINT or SIGTERM; `started` is told where it listens."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with serving(**options) as addresses:
        started(addresses)
        await stopped.wait()
