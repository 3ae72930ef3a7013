"""What the search does when, with a GAN and a scorer that compute nothing: the score is the sum of the tokens."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest

from autogan_tf.config.semantics import Semantics
from autogan_tf.nas.trial import Trial
from autogan_tf.search_space import autogan
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.loop import TrainingDiverged


@pytest.fixture(scope="module")
def done(fake_search):
    """Three cells, grown at iterations 1 and 3 of 4."""
    return fake_search().run()


def kinds(search) -> list:
    """The order of events, repeated ones once: ("scoring", name) and names of the others."""
    names = [entry[:2] if entry[0] == "scoring" else entry[0] for entry in search.log if entry[0] != "score"]
    return [name for name, _ in itertools.groupby(names)]


def test_it_grows_at_the_right_iterations(done):
    trained = done.entries("train")
    assert [entry[1] for entry in trained] == [0, 1, 1, 2]
    assert [entry[2] for entry in trained] == [8, 16, 16, 32]  # pixels
    assert [numbers["stage"] for _, numbers in done.told.of("search")] == [0, 1, 1, 2]
    assert [step for step, _ in done.told.of("growth")] == [1, 3]


def test_the_order_of_a_search(done):
    iteration = ["train", ("scoring", "controller"), "save"]
    growth = [("scoring", "ranking/0"), "clear", "save"]
    assert kinds(done) == ["save", *iteration, *growth, *iteration * 2, *growth, *iteration,
                           ("scoring", "ranking/0"), ("scoring", "final"), "save"]  # fmt: skip


def test_a_new_architecture_for_every_discriminator_step(done):
    for entry in done.entries("train"):
        stage, tokens = entry[1], entry[4]
        assert len(tokens) == 5
        assert {len(row) for row in tokens} == {len(autogan.SPACE.counts(stage + 1))}
        assert len({tuple(row) for row in tokens}) > 1
    assert [entry[3] for entry in done.entries("train")] == [0, 5, 10, 15]  # no images or latents come again


def test_the_best_prefixes_are_kept_and_built_upon(done):
    log = done.log
    for (_, growth), number in zip(done.told.of("growth"), (1, 3), strict=True):
        start = log.index(("scoring", "ranking/0", number))
        scored = [entry[1] for entry in log[start + 1 : start + 7]]
        assert len(set(scored)) == 6  # num_candidate distinct ones
        best = sorted((sum(tokens) for tokens in scored), reverse=True)[:3]
        kept = [tuple(map(int, name.split())) for name in growth["kept"]]
        assert list(growth["kept"].values()) == best == [sum(tokens) for tokens in kept]
        assert set(kept) <= set(scored)
        later = [entry[4] for entry in done.entries("train") if entry[1] == growth["stage"] + 1]
        length = len(kept[0])
        prefixes = {tuple(row[:length]) for rows in later for row in rows}
        assert prefixes <= set(kept)
        candidates = [entry[1] for entry in log[log.index(("scoring", "ranking/0", number)) :] if entry[0] == "score"]
        assert all(tokens[:length] in kept for tokens in candidates if len(tokens) > length)


def test_a_controller_phase(done):
    """A first batch for the baseline, then 3 steps of 2 architectures, all in one scoring phase."""
    rows = done.told.of("strategy")
    assert [step for step, _ in rows] == list(range(4 * 3))
    log = done.log
    for iteration in range(4):
        start = log.index(("scoring", "controller", iteration))
        scores = list(itertools.takewhile(lambda entry: entry[0] == "score", log[start + 1 :]))
        assert len(scores) == 2 + 3 * 2
        assert {entry[2] for entry in scores} == {20}
        baseline = sum(sum(entry[1]) for entry in scores[:2]) / 2
        for number in range(3):
            step, numbers = rows[3 * iteration + number]
            rewards = [sum(entry[1]) for entry in scores[2 + 2 * number : 4 + 2 * number]]
            assert numbers["reward"] == pytest.approx(sum(rewards) / 2)
            assert numbers["advantage"] == pytest.approx(sum(rewards) / 2 - baseline, abs=1e-5)
            baseline = 0.9 * baseline + 0.1 * sum(rewards) / 2
            assert numbers["baseline"] == pytest.approx(baseline)
            assert sorted(set(numbers["rewards"].values())) == sorted(set(rewards))


def test_the_numbers_of_an_iteration(done):
    for (_, search), iteration in zip(done.told.of("search"), range(4), strict=True):
        rewards = [numbers["rewards"] for _, numbers in done.told.of("strategy")[3 * iteration :][:3]]
        tried = {name: reward for part in rewards for name, reward in part.items()}
        assert search["best"] == max(tried.values()) == tried[search["best_architecture"]]
        means = [numbers["reward"] for _, numbers in done.told.of("strategy")[3 * iteration :][:3]]
        assert search["mean"] == pytest.approx(sum(means) / 3)
        assert search["distinct"] == len(tried)
        assert search["entropy"] > 0
        assert (search["d_loss"], search["g_loss"], search["collapsed"]) == (0.5, 0.25, False)
        assert (search["d_gradient_norm"], search["g_gradient_norm"]) == (2.0, 3.0)
        assert (search["d_loss_spread"], search["g_loss_spread"]) == (0.5, 0.25)
        assert (search["shared_steps"], search["resets"]) == (5, 0)
        assert search["images_per_second"] > 0 and search["memory_mb"] > 0
        counts = autogan.SPACE.cell_counts(search["stage"])
        assert [len(part) for part in search["policy"]] == list(counts) and len(search["entropies"]) == len(counts)


def test_the_leaders_are_the_best_of_the_stage_so_far(done):
    controller = done.told.of("strategy")
    for iteration, first in ((0, 0), (1, 1), (2, 1), (3, 3)):  # a stage begins at 0, 1 and 3
        tried = {}
        for _, numbers in controller[3 * first : 3 * iteration + 3]:
            tried |= numbers["rewards"]
        search = done.told.of("search")[iteration][1]
        assert list(search["leaders"].values()) == sorted(tried.values(), reverse=True)[:3]
        assert all(tried[name] == reward for name, reward in search["leaders"].items())
        assert search["best_so_far"] == max(tried.values())


def test_the_final_ranking(done):
    assert len(done.ranked) == 3
    scores = [entry.score for entry in done.ranked]
    assert scores == sorted(scores, reverse=True)
    assert len({entry.genotype for entry in done.ranked}) == 3
    for entry in done.ranked:
        assert len(entry.genotype.cells) == 3
        assert entry.reward == sum(entry.genotype.tokens)
        assert entry.score == pytest.approx(1.1 * entry.reward)
        assert entry.num_images == 50
    last = done.entries("score")[-3:]
    assert {entry[1] for entry in last} == {entry.genotype.tokens for entry in done.ranked}
    assert [entry[2] for entry in last] == [50] * 3


def test_the_last_order_is_that_of_the_scores_on_more_images(fake_search):
    """Where the best are the worst on more images."""
    search = fake_search(max_search_iter=1, grow_steps=(), ctrl_step=1)
    scorer = search.searcher.estimator.scorer
    score = scorer.score
    scorer.score = lambda tokens, *, num_images: score(tokens, num_images=num_images) * (-1 if num_images == 50 else 1)
    ranked = search.run().ranked
    assert [entry.score for entry in ranked] == pytest.approx([-1.1 * entry.reward for entry in ranked])
    assert [entry.reward for entry in ranked] == sorted(entry.reward for entry in ranked)
    assert ranked[0].reward < ranked[-1].reward


def test_the_last_order_is_that_of_what_the_strategy_expects_where_it_says_so(fake_search):
    """Of single trainings, the best of which may have been lucky; growth keeps what it expects most of, too."""
    search = fake_search(strategy="predictor", fidelities=(4,), round_trials=20, trial_batch=4, topk=4)
    search.searcher.estimator._training.run = _noisy(search.searcher.estimator._training.run)
    search.run()
    expected = [entry.expected for entry in search.ranked]
    assert expected == sorted(expected, reverse=True) and len(set(expected)) > 1
    rewards = [entry.reward for entry in search.ranked]
    assert rewards != sorted(rewards, reverse=True)
    state = json.loads(json.dumps(search.searcher.state()))
    again = fake_search(strategy="predictor", fidelities=(4,), round_trials=20, trial_batch=4, topk=4, state=state)
    assert again.run().ranked == search.ranked


def _noisy(run):
    """Trainings whose scores have an error, the same one whenever they are made again."""

    def noisy(job, **rest):
        result = run(job, **rest)
        error = np.random.default_rng([job.steps, *job.tokens]).normal()
        return dataclasses.replace(result, scores={name: score + error for name, score in result.scores.items()})

    return noisy


def test_scores_that_say_more_than_the_reward_are_averaged_over_the_round(fake_search):
    search = fake_search(max_search_iter=1, grow_steps=(), ctrl_step=3)
    scorer = search.searcher.estimator.scorer
    trials = scorer.trials

    def with_distances(architectures, *, num_images):
        found = trials(architectures, num_images=num_images)
        return [Trial(one.tokens, one.reward, {"is": one.reward, "fid": 10 - one.reward}) for one in found]

    scorer.trials = with_distances
    search.run()
    rounds = [numbers for _, numbers in search.told.of("strategy")]
    for numbers in rounds:
        assert {name: scores["fid"] for name, scores in numbers["scores"].items()} == {
            name: 10 - reward for name, reward in numbers["rewards"].items()
        }
    [(_, found)] = search.told.of("search")
    assert found["mean_scores"] == pytest.approx({"is": found["mean"], "fid": 10 - found["mean"]})


def test_it_saves_before_the_first_and_after_every_iteration_and_growth_and_at_the_end(done):
    assert [entry[1] for entry in done.entries("save")] == [0, 1, 1, 2, 3, 3, 4, 4]
    assert [state["stage"] for state in done.saved] == [0, 0, 1, 1, 1, 2, 2, 2]
    assert [state["estimator"]["phases"] for state in done.saved] == [0, 1, 1, 2, 3, 3, 4, 4]
    assert [len(state["strategy"]["prefixes"][0]) for state in done.saved] == [0, 0, 4, 4, 4, 9, 9, 9]
    assert [len(state["ranked"]) for state in done.saved] == [0] * 7 + [3]
    assert done.searcher.trackables().keys() == {"gan", "controller", "controller_optimizer"}


def test_progress_reaches_the_end_of_every_phase(done):
    totals = {description: total for description, total, _ in done.told.phases}
    assert done.told.furthest == totals


def test_rewards_that_are_all_the_same_are_told_once_in_each_phase(done, fake_search):
    assert not any("warning" in event for event in done.told.events)
    search = fake_search(always=1.0, max_search_iter=2, grow_steps=(1,)).run()
    heads = [event.split(": ")[1] for event in search.told.events if event.startswith("warning: ")]
    # 3 steps of 2 architectures, 6 candidates, of which 3 are kept
    assert heads == ["all 6 rewards of iteration 1 are 1", "all 6 rewards in 'ranking before cell 2' are 1",
                     "all 6 rewards of iteration 2 are 1", "all 6 rewards in 'ranking complete architectures' are 1",
                     "all 3 scores on more images are 1"]  # fmt: skip
    # of equals the earlier one leads, but not one of an earlier stage
    assert {len(name.split()) for name in search.told.of("search")[1][1]["leaders"]} == {9}


def test_one_architecture_alone_may_have_the_same_reward_always(fake_search):
    search = fake_search(always=1.0, max_search_iter=1, grow_steps=(), ctrl_step=1, ctrl_sample_batch=1).run()
    assert not any("rewards of iteration" in event for event in search.told.events)


def test_the_same_seed_gives_the_same_search(done, fake_search):
    again = fake_search().run()
    assert again.log == done.log
    assert again.ranked == done.ranked
    assert [without_times(state) for state in again.saved] == [without_times(state) for state in done.saved]
    other = fake_search(seed=2, max_search_iter=1, grow_steps=()).run()
    assert other.entries("train")[0] != done.entries("train")[0]


def without_times(state: dict) -> dict:
    return state | {"part": {**state["part"], "seconds": 0.0}}


def test_repeated_scoring_ranks_by_the_mean(fake_search):
    search = fake_search(max_search_iter=1, grow_steps=(), score_repeats=3).run()
    rankings = [entry[1] for entry in search.entries("scoring") if entry[1].startswith("ranking")]
    assert rankings == ["ranking/0", "ranking/1", "ranking/2"]  # each with latents of its own
    assert all(entry.reward == sum(entry.genotype.tokens) for entry in search.ranked)


def test_fewer_architectures_than_asked_for(fake_search):
    """One cell has 36 architectures."""
    search = fake_search(max_search_iter=1, grow_steps=(), num_candidate=50, topk=40).run()
    assert len(search.ranked) == 36
    assert search.ranked[0].reward == 1 + 2 + 2 + 1


def test_a_collapse_stops_the_phase_and_draws_the_weights_anew(fake_search):
    search = fake_search(collapse=[0, 2], max_search_iter=5, grow_steps=()).run()
    iteration = ["train", ("scoring", "controller")]
    # the controller learns from the collapsed GAN first; it keeps its weights
    reset = [*iteration, "draw_weights", "save"]
    assert kinds(search) == ["save", *reset, *iteration, "save", *reset, *[*iteration, "save"] * 2,
                             ("scoring", "ranking/0"), ("scoring", "final"), "save"]  # fmt: skip
    assert search.entries("draw_weights") == [("draw_weights", 1), ("draw_weights", 2)]
    assert [numbers["shared_steps"] for _, numbers in search.told.of("search")] == [2, 5, 2, 5, 5]
    assert [numbers["collapsed"] for _, numbers in search.told.of("search")] == [True, False, True, False, False]
    assert [numbers["resets"] for _, numbers in search.told.of("search")] == [1, 1, 2, 2, 2]
    assert len(search.entries("train")) == 5  # nothing is ranked right after
    assert len([event for event in search.told.events if "anew" in event]) == 2


def test_a_collapse_right_before_ranking_trains_before_it_ranks(fake_search):
    search = fake_search(collapse=[0, 2], max_search_iter=2, grow_steps=(1,)).run()
    phase = ["train", ("scoring", "controller"), "draw_weights", "train", "save", ("scoring", "ranking/0")]
    assert kinds(search) == ["save", *phase, "clear", "save", *phase, ("scoring", "final"), "save"]
    assert [entry[3] for entry in search.entries("train")] == [0, 5, 10, 15]


def test_as_published_it_ranks_untrained_weights_and_keeps_the_windows(fake_search):
    search = fake_search(
        collapse=[0], max_search_iter=2, grow_steps=(1,), semantics=Semantics.published(), ctrl_sample_batch=1
    ).run()
    assert kinds(search)[:6] == ["save", "train", ("scoring", "controller"), "draw_weights", "save",
                                 ("scoring", "ranking/0")]  # fmt: skip
    assert not search.entries("clear")
    start = search.log.index(("scoring", "controller", 0))
    scores = list(itertools.takewhile(lambda entry: entry[0] == "score", search.log[start + 1 :]))
    assert len(scores) == 3  # no first batch for the baseline
    assert search.told.of("strategy")[0][1]["advantage"] == 0


def test_a_divergence_ends_the_search_and_is_not_saved(fake_search):
    search = fake_search(diverge=2)
    with pytest.raises(TrainingDiverged, match="d_loss became nan at discriminator step 11"):
        search.run()
    assert [entry[1] for entry in search.entries("save")] == [0, 1, 1, 2]
    assert search.log[-1][0] == "train"


def test_all_workers_take_the_rewards_that_they_agreed_on(fake_search, monkeypatch):
    """Here a hundred more than this one found."""

    def agreed(self, values):
        return values + 100 if values.dtype.kind == "f" else values

    monkeypatch.setattr(Distribution, "agreed", agreed)
    search = fake_search(max_search_iter=1, grow_steps=(), ctrl_step=1).run()
    [(_, numbers)] = search.told.of("strategy")
    assert all(reward == 100 + sum(map(int, name.split())) for name, reward in numbers["rewards"].items())
    for entry in search.ranked:
        tokens = sum(entry.genotype.tokens)
        assert entry.reward == 100 + tokens and entry.score == pytest.approx(100 + 1.1 * tokens)
