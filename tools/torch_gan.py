"""The GAN that benchmark.py compares with, in PyTorch, for an interpreter that has torch and numpy.

    python torch_gan.py FOLDER      FOLDER: settings.json, weights.npz, inputs.npz, as benchmark_networks.py writes them

It computes what our networks compute, in the order of the published implementation: what is enlarged is convolved
afterwards, what is pooled is convolved before. Each line on stdin, `VARIANT WHAT`, is answered with one line, the
loss (0 of a sampling). Variants are those of VARIANTS; WHAT is `discriminator`, `generator` or `sample`.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

VARIANTS = {  # memory format, type of feature maps
    "default": (torch.contiguous_format, torch.float32),
    "channels_last": (torch.channels_last, torch.float32),
    "channels_last_bfloat16": (torch.channels_last, torch.bfloat16),
}


class Path(nn.Module):
    """A shortcut or skip: enlarged by 2 as often as it has to be, then a 1x1 convolution."""

    def __init__(self, width: int, up: int, doublings: int) -> None:
        super().__init__()
        self.up, self.doublings = up, doublings
        self.conv = nn.Conv2d(width, width, 1)
        self.deconvs = nn.ModuleList(
            [nn.ConvTranspose2d(width, width, 2, 2) for _ in range(doublings if up == 2 else 0)]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for deconv in self.deconvs:
            x = deconv(x)
        return self.conv(x if self.up == 2 else enlarged(x, self.up, 2**self.doublings))


def enlarged(x: torch.Tensor, up: int, factor: int) -> torch.Tensor:
    """Bilinear (0) or nearest (1)."""
    if up == 0:
        return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    return functional.interpolate(x, scale_factor=factor, mode="nearest")


class Block(nn.Module):
    """Convolution, norm and rectifier in the order of the tokens; the first block of a cell enlarges."""

    def __init__(self, width: int, conv: int, norm: int, up: int, enlarges: bool) -> None:
        super().__init__()
        self.pre, self.up, self.enlarges = conv == 1, up, enlarges
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.norm = [nn.Identity, lambda: nn.BatchNorm2d(width), lambda: nn.InstanceNorm2d(width)][norm]()
        self.deconv = nn.ConvTranspose2d(width, width, 2, 2) if enlarges and up == 2 else None

    def convolved(self, x: torch.Tensor) -> torch.Tensor:
        if self.deconv is not None:
            x = self.deconv(x)
        elif self.enlarges:
            x = enlarged(x, self.up, 2)
        return self.conv(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.pre:
            return self.convolved(functional.relu(self.norm(x)))
        return functional.relu(self.norm(self.convolved(x)))


class Cell(nn.Module):
    """One cell of the tokens conv, norm, up, shortcut, skips."""

    def __init__(self, width: int, index: int, tokens: list[int]) -> None:
        super().__init__()
        conv, norm, up, shortcut, *skips = tokens
        self.blocks = nn.ModuleList([Block(width, conv, norm, up, enlarges) for enlarges in (True, False)])
        self.sc = Path(width, up, 1) if shortcut else None
        code = skips[0] if skips else 0
        self.skips = nn.ModuleDict(
            {str(j): Path(width, up, index - j) for j in range(index) if code >> (index - 1 - j) & 1}
        )

    def forward(self, x: torch.Tensor, earlier: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.blocks[0](x)
        for j, path in self.skips.items():
            h = h + path(earlier[int(j)])
        y = self.blocks[1](h)
        return h, y if self.sc is None else y + self.sc(x)


class Generator(nn.Module):
    """Latents [N, latent_dim] -> images [N, channels, S, S]."""

    def __init__(self, settings: dict) -> None:
        super().__init__()
        width, self.side = settings["gf_dim"], settings["bottom_width"]
        self.l1 = nn.Linear(settings["latent_dim"], self.side**2 * width)
        self.cells = nn.ModuleList([Cell(width, index, cell) for index, cell in enumerate(settings["cells"])])
        self.to_rgb_bn = nn.BatchNorm2d(width)
        self.to_rgb_conv = nn.Conv2d(width, settings["channels"], 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        h = self.l1(z).view(z.shape[0], -1, self.side, self.side)
        skips: list[torch.Tensor] = []
        for cell in self.cells:
            skip, h = cell(h, skips)
            skips.append(skip)
        return torch.tanh(self.to_rgb_conv(functional.relu(self.to_rgb_bn(h))))


class Residual(nn.Module):
    """A block of the discriminator; the first one has no rectifier before its first convolution."""

    def __init__(self, inputs: int, width: int, *, first: bool, halves: bool) -> None:
        super().__init__()
        self.first, self.halves = first, halves
        self.c1 = spectral_norm(nn.Conv2d(inputs, width, 3, padding=1))
        self.c2 = spectral_norm(nn.Conv2d(width, width, 3, padding=1))
        self.c_sc = spectral_norm(nn.Conv2d(inputs, width, 1)) if halves else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.c2(functional.relu(self.c1(x if self.first else functional.relu(x))))
        if self.c_sc is None:
            return h + x
        shortcut = self.c_sc(functional.avg_pool2d(x, 2)) if self.first else functional.avg_pool2d(self.c_sc(x), 2)
        return functional.avg_pool2d(h, 2) + shortcut


class Discriminator(nn.Module):
    """Images -> logits [N, 1]."""

    def __init__(self, settings: dict) -> None:
        super().__init__()
        width, cells = settings["df_dim"], len(settings["cells"])
        self.blocks = nn.ModuleList([Residual(settings["channels"], width, first=True, halves=True)])
        self.blocks += [Residual(width, width, first=False, halves=number < cells) for number in range(2, cells + 2)]
        self.last = spectral_norm(nn.Linear(width, 1, bias=False))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            images = block(images)
        return self.last(functional.relu(images).sum((2, 3)))


class Variant:
    """Both networks and their optimizers in one memory format and type."""

    def __init__(self, name: str, settings: dict, weights: dict, inputs: dict) -> None:
        layout, self.dtype = VARIANTS[name]
        self.generator, self.discriminator = Generator(settings), Discriminator(settings)
        for network, prefix in ((self.generator, "generator."), (self.discriminator, "discriminator.")):
            own = {
                name.removeprefix(prefix): torch.from_numpy(array)
                for name, array in weights.items()
                if name.startswith(prefix)
            }
            wrong = network.load_state_dict(own, strict=False)
            if wrong.unexpected_keys or [key for key in wrong.missing_keys if not key.endswith("num_batches_tracked")]:
                raise SystemExit(f"torch_gan.py: the weights do not fit: {wrong}")
            network.to(memory_format=layout)
        rate, *betas = settings["optimizer"]
        self.d_optimizer, self.g_optimizer = (
            torch.optim.Adam(network.parameters(), rate, betas)
            for network in (self.discriminator, self.generator)
        )
        self.real, self.z, self.z_generator = (torch.from_numpy(inputs[key]) for key in ("real", "z", "z_generator"))
        self.real = self.real.permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def _typed(self) -> contextlib.AbstractContextManager:
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast("cpu", self.dtype)

    def discriminator_step(self) -> float:
        self.d_optimizer.zero_grad()
        with self._typed():
            real = self.discriminator(self.real)
            with torch.no_grad():
                fakes = self.generator(self.z)
            fake = self.discriminator(fakes)
            loss = functional.relu(1 - real.float()).mean() + functional.relu(1 + fake.float()).mean()
        loss.backward()
        self.d_optimizer.step()
        return loss.item()

    def generator_step(self) -> float:
        self.g_optimizer.zero_grad()
        with self._typed():
            loss = -self.discriminator(self.generator(self.z_generator)).float().mean()
        loss.backward()
        self.g_optimizer.step()
        return loss.item()

    def sample(self) -> float:
        self.generator.eval()
        with torch.no_grad(), self._typed():
            images = self.generator(self.z_generator)
        self.generator.train()
        ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
        return 0.0


def main(folder: pathlib.Path) -> None:
    """Answers until stdin ends."""
    settings = json.loads((folder / "settings.json").read_text())
    with np.load(folder / "weights.npz") as weights, np.load(folder / "inputs.npz") as inputs:
        variants = {name: Variant(name, settings, dict(weights), dict(inputs)) for name in settings["variants"]}
    print("ready", flush=True)
    for line in sys.stdin:
        name, what = line.split()
        print(getattr(variants[name], "sample" if what == "sample" else f"{what}_step")(), flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
