"""Which architectures are admitted, against all of them counted one by one."""

import functools
import itertools

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.models.cost import Cost
from autogan_tf.models.generator import generator_cost
from autogan_tf.nas.constraints import Constraints
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import Decision, Option, SearchSpace

SPACE = autogan.SPACE
COST = functools.partial(generator_cost, gf_dim=5, latent_dim=3, channels=1)


def constraints(num_cells=2, **bounds) -> Constraints:
    return Constraints(space=SPACE, num_cells=num_cells, cost_of=COST, **bounds)


@pytest.fixture(scope="module")
def everything() -> dict[tuple[int, ...], Cost]:
    """All 36 x 72 architectures of two cells, counted one by one."""
    every = itertools.product(*map(range, SPACE.counts(2)))
    return {tokens: COST(Genotype.from_tokens(tokens)) for tokens in every}


def test_complete_architectures_keep_to_the_bounds(everything):
    middle = {name: int(np.median([getattr(cost, name) for cost in everything.values()]))
              for name in ("parameters", "multiply_adds")}  # fmt: skip
    judge = constraints(max_parameters=middle["parameters"], max_multiply_adds=middle["multiply_adds"])
    admitted = {tokens for tokens in everything if judge.admits(tokens)}
    assert admitted == {
        tokens
        for tokens, cost in everything.items()
        if cost.parameters <= middle["parameters"] and cost.multiply_adds <= middle["multiply_adds"]
    }
    assert 100 < len(admitted) < len(everything)
    assert all(judge.cheapest(tokens) == cost for tokens, cost in everything.items())
    share = judge.admitted_share(np.random.default_rng(0))
    assert share == pytest.approx(len(admitted) / len(everything), abs=0.06)  # four standard errors of 1,000 draws


@pytest.mark.parametrize("bounds", [{"max_parameters": 1340}, {"max_multiply_adds": 160_000}])
def test_a_beginning_is_admitted_where_a_completion_is(everything, bounds):
    judge = constraints(**bounds)
    for begun in itertools.product(*map(range, SPACE.counts(1))):
        completions = [tokens for tokens in everything if tokens[:4] == begun]
        assert judge.admits(begun) == any(judge.admits(tokens) for tokens in completions)
        costs = [everything[tokens] for tokens in completions]
        assert judge.cheapest(begun) == Cost(min(c.parameters for c in costs), min(c.multiply_adds for c in costs))
    assert 0 < sum(judge.admits(begun) for begun in itertools.product(*map(range, SPACE.counts(1)))) < 36


def test_the_range(everything):
    least, most = constraints().range()
    costs = everything.values()
    assert (least.parameters, most.parameters) == (min(c.parameters for c in costs), max(c.parameters for c in costs))
    assert least.multiply_adds == min(c.multiply_adds for c in costs)
    assert most.multiply_adds == max(c.multiply_adds for c in costs)


def test_with_a_first_cell_that_is_not_admitted_nothing_is(everything):
    """Here the larger half of the first cells, so that a bound between leaves nothing that the range would allow."""
    costs = {begun: constraints().cheapest(begun).parameters for begun in {tokens[:4] for tokens in everything}}
    middle = int(np.median(list(costs.values())))
    judge = constraints(begins_well=lambda tokens: costs[tuple(tokens[:4])] > middle)
    assert judge.is_bounded
    assert all(judge.admits(tokens) == (costs[tokens[:4]] > middle) for tokens in [*everything, *costs])
    judge.check()
    least, _ = judge.range()
    assert least.parameters == min(cost for cost in costs.values() if cost > middle)
    bounded = constraints(begins_well=lambda tokens: costs[tuple(tokens[:4])] > middle, max_parameters=middle)
    with pytest.raises(UserError, match=f"the smallest has {least.parameters} parameters"):
        bounded.check()


def test_without_bounds_everything_is_admitted():
    judge = constraints(3)
    assert not judge.is_bounded and judge.admits([1, 2, 2, 1]) and judge.admitted_share(np.random.default_rng(0)) == 1.0
    judge.check()


def _letters(*counts: int) -> tuple[Decision, ...]:
    return tuple(
        Decision(f"d{place}", tuple(Option(str(i), str(i), "") for i in range(count)))
        for place, count in enumerate(counts)
    )


def test_two_bounds_that_can_only_be_kept_one_by_one():
    # of each of two cells option 0 costs (1, 9), option 1 (9, 1), option 2 (4, 4)
    table = [Cost(1, 9), Cost(9, 1), Cost(4, 4)]
    space = SearchSpace("letters", lambda cell: _letters(3), max_cells=2)

    def cost_of(genotype: Genotype) -> Cost:
        costs = [Cost(10, 10), *(table[token] for token in genotype.tokens)]
        return Cost(sum(c.parameters for c in costs), sum(c.multiply_adds for c in costs))

    def judge(parameters: int | None, multiply_adds: int | None) -> Constraints:
        return Constraints(
            space=space, num_cells=2, cost_of=cost_of, max_parameters=parameters, max_multiply_adds=multiply_adds
        )

    both = judge(18, 18)  # 2 2 alone: (18, 18); 0 1 costs (20, 20)
    both.check()
    assert [both.admits([token]) for token in range(3)] == [False, False, True]
    assert [tokens for tokens in itertools.product(range(3), repeat=2) if both.admits(tokens)] == [(2, 2)]
    assert both.cheapest([2]) == Cost(15, 15)  # by 0, and by 1
    with pytest.raises(UserError) as caught:
        judge(17, 17).check()
    message = str(caught.value)
    assert "no architecture of 2 cells keeps to --max_parameters=17 and --max_multiply_adds=17" in message
    assert "12 parameters and 28 multiply-adds (0 0); 28 parameters and 12 multiply-adds (1 1)" in message
    with pytest.raises(UserError, match=r"keeps to --max_multiply_adds=11: the smallest has 28 .* 12 .*\(1 1\); raise"):
        judge(None, 11).check()
    judge(12, None).check()


def test_the_cost_of_autogans_generator_is_a_sum_over_cells():
    rng = np.random.default_rng(4)
    judge = constraints(4)
    for tokens in SPACE.sample(rng, num_cells=4, number=50).tolist():
        assert judge.cheapest(tokens) == COST(Genotype.from_tokens(tokens))
