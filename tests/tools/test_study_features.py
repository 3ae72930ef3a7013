"""tools/study_features.py: how images are spoilt, what counts as noticed, and the page from made-up numbers."""

import importlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data.image_data import ImageData

PATH = Path(__file__).resolve().parents[2] / "tools" / "study_features.py"


@pytest.fixture
def study(monkeypatch):
    """The module anew for each test, some of which change its constants."""
    monkeypatch.syspath_prepend(PATH.parent)  # as for a script
    spec = importlib.util.spec_from_file_location("study_features", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def written(monkeypatch):
    """What makes the page of the numbers."""
    monkeypatch.syspath_prepend(PATH.parent)
    return importlib.import_module("feature_study_page")


def test_a_blur_spreads_a_point_within_its_image_and_channel(study):
    images = np.zeros((2, 17, 17, 3), np.uint8)
    images[0, 8, 8, 1] = 255
    found = study.blur(images, 1.0)
    # The normal density is 0.3989 at 0 and 0.2420 at 1: 255 * 0.3989^2 = 40.6, 255 * 0.3989 * 0.2420 = 24.6.
    assert found.dtype == np.uint8
    assert found[0, 8, 8:10, 1].tolist() == [41, 25] and found[0, 7:10, 8, 1].tolist() == [25, 41, 25]
    assert not found[1].any() and not found[0, :, :, [0, 2]].any()
    grey = np.full((1, 8, 8, 3), 77, np.uint8)
    np.testing.assert_array_equal(study.blur(grey, 2.0), grey)


def test_noise_has_the_deviation_asked_for_and_stays_within_the_levels(study):
    grey, black = np.full((60, 16, 16, 3), 128, np.uint8), np.zeros((60, 16, 16, 3), np.uint8)
    found = study.noise(grey, 15.0).astype(float)
    assert abs(found.mean() - 128) < 0.3 and abs(found.std() - 15) < 0.3
    # The mean of max(0, N(0, 40^2)) is 40 * 0.3989 = 15.96.
    assert abs(study.noise(black, 40.0).astype(float).mean() - 15.96) < 0.5
    np.testing.assert_array_equal(study.noise(grey, 15.0), found)
    assert grey.min() == grey.max() == 128


def test_images_of_the_classes_that_stay_are_repeated_in_turn(study):
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    kept = study.keep_classes(images, np.array([2, 0, 1, 2, 0]), 2)
    assert kept.ravel().tolist() == [1, 2, 4, 1, 2]
    assert study.keep_classes(images, np.array([2, 0, 1, 2, 0]), 1).ravel().tolist() == [1, 4, 1, 4, 1]


def test_parts_share_no_row_and_are_the_same_each_time(study):
    found = [part.tolist() for part in study.parts(10, 3)]
    rows = sum(found, [])
    assert [len(part) for part in found] == [3, 3, 3]
    assert len(set(rows)) == 9 and set(rows) < set(range(10)) and rows != sorted(rows)
    assert found == [part.tolist() for part in study.parts(10, 3)]


def entry(score: float, distance: float, spread: tuple[float, float] = (0.1, 1.0)) -> dict:
    return {
        "inception_score": score,
        "frechet_distance": distance,
        "short": [score, distance],
        "short_spread": list(spread),
    }


def made_up(name: str, rate: float, blurred: dict[int, dict]) -> dict:
    """A network's results; untouched images have 5 and 10, with spreads of 0.1 and 1."""
    sides = {side: {"untouched": entry(5.0, 10.0), "blur 1 px": one} for side, one in blurred.items()}
    numbers = {10000: (5.25, 9.0), 2000: (5.125, 10.5)}
    return {"name": name, "rate": rate, "numbers": numbers, "sides": sides, "conditions": sides[32]}


GOOD = entry(4.0, 20.0)  # worse by 10 spreads
FAINT = entry(4.9, 20.0)  # the Inception score only by 1


def test_a_score_is_noticed_in_spreads_of_both_sides(written):
    clean = entry(5.0, 10.0, (0.3, 1.0))
    # sqrt((0.3^2 + 0.4^2) / 2) = 0.25 / sqrt(0.5) = 0.35355; (5 - 4.5) / 0.35355 = 1.4142
    assert written.noticed(entry(4.5, 10.0, (0.4, 1.0)), clean, 0) == pytest.approx(2**0.5)
    # A distance gets worse when it grows.
    assert written.noticed(entry(4.5, 13.0, (0.4, 1.0)), clean, 1) == pytest.approx(3)
    assert written.noticed(entry(5.5, 7.0, (0.3, 1.0)), clean, 0) < 0 > written.noticed(entry(5.5, 7.0), clean, 1)


def test_the_fastest_of_the_networks_that_notice_all_is_taken(written):
    networks = [
        made_up("slow", 10, {8: GOOD, 32: GOOD}),
        made_up("fast", 20, {8: GOOD, 32: GOOD}),
        made_up("faster", 30, {8: GOOD, 32: FAINT}),
    ]
    text = written.verdict(networks)
    assert "- Inception score through faster: misses blur 1 px at 32 px\n" in text
    assert "- Inception score through slow: notices all\n" in text
    assert "the Inception score is taken through **fast**.\n" in text
    assert "the Fréchet distance is taken through **faster**.\n" in text  # which is faint in the other score only


def test_where_no_network_notices_all_the_one_that_misses_the_fewest_is_taken(written):
    networks = [
        made_up("fast", 30, {8: FAINT, 16: FAINT, 32: GOOD}),
        made_up("slow", 10, {8: FAINT, 16: GOOD, 32: GOOD}),
        made_up("middle", 20, {8: GOOD, 16: FAINT, 32: GOOD}),
    ]
    assert "taken through **middle**, which misses the fewest: none fits." in written.verdict(networks)


def test_the_classifier_needs_labels_so_another_network_is_named_too(written):
    networks = [made_up("classifier", 30, {32: GOOD}), made_up("slow", 10, {32: GOOD}), made_up("fast", 20, {32: GOOD})]
    assert "**classifier**. Where there are no labels: through **fast**." in written.verdict(networks)
    assert "no labels:" not in written.verdict(networks[:1])


def results(*networks: dict, num_images: int = 10000) -> dict:
    return {
        "machine": {"system": "a system", "processor": "a processor", "cores": 2},
        "num_images": num_images,
        "networks": list(networks),
    }


def tables(page: str) -> list[list[list[str]]]:
    """The cells of each table of a page, without the line under its header."""
    found: list[list[list[str]]] = []
    previous = ""
    for line in page.splitlines():
        if line.startswith("|"):
            if not previous.startswith("|"):
                found.append([])
            assert previous[:1] != "|" or len(line) == len(previous), "not aligned"
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        previous = line
    for rows in found:
        assert rows.pop(1)[1].strip("-") == ":"
    return found


def test_the_page_is_the_same_from_a_file_and_its_numbers_are_in_order(study, tmp_path):
    made = results(
        made_up("classifier", 1234.0, {32: GOOD, 8: GOOD, 16: FAINT}), made_up("x", 9, {16: GOOD, 8: GOOD, 32: FAINT})
    )
    (tmp_path / "feature-study.json").write_text(json.dumps(made))
    study.main(["--from_json", f"--output={tmp_path}"])
    page = (tmp_path / "feature-study.md").read_text(encoding="utf-8")
    assert study.page(made) == page
    scores, distances, numbers, noticed = tables(page)
    assert scores == [["images", "classifier", "x"], ["untouched", "5", "5"], ["blur 1 px", "4", "4.9"]]
    assert distances == [["images", "classifier", "x"], ["untouched", "10", "10"], ["blur 1 px", "20", "20"]]
    assert numbers[1:] == [["2,000", *["5.125 / 10.5"] * 2], ["10,000", *["5.25 / 9"] * 2]]
    # (5 - 4) / 0.1 = 10 spreads, (5 - 4.9) / 0.1 = 1, (20 - 10) / 1 = 10
    assert noticed[1:] == [
        ["8 px, blur 1 px", "10.0 / 10.0", "10.0 / 10.0"],
        ["16 px, blur 1 px", "1.0 / 10.0", "10.0 / 10.0"],
        ["32 px, blur 1 px", "10.0 / 10.0", "1.0 / 10.0"],
        ["32 px, images per second", "1234", "9"],
    ]
    for stated in (
        "repeated to the same number",
        "The rule: ",
        "Below 2 a search",
        "10,000 test images",
        "4,000 against",
    ):
        assert stated in page


class Colours:
    """Stands in for a feature network: mean levels, and a class for each channel."""

    name, digest, num_features, num_logits = "colours", "0", 3, 3

    def __call__(self, images):
        means = tf.reduce_mean(tf.cast(images, tf.float32), [1, 2])
        return means, means / 10


def test_fewer_images_leave_out_the_larger_numbers_and_the_page_still_stands(study, written, monkeypatch):
    monkeypatch.setattr(study, "NUMBERS", (20, 40, 80))
    for module in (study, written):
        monkeypatch.setattr(module, "SHORT", 20)
        monkeypatch.setattr(module, "SMALL_SIDE_IMAGES", 40)
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (2, 60, 1, 1, 3))
    images = np.clip(colours + rng.integers(-30, 30, (2, 60, 32, 32, 3)), 0, 255).astype(np.uint8)
    labels = np.arange(60, dtype=np.int32) % 10
    data = {
        split: ImageData(name="made up", images=some, labels=labels, num_classes=10, split=split)
        for split, some in zip(("real", "test"), images, strict=True)
    }
    said = []
    found = json.loads(json.dumps(study.study("colours", Colours(), data, said.append)))
    assert set(found) == {"name", "rate", "conditions", "numbers", "sides"}
    assert list(found["numbers"]) == ["20", "40"]
    assert [len(found["sides"][side]) for side in ("8", "16", "32")] == [4, 4, 10] and len(said) == 18
    assert found["conditions"] == found["sides"]["32"]
    one = found["conditions"]["1 of 10 classes"]
    assert len(one["short"]) == len(one["short_spread"]) == 2
    assert one["frechet_distance"] > found["conditions"]["untouched"]["frechet_distance"]
    page = study.page(results(found, num_images=60))
    assert [len(rows) - 1 for rows in tables(page)] == [10, 10, 2, 3 + 3 + 9 + 1]
    assert "60 test images" in page and "40 against as many" in page


