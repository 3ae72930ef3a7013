"""From arguments to SearchConfig: values, flag files, the help, and one clear line for each mistake."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autogan_tf.config.command_line import parse, run
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import fields_of, to_dict
from autogan_tf.config.listing import format_settings
from autogan_tf.config.search import SearchConfig

REPOSITORY = Path(__file__).resolve().parents[2]


def search(*argv: str) -> SearchConfig:
    return parse(SearchConfig, argv, doc="Finds an architecture.")


def error_of(*argv: str) -> str:
    with pytest.raises(UserError) as caught:
        search(*argv)
    message = str(caught.value)
    assert "\n" not in message and message.strip() == message
    return message


def test_nothing_given_means_the_defaults():
    assert search() == SearchConfig()


def test_values_of_every_type():
    config = search(
        "--gf_dim=32",
        "--g_lr=5e-4",
        "--dataset=folder:my pictures",
        "--download",
        "--grow_steps=4, 9",
        "--dynamic_reset_threshold=0.02",
    )
    assert (config.gf_dim, config.g_lr, config.dataset) == (32, 0.0005, "folder:my pictures")
    assert (config.download, config.grow_steps, config.dynamic_reset_threshold) == (True, (4, 9), 0.02)


def test_a_value_may_follow_as_a_word_of_its_own_and_the_last_one_counts():
    assert search("--seed", "5", "-gf_dim=8", "--seed=6") == SearchConfig(seed=6, gf_dim=8)


@pytest.mark.parametrize("text", ["--nodownload", "--download=false", "--download=0", "--download=F"])
def test_a_switch_can_be_turned_off(text):
    assert search("--download", text).download is False


@pytest.mark.parametrize("text", ["", "none", "None"])
def test_an_optional_number_can_be_unset(text):
    assert search("--dynamic_reset_threshold=1", f"--dynamic_reset_threshold={text}").dynamic_reset_threshold is None


def test_an_empty_list_of_numbers():
    assert search("--num_cells=1", "--grow_steps=").grow_steps == ()


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["--gf_dm=3"], ["unknown flag --gf_dm", "did you mean --gf_dim?", "--help"]),
        (["--nodownlod"], ["--nodownlod", "did you mean --nodownload?"]),
        (["--qqqqq"], ["unknown flag --qqqqq"]),
        (["--strategy=mirrored"], ["--strategy", "reinforce", "'mirrored'", "where steps run is now --distribution"]),
        (["--strategy", "tpu"], ["--strategy", "reinforce", "'tpu'", "where steps run is now --distribution"]),
        (["--undefok=gf_dm", "--gf_dm=3"], ["unknown flag --undefok"]),
        (["--gf_dim=abc"], ["--gf_dim", "whole number", "at least 1", "'abc'", "--gf_dim=128"]),
        (["--gf_dim=1.5"], ["--gf_dim", "whole number", "'1.5'"]),
        (["--gf_dim=0"], ["--gf_dim", "at least 1", "'0'"]),
        (["--gf_dim="], ["--gf_dim", "''"]),
        (["--gf_dim"], ["missing value", "--gf_dim", "--name=value"]),
        (["--gf_dim", "--df_dim=3"], ["--gf_dim", "'--df_dim=3'"]),
        (["--seed=2147483648"], ["--seed", "at most 2147483647"]),
        (["--g_lr=0"], ["--g_lr", "greater than 0", "'0'"]),
        (["--g_lr=nan"], ["--g_lr", "'nan'"]),
        (["--d_lr=inf"], ["--d_lr", "'inf'"]),
        (["--beta1=1"], ["--beta1", "less than 1", "'1'"]),
        (["--init_type=ortho"], ["--init_type", "normal, orth, xavier_uniform", "'ortho'", "did you mean"]),
        (["--features=vgg"], ["--features", "classifier", "'vgg'"]),
        (["--features=inception"], ["--inception_weights", "efficientnet_lite0"]),
        (["--inception_weights=a.pth"], ["--features=inception", "classifier"]),
        (["--features_resolution=64"], ["--features=efficientnet_lite0", "classifier"]),
        (["--features=saved_model:"], ["saved_model:FOLDER"]),
        (["--download=maybe"], ["--download", "true or false", "'maybe'"]),
        (["--nodownload=1"], ["--nodownload=1"]),
        (["--grow_steps=1,,2"], ["--grow_steps", "whole numbers separated by commas", "'1,,2'"]),
        (["--grow_steps=15", "35"], ["stray words", "'35'"]),
        (["cifar10"], ["stray words", "'cifar10'", "--name=value"]),
        (["--seed=1", "--", "--seed=2"], ["stray words", "'--seed=2'"]),
        (["-"], ["stray words"]),
        ([""], ["stray words"]),
        (["--download", "true"], ["stray words", "'true'"]),
        (["--flagfile"], ["--flagfile", "must name a file"]),
        ([f"--flagfile={'n' * 300}"], ["--flagfile=n", "longer than the system takes"]),
        (["--flagfile=~nosuchuser/a"], ["--flagfile=~nosuchuser/a", "no user"]),
        (["--flagfile=nowhere/some.flags"], ["nowhere/some.flags", "cifar10.flags", "quickstart.flags"]),
    ],
)
def test_each_mistake_gives_one_line_with_its_parts(argv, parts):
    message = error_of(*argv)
    assert all(part in message for part in parts), message


def test_an_int_may_be_given_where_a_number_is_wanted():
    assert search("--entropy_coeff=0").entropy_coeff == 0.0
    assert isinstance(search("--entropy_coeff=0").entropy_coeff, float)


# Flag files


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes a flag file into the current folder, which is an empty one."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name

    return write_file


@pytest.mark.parametrize("argv", [["--flagfile=a.flags", "--seed=2"], ["--seed=2", "--flagfile=a.flags"]])
def test_the_command_line_wins_wherever_the_flag_file_stands(write, argv):
    write("a.flags", "# comment\n// comment too\n\n  --seed=1  \n--gf_dim=8\n--download\n")
    assert search(*argv) == SearchConfig(seed=2, gf_dim=8, download=True)


def test_of_two_flag_files_the_later_one_wins(write):
    write("a.flags", "--seed=1\n--gf_dim=8\n")
    write("b.flags", "--seed=2\n")
    assert search("--flagfile=a.flags", "--flagfile", "b.flags") == SearchConfig(seed=2, gf_dim=8)


def test_a_nested_file_counts_where_it_stands_and_is_found_beside_the_outer_one(write):
    write("inner/base.flags", "--seed=1\n--gf_dim=8\n--df_dim=9\n")
    write("inner/outer.flags", "--seed=3\n--flagfile=base.flags\n--gf_dim=16\n")
    assert search("--flagfile=inner/outer.flags") == SearchConfig(seed=1, gf_dim=16, df_dim=9)


def test_a_flag_file_can_build_on_a_shipped_one(write):
    write("mine.flags", "--flagfile=stl10.flags\n--seed=4\n")
    config = search("--flagfile=mine.flags")
    assert (config.dataset, config.bottom_width, config.seed) == ("stl10", 6, 4)


def test_a_file_in_the_current_folder_comes_before_the_shipped_one_of_that_name(write):
    write("cifar10.flags", "--dataset=mnist\n")
    assert search("--flagfile=cifar10.flags").dataset == "mnist"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('--run_dir="runs/my run"', "runs/my run"),
        ("--run_dir='runs/my run'", "runs/my run"),
        ("--run_dir = no", None),
        ('--run_dir=""', ""),
        ('--run_dir= "a" ', "a"),
        ("""--run_dir="anna's run" """, "anna's run"),
        ("--run_dir=anna's run", "anna's run"),
        ("""--run_dir='a "b"'""", 'a "b"'),
        ("--run_dir=runs/a#b", "runs/a#b"),
        ("--run_dir=#a", "#a"),
        ("--run_dir=runs/a # note", "runs/a"),
        ("--run_dir=runs/a\t#note # more", "runs/a"),
        ("--run_dir=runs/a b // note", "runs/a b"),
        ("--run_dir=runs//a", "runs//a"),
        ("--run_dir= # the default", ""),
        ('--run_dir="runs/a # b"', "runs/a # b"),
        ("""--run_dir='runs/a' # "quoted" note""", "runs/a"),
        (r"--run_dir=a\b", r"a\b"),
        (r'--run_dir="a\b"', r"a\b"),
        ('--run_dir="runs/a', None),
        ('--run_dir="a" "b"', None),
        ('--run_dir="a"b', None),
        ("--run_dir='a\"", None),
    ],
)
def test_quotes_and_comments_in_a_flag_file(write, line, value):
    write("a.flags", f"{line}\n")
    if value is None:
        assert "a.flags, line 1" in error_of("--flagfile=a.flags")
    else:
        assert search("--flagfile=a.flags").run_dir == value


