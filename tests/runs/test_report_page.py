"""The pages of the report: what is in them, and that a browser shows them whole and asks for nothing else."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from autogan_tf.config import fields
from autogan_tf.config.errors import UserError
from autogan_tf.runs import history, report, report_charts, report_data, report_page, report_search_charts
from autogan_tf.search_space import autogan
from tests.runs import written_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), "")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    folder = written_run.write_search(tmp_path_factory.mktemp("report") / "run")
    assert report.write(folder) == [folder / "report.html", folder / "report.json"]
    return folder


@pytest.fixture(scope="module")
def page(run) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def test_every_part_is_there(page):
    for part in ("result", "search", "policy", "choices", "ranked", "search-pictures", "training", "commands",
                 "circumstances"):  # fmt: skip
        assert f'<section id="{part}">' in page
    assert '<section id="missing">' not in page
    assert page.count('class="cell"') == 2  # of the winner's diagram
    assert page.count('class="skip"') == 1 and page.count('class="shortcut"') == 0
    assert "A &amp; B, 2 cores" in page
    assert page.count('<img src="data:image/') == 5 + 2 + 3  # while searching, while training, final, real, neighbours


def test_candidates_are_shown_with_the_steps_that_they_were_trained_for(page, tmp_path):
    folder = written_run.write_candidates(tmp_path / "run")
    report.write(folder)
    of_candidates = (folder / "report.html").read_text(encoding="utf-8")
    section = of_candidates.partition('<section id="candidates">')[2].partition("</section>")[0]
    rows = re.findall(r'<td><code>(.*?)</code></td><td class="n">(.*?)</td><td class="n">(.*?)</td>', section)
    two_cells = [("0 1 0 0 1 2 1 0 0", "300", "5"), ("0 1 0 0 1 1 1 0 1", "300", "3.5")]
    two_cells += [("0 1 0 0 1 1 1 1 0", "300", "3"), ("0 1 0 0 0 0 0 0 1", "100", "2")]
    assert rows[:5] == [*two_cells, ("0 1 0 1", "300", "4")]  # then the longest, and the best first
    assert rows[-1] == ("0 1 2 1", "100", "1.5") and len(rows) == 9  # without the one that failed
    assert "300 steps" in section and "100 steps" in section  # the chart's legend
    assert "weights that all architectures share" in page and "as the search had trained them" in of_candidates
    assert "weights that all architectures share" not in of_candidates and '<section id="candidates">' not in page


def test_the_timeline_is_in_the_order_of_the_iterations(tmp_path):
    """Resets in the iterations 2, 3 and 5 and a cell more after 3: that reset belongs to the iteration before it."""
    folder = written_run.write_search(tmp_path / "run")
    rows = [row | ({"collapsed": row["step"] in (1, 2, 4)} if row["phase"] == "search" else {})
            for row in written_run.search_rows()]  # fmt: skip
    written_run.write_rows(folder / "metrics.jsonl", rows)
    report.write(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    table = page.partition("<h3>Timeline</h3>")[2].partition("</table>")[0]
    entries = re.findall(r'<td class="n">(\d)</td><td>(the losses|a cell more|the last)', table)
    assert entries == [("2", "the losses"), ("3", "the losses"), ("3", "a cell more"), ("5", "the losses"),
                       ("5", "the last")]  # fmt: skip


def test_what_the_strategy_told_is_drawn_and_where_its_climbs_ended(page, tmp_path):
    folder = written_run.write_search(tmp_path / "run")
    rows = written_run.search_rows()
    for row in rows:
        if row["phase"] == "controller":
            row |= {"climbs": row["step"], "entropy": 0.5, "<b>odd</b>": 0.25, "never": None}
        elif row["phase"] == "search":
            row["optima"] = {row["best_architecture"]: row["best"]}
    written_run.write_rows(folder / "metrics.jsonl", rows)
    report.write(folder)
    told = (folder / "report.html").read_text(encoding="utf-8")
    section = told.partition('<section id="told">')[2].partition("</section>")[0]
    assert re.findall('aria-label="(.*?)"', section) == [
        "climbs by architectures tried", "&lt;b&gt;odd&lt;/b&gt; by architectures tried",
    ]  # fmt: skip
    assert "<b>odd" not in section
    rows = re.findall(r'<code>(.*?)</code></td><td class="n">(.*?)</td><td class="n">(.*?)</td>', section)
    assert rows[0] == ("0 1 0 0 1 2 1 0 0", "5", "5") and [row[2] for row in rows] == list("54321")
    assert '<section id="told">' not in page


def test_rewards_of_different_cells_are_spoken_of_where_there_are_any(page, tmp_path):
    assert page.count("ewards of different cells do not compare") == 2
    folder = written_run.write_candidates(tmp_path / "run")
    written_run.write_config(folder, "search", written_run.SETTINGS | {"single_level": True, "grow_steps": []})
    report.write(folder)
    at_once = (folder / "report.html").read_text(encoding="utf-8")
    assert "best and mean reward so far by architectures tried" in at_once and "different numbers of steps" in at_once
    assert "of different cells" not in at_once and "different numbers of cells" not in at_once


@pytest.mark.parametrize(("weights", "words"), [("own", "as a candidate"), ("shared", "shared weights")])
def test_the_genotype_file_says_whose_weights_the_reward_is_of(tmp_path, weights, words):
    folder = written_run.write_training(tmp_path / "run")
    file = folder / "genotype.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"scores": {"reward": 3.5, "weights": weights}}))
    report.write(folder)
    assert f"<dt>reward, {words}</dt><dd>3.5</dd>" in (folder / "report.html").read_text(encoding="utf-8")


def test_nothing_comes_from_elsewhere(page):
    addresses = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    rest = page
    for address in addresses:
        rest = rest.replace(address, "")
    assert "http:" not in rest and "https:" not in rest and "<script" not in rest


def test_what_stands_in_a_run_cannot_become_part_of_the_page(tmp_path):
    folder = written_run.write_search(tmp_path / "<script>alert(1)<")
    written_run.write_config(folder, "search", written_run.SETTINGS | {"dataset": "<img src=x onerror=alert(1)>"})
    report.write(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<img src=x" not in page and "&lt;script&gt;" in page


def test_a_search_that_stopped_half_way(tmp_path):
    folder = written_run.write_search(tmp_path / "run", iterations=3)
    report.write(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "3 of 5 search iterations are done" in page and "there are no ranked architectures yet" in page
    assert '<section id="policy">' in page and '<section id="ranked">' not in page


def test_a_run_with_nothing_but_its_settings_has_a_report(tmp_path):
    written_run.write_config(tmp_path / "run", "search", written_run.SETTINGS)
    report.write(tmp_path / "run")
    assert "metrics.jsonl is missing" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_damaged_picture_is_left_out(tmp_path):
    folder = written_run.write_training(tmp_path / "run")
    (folder / "samples" / "final.png").write_bytes(b"no picture")
    report.write(folder)
    assert (folder / "report.html").read_text(encoding="utf-8").count("<img ") == 4


def test_a_thousand_iterations_stay_under_5_megabytes(tmp_path):
    folder = written_run.write_search(tmp_path / "run")
    rng = np.random.default_rng(0)
    rows = []
    for step in range(1000):
        for number in range(30):
            name = " ".join(str(token) for token in rng.integers(0, 2, 9))
            told = {f"number_{i}": round(float(rng.normal()), 6) for i in range(4)}
            rows.append({"step": 30 * step + number, "phase": "strategy", "iteration": step, "time": 10.0 * step,
                         "seconds": 0.1, "rewards": {name: float(rng.normal())}, **told})  # fmt: skip
        first = written_run.search_rows()[-1]
        rows.append(first | {"step": step, "time": 10.0 * step})
    written_run.write_rows(folder / "metrics.jsonl", rows)
    for step in range(300):
        written_run.picture(folder / "samples" / f"iteration-{step:04d}.png", step, side=660)
    written_run.picture(folder / "samples" / "iteration-².png", 0)  # no number
    html, data = report.write(folder)
    assert html.stat().st_size < 5e6 and data.stat().st_size < 5e6
    assert len(json.loads(data.read_text())["search"]["iterations"]) == 1000


def test_runs_side_by_side(run, tmp_path):
    other = written_run.write_search(tmp_path / "run")  # of the same name
    written_run.write_config(other, "search", written_run.SETTINGS | {"gf_dim": 64})
    html, data = report.compare([str(run), str(other)], tmp_path / "both.html")
    page = html.read_text(encoding="utf-8")
    assert "run (1)" in page and "run (2)" in page and "do not compare" not in page
    settings = page[page.index('<section id="settings">') :]
    assert "--gf_dim" in settings and "<td>16</td><td>64</td>" in settings and "--num_cells" not in settings
    assert [entry["command"] for entry in json.loads(data.read_text())["runs"]] == ["search", "search"]
    rows = [row | ({"feature_network": "other"} if row["phase"] == "evaluation" else {})
            for row in written_run.training_rows()]  # fmt: skip
    written_run.write_rows(other / "best" / "metrics.jsonl", rows)
    report.compare([str(run), str(other)], tmp_path / "both.html")
    page = html.read_text(encoding="utf-8")
    assert "The scores do not compare" in page and "lower is better" not in page
    assert "The rewards do not compare" not in page and "Best reward so far" in page


def test_rewards_of_another_classifier_are_not_set_side_by_side(run, tmp_path):
    """In a run of an earlier version it has the run's seed; a setting that was not there yet is its default."""
    other, third = (written_run.write_search(tmp_path / name) for name in ("other", "third"))
    steps = {"classifier_steps": 800}
    written_run.write_config(other, "search", written_run.SETTINGS | steps | {"seed": 3})
    written_run.write_config(third, "search", written_run.SETTINGS | steps | {"seed": 4, "classifier_seed": 3})
    both = tmp_path / "both.html"
    report.compare([str(other), str(third)], both)
    assert "do not compare" not in both.read_text(encoding="utf-8")
    written_run.write_config(third, "search", written_run.SETTINGS | steps | {"seed": 3, "classifier_seed": 0})
    report.compare([str(other), str(third)], both)
    page = both.read_text(encoding="utf-8")
    assert "The rewards do not compare" in page and "Best reward so far" not in page