@pytest.mark.parametrize(
    "words, needed",
    [
        ([], "--data_dir is required"),
        (["--data_dir=x", "--num_images=1999"], "--num_images must lie in 2000..10000"),
        (["--data_dir=x", "--num_images=10001"], "got 10001"),
        (["--data_dir=x", "--efficientnet=96,16"], "at least 32 with commas between, got '96,16'"),
        (["--data_dir=no/such/folder"], "cifar10 is not prepared"),
        (["--rates", "--data_dir=x", "--output=no/such/folder"], "no/such/folder/feature-study.json"),
        (["--from_json", "--output=no/such/folder"], "no/such/folder/feature-study.json"),
    ],
)
def test_a_bad_argument_is_refused_in_one_line(study, capsys, words, needed):
    with pytest.raises(SystemExit) as stopped:
        study.main(words)
    assert stopped.value.code == 2 and needed in capsys.readouterr().err.splitlines()[-1]


def test_rates_are_the_medians_and_set_by_name(study, monkeypatch):
    monkeypatch.setattr(study, "alternate", lambda ways, rounds: {"a": [0.2, 0.5, 0.1], "b": [2.0]})
    studied = [{"name": "a", "rate": 0.0}, {"name": "b", "rate": 0.0}, {"name": "c", "rate": 7.0}]
    study.set_rates(studied, {"a": None, "b": None}, np.zeros((10, 4, 4, 1), np.uint8))
    assert [entry["rate"] for entry in studied] == [50.0, 5.0, 7.0]  # c was not loaded
