"""--plugin: what a user's file adds is known by its name and has flags; what is wrong with it is said in one line."""

from __future__ import annotations

import pathlib
import pickle
import subprocess
import sys

import pytest

from autogan_tf.config import listing, plugins, resume_settings
from autogan_tf.config.command_line import parse
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import to_dict
from autogan_tf.config.report import ReportConfig
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from tests.plugged import restored

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
STRATEGY = """
import dataclasses
from autogan_tf.config import strategy_settings
from autogan_tf.config.fields import setting

@dataclasses.dataclass(frozen=True)
class Settings(strategy_settings.TrialSettings):
    {name}: int = setting(7, "How far.", group="strategy walk", minimum=1)

strategy_settings.register("walk", lambda settings, task: (settings, task), settings=Settings, words="walks")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with restored():
        yield tmp_path


def written(text: str, name: str = "own.py") -> str:
    pathlib.Path(name).write_text(text)
    return name


def test_a_strategy_has_its_name_and_flags_where_its_file_is_given():
    written(STRATEGY.format(name="stride"))
    with pytest.raises(UserError, match="one of reinforce, random, .*, predictor, nsga2, but it is 'walk'"):
        parse(SearchConfig, ["--strategy=walk"], doc="")
    config = parse(SearchConfig, ["--strategy=walk", "--plugin=own.py", "--stride=3", "--round_trials=5"], doc="")
    assert isinstance(config, SearchConfig)
    assert (config.strategy, config.stride, config.round_trials) == ("walk", 3, 5)
    assert to_dict(config)["plugin"] == ["own.py"] and to_dict(config)["stride"] == 3
    with pytest.raises(UserError, match="--stride must be a whole number that is at least 1, but it is '0'"):
        parse(SearchConfig, ["--plugin=own.py", "--strategy=walk", "--stride=0"], doc="")
    text = listing.format_help(type(config), doc="", flag_file_names=[])
    assert "walk: walks." in " ".join(text.split()) and "strategy walk:\n  --stride=INT" in text
    assert text.index("strategies random") < text.index("strategy walk:") < text.index("\nestimation:")


def test_the_help_knows_it_too(capsys):
    written(STRATEGY.format(name="stride"))
    with pytest.raises(SystemExit):
        parse(SearchConfig, ["--help", "--plugin", "own.py"], doc="")
    assert "--stride=INT" in capsys.readouterr().out


def test_a_flag_file_may_name_it_and_the_command_line_wins():
    written(STRATEGY.format(name="stride"))
    written("raise ValueError('not this one')", "other.py")
    written("--plugin=own.py\n--strategy=walk\n--stride=4\n", "a.flags")
    assert parse(SearchConfig, ["--flagfile=a.flags"], doc="").stride == 4
    written("--plugin=other.py\n--strategy=walk\n", "b.flags")
    assert parse(SearchConfig, ["--flagfile=b.flags", "--plugin=own.py"], doc="").plugin == ("own.py",)


def test_several_files_and_commands_without_strategies():
    written("from autogan_tf.search_space import autogan, catalog\ncatalog.register(autogan.SPACE.with_options('a'))")
    second = "from autogan_tf.search_space import catalog\ncatalog.register(catalog.space('a').with_options('b'))"
    written(second, "b.py")
    config = parse(ReportConfig, ["--plugin=own.py,b.py", "runs/x"], doc="")
    assert config.run_dir == ("runs/x",) and config.plugin == ("own.py", "b.py")
    from autogan_tf.search_space import catalog

    assert list(catalog.SPACES) == ["autogan", "a", "b"]
    parse(TrainConfig, ["--plugin=own.py,b.py", "--arch=0", "--space=b"], doc="")  # is not imported again


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\nx = y\n", "--plugin=own.py, line 2: NameError: name 'y' is not defined"),
        ("x = 1\n\nx = (\n", "--plugin=own.py, line 3: SyntaxError: '[(]' was never closed"),
        ("import no_such_module", "--plugin=own.py, line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("import sys\nsys.exit(3)", "--plugin=own.py, line 2: SystemExit: 3"),
        ("def f():\n    raise ValueError\nf()", "--plugin=own.py, line 2: ValueError"),
        (
            "from autogan_tf.config import strategy_settings as s\n\ns.register('random', None)",
            "--plugin=own.py, line 3: there is a search strategy called 'random' already; give yours another name",
        ),
        (
            "from autogan_tf.search_space import autogan, catalog\ncatalog.register(autogan.SPACE)",
            "--plugin=own.py, line 2: there is a search space called 'autogan' already; give yours another name",
        ),
        (
            "from autogan_tf.nas.estimation import objectives\nobjectives.register('fid', len, needs=['logits'])",
            "line 2: an objective's name is taken, and it is 'fid'",
        ),
        (
            "from autogan_tf.nas.estimation import objectives\nobjectives.register('my-fid', len, needs=['logits'])",
            "line 2: an objective's name must be of letters, digits and _, and it is 'my-fid'",
        ),
        (
            "from autogan_tf.nas.estimation import objectives\nobjectives.register('mine', len, needs=['pixels'])",
            "line 2: the objective mine must need some of logits, splits, features, .* got pixels",
        ),
        (
            "from autogan_tf.models import operations as o\no.register('batch', o.Norm())",
            "line 2: there is the norm 'batch' already; give yours another value",
        ),
        (
            "from autogan_tf.models import operations as o\no.register('other', o.Deconv())",
            "line 2: layers called 'deconv' there are already; give yours another layer_name",
        ),
        (
            STRATEGY.format(name="stride").replace('setting(7, "How far.", group="strategy walk", minimum=1)', "7"),
            "settings of the strategy walk make no flags: Settings.stride must be declared with setting",
        ),
        (
            STRATEGY.format(name="stride").replace("@dataclasses.dataclass(frozen=True)\n", "")
            .replace("strategy_settings.TrialSettings", "object"),
            "settings of the strategy walk make no flags: must be called with a dataclass type or instance",
        ),
        (STRATEGY.format(name="gf_dim"), "strategy walk has the setting gf_dim, which there is already"),
        (STRATEGY.format(name="round_trials"), "strategy walk has the setting round_trials, which there is"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_one_line(text, words):
    written(text)
    with pytest.raises(UserError, match=words) as caught:
        parse(SearchConfig, ["--plugin=own.py"], doc="")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("none.py", "--plugin=none.py: No such file or directory; give the Python file"),
        ("own.txt", "--plugin must name Python files, NAME.py, but it is 'own.txt'"),
        ("folder.py", "--plugin=folder.py: Is a directory; give the Python file"),
    ],
)
def test_a_file_that_is_none_is_refused(given, words):
    pathlib.Path("folder.py").mkdir()
    written("", "own.txt")
    with pytest.raises(UserError, match=words):
        parse(SearchConfig, [f"--plugin={given}"], doc="")


def test_a_file_that_was_changed_meanwhile_is_not_taken_for_what_it_was():
    parse(SearchConfig, [f"--plugin={written('x = 1')}"], doc="")
    with pytest.raises(UserError, match="own.py has been changed since this process read it; begin a new process"):
        parse(SearchConfig, [f"--plugin={written('x = 2')}"], doc="")


def test_a_configuration_with_added_settings_is_the_same_in_a_process_that_knows_nothing_of_them():
    written(STRATEGY.format(name="stride"))
    config = parse(SearchConfig, ["--plugin=own.py", "--strategy=walk", "--stride=4"], doc="")
    pathlib.Path("config").write_bytes(pickle.dumps(config))
    code = "import pickle; config = pickle.load(open('config', 'rb')); print(config.strategy, config.stride)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == ["walk", "4"], done.stderr


def test_a_run_goes_on_with_the_same_content_wherever_the_file_lies():
    def config(name: str) -> SearchConfig:
        return SearchConfig(plugin=(name,) if name else ())

    settings = to_dict(config(written("x = 1"))) | resume_settings.plugin_digest(config("own.py"))
    resume_settings.check_same(config("own.py"), settings)
    resume_settings.check_same(config(written("x = 1", "moved.py")), settings)
    with pytest.raises(UserError, match="--plugin was own.py and is own.py, whose content has changed; give the same"):
        resume_settings.check_same(config(written("x = 2")), settings)
    with pytest.raises(UserError, match="--plugin was own.py and is none; give the same"):
        resume_settings.check_same(config(""), settings)
    with pytest.raises(UserError, match="--plugin was none and is own.py; give the same"):
        resume_settings.check_same(config("own.py"), to_dict(config("")))
    before = to_dict(config(""))
    del before["plugin"], before["space"]  # a run from before there were these settings
    resume_settings.check_same(config(""), before)
    with pytest.raises(UserError, match="--space was autogan and is b"):
        resume_settings.check_same(SearchConfig(space="b"), before)
    assert plugins.digest(()) == "" and resume_settings.plugin_digest(config("")) == {}
