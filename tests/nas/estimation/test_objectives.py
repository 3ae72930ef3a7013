"""Objectives by hand and against their definitions in NumPy."""

import subprocess
import sys

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.metrics.frechet import FrechetStatistics
from autogan_tf.models.cost import Cost
from autogan_tf.nas import assembly
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.objectives import Seen, measure, needs
from tests.plugged import restored


def test_the_inception_score_by_hand():
    # two images, each surely of its own class: marginal 1/2, exp(ln 2) = 2; all of one class: 1
    assert measure(["is"], Seen(logits=np.array([[50.0, -50], [-50, 50]])))["is"] == pytest.approx(2.0)
    assert measure(["is"], Seen(logits=np.array([[50.0, -50], [50, -50]])))["is"] == pytest.approx(1.0)
    halves = Seen(logits=np.array([[50.0, -50], [50, -50], [-50, 50], [-50, 50]]), splits=2)
    assert measure(["is"], halves)["is"] == pytest.approx(1.0)  # each split has one class


def test_the_frechet_distance_by_hand():
    # one feature: (mean difference)^2 + (difference of standard deviations)^2; variances divided by n - 1
    features, real = np.array([[0.0], [2.0]]), np.array([[10.0], [16.0], [13.0]])
    seen = Seen(features=features, real_statistics=FrechetStatistics.from_features(real))
    assert measure(["fid"], seen)["fid"] == pytest.approx((13 - 1) ** 2 + (3 - np.sqrt(2)) ** 2)


def test_the_kernel_distance_by_its_definition():
    rng = np.random.default_rng(0)
    features, real = rng.normal(size=(7, 3)).astype(np.float32), rng.normal(size=(9, 3)).astype(np.float32)

    def kernel(a, b):
        return (a.astype(float) @ b.astype(float).T / 3 + 1) ** 3

    within = sum((kernel(x, x).sum() - np.trace(kernel(x, x))) / (len(x) * (len(x) - 1)) for x in (features, real))
    expected = within - 2 * kernel(features, real).mean()
    assert measure(["kid"], Seen(features=features, real_features=real))["kid"] == pytest.approx(expected)


def test_costs_and_several_at_once():
    seen = Seen(cost=Cost(12, 345), logits=np.zeros((3, 2)))
    assert measure(["multiply_adds", "is", "parameters"], seen) == {
        "multiply_adds": 345.0, "is": 1.0, "parameters": 12.0,
    }  # fmt: skip


def test_what_they_need():
    assert needs(["is"]) == {"logits"}
    assert needs(["is", "kid", "fid"]) == {"logits", "features", "real_features", "real_statistics"}
    assert needs(["parameters"]) == {"cost"}
    fields = set(Seen.__dataclass_fields__)
    assert all(set(objective.needs) <= fields for objective in objectives.OBJECTIVES.values())


def test_a_reward_of_objectives():
    assert str(objectives.reward("is - .5*log multiply_adds")) == "is - 0.5*log(multiply_adds)"
    with pytest.raises(UserError, match=r"'params'.*did you mean parameters\? there are is, fid, kid, parameters, mul"):
        objectives.reward("-params")


def test_the_names_are_known_without_tensorflow():
    uses = "from autogan_tf.nas.estimation.objectives import reward; reward('is')"
    code = f"import sys; {uses}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_objective_of_cost_and_images_at_once_is_refused_where_candidates_are_trained_from_scratch():
    with restored():
        objectives.register("dear", lambda seen: 0.0, needs=["cost", "features"])
        objectives.register("thrift", lambda seen: 1e6 / seen.cost.parameters, needs=["cost"])
        assembly.check_measurable(SearchConfig(reward="dear - is"))
        assembly.check_measurable(SearchConfig(reward="thrift - is", estimation="from_scratch"))
        with pytest.raises(UserError, match="objective dear looks at the cost and at images at once, .*shared_w"):
            assembly.check_measurable(SearchConfig(reward="dear - is", estimation="from_scratch"))


def test_which_objectives_an_evaluation_has_not_got():
    with restored():
        objectives.register("own", lambda seen: 0.0, needs=["logits", "real_features"])
        objectives.register("thrift", lambda seen: 0.0, needs=["cost"])
        names = ["is", "fid", "kid", "parameters", "multiply_adds", "own", "thrift"]
        assert list(objectives.beyond_evaluation(names)) == ["own"]


@pytest.mark.parametrize("name", ["is", "log", "frechet_distance", "step", "reward", "num_images", "weights", "seed"])
def test_names_that_stand_beside_scores_are_taken(name):
    """In genotype files, evaluations and what is kept of candidates."""
    with restored(), pytest.raises(UserError, match=f"is taken, and it is '{name}'"):
        objectives.register(name, lambda seen: 0.0, needs=["logits"])


def test_a_search_measures_what_its_reward_and_its_strategy_name():
    assert objectives.measured(SearchConfig(reward="kid - is")) == ("kid", "is")
    assert objectives.measured(SearchConfig(strategy="nsga2")) == ("is", "fid", "parameters")
    config = SearchConfig(strategy="nsga2", reward="-fid", objectives=("multiply_adds", "fid"))
    assert objectives.measured(config) == ("fid", "multiply_adds")
    assert objectives.measured(SearchConfig(objectives=("kid", "fid"))) == ("is",)  # which reinforce does not ask for


def test_which_way_is_good():
    names = ["parameters", "is", "fid", "kid", "multiply_adds"]
    assert [objectives.directions(names)[name] for name in names] == ["low", "high", "low", "low", "low"]
    with restored():
        objectives.register("plain", lambda seen: 0.0, needs=["logits"])
        objectives.register("wide", lambda seen: 0.0, needs=["logits"], good="high")
        assert objectives.directions(["wide", "fid"]) == {"wide": "high", "fid": "low"}
        config = SearchConfig(strategy="nsga2", objectives=("fid", "plain"))
        with pytest.raises(UserError, match="--objectives has 'plain', which does not say whether low or high is"):
            objectives.measured(config)
        with pytest.raises(UserError, match='the objective odd must say good="low", good="high" or nothing, got .up'):
            objectives.register("odd", lambda seen: 0.0, needs=["logits"], good="up")
