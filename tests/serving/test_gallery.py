"""The local server's page in a real browser: samples, seeds, the walk between two of them, downloads, errors."""

from __future__ import annotations

import base64
import json
import pathlib
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from autogan_tf.serving import model_folder, signatures
from tests.serving.exported import small_generator, write
from tests.serving.running import BROWSER, running

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome on the PATH")
# Without these Chromium asks for updates over the network.
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A conditional model with a description as export writes it."""
    generator = small_generator(num_classes=3)
    described = {
        "genotype": json.loads(generator.genotype.to_json()),
        "image_shape": [8, 8, 1],
        "num_classes": 3,
        "scores": [{"inception_score": 2.345678, "frechet_distance": 12.5, "num_images": 10_000,
                    "feature_network": "classifier/<b>0123"}],
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("gallery") / "digits"
    model_folder.write_version(
        folder,
        signatures.drawing(generator),
        latent_dim=5,
        num_classes=3,
        variables=generator.variables,
        description=described,
    )
    with running(folder) as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, served):
    page = browser.new_page(accept_downloads=True)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if not request.url.startswith(
        (served.rest, "data:")) else None)  # fmt: skip
    page.goto(served.rest)
    page.wait_for_selector("body[data-ready]", timeout=30_000)
    yield page
    page.close()
    assert problems == []  # no errors, and nothing from anywhere else


def shown(page) -> list[bytes]:
    sources = page.eval_on_selector_all("#grid img", "pictures => pictures.map(p => p.src)")
    return [base64.b64decode(source.partition(",")[2]) for source in sources]


def drawn(served, seeds: list[int], label: int) -> list[bytes]:
    given = {"seed": np.array(seeds, np.int64), "label": np.full(len(seeds), label, np.int32)}
    return served.model.version.run("sample", given)["png_bytes"].tolist()


def test_samples_of_seeds_and_classes(page, served):
    assert page.title() == "digits" and "version 1, 8 × 8 pixels" in page.inner_text("#about")
    assert shown(page) == drawn(served, list(range(36)), 0)
    page.fill("#seed", "100")
    page.press("#seed", "Enter")
    page.wait_for_selector("#grid img[alt='seed 100']")
    assert shown(page) == drawn(served, list(range(100, 136)), 0)
    page.click("#more")
    page.wait_for_selector("#grid img[alt='seed 171']")
    assert shown(page) == drawn(served, list(range(100, 172)), 0)
    page.select_option("#label", "2")
    expect(page.locator("#grid img")).to_have_count(36)
    assert shown(page) == drawn(served, list(range(100, 136)), 2)


def test_the_walk_between_two_seeds(page, served):
    def walked() -> bytes:
        return base64.b64decode(page.get_attribute("#walk", "src").partition(",")[2])

    ends = drawn(served, [0, 1, 7], 0)
    assert walked() == ends[0]
    page.fill("#slider", "16")
    assert walked() == ends[1]
    page.fill("#slider", "8")
    assert walked() not in ends
    page.fill("#to", "7")
    page.press("#to", "Enter")
    page.fill("#slider", "16")
    expected = "data:image/png;base64," + base64.b64encode(ends[2]).decode()
    expect(page.locator("#walk")).to_have_attribute("src", expected)


def test_downloads(page, served, tmp_path):
    def download(selector: str) -> pathlib.Path:
        with page.expect_download() as waiting:
            page.click(selector)
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    one = download("#grid button:nth-child(3)")
    assert one.name == "seed-2.png" and one.read_bytes() == drawn(served, [2], 0)[0]
    grid = download("#save")
    assert grid.name == "digits-seeds-0-35.png"
    pixels = np.asarray(Image.open(grid))
    assert pixels.shape[:2] == (48, 48)
    expected = tf.io.decode_png(drawn(served, [7], 0)[0]).numpy()[..., 0]  # second row, second column
    np.testing.assert_array_equal(pixels[8:16, 8:16, 0], expected)
    assert download("#savewalk").name == "seeds-0-1-0.png"


def test_architecture_and_scores(page):
    assert page.locator("#diagram svg .cell").count() == 1 and page.locator("#diagram svg .shortcut").count() == 1
    words = page.text_content("#diagram")
    for part in ("cell 1, 8 × 8", "conv 3 × 3 · batch norm · ReLU", "transposed convolution", "image, 8 × 8 × 1"):
        assert part in words
    assert page.locator("#diagram svg").bounding_box()["width"] >= 200
    scores = page.inner_text("#scores")
    assert "Inception score\t2.346" in scores and "10,000 images, seen through classifier/<b>0123" in scores


def test_another_version_that_answers_is_drawn_and_told(browser, served, tmp_path):
    shutil.copytree(served.model.folder, tmp_path / "digits")
    with running(tmp_path / "digits") as server:
        page = browser.new_page()
        page.goto(server.rest)
        page.wait_for_selector("body[data-ready]", timeout=30_000)
        write(tmp_path / "digits", small_generator(), version=2)
        end = time.monotonic() + 300
        while server.model.version.number != 2 and time.monotonic() < end:
            time.sleep(0.05)
        page.click("#more")
        expect(page.locator("#about")).to_contain_text("version 2")
        expect(page.locator("#classes")).to_be_hidden()
        expect(page.locator("#grid img")).to_have_count(36)
        expected = server.model.version.run("sample", {"seed": np.arange(36)})["png_bytes"].tolist()
        while shown(page) != expected and time.monotonic() < end:  # it tells of the version, and then draws
            page.wait_for_timeout(50)
        assert shown(page) == expected
        page.close()


def test_errors_are_said_and_the_page_goes_on(page, served):
    page.fill("#seed", "-1")
    page.press("#seed", "Enter")
    page.wait_for_selector("#message.error")
    assert "whole number" in page.inner_text("#message")
    page.fill("#seed", "5")
    page.press("#seed", "Enter")
    page.wait_for_selector("#grid img[alt='seed 5']")
    assert page.inner_text("#message") == ""
