"""The serve command as a person runs it: start, new versions, the same pictures everywhere, stop, errors."""

from __future__ import annotations

import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from autogan_tf import sample, serve
from autogan_tf.serving.client import Client
from tests.serving.exported import small_generator, write
from tests.serving.running import running


@pytest.fixture
def started(tmp_path, plain_version):
    """The command in a process of its own, on a copy of the plain model: (process, model's folder, REST, gRPC)."""
    folder = tmp_path / "digits"
    shutil.copytree(plain_version.parent, folder)
    flags = [f"--saved_model={folder}", "--rest_port=0", "--grpc_port=0", "--poll_seconds=0.1"]
    words = [sys.executable, "-m", "autogan_tf.serve", *flags]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(5)]
    told = {words[0]: words[1] for words in map(str.split, lines) if words}
    yield process, folder, told["page:"].rstrip("/"), f"grpc://{told['gRPC:']}"
    process.kill()
    process.wait()


def files(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_from_start_to_stop(started, plain_version, tmp_path):
    process, folder, rest, grpc = started
    found = {}
    for name, where in {
        "model": [f"--saved_model={plain_version}"],
        "rest": [f"--server={rest}", "--model=digits", "--batch_size=2"],
        "grpc": [f"--server={grpc}", "--model=digits"],
    }.items():
        assert sample.main([*where, f"--images={tmp_path / name}", "--num_images=5", "--seed=3"]) == 0
        found[name] = files(tmp_path / name)
    assert found["model"] == found["rest"] == found["grpc"] and len(found["model"]) == 5
    assert "127.0.0.1" in rest
    assert requests.get(f"{rest}/gallery.json", timeout=120).json()["model"] == "digits"

    write(folder, small_generator(), version=2)
    client = Client(rest, model="digits")
    end = time.monotonic() + 300
    while client.status().get(2) != "AVAILABLE" and time.monotonic() < end:
        time.sleep(0.1)
    assert client.status() == {2: "AVAILABLE", 1: "END"}
    assert len(client.sample([1])) == 1

    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0 and "Traceback" not in errors + output


def test_a_damaged_new_version_is_passed_over_and_the_next_is_taken(plain_version, tmp_path):
    shutil.copytree(plain_version.parent, tmp_path / "digits")
    with running(tmp_path / "digits") as server:
        client = Client(server.rest, model="digits")
        (tmp_path / "digits" / "2").mkdir()
        (tmp_path / "digits" / "2" / "saved_model.pb").write_bytes(b"nothing")
        end = time.monotonic() + 300
        while 2 not in client.status() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.2)
        status = requests.get(f"{server.url}/versions/2", timeout=120).json()["model_version_status"][0]
        assert status["state"] == "END" and "cannot be loaded" in status["status"]["error_message"]
        assert len(client.sample([1])) == 1  # by version 1
        shutil.copytree(plain_version, tmp_path / "digits" / "3.tmp")
        (tmp_path / "digits" / "3.tmp").rename(tmp_path / "digits" / "3")
        while client.status().get(3) != "AVAILABLE" and time.monotonic() < end:
            time.sleep(0.05)
        assert client.status() == {1: "END", 2: "END", 3: "AVAILABLE"}


def until(what) -> None:
    end = time.monotonic() + 300
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_versions_that_go_are_followed_back_and_each_change_is_logged(
    plain_version, conditional_version, tmp_path, caplog
):
    name = "a?b [1]%20#"  # which a URL must not hold
    folder = tmp_path / name
    shutil.copytree(plain_version, folder / "00000001")
    shutil.copytree(conditional_version, folder / "2")
    with running(folder) as server:
        client = Client(server.rest, model=name)

        def described() -> dict:
            return requests.get(f"{server.rest}/gallery.json", timeout=120).json()

        assert (described()["version"], described()["description"]) == (2, {"num_classes": 3})
        shutil.rmtree(folder / "2")
        until(lambda: client.status() == {1: "AVAILABLE", 2: "END"})
        assert (described()["version"], described()["description"]) == (1, {"num_classes": 0})
        assert len(client.sample([1])) == 1
        shutil.rmtree(folder / "00000001")
        until(lambda: client.status() == {1: "END", 2: "END"})
        missing = {"error": f"Servable not found for request: Latest({name})"}
        assert described() == missing == requests.get(f"{server.url}/metadata", timeout=120).json()
        asked = requests.post(f"{server.url}:predict", json={"signature_name": "sample", "instances": [1]}, timeout=120)
        assert (asked.status_code, asked.json()) == (404, missing)
        shutil.copytree(conditional_version, tmp_path / "new")
        (tmp_path / "new").rename(folder / "1")
        until(lambda: client.status()[1] == "AVAILABLE")
        assert (described()["version"], described()["description"]) == (1, {"num_classes": 3})
    logged = [record.getMessage() for record in caplog.records if record.getMessage().startswith(f"{name}: ")]
    assert logged == [
        f"{name}: version 1 is served instead of the removed 2",
        f"{name}: version 1 is gone from {folder}, which holds no other: none is served",
        f"{name}: version 1 is served",
    ]


