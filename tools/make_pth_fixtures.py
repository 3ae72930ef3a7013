"""Writes tests/interop/checkpoints: small .pth files by PyTorch itself, in both of its formats, and what is in them.

Needs PyTorch, which is not among the requirements:  python tools/make_pth_fixtures.py [NAME ...]
Without names, all are written.
The weights are those of tests/parity/derived_a.npz and gan_arch0_stage2.npz; the files are laid out as the checkpoints
of the published training are.
"""

from __future__ import annotations

import collections
import pathlib
import sys

import numpy as np
import safetensors.torch  # type: ignore[import-not-found]
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


def admitted(weight: torch.Tensor) -> dict:
    """What PyTorch's weights-only loader admits beyond the usual."""
    noted = torch.arange(3.0)
    noted.note = "an attribute"
    parameter = torch.nn.Parameter(weight.detach().clone())
    parameter.note = "another"
    complex_numbers = [torch.tensor([1 + 2j]) for _ in range(2)]
    channels = torch.tensor([0.1, 0.2]), torch.tensor([0, 1])
    return {
        "counter": collections.Counter("hello"),
        "device": [torch.device("cuda", 1), torch.device("cpu")],
        "size": torch.Size([2, 3]),
        "dtypes": [torch.float32, torch.bfloat16, torch.uint16, torch.qint8, torch.bits8],
        "layout": torch.strided,
        "type": torch.FloatTensor,
        "plain": [bytearray(b"a\xff"), 1 + 2j, {1, 2}],
        "noted": noted,
        "parameter": parameter,
        "complex": [complex_numbers[0], complex_numbers[0].conj(), complex_numbers[1].conj().imag],
        "quantized": [
            torch.quantize_per_tensor(weight, 0.5, 10, torch.quint8),
            torch.quantize_per_channel(weight, *channels, 0, torch.qint8),
        ],
        "sparse": weight.to_sparse(),
        "meta": torch.zeros(2, device="meta"),
        "storage": torch.tensor([1, -2], dtype=torch.int16).storage(),
    }


def without_storage_types() -> dict:
    """Numbers of types that came after the typed storages; the older format can hold them, too."""
    return {
        "unsigned": [torch.tensor([1, 2**bits - 1], dtype=getattr(torch, f"uint{bits}")) for bits in (16, 32)],
        "float8": [torch.tensor([1.5, -2]).to(kind) for kind in (torch.float8_e4m3fn, torch.float8_e5m2)],
    }


def main() -> None:
    """Writes the files that are asked for."""
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
    both = {"training": checkpoint, "kinds": kinds, "admitted": admitted(torch.arange(6.0).reshape(2, 3) / 2)}
    both["untyped"] = without_storage_types()
    arrays = {name: value for name, value in kinds.items() if isinstance(value, torch.Tensor)}
    arrays["float8"] = torch.tensor([1.5, -2.0]).to(torch.float8_e4m3fn)
    arrays["uint16"] = torch.tensor([65535]).to(torch.uint16)
    wanted = sys.argv[1:] or [*both, "module", "kinds.safetensors"]
    for name in wanted:
        if name == "kinds.safetensors":
            safetensors.torch.save_file(arrays, FOLDER / name, metadata={"format": "pt"})
        elif name == "module":  # a whole object, which is refused
            torch.save({"model": torch.nn.Linear(1, 1)}, FOLDER / "module.pth")
        else:
            torch.save(both[name], FOLDER / f"{name}.pth")
            torch.save(both[name], FOLDER / f"{name}_legacy.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
