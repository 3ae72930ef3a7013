"""What every search strategy and every search space of the catalogues must do, whatever it is.

Strategies run in a loop like the searcher's, without training: a reward follows from the architecture and the round.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config import strategy_settings
from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds
from autogan_tf.models import initializers
from autogan_tf.models.generator import Generator, SupernetGenerator, copy_weights, generator_cost
from autogan_tf.nas.protocols import Strategy
from autogan_tf.nas.strategies import catalog
from autogan_tf.nas.strategies.shared_sampling import SharedSampling
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial
from autogan_tf.search_space import autogan
from autogan_tf.search_space import catalog as space_catalog
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import Decision, Option, SearchSpace

NAMES = list(strategy_settings.STRATEGIES)
SPACES = list(space_catalog.SPACES.values())
# reinforce's proposals and finalists are its controller's
OVER_CANDIDATES = [name for name in NAMES if name != "reinforce"]
# of a strategy's settings those are changed that it has
SMALL: dict[str, Any] = {
    "ctrl_step": 2, "ctrl_sample_batch": 2, "ctrl_lr": 0.01, "hid_size": 4, "baseline_decay": 0.5,
    "round_trials": 11, "population": 4, "tournament": 2, "initial_trials": 5,
    "surrogate": "ridge", "nsga2_population": 4,
}  # fmt: skip
# what a predictor ends with is what it expects most of, see test_predictor.py
BY_REWARD = [name for name in OVER_CANDIDATES if name != "predictor"]


@pytest.fixture(autouse=True)
def eagerly() -> Iterator[None]:
    """With so little to compute, tracing would take most of the time."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def made(
    name: str, *, seed: int = 1, space: SearchSpace = autogan.SPACE, settings=None, sampling: str = "", **rest
) -> Strategy:
    kind = strategy_settings.entry(name).settings
    fields = {field.name for field in dataclasses.fields(kind)}
    chosen = {key: value for key, value in (SMALL | (settings or {})).items() if key in fields}
    task = Task(space=space, seed=seed, **rest)
    strategy = catalog.new_strategy(name, kind(**chosen), task)
    return SharedSampling(strategy, sampling, task) if sampling else strategy


def reward(tokens: Tokens, number: int) -> float:
    """Another one in each round, as that of shared weights."""
    digest = hashlib.sha256(f"{number}/{tokens}".encode()).digest()
    return int.from_bytes(digest[:4], "little") / 2**32


def trial(tokens: Tokens, worth: float) -> Trial:
    """With scores for those that compare architectures by several objectives."""
    return Trial(tokens, worth, {"fid": 1.0 - worth, "parameters": float(sum(tokens))})


def played(strategy: Strategy, *, stages: int = 3, again: Callable[[Strategy], Strategy] = lambda same: same) -> list:
    """What happens in two rounds of each stage, (stage, kind, what); `again` may put another object in its place."""
    events: list[tuple[int, str, Any]] = []
    for number in range(2 * stages):
        stage = number // 2
        if number and number % 2 == 0:
            finalists = strategy.finalists(5, number)
            events.append((stage - 1, "finalists", finalists))
            kept = sorted(finalists, key=lambda tokens: -reward(tokens, number))[:3]
            events.append((stage, "kept", kept))
            strategy.grow(kept)
            strategy = again(strategy)
        events.append((stage, "training", strategy.training_tokens(20, number)))
        strategy.begin_round(number)
        strategy = again(strategy)
        while asked := strategy.ask():
            assert len(events) < 1000
            events.append((stage, "asked", asked))
            strategy = again(strategy)
            told = strategy.tell([trial(tokens, reward(tokens, number)) for tokens in asked])
            events.append((stage, "told", dict(told)))
            strategy = again(strategy)
        events.append((stage, "summary", dict(strategy.summary())))
    events.append((stages - 1, "finalists", strategy.finalists(5, 99)))
    return events


def of(events: list, kind: str, stage: int) -> list:
    return [what for at, name, what in events if name == kind and at == stage]


def plain(events: list) -> list:
    return [(stage, kind, what.tolist() if isinstance(what, np.ndarray) else what) for stage, kind, what in events]


def reborn(name: str, *, every: int = 1, **rest) -> Callable[[Strategy], Strategy]:
    """What a checkpoint brings back: the state as JSON text, and the values of the variables; at each call, or less."""
    calls = itertools.count()

    def again(strategy: Strategy) -> Strategy:
        if next(calls) % every:
            return strategy
        other = made(name, **rest)
        other.restore(json.loads(json.dumps(strategy.state())))
        ours, theirs = strategy.trackables(), other.trackables()
        assert ours.keys() == theirs.keys()
        for key in ours:
            for variable, value in zip(theirs[key].variables, ours[key].variables, strict=True):
                variable.assign(value)
        return other

    return again


