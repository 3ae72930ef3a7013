"""Rewards as text: hand-worked values, what reads back, and one clear error for what cannot be read."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogan_tf.config.errors import UserError
from autogan_tf.config.reward_expression import Reward, Term, parse

NAMES = ("is", "fid", "kid", "parameters", "multiply_adds")
SCORES = {"is": 3.0, "fid": 20.0, "kid": -0.5, "parameters": math.e**2, "multiply_adds": 1000.0}


@pytest.mark.parametrize(
    ("text", "value", "canonical"),
    [
        ("is", 3.0, "is"),
        ("  +is ", 3.0, "is"),
        ("-fid", -20.0, "-fid"),
        ("is - 0.1*fid", 3.0 - 2.0, "is - 0.1*fid"),
        ("is-.1*fid+2.*kid", 3.0 - 2.0 - 1.0, "is - 0.1*fid + 2*kid"),
        ("is - 2*log parameters", 3.0 - 4.0, "is - 2*log(parameters)"),
        ("log(parameters) - 1e-3*multiply_adds", 2.0 - 1.0, "log(parameters) - 0.001*multiply_adds"),
        ("- 2e2 * is + log( is )", -600 + math.log(3), "-200*is + log(is)"),
        ("is + 0*fid", 3.0, "is + 0*fid"),  # looked at, and not rewarded
    ],
)
def test_by_hand(text, value, canonical):
    reward = parse(text, NAMES)
    assert reward.evaluate(SCORES) == pytest.approx(value, rel=1e-12)
    assert str(reward) == canonical


def test_the_plain_score_is_the_reward_bit_for_bit():
    score = 1.0 + 2.0**-52
    assert parse("is", NAMES).evaluate({"is": score}) == score


def test_the_objectives_that_are_needed():
    assert parse("fid + 2*is - log is", NAMES).names == ("fid", "is")
    with pytest.raises(KeyError):
        parse("fid", NAMES).evaluate({"is": 1.0})


TERM = st.builds(Term, st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(NAMES), st.booleans())


@given(st.lists(TERM, min_size=1, unique_by=lambda term: (term.name, term.log)))
def test_the_canonical_text_reads_back(terms):
    reward = Reward(tuple(terms))
    assert parse(str(reward), NAMES) == reward
    assert str(parse(str(reward), NAMES)) == str(reward)


@given(st.text(alphabet="is fid log(parameters)*+-.0123456789e~é\n", max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        reward = parse(text, NAMES)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert reward.terms


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty", "is, fid, kid, parameters, multiply_adds"]),
        ("  ", ["empty"]),
        ("is - fib", ["'fib' at position 6", "did you mean fid?", "there are is, fid"]),
        ("IS", ["'IS' at position 1", "there are is, fid"]),
        ("is fid", ["'fid' at position 4", "+ or - between two terms"]),
        ("is -", ["the end at position 5", "the name of an objective"]),
        ("- - is", ["'-' at position 3", "the name of an objective"]),
        ("0.1 fid", ["'fid' at position 5", "* between a number and an objective"]),
        ("0.1", ["the end at position 4", "* between"]),
        ("is*2", ["'*' at position 3", "+ or -"]),
        ("2*3*is", ["'3' at position 3", "the name of an objective"]),
        ("is / fid", ["the character '/' at position 4", "+ - * ( )"]),
        ("1e999*is", ["the number 1e999 at position 1", "a finite number"]),
        ("inf*is", ["'inf' at position 1", "there are is"]),
        ("is + 2*is", ["has is twice, again at position 4", "sum of the coefficients"]),
        ("log is - log(is)", ["has log(is) twice"]),
        ("log(parameters", ["the end at position 15", ") after log(parameters"]),
        ("log", ["the end at position 4"]),
        ("__import__('os')", ["'__import__' at position 1", "the character \"'\" at position 12"][1:]),
    ],
)
def test_what_cannot_be_read(text, parts):
    with pytest.raises(UserError) as caught:
        parse(text, NAMES)
    message = str(caught.value)
    assert message.startswith("--reward") and "\n" not in message
    for part in parts:
        assert part in message


def test_a_logarithm_of_what_is_not_positive_and_an_overflow():
    with pytest.raises(UserError, match="logarithm of kid, .* above 0 for that, but it is -0.5"):
        parse("is + log kid", NAMES).evaluate(SCORES)
    with pytest.raises(UserError, match=r'"1e\+308\*fid" must be a finite number, but it is inf where fid 20'):
        parse("1e308*fid", NAMES).evaluate(SCORES)
