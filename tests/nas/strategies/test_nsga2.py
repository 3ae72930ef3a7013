"""NSGA-II by what it must do: who lives on, who has children, what is tried, and the front of a problem whose front is
known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.config.strategy_settings import Nsga2Settings, TrialSettings
from autogan_tf.nas.strategies.nsga2 import Nsga2
from autogan_tf.nas.strategies.random_search import RandomSearch
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial
from autogan_tf.search_space import autogan

TARGET = tuple(count - 1 for count in autogan.SPACE.counts(3))


def made(seed: int = 1, *, rewards_last: bool = True, num_cells: int = 3, **settings) -> Nsga2:
    task = Task(space=autogan.SPACE, seed=seed, num_cells=num_cells, rewards_last=rewards_last)
    return Nsga2(Nsga2Settings(**settings), task)


def distance(one, other) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def scores(tokens: Tokens) -> dict[str, float]:
    """Two ends that are far from each other: of 14 decisions so many are not 0, and so many not the last option.

    None dominates another of those that have no third option, and all others are dominated by one of these: the front
    is (k, 14 - k) for k = 0 to 14.
    """
    ends = {"fid": float(distance(tokens, (0,) * 14)), "parameters": float(distance(tokens, TARGET))}
    return ends | {"is": float(sum(tokens)), "kid": float(tokens[0])}


def trial(tokens: Tokens) -> Trial:
    return Trial(tokens, -scores(tokens)["fid"], scores(tokens))


def round_of(strategy, number: int) -> list[Tokens]:
    """What a round tried."""
    strategy.begin_round(number)
    tried = []
    while asked := strategy.ask():
        tried += asked
        strategy.tell([trial(tokens) for tokens in asked])
    return tried


def front(strategy: Nsga2) -> list[dict]:
    return strategy.summary()["front"]["architectures"]


def dominates(one: Tokens, other: Tokens, names=("fid", "parameters")) -> bool:
    pairs = [(scores(one)[name], scores(other)[name]) for name in names]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def tokens_of(entry: dict) -> Tokens:
    return tuple(map(int, entry["architecture"].split()))


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_a_front_that_is_known(seed):
    """All of it in 25 generations of 32: 832 of 373,248 architectures, of which 16,384 are on it. Random search with
    as many finds less of it."""
    strategy = made(seed, trial_batch=8)
    tried = [tokens for number in range(25) for tokens in round_of(strategy, number)]
    found = {(entry["scores"]["fid"], entry["scores"]["parameters"]) for entry in front(strategy)}
    assert found == {(k, 14 - k) for k in range(15)}
    assert len(set(tried)) == len(tried) == 26 * 32
    random = RandomSearch(TrialSettings(round_trials=len(tried)), Task(autogan.SPACE, seed, 3, rewards_last=True))
    drawn = {(scores(tokens)["fid"], scores(tokens)["parameters"]) for tokens in round_of(random, 0)}
    assert len(found & drawn) < 13


@pytest.mark.parametrize("rewards_last", [True, False])
def test_a_round_is_a_generation(rewards_last):
    strategy = made(rewards_last=rewards_last, nsga2_population=6, trial_batch=4)
    assert strategy.steps_per_round == 4
    first = round_of(strategy, 0)
    assert len(first) == len(set(first)) == 12
    alive = strategy.state()["members"]
    assert [tuple(tokens) for tokens in alive] == first[:6]
    second = round_of(strategy, 1)
    members = [tuple(tokens) for tokens in strategy.state()["members"]]
    # who lives on is among the 12, and no one is better than one that lives on who does not
    assert set(members) <= set(first) and len(set(members)) == 6
    dead = set(first) - set(members)
    assert not any(dominates(one, other) for one in dead for other in members)
    if rewards_last:
        assert len(second) == 6 and not set(second) & set(first)
    else:  # scored anew first
        assert second[:6] == members and len(second) == len(set(second)) == 12


def test_of_a_front_that_does_not_fit_the_ends_and_the_least_crowded_live_on():
    """Four of a front's eight: the ends, and the two in the wide gap."""
    strategy = made(nsga2_population=4, trial_batch=4)
    strategy.begin_round(0)
    values = [(0, 100), (1, 90), (2, 80), (3, 70), (40, 60), (60, 30), (98, 20), (100, 0)]
    tried = []
    for batch in (values[:4], values[4:]):
        asked = strategy.ask()
        told = [{"fid": float(one), "parameters": float(other)} for one, other in batch]
        strategy.tell([Trial(tokens, 0.0, found) for tokens, found in zip(asked, told, strict=True)])
        tried += asked
    strategy.begin_round(1)
    members = [tuple(tokens) for tokens in strategy.state()["members"]]
    # crowding: 0.22, 0.22, 0.58, 0.97, 0.98, 0.7 of those between the ends
    assert sorted(map(tried.index, members)) == [0, 4, 5, 7]


