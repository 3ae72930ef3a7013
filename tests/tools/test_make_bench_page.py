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


def row_of(tokens, seed, value: float) -> dict:
    """A training whose log of the distance is `value` at the end."""
    fid = [float(np.exp(value + more)) for more in (1, 0.5, 0.2, 0)]
    return {"tokens": list(map(int, tokens)), "seed": seed, "failure": "", "points": [20, 60, 180, 540], "fid": fid,
            "machine": "A", "kid": [value / 100 for value in fid], "is": [8 - value / 10 for value in fid],
            **dict.fromkeys(("d_loss", "g_loss", "seconds", "scoring"), [1.0] * 4)}  # fmt: skip


def save(folder, name: str, rows: list[dict]) -> None:
    (folder / f"{name}-0-of-1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def written(folder, *, number: int, repeated: int) -> None:
    """The log of the distance is higher by 0.5 with a deconvolution in the first cell, and by an error of 0.05."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(EVERY))
    for name, count, seeds in (("sweep", number, (0,)), ("replicates", repeated, (1, 2))):
        lines = []
        for place, seed in itertools.product(order[:count], seeds):
            tokens = EVERY[place]
            lines.append(row_of(tokens, seed, 2 + 0.5 * (tokens[2] == 2) + 0.05 * rng.normal()))
        save(folder, name, [*lines, *(line | {"tokens": [1] * 9, "failure": "NaN", "fid": []} for line in lines[:1])])


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
    assert page.count("There are too few") == 3 + 3 + 1 and f"{number} of the 2,592" in page


def numbers(text: str, name: str) -> list[float]:
    """Those of a table's row."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [float(number) for number in re.findall(r"-?\d+\.\d+", line)]


def of_both_sizes(folder, *, alike: float) -> None:
    """Of 400 architectures of two cells, and of 200 of three: in these an option of the first two cells counts `alike`
    times what it does in two, and 0.1 each step in the third cell's norm; the error is 0.05."""
    rng = np.random.default_rng(1)
    effects = [rng.normal(0, 0.2, count) for count in autogan.SPACE.counts(2)]

    def worth(tokens) -> float:
        return sum(effect[token] for effect, token in zip(effects, tokens, strict=False))

    def trained(sample, seeds, true) -> list[dict]:
        return [row_of(tokens, seed, true(tokens) + 0.05 * rng.normal()) for seed in seeds for tokens in sample]

    small = [EVERY[place] for place in rng.permutation(len(EVERY))[:400]]
    save(folder, "sweep", trained(small, [0], lambda tokens: 2 + worth(tokens)))
    save(folder, "replicates", trained(small[:40], [1, 2], lambda tokens: 2 + worth(tokens)))
    large = autogan.SPACE.sample(rng, num_cells=3, number=200)

    def true(tokens) -> float:
        return 1 + alike * worth(tokens) + 0.1 * tokens[10]

    save(folder, "full-size", [*trained(large, [0], true), *trained(large[:30], [1, 2], true)])


@pytest.mark.parametrize("alike", [1, -1])
def test_full_size_beside_16_pixels(load, tmp_path, alike):
    of_both_sizes(tmp_path, alike=alike)
    load("make_bench_page").main([f"--rows={tmp_path}", f"--output={tmp_path / 'page.md'}"])
    part = (tmp_path / "page.md").read_text(encoding="utf-8").split("## 16 pixels and full size")[1].split("\n## ")[0]
    assert "200 of the 373,248 architectures" in part and "too few" not in part
    for name in ("Kendall's tau", "Spearman's rho"):
        value, low, high = numbers(part, name)
        assert 0.7 < alike * value <= 1 and low <= high and low * high > 0
    told = re.findall(r"\| \d\.\w+=[\w ]+ \| ([+-]\d+) \| ([+-]\d+) \|", part)
    pairs = np.array([list(map(int, pair)) for pair in told])
    assert len(pairs) == 22 and np.abs(pairs[:, 0] - alike * pairs[:, 1]).max() <= 6
    told = re.search(r"of (\d+) architectures with what .*: (-?[\d.]+) \((-?[\d.]+) to (-?[\d.]+)", part)
    count, tau, low, high = map(float, told.groups())
    assert 20 <= count < 60  # of those whose first two cells are among the 400
    assert low < tau < high and 0.6 < alike * tau < 0.98 and low * high > 0
    assert "30 architectures were trained with 3 seeds" in part
    share, low, high = numbers(part, "log of the Fréchet distance")
    assert low <= share <= high < 0.1


def supernets(folder, known: dict[tuple[int, ...], float], *, seeds: int, noise: float) -> None:
    """Whose scores tell what architectures are worth, with an error; with published sampling the other way round. One
    architecture cannot be scored by the first uniform one."""
    rng = np.random.default_rng(2)
    for sampling, sign in (("published", -1), ("uniform", 1)):
        rows = []
        for seed in range(seeds):
            for tokens, value in known.items():
                fid = float(np.exp(sign * value + noise * rng.normal()))
                rows.append({"tokens": tokens, "seed": seed, "sampling": sampling, "fid": fid, "kid": fid / 9,
                             "is": 10 - fid, "failure": "", "seconds": 1.0, "machine": "A", "trained_images": 460_800,
                             "scored_images": 230_400.0})  # fmt: skip
        if sampling == "uniform":
            rows[0] |= {"fid": None, "kid": None, "is": None, "failure": "NaN"}
        save(folder, f"shared-{sampling}", rows)


def test_shared_weights_whose_scores_are_known(load, tmp_path):
    """Worth differs by the first cell's norm alone, and trainings have an error of 0.05."""
    rng = np.random.default_rng(0)
    known = {tokens: 2 + 0.3 * tokens[1] for tokens in EVERY[::13]}
    save(tmp_path, "sweep", [row_of(tokens, 0, value + 0.05 * rng.normal()) for tokens, value in known.items()])
    again = [(tokens, seed) for tokens in list(known)[:50] for seed in (1, 2)]
    save(tmp_path, "replicates", [row_of(tokens, seed, known[tokens] + 0.05 * rng.normal()) for tokens, seed in again])
    supernets(tmp_path, known, seeds=3, noise=0.01)
    load("make_bench_page").main([f"--rows={tmp_path}", f"--output={tmp_path / 'page.md'}"])
    part = (tmp_path / "page.md").read_text(encoding="utf-8").split("## What shared weights say")[1]
    assert f"Uniform sampling: 3 supernets, each of which cost 40.0 full trainings, and {len(known)} arch" in part
    for name in ("Fréchet distance", "kernel distance", "Inception score"):
        for sampling, sign in (("published", -1), ("uniform", 1)):
            line = next(line for line in part.splitlines() if line.startswith(f"| {sampling} | {name} |"))
            tau, low, high = (float(number) for number in re.findall(r"-?\d\.\d\d", line))
            assert low <= tau <= high and 0.5 < sign * tau < 0.9, line  # within a norm all are alike
    best = {
        sampling: [float(n) for n in re.findall(r"\d+\.\d\d", line)]
        for sampling in ("published", "uniform")
        for line in part.splitlines() if line.startswith(f"| {sampling} | best Fréchet distance |")
    }  # fmt: skip
    any_of_them = np.exp(np.mean(list(known.values())))
    for sampling, expected in (("published", np.exp(2.6)), ("uniform", np.exp(2.0))):
        assert best[sampling][:2] == [pytest.approx(expected, rel=0.05)] * 2
        assert best[sampling][2] == pytest.approx(any_of_them, rel=0.02)
    told = re.search(r"comes to (\d+\.\d+), with (\d+) to (\d+\.\d+), and the best there is has (\d+\.\d+)", part)
    random_search, trainings, longer, oracle = map(float, told.groups())
    # the scores alone cost 200 times 1,000 images, where a training has 270 steps of 64
    assert trainings == 40 + round(200 * 1000 / (270 * 64))
    assert oracle <= longer <= random_search == pytest.approx(np.exp(2), rel=0.05)


def test_of_few_rows_of_shared_weights_it_says_so(load, tmp_path):
    """Of uniform sampling enough are there, of published sampling not."""
    written(tmp_path, number=200, repeated=40)
    rows = [json.loads(line) for line in (tmp_path / "sweep-0-of-1.jsonl").read_text().splitlines()]
    known = {tuple(row["tokens"]): np.log(row["fid"][-1]) for row in rows[:25]}
    supernets(tmp_path, known, seeds=1, noise=0.1)
    file = tmp_path / "shared-published-0-of-1.jsonl"
    file.write_text("".join(line + "\n" for line in file.read_text().splitlines()[:19]))
    load("make_bench_page").main([f"--rows={tmp_path}", f"--output={tmp_path / 'page.md'}"])
    part = (tmp_path / "page.md").read_text(encoding="utf-8").split("## What shared weights say")[1]
    assert "There are too few rows of published sampling yet" in part and "| published |" not in part
    assert "Uniform sampling: 1 supernet, each" in part and part.count("| uniform |") == 6