@pytest.mark.parametrize(
    ("one", "other", "compare"),
    [
        ({}, {"strategy": "random", "grow_steps": [2], "max_parameters": 10_000_000, "seed": 3, "gf_dim": 8}, True),
        ({}, {"estimation": "shared_weights", "train_steps": 90, "space": "autogan", "single_level": False}, True),
        ({}, {"estimation": "from_scratch"}, False),
        ({}, {"space": "chain"}, False),
        ({}, {"num_cells": 3}, False),
        ({}, {"bottom_width": 6}, False),
        ({}, {"single_level": True}, False),
        ({}, {"rl_num_eval_img": 100}, False),
        ({"estimation": "from_scratch"}, {"estimation": "from_scratch", "fidelities": [20]}, True),  # its train_steps
        ({"estimation": "from_scratch"}, {"estimation": "from_scratch", "fidelities": [10, 20]}, False),
        ({"estimation": "from_scratch"}, {"estimation": "from_scratch", "train_steps": 30}, False),
    ],
)
def test_which_settings_make_rewards_another_quantity(one, other, compare):
    texts = [{name: fields.to_text(tuple(value) if isinstance(value, list) else value)
              for name, value in (written_run.SETTINGS | settings).items()} for settings in (one, other)]  # fmt: skip
    assert (report_page._rewarded(texts[0]) == report_page._rewarded(texts[1])) == compare


