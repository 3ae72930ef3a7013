"""Writes tests/interop/checkpoints: small .pth files by PyTorch itself, in both of its formats, and what is in them.

Needs PyTorch, which is not among the requirements:  python tools/make_pth_fixtures.py
The weights are those of tests/parity/derived_a.npz and gan_arch0_stage2.npz; the files are laid out as the checkpoints
of the published training are.
"""

from __future__ import annotations

import collections
import pathlib

import numpy as np
import torch  # type: ignore[import-not-found]

TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests"
FOLDER = TESTS / "interop" / "checkpoints"


def state_dict(fixture: str, prefix: str, scale: float = 1.0) -> collections.OrderedDict:
    """The arrays of a fixture under `prefix` as a module's state_dict() gives them: parameters as plain tensors."""
    state = collections.OrderedDict()
    with np.load(TESTS / "parity" / f"{fixture}.npz") as arrays:
        for key in arrays:
            if key.startswith(prefix):
                array = torch.from_numpy(arrays[key].copy())
                state[key.removeprefix(prefix)] = array * scale if array.is_floating_point() else array
    state._metadata = collections.OrderedDict([("", {"version": 1})])  # type: ignore[attr-defined]
    return state


def main() -> None:
    """Writes all files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    optimizer = torch.optim.Adam([weight], 2e-4, (0.0, 0.9))
    (weight**2).sum().backward()
    optimizer.step()
    checkpoint = {
        "epoch": 3,
        "gen_state_dict": state_dict("derived_a", "gen/", scale=0.5),
        "avg_gen_state_dict": state_dict("derived_a", "gen/"),
        "dis_state_dict": state_dict("gan_arch0_stage2", "dis/"),
        "gen_optimizer": optimizer.state_dict(),
        "best_fid": np.float64(12.42),
        "path_helper": {"prefix": "logs/derived_a", "log_path": "logs/derived_a/Log"},
        "fixed_z": torch.arange(12.0).reshape(3, 4).t()[1:, ::2],  # a view that is not contiguous
    }
    kinds = {
        "parameter": weight,
        "half": torch.tensor([1.5, -2.0], dtype=torch.float16),
        "bfloat16": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "double": torch.tensor(np.pi, dtype=torch.float64),
        "bool": torch.tensor([True, False]),
        "integers": [torch.tensor([-1, 2], dtype=kind) for kind in (torch.int8, torch.int16, torch.int32, torch.int64)],
        "bytes": torch.tensor([0, 255], dtype=torch.uint8),
        "empty": torch.zeros(0, 3),
        "shared": [weight.detach()[0], weight.detach()[1]],
        "plain": [None, True, 1, -(2**70), 2.5, "text", b"bytes", (1, 2), {3}, torch.Size([4, 5])],
        "numpy": [np.float32(0.25), np.int64(-7), np.bool_(True)],
    }
    for name, content in (("training", checkpoint), ("kinds", kinds)):
        torch.save(content, FOLDER / f"{name}.pth")
        torch.save(content, FOLDER / f"{name}_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"model": torch.nn.Linear(1, 1)}, FOLDER / "module.pth")  # a whole object, which is refused


if __name__ == "__main__":
    main()
