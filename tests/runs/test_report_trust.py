"""How far a report says that rewards can be trusted, by hand."""

from __future__ import annotations

import json

import pytest

from autogan_tf.runs import history, report, report_trust
from autogan_tf.search_space.genotype import Genotype
from tests.runs import written_run

NAMES = ["0 1 0 0 1 2 1 0 1", "0 1 0 0 1 1 1 0 1", "0 0 0 0 1 1 1 0 1", "1 0 0 0 1 1 1 0 1"]


def ranked(folder, entries):
    """A search that ended with these scores and, after trainings, these distances, in the order of its files."""
    written_run.write_search(folder)
    for file in (folder / "genotypes").glob("*.json"):
        file.unlink()
    for place, (name, (score, distance)) in enumerate(zip(NAMES, entries, strict=False), 1):
        scores = {"reward": 0.0, "score": score} | ({"trained": {"frechet_distance": distance}} if distance else {})
        (folder / "genotypes" / f"{place:02d}.json").write_text(Genotype.from_string(name).to_json(scores=scores))
    return folder


def page_of(folder) -> str:
    report.write(folder)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_where_the_winner_had_been(tmp_path):
    run = history.read(ranked(tmp_path, [(3.0, 10.0), (5.0, 11.0), (4.0, 12.0), (9.0, None)]))
    found = report_trust.of_search(run)
    # of the pairs (3, -10), (5, -11), (4, -12) one is in order: tau (1 - 2) / 3; every order of three is as likely
    assert found["trained"] == {"count": 3, "tau": pytest.approx(-1 / 3, abs=1e-4), "p": 1.0, "winner": 3}
    page = page_of(tmp_path)
    assert "had been number\n3 by the search" in page and "tau -0.33, p 1)" in page and "So few say little" in page


def test_a_training_that_was_the_final_one_already_says_nothing(tmp_path):
    folder = ranked(tmp_path, [(3.0, 10.0), (5.0, 11.0), (4.0, 12.0)])
    for step, told in ((900, None), (300, 3)):
        for file in (folder / "genotypes").glob("*.json"):
            document = json.loads(file.read_text())
            document["scores"] |= {"weights": "own", "step": step}
            document["scores"]["trained"] |= {"step": 900}
            file.write_text(json.dumps(document))
        found = report_trust.of_search(history.read(folder))["trained"]
        assert (found and found["count"]) == told
        assert ("were as long as the final one" in page_of(folder)) == (told is None)


def test_rewards_of_fewer_cells_are_not_compared_with_those_of_more(tmp_path):
    """Of one cell all are low and of two all are high, and within each the orders are turned round."""
    folder = written_run.write_search(tmp_path)
    few = {f"{a} {b} 0 0": float(a + 2 * b) for a in (0, 1) for b in (0, 1, 2)}
    many = {f"{name} 0 0 0 0 0": 100 + value for name, value in few.items()}
    rows = []
    for step, rewards in enumerate((few, many)):
        rows.append({
            "step": step, "phase": "strategy", "time": 1.0, "iteration": step, "rewards": rewards,
            "trained_steps": dict.fromkeys(rewards, 60),
            "earlier_rewards": {name: {"20": 200 * step - value} for name, value in rewards.items()},
        })  # fmt: skip
    written_run.write_rows(folder / "metrics.jsonl", rows)
    (found,) = report_trust.of_search(history.read(folder))["fidelities"]
    assert (found["count"], found["tau"]) == (6, -1)


def test_of_one_training_it_tells_how_to_know(tmp_path):
    run = history.read(written_run.write_search(tmp_path))
    assert report_trust.of_search(run) == {"trained": None, "is_final": False, "expected": None, "fidelities": []}
    assert "--train_top=5" in page_of(tmp_path)


def test_of_two_there_is_no_rank_correlation(tmp_path):
    run = history.read(ranked(tmp_path, [(3.0, 10.0), (5.0, 11.0)]))
    assert report_trust.of_search(run)["trained"] == {"count": 2, "tau": None, "p": None, "winner": 2}
    assert "no rank correlation" in page_of(tmp_path)


def test_rewards_after_fewer_steps_against_those_after_more(tmp_path):
    folder = written_run.write_search(tmp_path)
    rewards = {"20": [1.0, 2.0, 3.0, 4.0], "60": [1.0, 2.0, 4.0, 3.0]}
    row = {
        "step": 0, "phase": "strategy", "time": 1.0, "iteration": 0,
        "rewards": dict(zip(NAMES, [*rewards["60"][:3], 5.0], strict=True)),
        "trained_steps": dict(zip(NAMES, [60, 60, 60, 180], strict=True)),
        "earlier_rewards": {
            NAMES[place]: {"20": rewards["20"][place]} | ({"60": rewards["60"][3]} if place == 3 else {})
            for place in range(4)
        },
    }  # fmt: skip
    (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    (found,) = report_trust.of_search(history.read(folder))["fidelities"]
    assert found == {"from": 20, "to": 60, "count": 4, "tau": pytest.approx(4 / 6, abs=1e-4), "p": 0.333}


def test_what_was_expected_against_what_came(tmp_path):
    """Of whole generators alone: those of one cell have rewards of another size."""
    folder = written_run.write_candidates(tmp_path)
    expected, rewards = [1.0, -0.5, 0.0, 0.25], [-5.0, -9.0, -7.0, -8.0]
    rows = [
        {"step": 0, "phase": "strategy", "time": 1.0, "iteration": 0, "rewards": {"0 0 0 0": 50.0},
         "expected": {"0 0 0 0": 9.0}},
        {"step": 1, "phase": "strategy", "time": 1.0, "iteration": 0, "rewards": dict(zip(NAMES, rewards, strict=True)),
         "expected": dict(zip(NAMES, expected, strict=True))},
    ]  # fmt: skip
    with (folder / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    found = report_trust.of_search(history.read(folder))["expected"]
    assert (found["count"], found["tau"]) == (4, pytest.approx(4 / 6, abs=1e-4))
    assert found["architectures"][NAMES[1]] == {"expected": -0.5, "reward": -9.0}
    page = page_of(folder)
    assert "What the strategy expected of 4 architectures" in page and "tau 0.67, p 0.33" in page


def test_the_order_is_that_of_what_was_expected_where_the_search_went_by_it(tmp_path):
    folder = ranked(tmp_path, [(3.0, 12.0), (5.0, 11.0), (4.0, 10.0)])
    for file, expected in zip(sorted((folder / "genotypes").glob("*.json")), (0.9, 0.5, 0.1), strict=True):
        document = json.loads(file.read_text())
        document["scores"]["expected"] = expected
        file.write_text(json.dumps(document))
    found = report_trust.of_search(history.read(folder))["trained"]
    assert (found["winner"], found["tau"]) == (3, -1)
