"""What workers have to have in common, and how a difference is told."""

from __future__ import annotations

from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.training import agreement


def test_differences_name_the_value_and_who_has_it():
    same = {"--seed": "3", "--n_critic": "2"}
    assert agreement.differences([same, dict(same)]) == ""
    others = [same, same | {"--n_critic": "3"}, same, {"--n_critic": "3"}]
    assert agreement.differences(others) == (
        "--seed is 3 on workers 0, 1, 2 and missing on worker 3; --n_critic is 2 on workers 0, 2 and 3 on workers 1, 3"
    )


def differing(one, other, **more) -> set[str]:
    first, second = (agreement.settings("train", config, **more) for config in (one, other))
    return {name for name in first | second if first.get(name) != second.get(name)}


def test_what_changes_the_computation_is_compared_and_nothing_else():
    config = {"dataset": "mnist", "arch": "1 0 1 1"}
    computing = {"seed": 4, "n_critic": 3, "loss": "wasserstein", "augment": ("flip",), "max_iter": 7, "dry_run": True}
    free = {"verbosity": "quiet", "data_dir": "x", "cache_dir": "y", "threads": 3, "save_steps": 9, "run_dir": "z"}
    assert differing(TrainConfig(**config), TrainConfig(**config | computing | free)) == {
        f"--{name}" for name in computing
    }
    assert differing(SearchConfig(), SearchConfig(seed=4, ctrl_step=7, threads=2)) == {"--seed", "--ctrl_step"}


def test_an_architecture_counts_not_how_it_is_given():
    spelt, named = TrainConfig(arch="1 0  1 1"), TrainConfig(genotype="file.json")
    assert differing(spelt, named, architecture="1 0 1 1") == set()
    assert agreement.settings("train", spelt, architecture="1 0 1 1")["the architecture"] == "1 0 1 1"
    assert "the architecture" not in agreement.settings("search", SearchConfig())


def test_a_changed_program_is_another_program(tmp_path, monkeypatch):
    (tmp_path / "losses").mkdir()
    for name in ("__init__.py", "losses/hinge.py"):
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(agreement.autogan_tf, "__file__", str(tmp_path / "__init__.py"))
    before = agreement.program()
    assert before == agreement.program() and before["TensorFlow"].startswith("2.")
    (tmp_path / "losses" / "hinge.py").write_text("x = 2\n")
    assert {name for name in before if before[name] != agreement.program()[name]} == {"autogan_tf"}
