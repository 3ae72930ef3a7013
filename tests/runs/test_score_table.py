"""What a person reads of an evaluation."""

from __future__ import annotations

import pytest

from autogan_tf.runs import score_table
from autogan_tf.runs.progress import Terminal

SCORES = {
    "inception_score": 6.25,
    "inception_score_std": 0.5,
    "inception_score_splits": 10,
    "frechet_distance": 12.5,
    "kernel_distance": 0.0123,
    "kernel_distance_error": None,
    "num_images": 50000,
    "seed": 3,
    "feature_network": "inception/0123",
    "reference": "cifar10/train",
    "reference_images": 50000,
}


@pytest.fixture
def shown(capsys):
    def show(*evaluations, **more) -> str:
        with Terminal() as terminal:
            results = {"judged": "runs/a", "preset": "official", "evaluations": list(evaluations)} | more
            score_table.show(results, terminal)
        return capsys.readouterr().out

    return show


def test_scores_with_their_errors_and_what_they_were_made_with(shown):
    text = shown(SCORES)
    lines = {line.split("  ")[0].strip(): line for line in text.splitlines()}
    assert "6.2500" in lines["Inception score ↑"] and "± 0.5 over the parts" in lines["Inception score ↑"]
    assert "12.5000" in lines["Fréchet distance ↓"] and "±" not in lines["Fréchet distance ↓"]
    assert "±" not in lines["kernel distance ↓"]
    for words in ("50,000 images of runs/a", "official conventions", "seed 3", "inception/0123", "of cifar10/train"):
        assert words in text
    assert "precision" not in text and "memorization" not in text


def test_several_seeds_give_mean_and_spread(shown):
    mean = {"inception_score": 6.5, "frechet_distance": 11.0, "kernel_distance": 0.01}
    spread = {"inception_score": 0.25, "frechet_distance": 2.0, "kernel_distance": 0.0}
    text = shown(SCORES, SCORES | {"seed": 4}, mean=mean, spread=spread)
    assert "6.5000" in text and "± 0.25 over 2 seeds" in text and "seed 3 and 1 more" in text


def test_a_file_of_statistics_may_not_say_how_many_images(shown):
    assert "against real images of ttur.npz" in shown(SCORES | {"reference": "ttur.npz", "reference_images": None})


@pytest.mark.parametrize(("z", "verdict"), [(-7.25, "copied"), (0.5, "no sign of copying")])
def test_memorization_in_words(shown, z, verdict):
    found = {"copies": 1234, "share_closer": 0.125, "quantile": 0.01, "yardstick": "held-out", "z_score": z}
    text = shown(SCORES | {"memorization": found})
    assert "1,234 copies" in text and "12.5%" in text and "held-out" in text and verdict in text