def proposed(events: list, stage: int) -> list[Tokens]:
    """All architectures that the strategy chose in a stage."""
    asked = [tokens for batch in of(events, "asked", stage) for tokens in batch]
    trained = [tuple(row) for rows in of(events, "training", stage) for row in rows.tolist()]
    return asked + trained + [tokens for some in of(events, "finalists", stage) for tokens in some]


@pytest.mark.parametrize("name", NAMES)
def test_it_stays_in_the_space_and_builds_on_what_is_kept(name):
    strategy = made(name)
    events = played(strategy)
    kept: Sequence[Tokens] = [()]
    for stage in range(3):
        counts = autogan.SPACE.counts(stage + 1)
        kept = of(events, "kept", stage)[0] if stage else kept
        chosen = proposed(events, stage)
        assert {tokens[: len(kept[0])] for tokens in chosen} <= set(kept)
        assert all(len(tokens) == len(counts) for tokens in chosen)
        assert all(type(token) is int and 0 <= token < count for row in chosen
                   for token, count in zip(row, counts, strict=True))  # fmt: skip
        for training in of(events, "training", stage):
            assert training.dtype == np.int32 and training.shape == (20, len(counts))
        for finalists in of(events, "finalists", stage):
            assert len(set(finalists)) == len(finalists) == 5
        counted = [told for told in of(events, "told", stage) if told]  # of two rounds
        assert 0 < len(counted) <= 2 * strategy.steps_per_round
        assert all(math.isfinite(told["reward"]) for told in counted)
        assert json.dumps([of(events, kind, stage) for kind in ("told", "summary")])


@pytest.mark.parametrize("name", NAMES)
def test_killed_after_every_ask_and_every_answer_it_does_the_same(name):
    stages, every = (2, 5) if name == "reinforce" else (3, 1)  # new controllers and their optimizers take their time
    whole = plain(played(made(name), stages=stages))
    assert len([event for event in whole if event[1] == "asked"]) >= 12
    assert plain(played(made(name), stages=stages, again=reborn(name, every=every))) == whole


@pytest.mark.parametrize("name", OVER_CANDIDATES)
def test_killed_in_batches_it_does_the_same(name):
    batches = {"trial_batch": 3}
    whole = plain(played(made(name, settings=batches)))
    assert 3 in {len(what) for _, kind, what in whole if kind == "asked"}
    assert plain(played(made(name, settings=batches), again=reborn(name, settings=batches))) == whole


@pytest.mark.parametrize("sampling", ["uniform", "fair"])
def test_killed_with_shared_weights_trained_by_chance_it_does_the_same(sampling):
    whole = played(made("evolution", sampling=sampling))
    killed = played(made("evolution", sampling=sampling), again=reborn("evolution", sampling=sampling))
    assert plain(killed) == plain(whole)
    alone = played(made("evolution"))
    for stage in range(3):  # nothing else depends on it
        for kind in ("asked", "told", "summary", "finalists"):
            assert of(whole, kind, stage) == of(alone, kind, stage)


@pytest.mark.parametrize("name", NAMES)
def test_it_asks_the_same_until_it_is_told(name):
    strategy = made(name)
    strategy.begin_round(0)
    asked = strategy.ask()
    strategy.training_tokens(3, 0)
    assert strategy.ask() == asked


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_is_another_search(name):
    drawn = []
    for seed in (1, 2):
        strategy = made(name, seed=seed)
        strategy.begin_round(0)
        drawn.append([strategy.ask(), strategy.training_tokens(20, 0).tolist()])
    assert drawn[0][0] != drawn[1][0] and drawn[0][1] != drawn[1][1]


@pytest.mark.parametrize("name", BY_REWARD)  # the candidates of reinforce are drawn by its controller
def test_finalists_are_the_best_of_the_newest_round_first(name):
    strategy = made(name)
    best = None
    for number in range(2):
        strategy.begin_round(number)
        rewards = {}
        while asked := strategy.ask():
            rewards |= {tokens: reward(tokens, number) for tokens in asked}
            strategy.tell([trial(tokens, rewards[tokens]) for tokens in asked])
        earlier, best = best, max(rewards, key=lambda tokens: rewards[tokens])
    found = strategy.finalists(36, 0)
    assert found[0] == best and earlier in found[:2]
    assert sorted(found) == sorted(set(found)) and len(found) == 36  # one cell has no more


