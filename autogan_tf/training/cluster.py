"""The workers that TF_CONFIG names: read, and refused where they could only wait for one another for ever."""

from __future__ import annotations

import dataclasses
import re
import socket
from typing import Any

from autogan_tf.config import json_text
from autogan_tf.config.errors import UserError

VARIABLE = "TF_CONFIG"
EXAMPLE = (
    f"""{VARIABLE}='{{"cluster": {{"worker": ["host0:2222", "host1:2222"]}}, """
    """"task": {"type": "worker", "index": 0}}'"""
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """addresses: host:port of every worker, the first the chief's; index: which of them this process is."""

    addresses: tuple[str, ...]
    index: int

    @property
    def others(self) -> dict[int, str]:
        """The other workers' addresses by their index."""
        return {index: address for index, address in enumerate(self.addresses) if index != self.index}


def parse(text: str) -> Cluster:
    """The cluster that the variable's `text` describes.

    Raises:
      UserError: it is missing or damaged, or describes workers that cannot find one another: other job types, addresses
        that are no host:port, that come twice, or whose hosts cannot be resolved, or a task that is none of them.
    """
    if not text:
        raise UserError(f"--distribution=multi_worker needs the environment variable {VARIABLE}, for example {EXAMPLE}")
    try:
        document = json_text.parse(text)
    except ValueError as error:
        raise _refused(text, f"it is not JSON: {error}") from None
    cluster = _part(document, "cluster", text)
    if other := sorted(set(cluster) - {"worker"}):
        raise _refused(text, f"its cluster has jobs that are not workers: {', '.join(map(repr, other))}")
    addresses = cluster.get("worker")
    if not isinstance(addresses, list) or not addresses:
        raise _refused(text, f"its cluster's workers must be a list of addresses, host:port, not {addresses!r}")
    ends = [_end(address, text) for address in addresses]
    index = _index(_part(document, "task", text), len(addresses), text)
    _refuse_repeated(addresses, ends, text)
    return Cluster(tuple(addresses), index)


def host_and_port(address: str) -> tuple[str, int]:
    """Of host:port or [IPv6]:port.

    Raises:
      ValueError: it is neither, or the port does not lie in 1..65535.
    """
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\s\[\]:/@]+):([0-9]{1,5})", address)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise ValueError(address)
    return found[1].strip("[]"), int(found[2])


def _part(document: Any, name: str, text: str) -> dict[str, Any]:
    part = document.get(name) if isinstance(document, dict) else None
    if not isinstance(part, dict):
        raise _refused(text, f"it has no {name!r} in braces")
    return part


def _end(address: Any, text: str) -> tuple[str, int]:
    try:
        return host_and_port(address)
    except (ValueError, TypeError):
        raise _refused(
            text, f"a worker's address must be host:port with a port from 1 to 65535, not {address!r}"
        ) from None


def _index(task: dict[str, Any], count: int, text: str) -> int:
    if task.get("type") != "worker":
        raise _refused(text, f"its task's type must be 'worker', not {task.get('type')!r}")
    index = task.get("index")
    if isinstance(index, str) and re.fullmatch(r"[0-9]{1,9}", index):  # as scripts put it together
        index = int(index)
    if type(index) is not int or not 0 <= index < count:
        raise _refused(text, f"its task's index must be a whole number from 0 to {count - 1}, not {index!r}")
    return index


def _refuse_repeated(addresses: list[str], ends: list[tuple[str, int]], text: str) -> None:
    """Also where two names mean the same machine."""
    seen: dict[tuple[Any, int], int] = {}
    for index, (address, (host, port)) in enumerate(zip(addresses, ends, strict=True)):
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise _refused(text, f"the host of worker {index}, {address!r}, cannot be resolved: {reason}") from None
        for place in sorted({(entry[4][0], port) for entry in found}):
            first = seen.setdefault(place, index)
            if first != index:
                both = repr(address) if addresses[first] == address else f"{addresses[first]!r} and {address!r}"
                raise _refused(text, f"workers {first} and {index} have the same address: {both}")


def _refused(text: str, why: str) -> UserError:
    got = repr(text if len(text) <= 1000 else text[:1000] + "…")
    return UserError(
        f"{VARIABLE} names no workers that could work together: {why}; got {got}; needed is, for example, {EXAMPLE}"
    )
