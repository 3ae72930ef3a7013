"""What a study says of many searches, by hand."""

from __future__ import annotations

import json

import pytest

from autogan_tf.studies.document import Results, document


def test_a_study_is_its_medians_and_bands_and_pairs():
    nan = float("nan")
    curves = {
        "a": {7: [nan, 1.0, 0.0], 8: [2.0, 2.0, 1.0], 9: [3.0, 3.0, 2.0]},
        "b": {7: [9.0, 5.0, 5.0], 8: [9.0, 6.0, 6.0], 9: [9.0, 7.0, 7.0]},
    }
    further = {"other": {"a": {7: 1.0, 8: 2.0, 9: 6.0}, "b": {7: 0.0, 8: 0.0, 9: 0.0}}}
    agreements = {"a": {"10 steps": [(0.2, 10), (0.4, 20), (0.6, 30)], "20 steps": [(0.5, 11)], "30 steps": []}}
    spent = {"a": {7: 3.0, 8: 3.5, 9: 4.0}}
    results = Results("distance", [1.0, 2.0, 3.0], curves, spent, further, agreements)
    found = document(results, failed=["c ended with code 1"], settings={"seeds": 3})
    assert found["groups"]["a"]["median"] == [None, 2.0, 1.0] and found["groups"]["a"]["end"] == [0, 1, 2]
    assert found["groups"]["a"]["low"] == [None, pytest.approx(1.1), pytest.approx(0.1)]
    assert found["groups"]["b"]["high"] == [9, pytest.approx(6.9), pytest.approx(6.9)]
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["better"]) == ("a", "b", 1)
    assert found["groups"]["a"]["spent"] == [3.0, 3.5, 4.0] and found["groups"]["b"]["spent"] == []
    (other,) = found["further"]
    assert other["measure"] == "other" and other["medians"] == {"a": 2.0, "b": 0.0}
    assert [(pair["first"], pair["better"]) for pair in other["pairs"]] == [("a", 0.0)]
    several, single = found["agreements"]
    assert several["tau"] == pytest.approx(0.4) and several["architectures"] == 20 and several["searches"] == 3
    assert 0.2 <= several["low"] < 0.4 < several["high"] <= 0.6
    assert single["tau"] == 0.5 and single["low"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_searches_are_compared_with_random_ones_at_equal_cost():
    nan = float("nan")
    curves = {
        "mine": {7: [nan, 1.0, 0.0, 0.0], 8: [2.0, 1.0, 1.0, 0.0]},
        "table random": {7: [2.0, 1.0, 1.0, 1.0], 8: [2.0, 1.0, 1.0, 0.0]},
    }
    standings = {"mine": {7: [nan, 0.2, 0.0, 0.0], 8: [0.4, 0.1, 0.2, 0.0]}}
    estimated = {"mine": {7: [nan, 0.3, 0.1, 0.1], 8: [0.4, 0.1, 0.1, 0.0]}}
    results = Results("regret", [5.0, 10.0, 11.0, 12.0], curves, standings=standings, estimated_standings=estimated)
    ten, end = document(results, failed=[], settings={})["milestones"]
    # at 5 one had found nothing, 11 is no cost that is looked at, and the last one is
    assert (ten["cost"], end["cost"]) == (10, 12)
    mine, random = ten["groups"]["mine"], ten["groups"]["table random"]
    assert (mine["median"], mine["standing"], random["standing"]) == (1.0, pytest.approx(0.15), None)
    assert (mine["estimated_standing"], random["estimated_standing"]) == (pytest.approx(0.2), None)
    assert mine["better_than"] == {"table random": {"better": 0.5, "low": 0.5, "high": 0.5}}
    assert random["better_than"] == {}
    # of the four pairs two are better, two the same
    assert end["groups"]["mine"]["better_than"]["table random"]["better"] == 0.75


def test_where_the_end_alone_is_known_there_is_nothing_at_earlier_costs():
    results = Results("distance", [10.0], {"random": {7: [1.0], 8: [2.0]}})
    assert document(results, failed=[], settings={})["milestones"] == []
