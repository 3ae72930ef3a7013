"""The folder that TF Serving watches: numbered versions of a SavedModel, and the files that start a server on them."""

from __future__ import annotations

import json
import os
import pathlib
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from google.protobuf import text_format

from autogan_tf.config import json_text
from autogan_tf.config.errors import UserError
from autogan_tf.data.literal_path import literal
from autogan_tf.runs.folder import write_atomically
from autogan_tf.serving.signatures import Draw, ServedGenerator

SAVED_MODEL = "saved_model.pb"
DESCRIPTION = "generator.json"  # the asset: genotype, settings, scores
_MOST = 2**63 - 1  # number of a version
WARMUP = "assets.extra/tf_serving_warmup_requests"  # where TF Serving looks
IMAGE = "tensorflow/serving:2.15.1"
WARMUP_BATCHES = (1, 16)  # sizes of the requests that a server answers to itself before it takes others
# At most 128 rows at once, for which a server waits up to 2 ms; a tensorflow.serving.BatchingParameters as text, whose
# definition tensorflow-serving-api does not have (tensorflow_serving/servables/tensorflow/session_bundle_config.proto).
BATCHING = """\
max_batch_size { value: 128 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
"""


def version_number(name: str) -> int | None:
    """The version that a folder of this name is to TF Serving: ASCII digits, with leading zeros, too; else None."""
    number = int(name) if re.fullmatch("[0-9]+", name) else None
    return number if number is not None and number <= _MOST else None


def versions(folder: pathlib.Path) -> dict[int, pathlib.Path]:
    """The whole versions in `folder`, number -> its folder, ascending; of 7 and 007 the shortest name."""
    numbers = {entry: version_number(entry.name) for entry in folder.glob("*")}
    found = [(number, entry) for entry, number in numbers.items()
             if number is not None and (entry / SAVED_MODEL).is_file()]  # fmt: skip
    return dict(sorted(found, key=lambda version: (version[0], -len(version[1].name))))


def newest(path: str | pathlib.Path, *, flag: str) -> pathlib.Path:
    """`path` if a SavedModel lies there, else the newest of its versions (1/, 2/ ...); UserError, naming the flag."""
    path = pathlib.Path(path)
    if (path / SAVED_MODEL).is_file():
        return path
    found = versions(path)
    if not found:
        raise UserError(f"--{flag}={path} holds no SavedModel ({SAVED_MODEL}, in it or in a folder of a version)")
    return list(found.values())[-1]


def write_version(
    folder: pathlib.Path,
    draw: Draw,
    *,
    latent_dim: int,
    num_classes: int,
    variables: Sequence[tf.Variable],
    description: Mapping[str, Any],
    version: int | None = None,
) -> pathlib.Path:
    """Writes folder/VERSION, under a temporary name until it is whole; returns its path.

    Args:
      folder: of the model; its last name is the name that clients ask for. Made where it is missing.
      draw, latent_dim, num_classes, variables: see `ServedGenerator`.
      description: JSON-able; travels inside, see `read_description`.
      version: None for one more than the newest there, or 1.

    Raises:
      UserError: the version exists already, or the folder cannot be written to.
    """
    number = check_version(folder, version)
    final = folder / str(number)
    temporary = folder / f".{number}.{secrets.token_hex(8)}.tmp"  # no number, so that no server loads it
    try:
        temporary.mkdir(parents=True)
        with literal(temporary) as given:
            asset = pathlib.Path(given, DESCRIPTION)
            asset.write_text(json.dumps(description, indent=1) + "\n")
            served = ServedGenerator(
                draw, latent_dim=latent_dim, num_classes=num_classes, variables=variables, description=str(asset)
            )
            tf.saved_model.save(served, given, signatures=served.signatures())
            asset.unlink()  # it has been copied into assets/
            warmup = pathlib.Path(given, WARMUP)
            write_warmup(warmup, model=folder.name, latent_dim=latent_dim, conditional=num_classes > 0)
        os.rename(temporary, final)  # which fails where another process has made that version by now
    except (OSError, tf.errors.OpError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"--output={folder}: version {number} cannot be written: {reason}") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return final


def check_version(folder: pathlib.Path, version: int | None) -> int:
    """The number of the version to be written; UserError where it exists or the folder cannot be made."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output={folder} is a file; give the folder of a model")
    try:
        folder.name.encode()
    except UnicodeEncodeError:
        raise UserError(f"--output={folder}: its last name, by which clients ask for it, must be UTF-8") from None
    number = version or max(versions(folder), default=0) + 1
    if number > _MOST:
        raise UserError(f"--output={folder}: version {number:,} is more than TF Serving takes ({_MOST:,})")
    if any(version_number(entry.name) == number for entry in folder.glob("*")):
        raise UserError(
            f"--output={folder} has something at {number} already, which would be overwritten; give another "
            "--version, or none for the next"
        )
    return number


def read_description(version: pathlib.Path) -> dict[str, Any]:
    """What `write_version` was given; UserError where there is nothing."""
    path = version / "assets" / DESCRIPTION
    try:
        return json_text.parse(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{version} was not written by export: {path} cannot be read ({error})") from None


def write_warmup(path: pathlib.Path, *, model: str, latent_dim: int, conditional: bool) -> None:
    """Requests to `serving_default` and `sample` as a TFRecord file of PredictionLog messages."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for number in WARMUP_BATCHES:
            zeros = tf.zeros([number], tf.int32)
            label = {"label": zeros} if conditional else {}
            inputs = {
                "serving_default": {"z": tf.zeros([number, latent_dim])},
                "sample": {"seed": tf.cast(zeros, tf.int64)},
            }
            for signature, given in inputs.items():
                request = predict_pb2.PredictRequest()
                request.model_spec.name, request.model_spec.signature_name = model, signature
                for name, tensor in (given | label).items():
                    request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
                log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
                file.write(log.SerializeToString())


def write_server_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes models.config, batching_parameters.txt and docker-compose.yml beside the versions, if they are not there.

    Returns:
      The files that were written: what a person has changed stays.
    """
    name = folder.name
    files = {
        "models.config": _models_config(name),
        "batching_parameters.txt": BATCHING,
        "docker-compose.yml": _compose(name),
    }
    written = []
    for file, content in files.items():
        if not (folder / file).exists():
            write_atomically(folder / file, content)
            written.append(folder / file)
    return written


def _mounted(name: str) -> str:
    """Where the container has the folder: under its name, where YAML, Docker and TensorFlow take that literally."""
    return f"/models/{name if re.fullmatch('[A-Za-z0-9_][A-Za-z0-9_.-]*', name) else 'model'}"


def _models_config(name: str) -> str:
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=_mounted(name), model_platform="tensorflow")
    return text_format.MessageToString(config)


def _compose(name: str) -> str:
    mounted = _mounted(name)
    return f"""\
# docker compose up: TF Serving on the versions in this folder; REST on port 8501, gRPC on 8500, of this machine only.
services:
  serving:
    image: {IMAGE}
    ports: ["127.0.0.1:8501:8501", "127.0.0.1:8500:8500"]
    volumes: [".:{mounted}:ro"]
    command:
      - --model_config_file={mounted}/models.config
      - --model_config_file_poll_wait_seconds=60
# puts requests of several clients together, for throughput; one that is refused is then refused for all of them:
#     - --enable_batching
#     - --batching_parameters_file={mounted}/batching_parameters.txt
"""