def test_quotes_and_comments_of_every_kind_of_value(write):
    write("my base.flags", "--gf_dim='8' # channels\n")
    write(
        "a.flags",
        '--flagfile="my base.flags" // a=b\n--dataset=folder:"my pictures"  # mine\n--grow_steps="3, 5"\n'
        "--download # a=b\n--seed=1 //\n",
    )
    expected = SearchConfig(gf_dim=8, dataset="folder:my pictures", grow_steps=(3, 5), download=True, seed=1)
    assert search("--flagfile=a.flags") == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("--seed=1\n--gf_dm=3\n", ["bad.flags, line 2", "--gf_dm", "--gf_dim"]),
        ("\n# note\n--gf_dim=x\n", ["bad.flags, line 3", "--gf_dim", "'x'"]),
        ("--topk=0\n", ["bad.flags, line 1", "--topk", "at least 1", "'0'"]),
        ("gf_dim=3\n", ["bad.flags, line 1", "'gf_dim=3'"]),
        ("--gf_dim 3\n", ["bad.flags, line 1", "equals sign", "'--gf_dim 3'"]),
        ("--gf_dim\n", ["bad.flags, line 1", "--gf_dim"]),
        ("--\n", ["bad.flags, line 1"]),
        ("--undefok=x\n", ["bad.flags, line 1", "--undefok"]),
        ("--flagfile=bad.flags\n", ["bad.flags, line 1", "contains itself"]),
        ("--flagfile=gone.flags\n", ["bad.flags, line 1", "gone.flags", "quickstart.flags"]),
        ("--flagfile\n", ["bad.flags, line 1", "--flagfile"]),
        (f"--flagfile={'n' * 300}\n", ["bad.flags, line 1", "longer than the system takes"]),
        ("--run_dir=~nosuchuser\n", ["bad.flags, line 1: --run_dir=~nosuchuser", "no user 'nosuchuser'"]),
        ("--run_dir=a\0b\n", ["bad.flags, line 1", "--run_dir", "cannot be a path"]),
        ("--flagfile=worse.flags\n", ["worse.flags, line 2", "'y'"]),
    ],
)
def test_a_mistake_in_a_flag_file_is_told_with_file_and_line(write, text, parts):
    write("bad.flags", text)
    write("worse.flags", "--seed=1\n--seed=y\n")
    message = error_of("--flagfile=bad.flags")
    assert all(part in message for part in parts), message
    assert message.count(", line ") == 1