@pytest.mark.parametrize("name", NAMES)
def test_whole_generators_at_once(name):
    events = played(made(name, num_cells=3), stages=1)
    assert {len(tokens) for tokens in proposed(events, 0)} == {14}
    whole = plain(events)
    assert plain(played(made(name, num_cells=3), stages=1, again=reborn(name, num_cells=3))) == whole


@pytest.mark.parametrize(("name", "num_cells"), [(n, 1) for n in NAMES] + [(n, 3) for n in OVER_CANDIDATES])
def test_only_what_is_admitted(name, num_cells):
    """No instance norm and no transposed convolution, in no cell: a sixth, and a 216th, is left."""

    def admits(tokens: Tokens) -> bool:
        cells = Genotype.from_tokens(tokens).cells
        return all(cell["norm"] != "instance" and cell["up"] == "nearest" for cell in cells)

    events = played(made(name, num_cells=num_cells, admits=admits), stages=3 if num_cells == 1 else 1)
    for stage in range(3 if num_cells == 1 else 1):
        assert all(map(admits, proposed(events, stage)))


@pytest.mark.parametrize("name", OVER_CANDIDATES)
@pytest.mark.parametrize("options", [1, 2, 3])
def test_fewer_architectures_than_trials(name, options):
    """Of up to three architectures all are found, and nothing else; a round that has seen them all may end."""
    choice = Decision("choice", tuple(Option(str(i), f"{i}", "") for i in range(options)))
    space = SearchSpace("tiny", lambda cell: (choice,), max_cells=2)
    strategy = made(name, space=space)
    for number in range(2):
        strategy.begin_round(number)
        seen = set()
        while asked := strategy.ask():
            seen |= set(asked)
            strategy.tell([trial(tokens, reward(tokens, number)) for tokens in asked])
        assert seen <= {(option,) for option in range(options)}
        if name != "evolution":  # which goes where its tournaments lead it
            assert len(seen) == options
    assert sorted(strategy.finalists(10, 0)) == [(option,) for option in range(options)]
    strategy.grow([(0,)])
    assert strategy.training_tokens(4, 0).shape == (4, 2)


@pytest.mark.parametrize("name", OVER_CANDIDATES)
def test_where_rewards_last_nothing_is_tried_twice_before_all_have_been_and_no_round_is_without_trials(name):
    """One cell has 36 architectures, of which rounds of 15 try what earlier ones did not."""
    strategy = made(name, settings={"round_trials": 15}, rewards_last=True)
    rounds: list[list[Tokens]] = []
    for number in range(4):
        strategy.begin_round(number)
        rounds.append([])
        while asked := strategy.ask():
            rounds[-1] += asked
            strategy.tell([trial(tokens, reward(tokens, 0)) for tokens in asked])
    assert all(rounds)
    if name == "random":
        assert len(set(rounds[0] + rounds[1])) == 30 and len(set(sum(rounds[:3], []))) == 36
        assert [len(tried) for tried in rounds] == [15, 15, 15, 15]
    everything = {tokens: reward(tokens, 0) for tried in rounds for tokens in tried}
    best = sorted(everything, key=lambda tokens: -everything[tokens])
    if name in BY_REWARD:
        assert strategy.finalists(5, 0) == best[:5]


@pytest.mark.parametrize("name", OVER_CANDIDATES)
def test_what_it_is_told_must_be_what_it_asked_for(name):
    strategy = made(name)
    strategy.begin_round(0)
    [asked] = strategy.ask()
    other = (1 - asked[0], *asked[1:])
    for trials in ([], [trial(other, 1.0)], [trial(asked, 1.0), trial(other, 1.0)]):
        with pytest.raises(ValueError, match="asked for .* but told of"):
            strategy.tell(trials)
    with pytest.raises(ValueError, match="NaN"):
        strategy.tell([dataclasses.replace(trial(asked, 1.0), reward=math.nan)])
    assert strategy.ask() == [asked]
    with pytest.raises(ValueError, match="at least one prefix"):
        strategy.grow([])


def test_an_unknown_strategy_is_refused_with_the_valid_names():
    with pytest.raises(UserError, match=f"'evolutoin'; did you mean evolution. there are {', '.join(NAMES)}$"):
        strategy_settings.entry("evolutoin")


