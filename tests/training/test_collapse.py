"""The collapse detector against NumPy's standard deviation."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.training.collapse import CollapseDetector


def push(detector: CollapseDetector, *, d=(), g=()) -> None:
    for loss in d:
        detector.push_discriminator(tf.constant(loss, tf.float32))
    for loss in g:
        detector.push_generator(tf.constant(loss, tf.float32))


def test_the_spread_is_the_standard_deviation_of_the_newest_losses():
    detector = CollapseDetector(window=5, threshold=0.1)
    losses = np.random.default_rng(0).normal(3, 2, 13).astype(np.float32)
    np.testing.assert_array_equal(detector.spread(), [0, 0])
    for number in range(1, 14):
        push(detector, d=[losses[number - 1]])
        expected = np.std(losses[:number][-5:])
        np.testing.assert_allclose(detector.spread(), [expected, 0], rtol=1e-5, atol=1e-6)
    push(detector, g=losses[:3])
    np.testing.assert_allclose(detector.spread()[1], np.std(losses[:3]), rtol=1e-5)


def test_a_small_spread_of_large_losses_is_not_lost_in_rounding():
    detector = CollapseDetector(window=4, threshold=0.01)
    losses = np.array([1000, 1000.5, 1000, 1000.5], np.float32)
    push(detector, d=losses, g=losses)
    np.testing.assert_allclose(detector.spread(), [0.25, 0.25], rtol=1e-6)


@pytest.mark.parametrize(
    ("d", "g", "collapsed"),
    [
        ((1, 2, 3), (1, 2, 3), False),  # both move
        ((1, 1, 1), (1, 2, 3), True),  # the discriminator's stand still
        ((1, 2, 3), (1, 1, 1), True),  # the generator's
        ((1, 1, 1), (1, 1), False),  # the generator's window is not full
        ((1, 2, 3, 3, 3, 3), (5, 9, 5, 9), True),  # old losses have left the window
        ((3, 3, 3, 3, 1, 2), (5, 9, 5, 9), False),
    ],
)
def test_collapse_by_hand(d, g, collapsed):
    detector = CollapseDetector(window=3, threshold=0.0316)
    push(detector, d=d, g=g)
    assert bool(detector.collapsed()) == collapsed


def test_the_threshold_is_a_standard_deviation():
    # losses ± 0.03 have standard deviation 0.03 < 0.0316, and variance 0.0009 < 0.001; ± 0.033 neither
    for size, collapsed in ((0.03, True), (0.033, False)):
        detector = CollapseDetector(window=4, threshold=0.0316)
        push(detector, d=[size, -size, size, -size], g=[0, 1, 2, 3])
        assert bool(detector.collapsed()) == collapsed


def test_threshold_zero_switches_it_off():
    detector = CollapseDetector(window=2, threshold=0)
    push(detector, d=[1, 1, 1], g=[1, 1, 1])
    assert not detector.collapsed()


def test_nan_is_no_collapse():
    detector = CollapseDetector(window=2, threshold=0.1)
    push(detector, d=[np.nan, np.nan], g=[1, 2])
    assert not detector.collapsed()


def test_after_clearing_the_windows_fill_anew():
    detector = CollapseDetector(window=3, threshold=0.1)
    push(detector, d=[7, 7, 7], g=[7, 7, 7])
    assert detector.collapsed()
    detector.clear()
    assert not detector.collapsed()
    np.testing.assert_array_equal(detector.spread(), [0, 0])
    push(detector, d=[1, 2], g=[1, 2])
    np.testing.assert_allclose(detector.spread(), [0.5, 0.5], rtol=1e-6)
    assert not detector.collapsed()


def test_in_a_graph():
    detector = CollapseDetector(window=3, threshold=0.1)

    @tf.function
    def run(losses):
        for index in range(5):
            detector.push_discriminator(losses[index])
            detector.push_generator(losses[index])
        return detector.spread(), detector.collapsed()

    spread, collapsed = run(tf.constant([9.0, 9.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(spread, [0, 0])
    assert collapsed


@pytest.mark.parametrize(("window", "threshold"), [(0, 0.1), (3, -0.1)])
def test_values_out_of_range_are_refused(window, threshold):
    with pytest.raises(ValueError, match=f"got {window} and {threshold}"):
        CollapseDetector(window=window, threshold=threshold)
