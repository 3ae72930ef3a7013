"""The scripts that set themselves up: which Python they find, when they install, where quickstart puts its runs.

Pythons are stood in for by small shell scripts, so that nothing is installed and no network is needed.
"""

import os
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


def find_python(*folders: Path, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = ":".join(map(str, folders))
    return subprocess.run(
        [BASH, "-c", f'source "{TOOLS / "python_env.sh"}"; find_python'],
        env={"PATH": path, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_dead_launcher_is_passed_over(tmp_path):
    dead(tmp_path / "shims/python3.11")
    dead(tmp_path / "shims/python3.10")
    good = working(tmp_path / "a folder/python3")
    done = find_python(tmp_path / "shims", tmp_path / "a folder", home=tmp_path)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(good), "")


def test_a_dead_launcher_does_not_hide_a_good_python_of_the_same_name(tmp_path):
    dead(tmp_path / "shims/python3.11")
    good = working(tmp_path / "good/python3.11")
    assert find_python(tmp_path / "shims", tmp_path / "good", home=tmp_path).stdout.strip() == str(good)


def test_pythons_own_variable_comes_first_unless_it_does_not_run(tmp_path):
    good, other = working(tmp_path / "good/python3.11"), working(tmp_path / "mine/python")
    assert find_python(good.parent, home=tmp_path, PYTHON=str(other)).stdout.strip() == str(other)
    broken = dead(tmp_path / "mine/broken")
    assert find_python(good.parent, home=tmp_path, PYTHON=str(broken)).stdout.strip() == str(good)


def test_a_version_that_is_installed_but_not_chosen_is_found(tmp_path):
    dead(tmp_path / "shims/python3.11")
    good = working(tmp_path / ".pyenv/versions/3.11.7/bin/python")
    assert find_python(tmp_path / "shims", home=tmp_path).stdout.strip() == str(good)


@pytest.mark.parametrize("version", ["(3, 9)", "(3, 14)", "(2, 7)"])
def test_another_version_does_not_fit_and_one_line_says_so(tmp_path, version):
    # The version check runs in a real Python that is told to be of another version.
    code = f"import sys; sys.version_info = {version}; exec(sys.argv.pop(1))"
    script(tmp_path / "bin/python3", f'shift; exec "{sys.executable}" -c "{code}" "$@"')
    done = find_python(tmp_path / "bin", home=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and all(f"3.{minor}" in done.stderr for minor in (10, 11, 12, 13))


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


def run(checkout: Path, *words: str, cwd: Path | None = None) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Runs quickstart.sh; gives what it printed and the commands that it gave to Python."""
    calls = checkout.parent / "calls"
    calls.write_text("")
    done = subprocess.run(
        [BASH, str(checkout / "tools/quickstart.sh"), *words],
        cwd=cwd or checkout.parent,
        env={"PATH": os.defpath, "HOME": str(checkout.parent), "FAIL": str(checkout / "fail")},
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
