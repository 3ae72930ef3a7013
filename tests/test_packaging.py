"""Installing the project: what the wheel carries, found from any folder; what it asks for; its commands; the pins."""

import ast
import email
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import autogan_tf

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# Distributions whose modules have another name.
DISTRIBUTIONS = {"PIL": "pillow", "absl": "absl-py", "google": "protobuf", "grpc": "grpcio", "sklearn": "scikit-learn",
                 "tensorflow_serving": "tensorflow-serving-api"}  # fmt: skip
# What is asked for without an import that a reader of the source finds: features/tfgan.py imports by name, and what the
# frameworks need and do not say, or say too late for pip.
UNSEEN = {"tensorflow-gan", "tensorflow-metadata", "tensorflow-probability", "tf-keras", "etils", "importlib-resources",
          "setuptools", "wrapt"}  # fmt: skip
COMMANDS = {path.stem for path in (REPOSITORY / "autogan_tf").glob("*.py")} - {"__init__"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder into which the project was installed by pip, without network, from a copy of its files."""
    source = tmp_path_factory.mktemp("a checkout")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(REPOSITORY / name, source / name)
    for name in ("autogan_tf", "configs"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(source)],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def metadata(installed) -> email.message.Message:
    (file,) = installed.glob("autogan_tf-*.dist-info/METADATA")
    return email.message_from_string(file.read_text())


def ran(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A process of this Python that sees the installation and not the checkout."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def asked_for(metadata: email.message.Message, python: str, extra: str = "") -> dict[str, Requirement]:
    """What pip is asked for on one Python, by name; `extra`: only what that adds."""
    found = {}
    for line in metadata.get_all("Requires-Dist"):
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or marker.evaluate({"python_version": python, "extra": extra}):
            if not extra or "extra" in str(marker):
                name = canonicalize_name(requirement.name)
                assert name not in found, line
                found[name] = requirement
    return found


def pins(python: str) -> dict[str, Requirement]:
    """requirements.txt on one Python, by name."""
    found = {}
    for line in (REPOSITORY / "requirements.txt").read_text().splitlines():
        if line.split("#")[0].strip():
            requirement = Requirement(line.split("#")[0].strip())
            assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(requirement.specifier)), line
            if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
                name = canonicalize_name(requirement.name)
                assert name not in found, line
                found[name] = requirement
    return found


def test_an_installation_finds_its_flag_files_from_any_folder(installed, tmp_path):
    # A folder named configs beside the package, as someone else's package may leave one, is not ours.
    (installed / "configs").mkdir(exist_ok=True)
    (installed / "configs" / "alien.flags").write_text("--seed=1\n")
    code = (
        "import json, autogan_tf\n"
        "from autogan_tf.config import command_line, fields, flag_files, search\n"
        "config = command_line.parse(search.SearchConfig, ['--flagfile=stl10.flags'], doc='')\n"
        "print(json.dumps([autogan_tf.__file__, flag_files.shipped_names(), fields.to_dict(config)]))\n"
    )
    done = ran(installed, tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    place, names, settings = json.loads(done.stdout)
    assert Path(place).is_relative_to(installed)
    assert names == sorted(path.name for path in (REPOSITORY / "configs").glob("*.flags"))
    assert (settings["dataset"], settings["bottom_width"]) == ("stl10", 6)


def test_every_file_of_the_package_is_installed(installed):
    def files(root: Path) -> dict[str, bytes]:
        found = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"]
        return {str(path.relative_to(root)): path.read_bytes() for path in found if path.parent.name != "configs"}

    assert files(installed / "autogan_tf") == files(REPOSITORY / "autogan_tf")


def test_a_script_answers_as_the_module_does_from_any_folder(installed, tmp_path):
    script, module = (str(installed / "bin" / "autogan-search"),), ("-m", "autogan_tf.search")
    asked = ran(installed, tmp_path, *script, "--help")
    assert asked.returncode == 0 and "--grow_steps=" in asked.stdout and asked.stderr == ""
    assert asked.stdout == ran(installed, tmp_path, *module, "--help").stdout
    misspelt = ran(installed, tmp_path, *script, "--flagfile=cifar10.flags", "--gf_dm=3")
    assert (misspelt.returncode, misspelt.stdout, misspelt.stderr.count("\n")) == (2, "", 1)
    assert "did you mean --gf_dim?" in misspelt.stderr
    assert misspelt.stderr == ran(installed, tmp_path, *module, "--gf_dm=3").stderr
    assert list(tmp_path.iterdir()) == []


def test_a_script_sets_what_libraries_read_at_their_import(installed, tmp_path):
    (tmp_path / "tells.py").write_text(
        "import json, os, sys\nprint(json.dumps(['tensorflow' in sys.modules, dict(os.environ)]))\n"
    )
    words = ("--plugin=tells.py", "--help")
    told = [
        json.loads(ran(installed, tmp_path, *start, *words).stdout.splitlines()[0])
        for start in ((str(installed / "bin" / "autogan-search"),), ("-m", "autogan_tf.search"))
    ]
    assert told[0] == told[1] and not told[0][0]
    assert ("TF_USE_LEGACY_KERAS" in told[0][1]) == (sys.version_info >= (3, 12))
    assert told[0][1]["TF_CPP_MIN_LOG_LEVEL"] == "3"


def test_every_command_has_a_script(installed):
    (folder,) = installed.glob("autogan_tf-*.dist-info")
    points = importlib.metadata.Distribution.at(folder).entry_points
    assert {point.name: point.value for point in points} == {
        f"autogan-{command}": f"autogan_tf.{command}:main" for command in COMMANDS
    }
    assert all(callable(point.load()) for point in points)
    assert {path.name for path in (installed / "bin").iterdir()} == {point.name for point in points}


def test_the_metadata_names_version_pythons_and_extras(metadata):
    assert metadata["Version"] == autogan_tf.__version__
    assert set(metadata["Requires-Python"].split(",")) == {">=3.10", "<3.14"}
    assert set(metadata.get_all("Provides-Extra")) == {"gpu", "efficientnet", "ray"}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_pin_lies_in_the_range_that_an_installation_asks_for(metadata, python):
    asked, pinned = asked_for(metadata, python), pins(python)
    for name, requirement in asked.items():
        assert str(requirement.specifier) and not re.search("==", str(requirement.specifier)), requirement
        assert requirement.specifier.contains(str(pinned[name].specifier)[2:]), (requirement, str(pinned[name]))
    assert ("tensorflow-addons" in asked) == ("tensorflow-addons" in pinned) == (python in ("3.10", "3.11"))
    for extra in ("gpu", "efficientnet", "ray"):
        for name, requirement in asked_for(metadata, python, extra).items():
            assert requirement.specifier.contains(str(pinned[name].specifier)[2:]), (requirement, str(pinned[name]))
    (gpu,) = asked_for(metadata, python, "gpu").values()
    assert (gpu.name, gpu.extras, gpu.specifier) == ("tensorflow", {"and-cuda"}, asked["tensorflow"].specifier)


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_imported_is_asked_for_and_nothing_else(metadata, python):
    modules = set()
    for path in (REPOSITORY / "autogan_tf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(str(node.module).split(".")[0])
    imported = {
        canonicalize_name(DISTRIBUTIONS.get(module, module))
        for module in modules - set(sys.stdlib_module_names) - {"autogan_tf"}
    }
    asked = set(asked_for(metadata, python))
    optional = {"ray"} | ({"tensorflow-addons"} if python in ("3.12", "3.13") else set())  # with another way beside
    assert imported - asked == optional and asked - imported <= UNSEEN


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_is_an_exact_pin_named_once(python):
    assert {"tensorflow", "keras", "pytest"} <= set(pins(python))  # which looks at every line


def test_the_public_names():
    from autogan_tf.search_space.genotype import Genotype

    assert autogan_tf.Genotype is Genotype
    assert "Genotype" in dir(autogan_tf)
    with pytest.raises(AttributeError, match="Genotipe"):
        autogan_tf.Genotipe  # noqa: B018
