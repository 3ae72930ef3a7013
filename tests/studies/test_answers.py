"""What a search would have answered at which cost, and what it believed, by hand."""

from __future__ import annotations

import json

import pytest

from autogan_tf.runs import history
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.studies import answers
from autogan_tf.studies.answers import Costs, Found
from tests.runs import written_run


def run(folder, rows, **settings) -> history.History:
    written_run.write_config(folder, "search", settings)
    lines = [{"step": step, "phase": "strategy", "time": 1.0, "iteration": 0} | row for step, row in enumerate(rows)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return history.read(folder)


def row(trained, scored, rewards, **more) -> dict:
    return {"trained_images": trained, "scored_images": scored, "rewards": rewards, **more}


HOW = {"costs": Costs(100.0, 0.5), "num_tokens": 4}


def test_the_best_so_far_of_those_trained_longest(tmp_path):
    rows = [
        row(25, 0, {"0 0 0 0 0 0 0 0 0": 9.0, "0 0": 9.0}),  # neither is a whole generator
        row(50, 20, {"0 0 0 0": 1.0, "0 0 0 1": 2.0}, trained_steps={"0 0 0 0": 10, "0 0 0 1": 10}),
        row(100, 40, {"0 0 1 0": 1.5}, trained_steps={"0 0 1 0": 10}),  # no better
        row(200, 60, {"0 0 1 1": -3.0}, trained_steps={"0 0 1 1": 30}),  # longer, and so it counts
        row(300, 60, {"1 0 1 1": 5.0, "1 0 0 0": None}, trained_steps={"1 0 1 1": 10, "1 0 0 0": 30}),
    ]
    found = answers.incumbents(run(tmp_path, rows, estimation="table"), **HOW)
    assert found == [Found(0.6, (0, 0, 0, 1)), Found(2.3, (0, 0, 1, 1))]


def test_a_strategy_may_answer_with_another_than_the_best_reward(tmp_path):
    rows = [
        row(50, 0, {"0 0 0 0": 1.0, "0 0 0 1": 2.0}, answer="0 0 0 0"),
        row(100, 0, {"0 0 1 0": 1.5}, answer="0 0 0 1"),
    ]
    found = answers.incumbents(run(tmp_path, rows, estimation="from_scratch"), **HOW)
    assert found == [Found(0.5, (0, 0, 0, 0)), Found(1.0, (0, 0, 0, 1))]


def test_of_rewards_that_do_not_last_the_newest_step_counts(tmp_path):
    rows = [row(100, 0, {"0 0 0 0": 2.0}), row(200, 0, {"0 0 0 1": 1.0, "0 0 1 0": 0.5})]
    found = answers.incumbents(run(tmp_path, rows, estimation="shared_weights"), **HOW)
    assert found == [Found(1.0, (0, 0, 0, 0)), Found(2.0, (0, 0, 0, 1))]


def test_a_curve_steps_where_something_was_found():
    found = [Found(1.5, (1,)), Found(2.0, (2,)), Found(2.0, (3,))]
    values = answers.curve(found, [1.0, 1.5, 2.0, 9.0], lambda tokens: float(tokens[0]))
    assert values[1:] == [1.0, 3.0, 3.0] and values[0] != values[0]


def test_the_answer_is_the_first_of_the_ranking_and_costs_all_that_was_spent(tmp_path):
    seen = run(tmp_path, [row(100, 10, {"0 0 0 0": 2.0}), row(200, 30, {"0 0 0 1": 1.0})], estimation="shared_weights")
    assert answers.answer(seen, costs=HOW["costs"]) is None  # no end yet
    (tmp_path / "genotypes").mkdir()
    (tmp_path / "genotypes" / "01.json").write_text(Genotype.from_string("1 0 1 1").to_json())
    assert answers.answer(history.read(tmp_path), costs=HOW["costs"]) == Found(2.15, (1, 0, 1, 1))
    # the ranking at the end costs something, too, and so do trainings of several by which the search chooses
    last = {"step": 2, "phase": "ranking", "time": 1.0, "ranked": 2, "trained_images": 300, "scored_images": 50}
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(last) + "\n")
    assert answers.answer(history.read(tmp_path), costs=Costs(100.0, 0.5, after=400.0)).cost == 3.25 + 4


def test_estimates_that_last_are_told_by_their_steps(tmp_path):
    rows = [
        row(50, 0, {"0 0 0 0": 1.0, "0 0 0 1": 2.0, "0 0": 3.0}, trained_steps={"0 0 0 0": 10, "0 0 0 1": 10}),
        row(90, 0, {"0 0 0 1": 2.5, "1 0 0 0": None}, trained_steps={"0 0 0 1": 1000, "1 0 0 0": 0},
            earlier_rewards={"0 0 0 1": {"10": 2.0, "100": 2.2}, "1 0 0 0": {}}),
    ]  # fmt: skip
    found = answers.estimates(run(tmp_path, rows, estimation="from_scratch"), num_tokens=4)
    assert found == {"10 steps": {(0, 0, 0, 0): 1.0, (0, 0, 0, 1): 2.0}, "100 steps": {(0, 0, 0, 1): 2.2},
                     "1,000 steps": {(0, 0, 0, 1): 2.5}}  # fmt: skip


def test_estimates_by_shared_weights_are_those_of_the_last_iteration_with_enough(tmp_path):
    names = [f"{a} {b} {c} {d}" for a in (0, 1) for b in (0, 1, 2) for c in (0, 1) for d in (0, 1)]
    old = {name: float(place) for place, name in enumerate(names[:12])}
    first = {name: float(-place) for place, name in enumerate(names[:6])}
    rest = {name: 9.0 for name in names[6:10]}
    rows = [row(1, 1, old), row(2, 2, first), row(3, 3, rest), row(4, 4, dict.fromkeys(names[:4], 0.0))]
    seen = run(tmp_path, rows, estimation="shared_weights")
    for place, one in enumerate(seen.rows["strategy"]):
        one["iteration"] = [0, 1, 1, 2][place]
    found = answers.estimates(seen, num_tokens=4)
    assert found == {"shared weights": {tuple(map(int, n.split())): v for n, v in (first | rest).items()}}


def test_agreement_is_of_those_whose_worth_is_known():
    rewards = {(place,): float(place) for place in range(12)}
    worth = {tokens: -reward for tokens, reward in rewards.items()}
    assert answers.agreement(rewards, worth.get) == (pytest.approx(1), 12)
    assert answers.agreement(rewards, rewards.get) == (pytest.approx(-1), 12)
    del worth[(0,)], worth[(1,)]
    assert answers.agreement(rewards, worth.get) == (pytest.approx(1), 10)
    del worth[(2,)]
    assert answers.agreement(rewards, worth.get) is None  # too few
    assert answers.agreement(dict.fromkeys(rewards, 1.0), lambda tokens: 1.0) is None  # nothing to rank