def test_a_missing_flag_file_is_told_with_the_path_tried_and_the_shipped_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = error_of("--flagfile=cifar.flags")
    for part in (str(tmp_path / "cifar.flags"), "cifar10.flags", "stl10.flags", "did you mean"):
        assert part in message
    assert "folder" in error_of(f"--flagfile={tmp_path}")


def test_a_flag_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "picture.flags").write_bytes(b"\x89PNG\xff\xfe")
    assert "UTF-8" in error_of(f"--flagfile={tmp_path / 'picture.flags'}")


# What the file system says


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (IsADirectoryError(errno.EISDIR, "Is a directory", "runs/x/config.json"), 2, "--run_dir=runs/x: runs/x/config"),
        (PermissionError(errno.EACCES, "Permission denied", b"runs/x"), 2, "--run_dir=runs/x: Permission denied;"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "runs"), 2, "--run_dir=runs/x: runs: Not a directory"),
        (PermissionError(errno.EACCES, "Permission denied", "elsewhere"), 2, "error: elsewhere: "),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x/a"), 1, "runs/x/a cannot be written"),
    ],
)
def test_what_the_file_system_refuses_is_one_line_with_the_flag(error, code, words, capsys):
    def body(config: SearchConfig) -> int:
        raise error

    assert run(SearchConfig, ["--run_dir=runs/x"], doc="", body=body) == code
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_an_error_of_the_system_that_is_about_no_path_is_a_defect():
    def body(config: SearchConfig) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    with pytest.raises(OSError, match="Invalid"):
        run(SearchConfig, [], doc="", body=body)


# What is printed


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["--gf_dim=abc", "--help"]])
def test_help_lists_every_flag_and_exits_with_0(capsys, argv):
    with pytest.raises(SystemExit) as caught:
        search(*argv)
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Finds an architecture.")
    for field in fields_of(SearchConfig):
        assert f"{field.name}=" in printed or f"--[no]{field.name}\n" in printed
        assert field.rules.group in printed
    words = " ".join(printed.split())
    assert "default 128, at least 1" in words and "one of normal, orth, xavier_uniform" in words
    assert "quickstart.flags" in words
    assert max(map(len, printed.splitlines())) <= 110


def test_settings_are_listed_aligned_with_changed_ones_marked():
    lines = format_settings(search("--gf_dim=32", "--download", "--grow_steps=4,9")).splitlines()
    rows = {words[-1 if "default" not in line else 0]: line for line in lines if (words := line.lstrip(" *").split())}
    assert rows["gf_dim"].startswith("  * gf_dim ") and rows["gf_dim"].endswith("32  (default 128)")
    assert rows["grow_steps"].endswith("4,9  (default 15,35)")
    columns = {
        line.index(value) for line in lines for value in ("4,9 ", "true ", "xavier_uniform", "1e-3") if value in line
    }
    assert len(columns) == 1
    assert [line.split()[1] for line in lines if line.startswith("  * ")] == ["download", "gf_dim", "grow_steps"]
    listed = [line for line in lines if line.startswith("    ") or line.startswith("  * ")]
    assert len(listed) == len(to_dict(SearchConfig()))


def test_a_reader_that_takes_no_more_ends_a_command_without_a_word():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "autogan_tf.train", "--help"]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=write, stderr=subprocess.PIPE, text=True, timeout=300)
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_help_and_parsing_import_no_tensorflow():
    code = (
        "import sys\n"
        "import autogan_tf\n"
        "from autogan_tf.config.command_line import parse\n"
        "from autogan_tf.config.search import SearchConfig\n"
        "autogan_tf.Genotype\n"
        "parse(SearchConfig, ['--flagfile=quickstart.flags'], doc='')\n"
        "try:\n"
        "    parse(SearchConfig, ['--help'], doc='')\n"
        "except SystemExit:\n"
        "    heavy = {'tensorflow', 'keras', 'numpy', 'tensorflow_datasets'} & set(sys.modules)\n"
        "    sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
