"""Versions and the files beside them, as TF Serving reads them."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from autogan_tf.config.errors import UserError
from autogan_tf.serving import model_folder
from autogan_tf.serving.saved_generator import SavedGenerator
from autogan_tf.serving.served_version import ServedVersion
from tests.serving.exported import small_generator, write


def names(folder: pathlib.Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_versions_are_numbered_and_never_overwritten(plain, tmp_path):
    folder = tmp_path / "models" / "small"
    assert write(folder, plain) == folder / "1"
    (folder / "notes").mkdir()
    (folder / "12").mkdir()  # no whole version
    assert write(folder, plain, version=7) == folder / "7"
    assert write(folder, plain) == folder / "8"
    assert model_folder.versions(folder) == {number: folder / str(number) for number in (1, 7, 8)}
    assert names(folder) == ["1", "12", "7", "8", "notes"]
    before = (folder / "7" / "saved_model.pb").read_bytes()
    for taken in (7, 12):
        with pytest.raises(UserError, match=f"something at {taken} already"):
            write(folder, plain, version=taken)
    assert (folder / "7" / "saved_model.pb").read_bytes() == before
    assert model_folder.newest(folder, flag="x") == folder / "8" == model_folder.newest(folder / "8", flag="x")


def test_versions_are_the_names_that_tf_serving_takes_for_numbers(tmp_path):
    no_numbers = ["²", "١٢", "+3", "-4", "1.5", "0x9", "1_0", " 6", "v2", str(2**63)]
    for name in ["1", "007", "00000123", *no_numbers]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text("")
    expected = {1: tmp_path / "1", 7: tmp_path / "007", 123: tmp_path / "00000123"}
    assert model_folder.versions(tmp_path) == expected and list(expected) == [1, 7, 123]
    assert model_folder.newest(tmp_path, flag="x") == tmp_path / "00000123"
    assert model_folder.check_version(tmp_path, None) == 124
    with pytest.raises(UserError, match="something at 7 already"):
        model_folder.check_version(tmp_path, 7)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "saved_model.pb").write_text("")
    assert model_folder.versions(tmp_path)[7] == tmp_path / "7"
    (tmp_path / str(2**63 - 1)).mkdir()
    (tmp_path / str(2**63 - 1) / "saved_model.pb").write_text("")
    with pytest.raises(UserError, match="version 9,223,372,036,854,775,808 is more than TF Serving takes"):
        model_folder.check_version(tmp_path, None)


def test_a_folder_whose_name_is_a_pattern_to_tensorflow(plain, latents, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    version = write(pathlib.Path("f\udcfclder [1]") / "a\\b {c,d} *?", plain)
    expected = plain(latents, training=False)
    for path in (version.parent, version.absolute()):
        np.testing.assert_allclose(SavedGenerator(path)(tf.constant(latents)), expected, atol=1e-6)
    assert model_folder.read_description(version) == {"num_classes": 0, "made_by": "a test"}
    ran: list = []
    monkeypatch.setattr(ServedVersion, "run", lambda self, signature, inputs: ran.append(signature))
    ServedVersion(version, number=1).warm_up()
    assert ran == ["serving_default", "sample"] * 2
    assert names(tmp_path) == ["f\udcfclder [1]"] and names(version.parent) == ["1"]
    assert names(version / "assets") == ["generator.json"] and "generator.json" not in names(version)


def test_a_version_that_another_process_wrote_meanwhile_stays(plain, tmp_path, monkeypatch):
    save = tf.saved_model.save

    def slow(*arguments, **options):
        save(*arguments, **options)
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_text("theirs")

    monkeypatch.setattr(tf.saved_model, "save", slow)
    with pytest.raises(UserError, match="version 1 cannot be written"):
        write(tmp_path, plain)
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "theirs" and names(tmp_path) == ["1"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_is_left_of_a_version_that_failed(plain, tmp_path, monkeypatch, error):
    def failing(served, path, signatures):
        (pathlib.Path(path) / "saved_model.pb").write_text("half")
        raise error

    monkeypatch.setattr(tf.saved_model, "save", failing)
    with pytest.raises((KeyboardInterrupt, UserError), match="No space left" if isinstance(error, OSError) else None):
        write(tmp_path, plain)
    assert names(tmp_path) == []


def test_places_that_cannot_hold_a_model(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        model_folder.check_version(tmp_path / "file", None)
    with pytest.raises(UserError, match="by which clients ask for it, must be UTF-8"):
        model_folder.check_version(tmp_path / "f\udcfclder", None)
    with pytest.raises(UserError, match="--describe=.*holds no SavedModel"):
        model_folder.newest(tmp_path, flag="describe")


def test_the_description_travels_inside(plain_version, tmp_path):
    assert model_folder.read_description(plain_version) == {"num_classes": 0, "made_by": "a test"}
    assert not (plain_version / "generator.json").exists()
    with pytest.raises(UserError, match="not written by export"):
        model_folder.read_description(tmp_path)
    asset = tf.saved_model.load(str(plain_version)).description  # which tools find in the graph
    assert json.loads(pathlib.Path(asset.asset_path.numpy().decode()).read_text())["made_by"] == "a test"


@pytest.mark.parametrize("kind", ["plain", "conditional"])
def test_the_warmup_requests_can_be_answered(request, kind):
    version = request.getfixturevalue(f"{kind}_version")
    loaded = tf.saved_model.load(str(version))
    asked = []
    for record in tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests")):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        predict = log.predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in predict.inputs.items()}
        loaded.signatures[predict.model_spec.signature_name](**inputs)
        asked.append((predict.model_spec.name, predict.model_spec.signature_name, len(next(iter(inputs.values())))))
    expected = [(kind, name, size) for size in (1, 16) for name in ("serving_default", "sample")]
    assert asked == expected


def test_the_files_of_a_server(tmp_path):
    folder = tmp_path / "digits"
    folder.mkdir()
    assert sorted(path.name for path in model_folder.write_server_files(folder)) == names(folder)
    config = text_format.Parse((folder / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("digits", "/models/digits", "tensorflow")
    compose = (folder / "docker-compose.yml").read_text()
    mount = f".:{model.base_path}:ro"
    assert mount in compose and "image: tensorflow/serving:2.15.1" in compose
    for file in ("models.config", "batching_parameters.txt"):
        assert f"={model.base_path}/{file}" in compose and (folder / file).exists()


@pytest.mark.parametrize("name", ["x [1] y", "a\\b", 'a"b', "a: #b", "$HOME", "größe", "..."])
def test_in_a_container_a_folder_of_any_name_has_a_plain_one(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    model_folder.write_server_files(folder)
    config = text_format.Parse((folder / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == (name, "/models/model")
    compose = (folder / "docker-compose.yml").read_text()
    assert name not in compose and ".:/models/model:ro" in compose and "=/models/model/models.config" in compose


def test_what_a_person_changed_beside_the_versions_stays(tmp_path):
    (tmp_path / "docker-compose.yml").write_text("mine")
    assert "docker-compose.yml" not in [path.name for path in model_folder.write_server_files(tmp_path)]
    assert (tmp_path / "docker-compose.yml").read_text() == "mine"
    assert model_folder.write_server_files(tmp_path) == []


def test_the_batching_parameters_have_tf_servings_fields():
    """Parsed with the fields that session_bundle_config.proto of TF Serving 2.15 gives the message."""
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="tensorflow.serving", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    for number, name in enumerate(
        ["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"], 1
    ):
        message.field.add(name=name, number=number, label=1, type=11, type_name=".google.protobuf.Int64Value")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters"))()
    parameters = text_format.Parse(model_folder.BATCHING, made)
    assert parameters.max_batch_size.value >= 100 and parameters.batch_timeout_micros.value < 10_000
    assert parameters.max_enqueued_batches.value >= 1 and parameters.num_batch_threads.value >= 1


def test_a_large_generator_keeps_its_weights_once(tmp_path):
    generator = small_generator(gf_dim=64)
    version = write(tmp_path, generator)
    weights = sum(4 * int(tf.size(variable)) for variable in generator.variables)
    total = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    assert weights < total < weights + 400_000