def test_a_version_that_is_replaced_under_the_server_stays_as_it_was_loaded(
    plain_version, conditional_version, tmp_path, caplog
):
    folder = tmp_path / "digits"
    shutil.copytree(plain_version, folder / "1")
    with running(folder) as server:
        client = Client(server.rest, model="digits")
        asked = [f"{server.rest}/gallery.json", f"{server.url}/metadata"]
        before = [requests.get(url, timeout=120).json() for url in asked], client.sample_png([1, 2])
        shutil.copytree(conditional_version, tmp_path / "other")
        for file in (path for path in (tmp_path / "other").rglob("*") if path.is_file()):
            file.replace(folder / "1" / file.relative_to(tmp_path / "other"))
        until(lambda: "the files of version 1 have changed, and it is served as it was loaded" in caplog.text)
        assert ([requests.get(url, timeout=120).json() for url in asked], client.sample_png([1, 2])) == before
        assert client.status() == {1: "AVAILABLE"}
        shutil.copytree(plain_version, tmp_path / "new")
        (tmp_path / "new").rename(folder / "2")
        until(lambda: client.status().get(2) == "AVAILABLE")
    assert caplog.text.count("have changed") == 1 and "digits: version 2 replaces 1" in caplog.text


def test_a_single_version_is_not_followed(plain_version, tmp_path):
    shutil.copytree(plain_version.parent, tmp_path / "digits")
    with running(tmp_path / "digits" / "1") as server:
        assert (server.model.name, server.model.version.number) == ("digits", 1)
        shutil.copytree(plain_version, tmp_path / "digits" / "2")
        assert requests.get(f"{server.url}/versions/١", timeout=120).status_code == 400  # ASCII digits only
        time.sleep(0.3)
        assert Client(server.rest, model="digits").status() == {1: "AVAILABLE"}


def said(capsys, *arguments: str) -> str:
    assert serve.main(list(arguments)) != 0
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return text


def test_what_does_not_fit_is_one_error(capsys, tmp_path, plain_version):
    assert "--saved_model is empty" in said(capsys)
    assert "holds no SavedModel" in said(capsys, f"--saved_model={tmp_path}")
    assert "both 80" in said(capsys, "--saved_model=x", "--rest_port=80", "--grpc_port=80")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        model = f"--saved_model={plain_version}"
        assert f"--rest_port={port}" in said(capsys, model, f"--rest_port={port}", "--grpc_port=0")
        assert f"--grpc_port={port}" in said(capsys, model, "--rest_port=0", f"--grpc_port={port}")


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--server=localhost:8501"], "http://HOST:PORT"),
        (["--server=http://x", "--run_dir=y"], "--run_dir and --server"),
        ([], "got none"),
    ],
)
def test_sample_refuses_other_servers(capsys, tmp_path, arguments, needed):
    assert sample.main([*arguments, f"--grid={tmp_path / 'grid.png'}"]) != 0
    assert needed in capsys.readouterr().err


def test_sample_chooses_a_class_of_a_server(server, server_of_classes, capsys, tmp_path):
    words = [f"--images={tmp_path / 'files'}", "--num_images=2"]
    of_classes = [f"--server={server_of_classes.rest}", "--model=conditional"]
    assert sample.main([*of_classes, *words]) != 0
    assert "has classes; choose one with --label" in capsys.readouterr().err
    assert sample.main([f"--server={server.rest}", "--model=plain", "--label=1", *words]) != 0
    assert "has no classes" in capsys.readouterr().err
    assert sample.main([*of_classes, "--label=2", *words]) == 0
    assert list(files(tmp_path / "files")) == ["00000000-2.png", "00000001-2.png"]
