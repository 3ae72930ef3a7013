"""The scripts that set themselves up: which Python they find, when they install, where quickstart puts its runs.

Pythons are stood in for by small shell scripts, so that nothing is installed and no network is needed.
"""

import ast
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
BASH = shutil.which("bash") or "/bin/bash"


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{BASH}\n{body}\n")
    path.chmod(0o755)
    return path


def working(path: Path) -> Path:
    return script(path, f'exec "{sys.executable}" "$@"')


def dead(path: Path) -> Path:
    """A version manager's launcher without a version behind it."""
    return script(path, f'echo "pyenv: {path.name}: command not found" >&2; exit 127')


def shell(command: str, *folders: Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a function of python_env.sh with these folders as the PATH."""
    return subprocess.run(
        [BASH, "-c", f'source "{TOOLS / "python_env.sh"}"; {command}'],
        env={"PATH": ":".join(map(str, folders)), "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def found(*folders: Path, home: Path, **environment: str) -> str:
    """The path that find_python prints first."""
    done = shell("find_python", *folders, home=home, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()[0]


def test_a_dead_launcher_is_passed_over(tmp_path):
    dead(tmp_path / "shims/python3.11")
    dead(tmp_path / "shims/python3.10")
    good = working(tmp_path / "a folder/python3")
    assert found(tmp_path / "shims", tmp_path / "a folder", home=tmp_path) == str(good)


def test_a_dead_launcher_does_not_hide_a_good_python_of_the_same_name(tmp_path):
    dead(tmp_path / "shims/python3.11")
    good = working(tmp_path / "good/python3.11")
    assert found(tmp_path / "shims", tmp_path / "good", home=tmp_path) == str(good)


def test_pythons_own_variable_comes_first_unless_it_does_not_run(tmp_path):
    good, other = working(tmp_path / "good/python3.11"), working(tmp_path / "mine/python")
    assert found(good.parent, home=tmp_path, PYTHON=str(other)) == str(other)
    broken = dead(tmp_path / "mine/broken")
    assert found(good.parent, home=tmp_path, PYTHON=str(broken)) == str(good)


def test_a_version_that_is_installed_but_not_chosen_is_found(tmp_path):
    dead(tmp_path / "shims/python3.11")
    good = working(tmp_path / ".pyenv/versions/3.11.7/bin/python")
    assert found(tmp_path / "shims", home=tmp_path) == str(good)


def of_version(path: Path, version: str) -> Path:
    """A real Python that is told to be of another version when it is asked for it."""
    number = ".".join(map(str, ast.literal_eval(version)))
    code = f"import platform, sys; sys.version_info = {version}; platform.python_version = lambda: '{number}'"
    code += "; exec(sys.argv.pop(1))"
    return script(path, f'[[ "$1" == -c ]] || exit 1\nshift; exec "{sys.executable}" -c "{code}" "$@"')


@pytest.mark.parametrize("version", ["(3, 9)", "(3, 14)", "(2, 7)"])
def test_where_no_version_fits_one_line_says_how_to_get_one(tmp_path, version):
    of_version(tmp_path / "bin/python3", version)
    done = shell(f'make_venv "{tmp_path}/new"', tmp_path / "bin", home=tmp_path)
    assert done.returncode == 1 and done.stdout == "" and not (tmp_path / "new").exists()
    assert len(done.stderr.splitlines()) == 1 and all(f"3.{minor}" in done.stderr for minor in (10, 11, 12, 13))
    assert "apt install" in done.stderr and "uv" in done.stderr and "PYTHON=" in done.stderr


def test_where_no_version_fits_uv_fetches_one(tmp_path):
    of_version(tmp_path / "bin/python3", "(3, 14)")
    script(tmp_path / "bin/uv", 'printf "%s\\n" "$@"')
    done = shell(f'make_venv "{tmp_path}/a new"', tmp_path / "bin", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    said, *asked = done.stdout.splitlines()
    assert "uv" in said and "3.11" in said
    # --seed: with pip, by which the packages are installed.
    assert asked == ["venv", "--quiet", "--clear", "--seed", "--python", "3.11", f"{tmp_path}/a new"]


def test_versions_come_in_a_fixed_order_and_the_line_says_which_is_taken_and_why(tmp_path):
    for name in ("python3.13", "python3.12", "python3"):
        working(tmp_path / "bin" / name)
    done = shell(f'make_venv "{tmp_path}/new"', tmp_path / "bin", home=tmp_path)
    (line,) = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path}/bin/python3.12 (Python {platform.python_version()}: the first on the PATH" in line
    assert "3.11 3.12 3.10 3.13" in line and (tmp_path / "new/bin/python").exists()


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout in a path with a space, whose .venv notes what it is asked to run instead of running it."""
    root = tmp_path / "my checkout"
    shutil.copytree(TOOLS, root / "tools")
    (root / "requirements.txt").write_text("six==1.17.0\n")
    calls = tmp_path / "calls"
    script(
        root / ".venv/bin/python",
        f'if [[ "$1" == -c ]]; then exec "{sys.executable}" "$@"; fi\n'
        f'printf "%s\\n" "$*" >>"{calls}"\n'
        'if [[ "$2" == pip && -e "$FAIL" ]]; then echo "no network"; exit 1; fi\n'
        'for word in "$@"; do case "$word" in --run_dir=*) run_dir="${word#*=}" ;; esac; done\n'
        'if [[ "$2" == autogan_tf.search ]]; then\n'
        '    [[ "$*" == *gf_dim=bad* ]] && exit 2\n'
        '    [[ "$*" == *dry_run* ]] && exit 0\n'
        '    mkdir -p "$run_dir/best/samples" "$run_dir/genotypes"\n'
        '    touch "$run_dir/genotype.json" "$run_dir/best/samples/000100.png"\n'
        "fi",
    )
    return root


def run(
    checkout: Path, *words: str, cwd: Path | None = None, **environment: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Runs quickstart.sh; gives what it printed and the commands that it gave to Python."""
    calls = checkout.parent / "calls"
    calls.write_text("")
    done = subprocess.run(
        [BASH, str(checkout / "tools/quickstart.sh"), *words],
        cwd=cwd or checkout.parent,
        env={"PATH": os.defpath, "HOME": str(checkout.parent), "FAIL": str(checkout / "fail"), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done, calls.read_text().splitlines()


def test_packages_are_installed_only_where_the_requirements_changed(checkout):
    assert ["pip" in call for call in run(checkout)[1]] == [True, False]
    assert ["pip" in call for call in run(checkout)[1]] == [False]
    (checkout / "requirements.txt").write_text("six==1.16.0\n")
    assert ["pip" in call for call in run(checkout)[1]] == [True, False]


def test_a_failed_installation_stops_with_its_last_lines_and_is_tried_again(checkout):
    (checkout / "fail").touch()
    done, calls = run(checkout)
    assert done.returncode != 0 and len(calls) == 1
    assert "no network" in done.stderr and "install.log" in done.stderr
    (checkout / "fail").unlink()
    assert ["pip" in call for call in run(checkout)[1]] == [True, False]


def test_another_version_by_name_makes_the_environment_anew_and_another_release_of_it_does_not(checkout):
    here = sys.version_info
    release = of_version(checkout.parent / "release", f"({here.major}, {here.minor}, 99)")
    done, calls = run(checkout, PYTHON=str(release))
    assert done.returncode == 0 and f"Python {platform.python_version()} of .venv" in done.stdout and calls
    other = of_version(checkout.parent / "other", f"(3, {12 if here.minor != 12 else 13}, 1)")
    done, calls = run(checkout, PYTHON=str(other))  # a stand-in that makes none
    assert done.returncode != 0 and not calls
    assert f"Making the virtual environment .venv with {other}" in done.stdout and "named by" in done.stdout


def test_a_python_that_does_not_fit_is_said_and_not_taken(checkout):
    old = of_version(checkout.parent / "old", "(3, 9, 1)")
    done, calls = run(checkout, PYTHON=str(old))
    assert done.returncode == 0 and calls
    (line,) = done.stderr.splitlines()
    assert f"PYTHON={old} is not taken" in line and "3.11 3.12 3.10 3.13" in line


def test_each_quickstart_gets_a_folder_of_its_own_and_says_where(checkout):
    for name in ("quickstart", "quickstart-2", "quickstart-3"):
        done, calls = run(checkout, "--seed=1")
        assert done.returncode == 0, done.stderr
        assert f"--run_dir={checkout}/runs/{name} " in calls[-1] and calls[-1].endswith("--seed=1")
        assert f"{checkout}/runs/{name}/best/samples/000100.png" in done.stdout
        assert f"{checkout}/runs/{name}/genotype.json" in done.stdout


def test_a_run_dir_of_the_users_is_left_to_the_command(checkout, tmp_path):
    place = tmp_path / "elsewhere"
    place.mkdir()
    done, calls = run(checkout, "--run_dir=mine", cwd=place)
    assert calls[-1].count("--run_dir=") == 1
    assert (place / "mine/genotype.json").is_file() and "mine/genotype.json" in done.stdout


def test_looking_or_failing_prints_no_results(checkout):
    done, _ = run(checkout, "--dry_run")
    assert done.returncode == 0 and "results" not in done.stdout
    done, _ = run(checkout, "--gf_dim=bad")
    assert done.returncode == 2 and "results" not in done.stdout


@pytest.fixture
def integration(tmp_path) -> Path:
    """A checkout of .ci/run whose tests only say what they were asked for."""
    root = tmp_path / "checkout"
    script(root / ".ci/run", "")
    shutil.copy(TOOLS.parent / ".ci/run", root / ".ci/run")
    (root / "tools").mkdir()
    shutil.copy(TOOLS / "python_env.sh", root / "tools")
    script(
        root / "tools/test.sh",
        'mkdir -p "$VENV/bin"; cp "${PYTHON:-$FIRST}" "$VENV/bin/python"\n'
        'echo "asked: $VENV $*"; [[ "$VENV" != "$FAILS" ]] || { echo "== 1 failed, 2 passed in 3.00s =="; exit 1; }\n'
        'echo "== 5 passed, 1 skipped in 61.20s (0:01:01) =="',
    )
    return root


def integrate(root: Path, *words: str, first: str, second: str, fails: str = "") -> subprocess.CompletedProcess[str]:
    """Runs .ci/run where these versions of Python are, or one, and the tests fail with the environment `fails`."""
    tools = root.parent / "bin"
    of_version(tools / "python3", f"({first})")
    for name in ("bash", "cp", "dirname", "grep", "mkdir", "mktemp", "rm", "tee"):
        (tools / name).symlink_to(shutil.which(name) or name)
    if second:
        of_version(tools / "elsewhere/python3", f"({second})")
    return subprocess.run(
        [BASH, str(root / ".ci/run"), *words],
        env={"PATH": f"{tools}:{tools}/elsewhere", "HOME": str(tools), "FIRST": str(tools / "python3"), "FAILS": fails},
        capture_output=True,
        text=True,
        timeout=300,
    )


def asked_for(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.removeprefix("asked: ") for line in done.stdout.splitlines() if line.startswith("asked: ")]


@pytest.mark.parametrize("fails", ["", ".venv", ".venv-other"])
@pytest.mark.parametrize(("first", "second"), [("3, 11, 7", "3, 12, 1"), ("3, 13, 0", "3, 10, 9"), ("3, 12, 1", "")])
def test_integration_runs_both_stacks_and_says_what_ran_on_which(integration, first, second, fails):
    done = integrate(integration, "tests/config", first=first, second=second, fails=fails)
    asked = asked_for(done)
    assert asked == [".venv tests/config", ".venv-other --fast tests/config"][: 2 if second else 1]
    bad = fails in [line.split()[0] for line in asked]
    assert (done.returncode != 0) == bad, done.stderr
    ends = done.stdout.split("What ran:\n")[1].splitlines()
    assert len(ends) == 2 and f"Python {first.replace(', ', '.')}" in ends[0]
    assert ("1 failed" in ends[0]) == (fails == ".venv")
    if second:
        assert f"Python {second.replace(', ', '.')}" in ends[1] and ("1 failed" in ends[1]) == (fails == ".venv-other")
    else:
        assert "3.11 3.10" in ends[1] and "nothing ran" in ends[1]


@pytest.mark.parametrize("slow", [False, True])
def test_integration_runs_a_part_on_the_other_stack_where_the_first_took_long(integration, slow):
    file = integration / ".ci/run"
    assert (text := file.read_text()).count("MINUTES=50\n") == 1
    file.write_text(text.replace("MINUTES=50\n", "MINUTES=-1\n" if slow else "MINUTES=50\n"))
    done = integrate(integration, first="3, 11, 7", second="3, 12, 1")
    first, second = asked_for(done)
    parts = second.removeprefix(".venv-other --fast").split()
    assert done.returncode == 0 and first.split() == [".venv"]
    assert all((TOOLS.parent / part).is_dir() for part in parts) and bool(parts) == slow
    assert ("only a part follows: tests/" in done.stdout.split("What ran:\n")[1]) == slow
