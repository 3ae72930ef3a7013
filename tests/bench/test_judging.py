"""What architectures are worth in truth, where the truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from autogan_tf.bench import judging, table
from autogan_tf.config.errors import UserError
from autogan_tf.models.cost import Cost
from autogan_tf.search_space import autogan

EVERY = list(itertools.product(*map(range, autogan.SPACE.counts(2))))
ERROR, OWN = 0.15, 0.05


def truth() -> dict[tuple[int, ...], float]:
    rng = np.random.default_rng(0)
    effects = [rng.normal(0, 0.05, count) for count in autogan.SPACE.counts(2)]
    return {
        tokens: 2.0 + sum(effect[token] for effect, token in zip(effects, tokens, strict=True)) + rng.normal(0, OWN)
        for tokens in EVERY
    }


def made(worth, seeds_of, *, failed=()) -> table.Table:
    rng = np.random.default_rng(1)
    rows = []
    for place, tokens in enumerate(EVERY):
        for seed in seeds_of(place):
            count = 0 if tokens in failed else 1
            names = ("is", "kid", "d_loss", "g_loss", "seconds", "scoring")
            fid = [float(np.exp(worth[tokens] + rng.normal(0, ERROR)))] * count
            rows.append({"tokens": list(tokens), "seed": seed, "failure": "" if count else "NaN", "points": [540],
                         "machine": "A", "fid": fid, **{name: [1.0] * count for name in names}})  # fmt: skip
    return table.of_rows(rows, lambda genotype: Cost(1, 1))


@pytest.fixture(scope="module")
def found():
    worth = truth()
    trained = made(worth, lambda place: (0, 1, 2) if place < 300 else (0, 11, 12, 13) if place > 2400 else (0,))
    return worth, trained, judging.Judge(trained)


def test_error_and_own_deviation_are_found(found):
    """Above a floor they are larger than of logs, by d/(d - floor) of a distance d."""
    worth, trained, judge = found
    pairs = [(tokens, seed) for tokens in EVERY for seed in trained.seeds(tokens)]
    floor = 0.6 * min(trained.query(tokens, seed=seed).frechet_distance for tokens, seed in pairs)
    distances = np.exp(list(worth.values()))
    scale = np.sqrt(np.mean((distances / (distances - floor)) ** 2))
    assert judge.error == pytest.approx(ERROR * scale, rel=0.1) and judge.own == pytest.approx(OWN * scale, rel=0.25)


def test_estimates_follow_pairs_of_choices_and_do_not_promise_what_none_reaches():
    """Each good choice takes a part of what is above 4, and one pair of them is worth more than both."""
    parts = [1.0, 0.5, 0.5], [1.0, 0.5, 0.5], [1.0, 0.7, 0.5]
    worth = {
        tokens: float(np.log(4 + 8 * np.prod([part[token] for part, token in zip(parts, tokens, strict=False)])
                             * (0.6 if tokens[:2] == (0, 1) else 1)))
        for tokens in EVERY
    }  # fmt: skip
    judge = judging.Judge(made(worth, lambda place: (0, 1, 2) if place % 8 == 0 else (0,)))
    best = sorted(EVERY, key=judge.worth)[:200]
    assert np.mean([judge.worth(tokens) - worth[tokens] for tokens in best]) == pytest.approx(0, abs=0.04)
    assert np.corrcoef([judge.worth(tokens) for tokens in EVERY], list(worth.values()))[0, 1] > 0.96


def test_estimates_are_nearer_to_the_truth_than_the_trainings_are(found):
    worth, trained, judge = found
    single = EVERY[300:2400]
    errors = np.array([judge.worth(tokens) - worth[tokens] for tokens in single])
    of_trainings = [np.log(trained.query(tokens).frechet_distance) - worth[tokens] for tokens in single]
    assert np.std(of_trainings) == pytest.approx(ERROR, rel=0.05) and np.std(errors) < 0.4 * ERROR


def test_the_best_of_many_trainings_is_luck_and_its_estimate_is_not(found):
    worth, trained, judge = found
    single = EVERY[300:2400]
    best = sorted(single, key=lambda tokens: trained.query(tokens).frechet_distance)[:50]
    of_trainings = np.mean([np.log(trained.query(tokens).frechet_distance) - worth[tokens] for tokens in best])
    estimates = np.mean([judge.worth(tokens) - worth[tokens] for tokens in best])
    assert of_trainings < -0.1 and abs(estimates) < 0.03


def test_with_fresh_seeds_their_mean_counts_and_nothing_else(found):
    _, trained, judge = found
    tokens = EVERY[2500]
    logs = [np.log(trained.query(tokens, seed=seed).frechet_distance) for seed in judging.FRESH]
    assert judge.worth(tokens) == pytest.approx(np.mean(logs))


def test_regret_is_what_the_oracle_is_better_by(found):
    _, _, judge = found
    tokens, worth = judge.best
    assert judge.regret(tokens) == 0 and judge.worth(tokens) == worth


def test_standing_is_the_share_that_is_better(found):
    _, trained, judge = found
    ranked = sorted(trained.architectures, key=judge.worth)
    assert [judge.standing(ranked[place]) * len(ranked) for place in (0, 1, 500)] == pytest.approx([0, 1, 500])
    half = judging.Judge(trained, admits=lambda tokens: tokens[0] == 0)
    within = [tokens for tokens in ranked if tokens[0] == 0]
    assert half.standing(within[7]) == pytest.approx(7 / len(within)) and half.standing(half.best[0]) == 0
    assert all(judge.regret(tokens) >= 0 for tokens in EVERY)


def test_by_estimates_the_luck_of_fresh_trainings_counts_for_little(found):
    """Of those with three fresh ones: the order by estimates is nearer to the truth than the order by their means."""
    worth, trained, judge = found
    fresh = [tokens for tokens in EVERY if len(trained.seeds(tokens)) == 4]
    truth = {tokens: np.mean([worth[other] < worth[tokens] for other in EVERY]) for tokens in fresh}
    errors = {
        name: np.mean([abs(of(tokens) - truth[tokens]) for tokens in fresh])
        for name, of in (("means", judge.standing), ("estimates", judge.estimated_standing))
    }
    assert errors["estimates"] < 0.8 * errors["means"]
    assert judge.estimated_standing(judge.best_estimated) == 0 and judge.standing(judge.best[0]) == 0
    ranked = sorted(EVERY[300:2400], key=judge.worth)  # of one training each: here both are estimates
    assert [judge.estimated_standing(tokens) for tokens in ranked] == sorted(map(judge.estimated_standing, ranked))


def test_what_a_training_is_compared_with_has_nothing_of_it():
    """Else it agrees with itself: here the first seed's luck is all that it says."""
    worth = dict.fromkeys(EVERY, 2.0)
    trained = made(worth, lambda place: (0, 1) if place < 300 else (0, 11, 12, 13) if place > 2400 else (0,))
    judge = judging.Judge(trained)
    assert judge.worth_by_others(EVERY[1000]) is None
    assert judge.worth_by_others(EVERY[7]) == pytest.approx(np.log(trained.query(EVERY[7], seed=1).frechet_distance))
    known = [tokens for tokens in EVERY if judge.worth_by_others(tokens) is not None]
    first = [np.log(trained.query(tokens).frechet_distance) for tokens in known]
    assert abs(np.corrcoef(first, [judge.worth_by_others(tokens) for tokens in known])[0, 1]) < 0.12


def test_what_failed_is_as_bad_as_the_worst():
    judge = judging.Judge(made(truth(), lambda place: (0, 1), failed=EVERY[:2]))
    assert judge.worth(EVERY[0]) == max(judge.worth(tokens) for tokens in EVERY)


def test_without_repetitions_the_error_is_not_known():
    with pytest.raises(UserError, match="two seeds"):
        judging.Judge(made(truth(), lambda place: (0,)))