def test_searches_compare_by_the_best_so_far_at_equal_numbers_of_trials(run, tmp_path):
    """Whole generators are those of two cells, which came 7th to 10th: 2, 3, 5, 3.5."""
    document = report_data.document(history.read(run))
    assert report_search_charts.whole_generators(document) == ([7, 8, 9, 10], [2, 3, 5, 5])
    half = written_run.write_search(tmp_path / "half", iterations=3)
    assert report_search_charts.whole_generators(report_data.document(history.read(half))) == ([], [])


def test_a_file_that_is_no_report_is_not_overwritten(run, tmp_path):
    (tmp_path / "notes.html").write_text("mine, about autogan")
    with pytest.raises(UserError, match="notes.html is there and is no report"):
        report.compare([str(run), str(run)], tmp_path / "notes.html")
    assert (tmp_path / "notes.html").read_text() == "mine, about autogan"
    (tmp_path / "notes.html").unlink()
    (tmp_path / "notes.json").write_text('{"format": "autogan-run"}')
    with pytest.raises(UserError, match="notes.json is there and is no report"):
        report.compare([str(run), str(run)], tmp_path / "notes.html")
    assert not (tmp_path / "notes.html").exists()


def test_a_report_that_fails_is_no_end_of_the_run(tmp_path, caplog):
    refreshed = report.Refreshed(history.RunFolder(tmp_path / "nothing"))
    refreshed.now()
    assert "is not written" in caplog.text


