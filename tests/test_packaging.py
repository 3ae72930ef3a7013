"""Installing the project: what the wheel carries, found from any folder; the pins; the package's light import."""

import email
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


def pins(text: str) -> list[str]:
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder into which the project was installed by pip, without network, from a copy of its files."""
    source = tmp_path_factory.mktemp("a checkout")
    for name in ("setup.py", "pyproject.toml", "requirements.txt", "LICENSE", "MANIFEST.in"):
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
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    place, names, settings = json.loads(done.stdout)
    assert Path(place).is_relative_to(installed)
    assert names == sorted(path.name for path in (REPOSITORY / "configs").glob("*.flags"))
    page = Path("autogan_tf/serving/gallery.html")
    assert (installed / page).read_bytes() == (REPOSITORY / page).read_bytes()
    assert (settings["dataset"], settings["bottom_width"]) == ("stl10", 6)


def test_an_installation_answers_its_command_from_any_folder(installed, tmp_path):
    def search(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "autogan_tf.search", *words]
        environment = {"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)

    asked = search("--help")
    assert asked.returncode == 0 and "--grow_steps=" in asked.stdout and asked.stderr == ""
    misspelt = search("--flagfile=cifar10.flags", "--gf_dm=3")
    assert misspelt.returncode != 0 and misspelt.stdout == ""
    assert len(misspelt.stderr.splitlines()) == 1 and "did you mean --gf_dim?" in misspelt.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_module_is_installed(installed):
    def modules(root: Path) -> set[str]:
        return {str(path.relative_to(root)) for path in root.rglob("*.py")}

    assert modules(installed / "autogan_tf") == modules(REPOSITORY / "autogan_tf")


def test_the_metadata_names_pythons_pins_and_extras(installed):
    (metadata,) = installed.glob("autogan_tf-*.dist-info/METADATA")
    fields = email.message_from_string(metadata.read_text())
    assert fields["Version"] == autogan_tf.__version__
    assert set(fields["Requires-Python"].split(",")) == {">=3.10", "<3.14"}
    assert {"gpu", "efficientnet", "test"} <= set(fields.get_all("Provides-Extra"))
    required = [line.replace(" ", "").replace("(", "").replace(")", "") for line in fields.get_all("Requires-Dist")]
    assert "mlxtend==0.23.4" in required
    assert not [line for line in required if line.startswith("pytest") and "extra" not in line]
    for version, marker in (("2.15.1", '<"3.12"'), ("2.21.0", '>="3.12"')):
        for name, word in (("tensorflow", ""), ("tensorflow[and-cuda]", "gpu")):
            found = [line for line in required if line.startswith(f"{name}=={version};")]
            assert len(found) == 1 and f"python_version{marker}" in found[0] and word in found[0]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_requirement_is_an_exact_pin_named_once(python):
    names = []
    for line in pins((REPOSITORY / "requirements.txt").read_text()):
        requirement = Requirement(line)
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(requirement.specifier)), line
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
            names.append(canonicalize_name(requirement.name))
    assert len(set(names)) == len(names) and "tensorflow" in names
    assert ("tensorflow-addons" in names) == (python in ("3.10", "3.11"))


def test_the_public_names():
    from autogan_tf.search_space.genotype import Genotype

    assert autogan_tf.Genotype is Genotype
    assert "Genotype" in dir(autogan_tf)
    with pytest.raises(AttributeError, match="Genotipe"):
        autogan_tf.Genotipe  # noqa: B018
