"""What TF_CONFIG says, and what of it is refused because the workers would wait for one another for ever."""

from __future__ import annotations

import json
import socket

import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.training import cluster


def text(workers, task=None, **jobs) -> str:
    return json.dumps({"cluster": {"worker": workers, **jobs}, "task": task or {"type": "worker", "index": 0}})


def at(index) -> dict:
    return {"type": "worker", "index": index}


TWO = ["127.0.0.1:2222", "127.0.0.1:2223"]


def test_the_workers_and_which_of_them_this_is():
    found = cluster.parse(text(["127.0.0.1:1", "[::1]:65535", "127.0.0.3:2222"], at(1)))
    assert found.addresses == ("127.0.0.1:1", "[::1]:65535", "127.0.0.3:2222") and found.index == 1
    assert found.others == {0: "127.0.0.1:1", 2: "127.0.0.3:2222"}
    assert cluster.host_and_port("[::1]:65535") == ("::1", 65535)
    assert cluster.parse(text(TWO, at("1"))).index == 1  # as scripts put it together
    more = json.loads(text(TWO)) | {"environment": "cloud", "rpc_layer": "grpc"}  # as platforms add
    assert cluster.parse(json.dumps(more)).index == 0


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("", "needs the environment variable"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no 'cluster'"),
        ("{}", "no 'cluster'"),
        ('{"cluster": ["a:1"], "task": {}}', "no 'cluster'"),
        ('{"cluster": {"worker": ["127.0.0.1:1"]}}', "no 'task'"),
        ('{"cluster": {}, "task": {"type": "worker", "index": 0}}', "must be a list of addresses"),
        (text([]), "must be a list of addresses, host:port, not []"),
        (text("localhost:2222"), "must be a list of addresses"),
        (text({"0": "127.0.0.1:1"}), "must be a list of addresses"),
        (text(TWO, chief=["127.0.0.1:1"]), "jobs that are not workers: 'chief'"),
        (text(TWO, ps=["127.0.0.1:1"], evaluator=["127.0.0.1:3"]), "'evaluator', 'ps'"),
        *((text([*TWO, address]), f"a port from 1 to 65535, not {address!r}") for address in (
            "127.0.0.1", "127.0.0.1:", ":2222", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:99999", "127.0.0.1:-1",
            "127.0.0.1:٣", "127.0.0.1:22x", "http://127.0.0.1:22", "not a host:99", "127.0.0.1:22 ", "::1:2222", "",
            5, None, True, 2.5, ["127.0.0.1:1"], {"a": 1}
        )),
        (text(["127.0.0.1:2222", "127.0.0.1:2222"]), "workers 0 and 1 have the same address: '127.0.0.1:2222'"),
        (text(["127.0.0.2:1", "127.0.0.1:7", "localhost:7"]), "workers 1 and 2 .*'127.0.0.1:7' and 'localhost:7'"),
        *((text(TWO, at(index)), f"a whole number from 0 to 1, not {index!r}") for index in (
            2, -1, 0.7, 1.0, True, False, None, "x", "-1", "0.7", "", "٣", [0]
        )),
        (text(TWO, {"type": "worker"}), "index must be a whole number from 0 to 1, not None"),
        (text(TWO, {"type": "chief", "index": 0}), "type must be 'worker', not 'chief'"),
        (text(TWO, {"type": "ps", "index": 0}), "type must be 'worker', not 'ps'"),
        (text(TWO, {"index": 0}), "type must be 'worker', not None"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_at_once(config, why):
    with pytest.raises(UserError) as caught:
        cluster.parse(config)
    if ".*" in why:
        first, second = why.split(".*")
        assert first in str(caught.value) and second in str(caught.value)
    else:
        assert why in str(caught.value)
    assert "for example" in str(caught.value) and "TF_CONFIG='{" in str(caught.value)


def test_a_host_that_is_not_known_is_named(monkeypatch):
    def lookup(host, port, **rest):
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(UserError, match="worker 1, 'nowhere.example:2', cannot be resolved: Name or service not known"):
        cluster.parse(text(["somewhere.example:2", "nowhere.example:2"]))
    with pytest.raises(UserError, match="workers 0 and 1 have the same address: 'a:2' and 'b:2'"):
        cluster.parse(text(["a:2", "b:2"]))