def test_charts_do_not_share_names_of_their_parts():
    figure = report_charts.lines({"a": ([1, 2], [3.0, None])}, x="x", y="y")
    one, two = report_charts.svg(figure, "one"), report_charts.svg(figure, "two")
    ids = [{element.attrib["id"] for element in ElementTree.fromstring(text).iter() if "id" in element.attrib}
           for text in (one, two)]  # fmt: skip
    assert ids[0] and not ids[0] & ids[1]
    for text, found in zip((one, two), ids, strict=True):
        links = {value[1:] for element in ElementTree.fromstring(text).iter() for name, value in element.attrib.items()
                 if name.endswith("href") and value.startswith("#")}  # fmt: skip
        assert links <= found
    assert one.replace("one-", "two-") == two  # the same every time


def test_a_policy_is_dark_where_it_is_probable():
    certain = [[1.0, 0.0], [0, 0, 1], [1, 0, 0], [0, 1]]
    rows = [{"step": step, "stage": 0, "probabilities": certain} for step in range(3)]
    picture = report_charts.pixels(report_charts.policy(rows, space=autogan.SPACE, stage=0))
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    dark = (picture.astype(int).sum(axis=2) < 250).mean()
    even = [row | {"probabilities": [[0.5] * 2, [1 / 3] * 3, [1 / 3] * 3, [0.5] * 2]} for row in rows]
    chart = report_charts.policy(even, space=autogan.SPACE, stage=0)
    paler = (report_charts.pixels(chart).astype(int).sum(axis=2) < 250).mean()
    assert dark > paler + 0.1


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium or Chrome on the PATH")
@pytest.mark.parametrize("width", [1000, 360])
def test_in_a_browser(run, tmp_path, width):
    from playwright.sync_api import expect, sync_playwright

    other = written_run.write_training(tmp_path / "other")
    comparison, _ = report.compare([str(run), str(other)], tmp_path / "both.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
        for file in (run / "report.html", comparison):
            tab = context.new_page()
            told, asked = [], []
            tab.on("console", lambda message, told=told: told.append(message.text))
            tab.on("pageerror", lambda error, told=told: told.append(str(error)))
            tab.on("request", lambda request, asked=asked: asked.append(request.url))
            tab.goto(file.as_uri())
            assert told == []
            assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
            body = tab.locator("html").bounding_box()
            main = tab.locator("main").bounding_box()
            assert body and main and main["width"] <= width
            for image in tab.locator("img").all():
                box = image.bounding_box()
                assert box and box["width"] >= 20 and box["x"] + box["width"] <= width
                expect(image).to_have_js_property("complete", True)
                assert (image.get_attribute("alt") or "").strip()
                # only a picture that was decoded has a width of its own
                expect(image).not_to_have_js_property("naturalWidth", 0)
            for section in tab.locator("section").all():
                box = section.bounding_box()
                assert box and box["x"] + box["width"] <= width
            expect(tab.locator("html")).to_have_js_property("scrollWidth", width)
        browser.close()


def test_pictures_are_no_larger_than_needed(tmp_path):
    folder = written_run.write_training(tmp_path / "run")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1400, 1400, 3)).astype(np.uint8)).save(
        folder / "samples" / "final.png"
    )
    report.write(folder)
    assert os.path.getsize(folder / "report.html") < 1_200_000 < os.path.getsize(folder / "samples" / "final.png")


def test_the_data_beside_the_page(run):
    data = json.loads((run / "report.json").read_text())
    assert data == json.loads(json.dumps(report_data.document(history.read(run))))


def test_of_one_iteration_there_is_no_chart_by_iteration_but_one_of_all_architectures(tmp_path):
    folder = written_run.write_search(tmp_path / "run")
    for iterations in (2, 1):
        written_run.write_rows(folder / "metrics.jsonl", written_run.search_rows(iterations))
        report.write(folder)
        text = (folder / "report.html").read_text(encoding="utf-8")
        assert ("rewards by search iteration" in text) == (iterations == 2)
        assert ("Grey: each of them." in text) == (iterations == 1)
        assert "best and mean reward so far by architectures tried" in text