@pytest.mark.parametrize("name", OVER_CANDIDATES)
def test_constraints_that_no_architecture_meets_are_refused(name):
    with pytest.raises(UserError, match="none of the 36 architectures of 1 cells .* raise these bounds"):
        made(name, admits=lambda tokens: False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tournament": 5}, "--tournament must be at most population.* it is 5 and population is 4"),
        ({"round_trials": 4}, "--round_trials must be at least population .* 4 [+] 1, but it is 4"),
        ({"trial_batch": 8}, "--round_trials must be at least population .* 4 [+] 8, but it is 11"),
        ({"population": 0}, "--population must be a whole number that is at least 1, but it is '0'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        made("evolution", settings=changes)


def bumpy(tokens: Tokens) -> float:
    """Every option has a worth, and every two neighbouring decisions a smaller one together."""
    rng = np.random.default_rng(7)
    single, pairs = rng.normal(size=(14, 4)), rng.normal(size=(14, 4, 4))
    steps = zip(range(14), tokens, (*tokens[1:], 0), strict=True)
    return float(sum(single[place, token] + 0.3 * pairs[place, token, following] for place, token, following in steps))


def test_where_neighbours_are_alike_others_find_more_than_random_search():
    """Whole generators, 90 trials, the mean of the best over ten seeds: by more than two standard errors."""
    found = {}
    for name in ("random", "evolution", "local_search", "predictor"):
        found[name] = []
        for seed in range(10):
            strategy = made(name, seed=seed, num_cells=3, settings={"round_trials": 90})
            strategy.begin_round(0)
            best = -math.inf
            while asked := strategy.ask():
                rewards = [bumpy(tokens) for tokens in asked]
                strategy.tell([Trial(*pair) for pair in zip(asked, rewards, strict=True)])
                best = max(best, *rewards)
            found[name].append(best)
    for name in ("evolution", "local_search", "predictor"):
        gains = np.array(found[name]) - np.array(found["random"])
        assert gains.mean() > 2 * gains.std(ddof=1) / math.sqrt(10), (name, found)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_a_space_is_the_same_as_tokens_cells_text_and_file(space, tmp_path):
    for number, tokens in enumerate(space.sample(np.random.default_rng(1), num_cells=3, number=10).tolist()):
        genotype = Genotype.from_tokens(tokens, space, name="one")
        assert Genotype.from_cells(genotype.cells, space) == genotype
        assert Genotype.from_string(str(genotype), space) == genotype
        file = tmp_path / f"{number}.json"
        file.write_text(genotype.to_json())
        assert Genotype.load(file) == genotype and Genotype.load(file).space is space


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_mutations_stay_within_a_space(space):
    rng = np.random.default_rng(2)
    tokens = tuple(space.sample(rng, num_cells=3, number=1)[0].tolist())
    for _ in range(200):
        mutant = space.mutate(tokens, rng)
        assert sum(a != b for a, b in zip(mutant, tokens, strict=True)) == 1
        tokens = Genotype.from_tokens(mutant, space).tokens


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_supernet_and_derived_networks_of_a_space_agree_and_cost_what_is_counted(space):
    sizes = {"gf_dim": 3, "latent_dim": 5, "bottom_width": 4, "channels": 1}
    supernet = SupernetGenerator(space=space, num_cells=3, **sizes)
    rng = np.random.default_rng(3)
    for variable in supernet.variables:
        values = 0.3 * rng.standard_normal(variable.shape)
        variable.assign(np.exp(values) if "moving_variance" in variable.name else values)
    latents = rng.standard_normal((2, 5)).astype(np.float32)
    for tokens in space.sample(rng, num_cells=3, number=6).tolist():
        genotype = Genotype.from_tokens(tokens, space)
        derived = Generator(genotype, **sizes)
        copy_weights(source=supernet, target=derived)
        np.testing.assert_allclose(derived(latents), supernet(latents, tokens=tokens), atol=1e-6)
        trainable = sum(math.prod(variable.shape) for variable in derived.trainable_variables)
        assert generator_cost(genotype, **sizes).parameters == trainable


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_the_weights_of_a_space_are_drawn_anew_and_those_that_are_used_are_those_with_a_gradient(space):
    supernet = SupernetGenerator(space=space, num_cells=2, gf_dim=4, latent_dim=3, channels=1)
    drawn = []
    for number in range(2):  # the seed says all that they are, whatever they were
        for variable in supernet.variables:
            variable.assign(tf.fill(variable.shape, 0.5 + number))
        initializers.initialize(supernet.named_layers(), seed=seeds.stateless_seed(0, "weights"))
        drawn.append([variable.numpy() for variable in supernet.variables])
    for one, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one, other)
    latents = np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32)
    for tokens in space.sample(np.random.default_rng(4), num_cells=2, number=8).tolist():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(supernet(latents, tokens=tokens, training=True))
        gradients = tape.gradient(loss, supernet.trainable_variables)
        used = [bool(flag) for flag in supernet.used_variables(tf.constant(tokens))]
        assert used == [gradient is not None for gradient in gradients]
