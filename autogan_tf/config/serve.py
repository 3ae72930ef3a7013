"""The settings of `python -m autogan_tf.serve`."""

import dataclasses

from autogan_tf.config import plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, setting

_MODEL = "model"
_NETWORK = "network"
_LIMITS = "limits"


@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """`saved_model` is needed; `validate()` raises UserError without it."""

    saved_model: str = setting(
        "",
        "A folder that export has written; its newest version is served, as versions come and go. Or pretrained:NAME, "
        "a generator that comes with the program.",
        group=_MODEL,
        path=PATH,
    )
    poll_seconds: float = setting(2.0, "Seconds between looks for versions.", group=_MODEL, minimum=0.01)
    plugin: tuple[str, ...] = plugins.plugin(group=_MODEL)
    threads: int = setting(0, "Threads that TensorFlow may use; 0 for all cores.", group=_MODEL, minimum=0)

    host: str = setting(
        "127.0.0.1", "Address to listen on. No password is asked: others only behind a proxy that does.", group=_NETWORK
    )
    rest_port: int = setting(8501, "Port of REST and of the page; 0 for any.", group=_NETWORK, minimum=0, maximum=65535)
    grpc_port: int = setting(8500, "Port of gRPC; 0 for any.", group=_NETWORK, minimum=0, maximum=65535)

    max_batch_size: int = setting(128, "Rows of a request, and of requests answered at once.", group=_LIMITS, minimum=1)
    max_waiting: int = setting(1000, "Requests that may wait; others are told to come again.", group=_LIMITS, minimum=1)
    max_request_mb: float = setting(4.0, "Megabytes of a request.", group=_LIMITS, minimum=0.001)
    timeout_seconds: float = setting(60.0, "Seconds after which a request is given up.", group=_LIMITS, minimum=0.01)

    def validate(self) -> None:
        """Raises UserError for values that do not fit."""
        check_fields(self)
        if not self.saved_model:
            raise UserError("--saved_model is empty; give a folder that python -m autogan_tf.export has written, "
                "or pretrained:NAME")
        if self.rest_port and self.rest_port == self.grpc_port:
            raise UserError(f"--rest_port and --grpc_port are both {self.rest_port}; give two")
