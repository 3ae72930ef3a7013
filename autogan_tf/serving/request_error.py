"""What a server answers when it cannot: a status that gRPC and HTTP share, and a sentence."""

from __future__ import annotations

import grpc

# As TF Serving maps them (tensorflow_serving/util/net_http and model_servers/http_server.cc).
HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.FAILED_PRECONDITION: 412,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class RequestError(Exception):
    """A request that cannot be answered.

    Attributes:
      code: the gRPC status.
      message: for the client.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def http_status(self) -> int:
        """500 for what has no status of its own."""
        return HTTP_STATUS.get(self.code, 500)


def invalid(message: str) -> RequestError:
    """INVALID_ARGUMENT, HTTP 400."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> RequestError:
    """NOT_FOUND, HTTP 404."""
    return RequestError(grpc.StatusCode.NOT_FOUND, message)
