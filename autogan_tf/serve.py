"""Serves an exported generator on this machine: python -m autogan_tf.serve --saved_model=models/autogan

TF Serving's REST and gRPC calls (predict, metadata, status), and a page to look at samples with a browser. A
convenience for one person: production is TF Serving itself, which takes the same folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
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

    machine.use_threads(config.threads)
    with _folder(config.saved_model) as folder:
        _serve_folder(folder, config)
    return 0


@contextlib.contextmanager
def _folder(saved_model: str) -> Iterator[pathlib.Path]:
    """The model's folder; of a generator that comes with the program one that is there while it is served."""
    from autogan_tf.pretrained import generators
    from autogan_tf.serving import model_folder, signatures

    if not generators.is_named(saved_model):
        yield pathlib.Path(saved_model)
        return
    generator = generators.load(saved_model)
    with tempfile.TemporaryDirectory(prefix="autogan-serve-") as made:
        folder = pathlib.Path(made, generators.stem(saved_model))
        model_folder.write_version(
            folder,
            signatures.drawing(generator),
            latent_dim=generator.latent_dim,
            num_classes=0,
            variables=generator.variables,
            description=generators.description(saved_model, generator),
        )
        yield folder


def _serve_folder(folder: pathlib.Path, config: ServeConfig) -> None:
    from autogan_tf.serving import local_server
    from autogan_tf.serving.batching import Batcher
    from autogan_tf.serving.served_model import ServedModel

    batcher = Batcher(max_rows=config.max_batch_size, max_waiting=config.max_waiting)
    model = ServedModel(folder, batcher=batcher, timeout=config.timeout_seconds)

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


if __name__ == "__main__":
    sys.exit(main())
