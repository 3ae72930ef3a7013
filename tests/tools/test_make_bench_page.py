"""tools/make_bench_page.py: what it says of rows whose truth is known, and of too few."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest
from PIL import Image

from autogan_tf.search_space import autogan

EVERY = list(itertools.product(*map(range, autogan.SPACE.counts(2))))


def written(folder, *, number: int, repeated: int) -> None:
    """The log of the distance is higher by 0.5 with a deconvolution in the first cell, and by an error of 0.05."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(EVERY))
    for name, count, seeds in (("sweep", number, (0,)), ("replicates", repeated, (1, 2))):
        lines = []
        for place, seed in itertools.product(order[:count], seeds):
            tokens = EVERY[place]
            fid = [float(np.exp(2 + 0.5 * (tokens[2] == 2) + 0.05 * rng.normal() + more)) for more in (1, 0.5, 0.2, 0)]
            lines.append({"tokens": tokens, "seed": seed, "failure": "", "points": [20, 60, 180, 540], "fid": fid,
                          "kid": [value / 100 for value in fid], "is": [8 - value / 10 for value in fid]})  # fmt: skip
        lines.append(lines[0] | {"tokens": [1] * 9, "failure": "NaN", "fid": []} if lines else {})
        (folder / f"{name}-0-of-1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines if line))


def test_of_many_rows(load, tmp_path, capsys):
    written(tmp_path, number=200, repeated=40)
    load("make_bench_page").main([f"--rows={tmp_path}", f"--output={tmp_path / 'page.md'}"])
    assert "200 architectures, 80 further trainings" in capsys.readouterr().out
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "200 of the 2,592 architectures" in page and "40 architectures were trained with 3 seeds" in page
    told = re.search(r"log of the Fréchet distance \| ([\d.]+) \| ([\d.]+) to ([\d.]+)", page)
    share, low, high = map(float, told.groups())
    # of a variance of 0.05^2 + 0.25 * 2/9
    assert low <= 0.0431 <= high and share < 0.15
    assert re.search(r"cell 1: bilinear -1[678], nearest -1[678], deconv \+3[2345] \| yes", page)
    assert "cell 2: bilinear" in page and "not to be told" in page
    for name in re.findall(r"\]\((page/.*png)\)", page):
        assert Image.open(tmp_path / name).size[0] > 500
    assert page.count("`0 0") >= 1 and "NaN" not in page
    best, worst = page.split("## The best and the worst")[1].split("| worst |")
    first_cells = [re.findall(r"\| ([^;|]*);", part) for part in (best, worst)]
    assert [len(cells) for cells in first_cells] == [10, 10]
    assert ["transposed" in cell for cell in sum(first_cells, [])] == [False] * 10 + [True] * 10


@pytest.mark.parametrize("number", [0, 4])
def test_of_too_few_it_says_so(load, tmp_path, number):
    written(tmp_path, number=number, repeated=0)
    load("make_bench_page").main([f"--rows={tmp_path}", f"--output={tmp_path / 'page.md'}"])
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert page.count("There are too few") == 3 and f"{number} of the 2,592" in page