def test_half_of_the_children_are_one_mutation_away_and_the_others_have_two_parents():
    strategy = made(nsga2_population=30, trial_batch=30)
    tried = round_of(strategy, 0)
    members, children = tried[:30], tried[30:]
    assert all(min(distance(child, member) for member in members) == 1 for child in children[1::2])
    others = children[::2]
    assert sum(min(distance(child, member) for member in members) > 2 for child in others) > 10
    for child in others:  # but for one decision from two members
        assert any(
            sum(c not in pair for c, *pair in zip(child, one, other, strict=True)) <= 1
            for one, other in itertools.combinations_with_replacement(members, 2)
        )


def test_the_better_of_two_is_the_parent():
    """Of two members, of which two are drawn with replacement, the better one is the parent three times in four."""
    better, number = 0, 400
    for seed in range(number):
        strategy = made(seed, nsga2_population=2, trial_batch=2)
        strategy.begin_round(0)
        worst, best = strategy.ask()
        told = [Trial(worst, 0.0, {"fid": 2.0, "parameters": 2.0}), Trial(best, 0.0, {"fid": 1.0, "parameters": 1.0})]
        strategy.tell(told)
        child = strategy.ask()[1]  # the one by mutation alone
        near = [distance(child, parent) == 1 for parent in (worst, best)]
        assert any(near)
        better += near[1]
    assert abs(better - 0.75 * number) < 5 * (number * 0.75 * 0.25) ** 0.5


def test_the_front_is_of_those_that_no_tried_one_dominates():
    strategy = made(nsga2_population=8)
    tried = [tokens for number in range(3) for tokens in round_of(strategy, number)]
    found = [tokens_of(entry) for entry in front(strategy)]
    assert sorted(found) == sorted(t for t in tried if not any(dominates(other, t) for other in tried))
    distances = [entry["scores"]["fid"] for entry in front(strategy)]
    assert distances == sorted(distances)  # best in the first objective first
    assert all(entry["reward"] == -entry["scores"]["fid"] for entry in front(strategy))
    assert strategy.summary()["front"]["objectives"] == {"fid": "low", "parameters": "low"}


def test_with_shared_weights_the_front_is_that_of_the_newest_round():
    strategy = made(rewards_last=False, nsga2_population=8)
    round_of(strategy, 0)
    tried = round_of(strategy, 1)
    found = {tokens_of(entry) for entry in front(strategy)}
    assert found == {t for t in tried if not any(dominates(other, t) for other in tried)}


def test_high_is_good_where_an_objective_says_so_and_there_may_be_three():
    strategy = made(nsga2_population=8, objectives=("is", "kid", "parameters"))
    tried = round_of(strategy, 0)
    found = front(strategy)
    assert strategy.summary()["front"]["objectives"] == {"is": "high", "kid": "low", "parameters": "low"}
    highest = max(sum(tokens) for tokens in tried)
    assert found[0]["scores"]["is"] == highest and set(found[0]["scores"]) == {"is", "kid", "parameters"}
    values = [entry["scores"]["is"] for entry in found]
    assert values == sorted(values, reverse=True)
    assert strategy.summary()["hypervolume"] >= 0


def test_the_hypervolume_by_hand():
    """The first population spans the box from (1, 2) to (3, 4), at whose ends it has no volume; (2, 3) has a quarter of
    it, and (0, 1), beyond its best corner, 1.5 times 1.5 of it. In the next round the box is the same."""
    strategy = made(nsga2_population=2)
    strategy.begin_round(0)
    found = []
    for values in [(1.0, 4.0), (3.0, 2.0), (2.0, 3.0), (0.0, 1.0)]:
        [asked] = strategy.ask()
        found.append(strategy.tell([Trial(asked, 0.0, dict(zip(("fid", "parameters"), values, strict=True)))]))
    assert [numbers.get("hypervolume") for numbers in found] == [None, 0.0, 0.25, 2.25]
    assert [numbers.get("front_size") for numbers in found] == [None, 2, 3, 1]
    assert strategy.summary()["hypervolume"] == 2.25
    strategy.begin_round(1)
    [asked] = strategy.ask()
    assert strategy.tell([Trial(asked, 0.0, {"fid": 9.0, "parameters": 9.0})])["hypervolume"] == 2.25


