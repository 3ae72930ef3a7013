"""Serves an exported generator on this machine: python -m autogan_tf.serve --saved_model=models/autogan

TF Serving's REST and gRPC calls (predict, metadata, status), and a page to look at samples with a browser. A
convenience for one person: production is TF Serving itself, which takes the same folder.
"""

from __future__ import annotations

import asyncio
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from autogan_tf.config import command_line, environment
from autogan_tf.config.serve import ServeConfig

if TYPE_CHECKING:
    from autogan_tf.serving.local_server import Addresses


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(ServeConfig, argv, doc=__doc__ or "", body=_serve)


def _serve(config: ServeConfig) -> int:
    environment.set_tensorflow_defaults()
    # imported late: --help and errors in the flags must not wait for TensorFlow
    from autogan_tf.runs import machine
    from autogan_tf.serving import local_server
    from autogan_tf.serving.batching import Batcher
    from autogan_tf.serving.served_model import ServedModel

    machine.use_threads(config.threads)
    batcher = Batcher(max_rows=config.max_batch_size, max_waiting=config.max_waiting)
    model = ServedModel(pathlib.Path(config.saved_model), batcher=batcher, timeout=config.timeout_seconds)

    def started(addresses: Addresses) -> None:
        where = f"[{addresses.host}]" if ":" in addresses.host else addresses.host
        print(f"{model.name}, version {model.check(model.name, None).number}", flush=True)
        print(f"page:  http://{where}:{addresses.rest_port}/", flush=True)
        print(f"REST:  http://{where}:{addresses.rest_port}/v1/models/{quote(model.name)}:predict", flush=True)
        print(f"gRPC:  {where}:{addresses.grpc_port}", flush=True)
        print("for looking and trying; for production take TF Serving. Ctrl-C stops.", flush=True)

    wanted = local_server.Addresses(config.host, config.rest_port, config.grpc_port)
    try:
        asyncio.run(
            local_server.run_until_stopped(
                started,
                model=model,
                wanted=wanted,
                max_request_bytes=round(config.max_request_mb * 1e6),
                keepalive=config.timeout_seconds,
                poll=config.poll_seconds,
            )
        )
    finally:
        batcher.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
