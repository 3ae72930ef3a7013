"""What a person reads of an evaluation."""

from __future__ import annotations

import pytest

from autogan_tf.runs import score_table
from autogan_tf.runs.progress import Terminal

SCORES = {
    "inception_score": 6.25,
    "inception_score_std": 0.5,
    "inception_score_splits": 10,
    "frechet_distance": 12.5128,
    "kernel_distance": 0.0123,
    "kernel_distance_error": None,
    "num_images": 50000,
    "seed": 3,
    "feature_network": "inception/0123",
    "reference": "cifar10/train",
    "reference_images": 50000,
    "reference_digest": "89ab",
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
    assert "6.25 " in lines["Inception score ↑"] and "± 0.5 over the parts" in lines["Inception score ↑"]
    assert "12.51" in lines["Fréchet distance ↓"] and "±" not in lines["Fréchet distance ↓"]
    assert "±" not in lines["kernel distance ↓"]
    for words in (
        "50,000 images of runs/a",
        "official conventions",
        "seed 3",
        "inception/0123",
        "of cifar10/train, statistics 89ab",
    ):
        assert words in text
    assert "precision" not in text and "memorization" not in text


def test_several_seeds_give_mean_and_spread(shown):
    mean = {"inception_score": 6.5, "frechet_distance": 11.0, "kernel_distance": 0.01}
    spread = {"inception_score": 0.25, "frechet_distance": 2.0, "kernel_distance": 0.0}
    text = shown(SCORES, SCORES | {"seed": 4}, mean=mean, spread=spread)
    assert "6.5 " in text and "± 0.25 over 2 seeds" in text and "seed 3 and 1 more" in text


def test_a_file_of_statistics_may_not_say_how_many_images(shown):
    assert "against real images of ttur.npz" in shown(SCORES | {"reference": "ttur.npz", "reference_images": None})


FOUND = {
    "copies": 1234,
    "share_closer": 0.125,
    "quantile": 0.01,
    "yardstick": "held-out",
    "z_score": -7.25,
    "closest_generated": [4, 0, 9, 7],
    "closest_training": [11, 12, 13, 14],
    "closest_distances": [0.0, 0.0123, 0.25, 0.5],
    "closest_generated_files": None,
    "closest_training_files": ["a/11.png", "a/12.png", "b/13.png", "b/14.png"],
}


def test_memorization_in_facts(shown):
    text = shown(SCORES | {"memorization": FOUND})
    for words in ("1,234 copies", "12.5% of the images", "the nearest 1% of real ones (held-out)", "z -7.2", "blur"):
        assert words in text
    # a z below 0 alone does not say what the generator did
    assert "copied" not in text and "no sign" not in text


def test_the_nearest_images_are_named_by_their_files_or_positions(shown):
    line = "nearest to training images: image 4 to {} (0); image 0 to {} (0.012); image 9 to {} (0.25)\n"
    assert line.format("a/11.png", "a/12.png", "b/13.png") in shown(SCORES | {"memorization": FOUND})
    without = FOUND | {"closest_training_files": None}
    assert line.format("image 11", "image 12", "image 13") in shown(SCORES | {"memorization": without})
    empty = {name: [] for name in FOUND if name.startswith("closest_")}
    assert "nearest to" not in shown(SCORES | {"memorization": FOUND | empty})


def test_memorization_of_several_seeds_and_no_table_without_scores(shown):
    bare = {name: SCORES[name] for name in ("num_images", "feature_network", "reference", "reference_images")}
    text = shown(
        bare | {"seed": 3, "memorization": FOUND},
        bare | {"seed": 4, "memorization": FOUND | {"copies": 77}},
        mean={},
        spread={},
    )
    assert "memorization, seed 3: 1,234 copies" in text and "memorization, seed 4: 77 copies" in text
    assert "score" not in text and "value" not in text


@pytest.mark.parametrize(("value", "text"), [(0.000123456, "0.0001235"), (345.678, "345.7"), (-0.0, "-0"), (9.0, "9")])
def test_values_have_four_significant_digits(shown, value, text):
    (line,) = (line for line in shown(SCORES | {"kernel_distance": value}).splitlines() if "kernel distance" in line)
    assert line.split("↓")[1].split() == [text]


def test_errors_have_two_digits_and_a_value_may_be_missing(shown):
    text = shown(SCORES | {"inception_score": None, "kernel_distance_error": 0.00123456})
    assert "± 0.0012 standard error" in text and "not finite" in text
    several = shown(SCORES, SCORES, mean={"inception_score": 6.0}, spread={"inception_score": 0.12345})
    assert "± 0.12 over 2 seeds" in several and several.count("not finite") == 2
    nan = float("nan")
    assert "nan" not in shown(SCORES | {"kernel_distance_error": nan, "frechet_distance": nan})
