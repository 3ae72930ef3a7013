"""Local search by hand, in a space of two decisions with four options each: a 4 x 4 grid of rewards."""

from __future__ import annotations

from autogan_tf.config.strategy_settings import TrialSettings
from autogan_tf.nas.strategies.local_search import LocalSearch
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Trial
from autogan_tf.search_space.space import Decision, Option, SearchSpace

OPTIONS = tuple(Option(str(i), f"{i}", "") for i in range(4))
SPACE = SearchSpace("grid", lambda cell: (Decision("row", OPTIONS), Decision("column", OPTIONS)), max_cells=2)
# a neighbour is any other place in the same row or column; the optima are 9, 8 and 7, on the diagonal
GRID = ((9, 1, 2, 3), (4, 0, 5, 6), (3, 2, 7, 1), (1, 5, 4, 8))


def made(seed: int, **settings) -> LocalSearch:
    strategy = LocalSearch(TrialSettings(**settings), Task(space=SPACE, seed=seed))
    strategy.begin_round(0)
    return strategy


def climbed(strategy: LocalSearch) -> list[list[tuple[int, int]]]:
    """What is asked for in a round."""
    asks = []
    while asked := strategy.ask():
        strategy.tell([Trial(tokens, GRID[tokens[0]][tokens[1]]) for tokens in asked])
        asks.append(asked)
    return asks


def near(one, two) -> bool:
    return sum(a != b for a, b in zip(one, two, strict=True)) == 1


def worth(tokens) -> int:
    return GRID[tokens[0]][tokens[1]]


def test_it_moves_to_the_first_better_neighbour_and_begins_anew_at_an_optimum():
    found = set()
    for seed in range(20):
        strategy = made(seed, round_trials=16)
        [centre] = strategy.ask()
        strategy.tell([Trial(centre, worth(centre))])
        scored = {centre}
        while True:
            ahead = [t for t in ((i, j) for i in range(4) for j in range(4)) if near(t, centre) and t not in scored]
            if not ahead:
                break
            [tokens] = strategy.ask()
            assert tokens in ahead
            scored.add(tokens)
            if worth(tokens) > worth(centre):
                centre = tokens
            assert strategy.tell([Trial(tokens, worth(tokens))])["centre_reward"] == worth(centre)
        assert strategy.summary() == {"climbs": 1, "optima": {f"{centre[0]} {centre[1]}": worth(centre)}}
        found.add(worth(centre))
        if len(scored) < 16:
            [tokens] = strategy.ask()  # of all that are left
            assert tokens not in scored
            assert strategy.tell([Trial(tokens, -1.0)])["climbs"] == 2
    assert found == {7, 8, 9}


def test_a_batch_as_large_as_the_neighbourhood_is_steepest_ascent():
    """From any start all neighbours not yet scored, then the best of them, as White et al. have it."""
    for seed in range(10):
        strategy = made(seed, round_trials=60, trial_batch=6)
        [centre], scored = strategy.ask(), set()
        strategy.tell([Trial(centre, worth(centre))])
        scored.add(centre)
        while not strategy.summary()["optima"]:
            asked = strategy.ask()
            assert set(asked) == {(i, j) for i in range(4) for j in range(4) if near((i, j), centre)} - scored
            scored |= set(asked)
            strategy.tell([Trial(tokens, worth(tokens)) for tokens in asked])
            centre = max([centre, *asked], key=worth)


def test_a_round_scores_the_centre_again_and_the_climb_goes_on():
    strategy = made(0, round_trials=3)
    first = [tokens for ask in climbed(strategy) for tokens in ask]
    assert len(first) == 3 and strategy.summary()["climbs"] == 1 and not strategy.summary()["optima"]
    strategy.begin_round(1)
    [again] = strategy.ask()
    assert again == max(first, key=worth)
    strategy.tell([Trial(again, 100.0)])  # the weights are others now
    later = [tokens for ask in climbed(strategy) for tokens in ask]
    assert len(later) == 2 and not set(later) & set(first) and all(near(tokens, again) for tokens in later)
    assert strategy.finalists(1, 0) == [again]


def test_neighbours_are_tried_in_random_order():
    changed = set()
    for seed in range(20):
        strategy = made(seed, round_trials=2)
        [[centre], [neighbour]] = climbed(strategy)
        changed.add(centre[0] != neighbour[0])
    assert changed == {False, True}  # its row as well as its column


def test_where_all_are_alike_each_climb_looks_at_all_neighbours_and_stays():
    """Also at those that an earlier climb has seen; what a round found ends with it, and climbs with their stage."""
    strategy = made(3, round_trials=14)
    asked = []
    while tokens := strategy.ask():
        strategy.tell([Trial(*tokens, 1.0)])
        asked += tokens
    for centre, *neighbours in (asked[:7], asked[7:]):
        assert len(set(neighbours)) == 6 and all(near(tokens, centre) for tokens in neighbours)
    assert asked[7] not in asked[:7]
    names = {" ".join(map(str, asked[place])): 1.0 for place in (0, 7)}
    assert strategy.summary() == {"climbs": 2, "optima": names}
    strategy.begin_round(1)
    assert strategy.summary() == {"climbs": 2, "optima": {}}
    strategy.grow([(0, 0)])
    assert strategy.summary() == {"climbs": 0, "optima": {}}
