"""The Fréchet distance between Gaussians fitted to two sets of features, from moments that stream and merge."""

from __future__ import annotations

import os
import pathlib
import tempfile

import numpy as np

from autogan_tf.config.errors import UserError

# Eigenvalues of the product below this share of the largest lose too many digits to the square root.
_WELL_CONDITIONED = 1e-9


class FrechetStatistics:
    """Mean and covariance of features in float64, fed by blocks in constant memory.

    Blocks of any sizes in any order, and merged statistics, agree with one pass to about 1e-12: sums of squares are
    kept around the running mean (Chan, Golub, LeVeque 1979), never as raw second moments.

    Attributes:
      count: number of rows seen.
      mean: float64 [D].
      source: which images, for the result's report; free text.
      network: which feature network and weights, "name/digest"; empty if unknown.
    """

    def __init__(self, num_features: int, *, source: str = "", network: str = "") -> None:
        if num_features < 1:
            raise ValueError(f"num_features must be at least 1, got {num_features}")
        self.count = 0
        self.mean = np.zeros(num_features)
        self.source, self.network = source, network
        self._scatter = np.zeros((num_features, num_features))

    @classmethod
    def from_features(cls, x: np.ndarray, *, source: str = "", network: str = "") -> FrechetStatistics:
        """Statistics of features [N, D], any real dtype. Raises ValueError on another rank or non-finite numbers."""
        x = np.asarray(x)
        if x.ndim != 2:
            raise ValueError(f"features must have shape [images, features], got {list(x.shape)}")
        return cls(x.shape[1], source=source, network=network).update(x)

    @property
    def num_features(self) -> int:
        return len(self.mean)

    @property
    def covariance(self) -> np.ndarray:
        """float64 [D, D], divided by count - 1. Raises ValueError with fewer than 2 rows."""
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 images, got {self.count}")
        return self._scatter / (self.count - 1)

    def update(self, x: np.ndarray) -> FrechetStatistics:
        """Adds features [N, D], in place; returns itself. Raises ValueError on another shape or non-finite numbers."""
        x = np.asarray(x, np.float64)
        if x.ndim != 2 or x.shape[1] != self.num_features:
            raise ValueError(f"features must have shape [images, {self.num_features}], got {list(x.shape)}")
        if not np.isfinite(x).all():
            rows = int((~np.isfinite(x).all(axis=1)).sum())
            raise ValueError(f"features must be finite, got {rows} of {len(x)} rows with NaN or infinity")
        if len(x):
            mean = x.mean(axis=0)
            centred = x - mean
            self._add(len(x), mean, centred.T @ centred)
        return self

    def merge(self, other: FrechetStatistics) -> FrechetStatistics:
        """Adds the rows that `other` has seen, in place; returns itself. Raises ValueError on another D or network."""
        if other.num_features != self.num_features or other.network != self.network:
            raise ValueError(
                f"cannot merge statistics of {self.num_features} features of {self.network!r} with "
                f"{other.num_features} of {other.network!r}"
            )
        if other.count:
            self._add(other.count, other.mean, other._scatter)
        return self

    def _add(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        total = self.count + count
        shift = mean - self.mean
        self._scatter = self._scatter + scatter + np.outer(shift, shift) * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz with mu, sigma, count, source and network, to a temporary name that is then renamed."""
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                np.savez(
                    file,
                    mu=self.mean,
                    sigma=self.covariance,
                    count=np.array(self.count),
                    source=np.array(self.source),
                    network=np.array(self.network),
                )
            os.replace(temporary, path)
        except BaseException:
            pathlib.Path(temporary).unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FrechetStatistics:
        """Reads what `save` wrote. Raises UserError where it is no such file."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                missing = {"mu", "sigma", "count"} - set(stored.files)
                if missing:
                    raise ValueError(f"it has no {', '.join(sorted(missing))}")
                mean, covariance, count = stored["mu"], stored["sigma"], int(stored["count"])
                texts = [str(stored[name]) if name in stored.files else "" for name in ("source", "network")]
            if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or count < 2:
                raise ValueError(f"mu {mean.shape}, sigma {covariance.shape} and count {count} do not fit together")
        except Exception as error:  # np.load raises anything from OSError to zlib.error on a damaged file
            raise UserError(f"{path} is no file of Fréchet statistics: {error}; write it anew") from error
        result = cls(len(mean), source=texts[0], network=texts[1])
        result.count, result.mean = count, mean.astype(np.float64)
        result._scatter = covariance.astype(np.float64) * (count - 1)
        return result


def frechet_distance(statistics_a: FrechetStatistics, statistics_b: FrechetStatistics) -> float:
    """|mean_a - mean_b|^2 + Tr(A + B - 2 (A B)^(1/2)) for the covariances A and B. Symmetric, at least 0.

    The trace of the root is the sum of the square roots of the eigenvalues of L^T B L, where A = L L^T by an
    eigendecomposition: symmetric throughout, so no complex numbers appear. Where that product is nearly singular
    (fewer images than features, dead features), it is the sum of the singular values of L^T K with B = K K^T instead,
    since the square root of a rounding error of 1e-16 is 1e-8.

    Raises:
      ValueError: different numbers of features, or fewer than 2 images on a side.

    Source: Heusel et al. 2017, arXiv 1706.08500; Dowson and Landau 1982 for the closed form.
    """
    if statistics_a.num_features != statistics_b.num_features:
        raise ValueError(
            f"the two sets must have equally many features, got {statistics_a.num_features} and "
            f"{statistics_b.num_features}: were they made with different networks?"
        )
    a, b = statistics_a.covariance, statistics_b.covariance
    root_a = _factor(a)
    product = root_a.T @ b @ root_a
    eigenvalues = np.linalg.eigvalsh(product) if product.size else np.zeros(0)
    if len(eigenvalues) == len(a) and eigenvalues[0] > _WELL_CONDITIONED * eigenvalues[-1]:
        root_trace = np.sqrt(eigenvalues).sum()
    else:
        root_trace = np.linalg.svd(root_a.T @ _factor(b), compute_uv=False).sum()
    difference = statistics_a.mean - statistics_b.mean
    distance = difference @ difference + np.trace(a) + np.trace(b) - 2 * root_trace
    return float(max(distance, 0.0))


def _factor(covariance: np.ndarray) -> np.ndarray:
    """L [D, R] with L L^T = covariance, R its numerical rank (possibly 0)."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    keep = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    return vectors[:, keep] * np.sqrt(values[keep])