def test_the_hypervolume_of_what_was_tried_never_falls():
    strategy = made(nsga2_population=8)
    found = []
    for number in range(4):
        strategy.begin_round(number)
        while asked := strategy.ask():
            found.append(strategy.tell([trial(tokens) for tokens in asked]).get("hypervolume"))
    assert found[:7] == [None] * 7 and found[7:] == sorted(found[7:]) and found[-1] > found[7]


def test_the_shared_weights_train_on_the_population_and_its_mutations():
    strategy = made(rewards_last=False, nsga2_population=8)
    assert len({tuple(row) for row in strategy.training_tokens(50, 0).tolist()}) == 50  # of random ones all differ
    round_of(strategy, 0)
    rows = strategy.training_tokens(400, 1)
    round_of(strategy, 1)
    alive = [tuple(tokens) for tokens in strategy.state()["members"]]
    nearest = [min(distance(row, member) for member in alive) for row in rows.tolist()]
    assert set(nearest) == {0, 1} and 150 < nearest.count(0) < 250


def test_a_population_as_large_as_the_stage_is_all_of_it_and_is_tried_once():
    strategy = made(num_cells=1, nsga2_population=40)
    strategy.begin_round(0)
    tried = []
    while asked := strategy.ask():
        tried += asked
        strategy.tell([Trial(tokens, 0.0, {"fid": 1.0, "parameters": 1.0}) for tokens in asked])
    assert len(tried) == len(set(tried)) == 36 and len(front(strategy)) == 36  # none is better than another


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("fid", "params"), "--objectives has 'params', which there is not; did you mean parameters.*one of is, fid"),
        (("fid",), "--objectives must be two or three different objectives, but it is fid; for example"),
        ((), "must be two or three different objectives, but it is empty"),
        (("fid", "fid"), "must be two or three different objectives, but it is fid,fid"),
        (("fid", "is", "kid", "parameters"), "two or three different objectives, but it is fid,is,kid,parameters"),
    ],
)
def test_objectives_that_it_cannot_compare_by_are_refused(given, words):
    with pytest.raises(UserError, match=words):
        made(objectives=given)


def test_an_objective_that_is_no_number_is_refused():
    strategy = made()
    strategy.begin_round(0)
    [asked] = strategy.ask()
    for told in ({"fid": math.nan, "parameters": 1.0}, {"fid": math.inf, "parameters": 1.0}, {"parameters": 1.0}):
        with pytest.raises(UserError, match="the objective fid must be a finite number .* leave it out of --obj"):
            strategy.tell([Trial(asked, 1.0, told)])
    assert strategy.ask() == [asked]


def test_crossover_takes_each_decision_and_the_prefix_from_either():
    strategy = made(num_cells=1)
    kept = [(0, 0, 0, 0), (1, 2, 2, 1)]
    strategy.grow(kept)
    one, other = (*kept[0], *(0,) * 5), (*kept[1], *(1,) * 5)
    children = [strategy.candidates.crossover(one, other, np.random.default_rng(seed)) for seed in range(400)]
    assert {child[:4] for child in children} == set(kept)
    share = np.mean([child[4:] for child in children], axis=0)
    assert len(set(children)) > 40 and (abs(share - 0.5) < 0.12).all()


def test_where_a_stage_is_tried_out_rounds_are_short_and_none_is_empty():
    """Of 36 architectures the first three rounds try 20, 10 and 6; then what is known comes again, a batch a round."""
    strategy = made(num_cells=1, nsga2_population=10, trial_batch=4)
    lengths, tried = [], []
    for number in range(5):
        strategy.begin_round(number)
        asks = []
        while asked := strategy.ask():
            asks.append(asked)
            strategy.tell([Trial(tokens, 0.0, {"fid": float(sum(tokens)), "parameters": 1.0}) for tokens in asked])
        assert len(asks) <= strategy.steps_per_round
        lengths.append(sum(map(len, asks)))
        tried += [tokens for asked in asks for tokens in asked]
    assert lengths == [20, 10, 6, 4, 4] and len(set(tried[:36])) == 36
    assert len(strategy.state()["members"]) == len({tuple(t) for t in strategy.state()["members"]}) == 10
