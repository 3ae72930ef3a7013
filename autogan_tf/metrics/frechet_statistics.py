"""Mean and covariance of features in float64: streamed, merged, kept in files. What the Fréchet distance compares."""

from __future__ import annotations

import hashlib
import os
import pathlib
import zipfile

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.data.atomic_file import replacing
from autogan_tf.metrics.feature_arrays import release, require_finite
from autogan_tf.metrics.linear_algebra import CovarianceFactor, factor_of_covariance, root_of_scatter

# Rows that are gathered before they become a product: one product of many rows costs far less than many of few.
_MIN_BUFFER_ROWS = 256
# What a stored covariance may miss symmetry by, as a share of its largest entry; float32 rounding is 1e-7.
_ASYMMETRY = 1e-6


class FrechetStatistics:
    """Mean and covariance of features in float64, fed by blocks in constant memory: about three D x D arrays.

    Blocks of any sizes in any order, and merged statistics, agree with one pass to about 1e-12: sums of squares are
    kept around the running mean (Chan, Golub, LeVeque 1979), never as raw second moments. The first rows, as many as
    there are features, are kept as they are: a covariance of so few has not full rank, and its root is known better
    from the rows than from the covariance.

    Attributes:
      count: number of rows seen; 0 where only the moments are known (`is_given`).
      source: which images, for the result's report; free text.
      network: which feature network and weights, "name/digest"; empty if unknown.
    """

    def __init__(self, num_features: int, *, source: str = "", network: str = "") -> None:
        if num_features < 1:
            raise ValueError(f"num_features must be at least 1, got {num_features}")
        self.count = 0
        self.source, self.network = source, network
        # Rows since the last product, in float64; allocated as they come, up to the capacity.
        self._buffer = np.empty((0, num_features))
        self._buffered = 0
        # Moments of the rows before those of the buffer; None while all rows are in the buffer.
        self._folded = 0
        self._mean = np.zeros(num_features)
        self._scatter: np.ndarray | None = None
        # Covariance that came without rows; with a count it holds until rows are added.
        self._given: np.ndarray | None = None
        self._factor: CovarianceFactor | None = None

    @classmethod
    def from_features(cls, x: np.ndarray, *, source: str = "", network: str = "") -> FrechetStatistics:
        """Statistics of features [N, D], any real dtype, memory-mapped or not.

        Raises ValueError on another rank, UserError on non-finite numbers.
        """
        if np.ndim(x) != 2:
            raise ValueError(f"features must have shape [images, features], got {list(np.shape(x))}")
        return cls(np.shape(x)[1], source=source, network=network).update(x)

    @classmethod
    def from_moments(
        cls, mean: np.ndarray, covariance: np.ndarray, count: int | None = None, *, source: str = "", network: str = ""
    ) -> FrechetStatistics:
        """Statistics with a given mean [D] and covariance [D, D] (divided by count - 1).

        Args:
          mean, covariance: real, finite; the covariance symmetric to 1e-6 of its largest entry.
          count: the number of rows, at least 2; None if unknown, as in a TTUR file. Without it the statistics can be
            compared and saved, but neither updated nor merged.

        Raises:
          ValueError: moments that are none, or a count below 2.
        """
        mean, covariance = np.asarray(mean), np.asarray(covariance)
        if mean.ndim != 1 or len(mean) < 1 or covariance.shape != (len(mean), len(mean)):
            raise ValueError(f"mu {list(mean.shape)} and sigma {list(covariance.shape)} must be [D] and [D, D]")
        if mean.dtype.kind not in "fiu" or covariance.dtype.kind not in "fiu":
            raise ValueError(f"mu and sigma must hold real numbers, got {mean.dtype} and {covariance.dtype}")
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise ValueError("mu and sigma must be finite, got NaN or infinity")
        if count is not None and count < 2:
            raise ValueError(f"count must be at least 2, got {count}")
        covariance = covariance.astype(np.float64)
        asymmetry, largest = np.abs(covariance - covariance.T).max(), np.abs(covariance).max()
        if asymmetry > _ASYMMETRY * largest:
            raise ValueError(f"sigma must be symmetric, got entries that differ by {asymmetry:.3g} from their mirror")
        if covariance.diagonal().min() < 0:
            raise ValueError(f"sigma must have no negative variance, got {covariance.diagonal().min():.3g}")
        if asymmetry > 0:
            covariance = (covariance + covariance.T) / 2
        result = cls(len(mean), source=source, network=network)
        result._mean = mean.astype(np.float64)
        # Kept beside the scatter: a product divided again may differ in the last bit, and with it the digest.
        result._given = covariance
        if count is not None:
            result.count = result._folded = count
            result._scatter = covariance * (count - 1)
        return result

    @property
    def num_features(self) -> int:
        return len(self._mean)

    @property
    def is_given(self) -> bool:
        """Whether only the moments are known (a TTUR file); `count` is then 0 and no row can be added."""
        return self._given is not None and not self.count

    @property
    def mean(self) -> np.ndarray:
        """float64 [D]; zeros before the first row."""
        if not self._buffered:
            return self._mean
        block_mean = self._rows().mean(axis=0)
        return self._mean + (block_mean - self._mean) * (self._buffered / self.count)

    @property
    def covariance(self) -> np.ndarray:
        """float64 [D, D], divided by count - 1. Raises UserError with fewer than 2 rows."""
        if self._given is not None:
            return self._given
        self._require_two()
        if self._scatter is None:
            centred = self._rows() - self._rows().mean(axis=0)
            return centred.T @ centred / (self.count - 1)
        self._fold()
        return self._scatter / (self.count - 1)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of mean and covariance, the same after `save` and `load`.

        Raises UserError with fewer than 2 rows.
        """
        covariance = self.covariance
        sha = hashlib.sha256(f"{self.num_features}\n".encode())
        for moments in (self.mean, covariance):
            sha.update(np.ascontiguousarray(moments, "<f8").data)
        return sha.hexdigest()[:16]

    @property
    def total_variance(self) -> float:
        """Trace of the covariance. Raises UserError with fewer than 2 rows."""
        if self._given is not None:
            return float(np.trace(self._given))
        self._require_two()
        if self._scatter is None:
            return float(self._rows().var(axis=0, ddof=1).sum())
        self._fold()
        return float(np.trace(self._scatter)) / (self.count - 1)

    def update(self, x: np.ndarray) -> FrechetStatistics:
        """Adds features [N, D], in place; returns itself.

        Raises ValueError on another shape or moments without a count, UserError on non-finite numbers; then nothing is
        added.
        """
        self._require_rows("add features to")
        x = np.asanyarray(x)
        if x.ndim != 2 or x.shape[1] != self.num_features:
            raise ValueError(f"features must have shape [images, {self.num_features}], got {list(x.shape)}")
        require_finite(x)
        capacity = self._capacity
        start = 0
        while start < len(x):
            if self._buffered == capacity:
                self._fold()
            taken = min(capacity - self._buffered, len(x) - start)
            self._reserve(self._buffered + taken)
            self._buffer[self._buffered : self._buffered + taken] = x[start : start + taken]
            release(x)
            self._buffered += taken
            start += taken
        self.count += len(x)
        if len(x):
            self._factor = self._given = None
        return self

    def merge(self, other: FrechetStatistics) -> FrechetStatistics:
        """Adds the rows that `other` has seen, in place; returns itself.

        Raises ValueError on another D or network, or where either side has moments without a count.
        """
        if other.num_features != self.num_features or other.network != self.network:
            raise ValueError(
                f"cannot merge statistics of {self.num_features} features of {self.network!r} with "
                f"{other.num_features} of {other.network!r}"
            )
        self._require_rows("merge anything into")
        other._require_rows("merge")
        rows = other._rows().copy() if other is self else other._rows()
        if other._scatter is not None:
            folded = other._folded  # `other` may be `self`
            self._add(folded, other._mean, other._scatter)
            self.count += folded
            self._factor = self._given = None
        return self.update(rows)

    def factor(self) -> CovarianceFactor:
        """L with L L^T = covariance, computed once and kept until the next `update` or `merge`.

        Raises:
          UserError: moments that are no covariance (a clearly negative eigenvalue), or fewer than 2 rows.
        """
        if self._factor is None:
            covariance = self.covariance
            try:
                self._factor = factor_of_covariance(covariance, max_rank=self.count - 1 if self.count else None)
            except ValueError as error:
                raise UserError(f"the statistics {self.source or 'given'} have no covariance: {error}") from error
        return self._factor

    @property
    def has_factor(self) -> bool:
        """Whether `factor` is already computed."""
        return self._factor is not None

    def thin_root(self) -> np.ndarray | None:
        """float64 [count - 1, D], R with R^T R = covariance, while at most D rows were seen; None after that.

        Raises UserError with fewer than 2 rows.
        """
        if self._given is not None or self._scatter is not None or self.count > self.num_features:
            return None
        self._require_two()
        return root_of_scatter(self._rows()) / np.sqrt(self.count - 1)

    @property
    def _capacity(self) -> int:
        return max(self.num_features, _MIN_BUFFER_ROWS)

    def _rows(self) -> np.ndarray:
        return self._buffer[: self._buffered]

    def _reserve(self, rows: int) -> None:
        if rows > len(self._buffer):
            grown = np.empty((min(self._capacity, max(rows, 2 * len(self._buffer))), self.num_features))
            grown[: self._buffered] = self._rows()
            self._buffer = grown

    def _fold(self) -> None:
        """Turns the buffer's rows into moments."""
        if self._buffered:
            rows = self._rows()
            mean = rows.mean(axis=0)
            rows -= mean  # in place: the rows are not needed afterwards
            self._add(self._buffered, mean, rows.T @ rows)
            self._buffered = 0

    def _add(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        if self._scatter is None:
            self._scatter = np.zeros((self.num_features, self.num_features))
        total = self._folded + count
        shift = mean - self._mean
        self._scatter += scatter
        shift_root = shift * np.sqrt(self._folded / total * count)
        self._scatter += np.outer(shift_root, shift_root)
        self._mean = self._mean + shift * (count / total)
        self._folded = total

    def _require_two(self) -> None:
        if self.count < 2:
            raise UserError(f"a covariance needs at least 2 images, got {self.count}")

    def _require_rows(self, what: str) -> None:
        if self.is_given:
            raise ValueError(
                f"cannot {what} the statistics {self.source or 'given'}: their file has no count of images; "
                "make them anew from the images"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz with mu, sigma, count (if known), source and network, to a temporary name, then renamed.

        Raises UserError with fewer than 2 rows, OSError where the file cannot be written.
        """
        contents = {
            "mu": self.mean,
            "sigma": self.covariance,
            "source": np.array(self.source),
            "network": np.array(self.network),
        }
        if not self.is_given:
            contents["count"] = np.array(self.count)
        with replacing(path) as file:
            np.savez(file, **contents)  # type: ignore[arg-type]  # numpy's stub takes them for allow_pickle

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FrechetStatistics:
        """Reads what `save` wrote, or a TTUR file (github.com/bioinf-jku/TTUR), which has only mu and sigma.

        Raises UserError where there is no file, or no such file: no archive, keys missing, dimensions that do not fit
        together, numbers that are not finite, a sigma that is not symmetric.
        """
        try:
            _require_archive(path)
            with np.load(path, allow_pickle=False) as stored:
                missing = {"mu", "sigma"} - set(stored.files)
                if missing:
                    has = ", ".join(sorted(stored.files)[:8]) or "nothing"
                    raise ValueError(f"it has no {', '.join(sorted(missing))}, only {has}")
                count = int(stored["count"]) if "count" in stored.files else None
                source, network = (str(stored[n]) if n in stored.files else "" for n in ("source", "network"))
                return cls.from_moments(stored["mu"], stored["sigma"], count, source=source, network=network)
        except FileNotFoundError:
            raise UserError(f"{path} does not exist; give a file of Fréchet statistics (.npz)") from None
        except Exception as error:  # np.load raises anything from OSError to zlib.error on a damaged file
            raise UserError(f"{path} is no file of Fréchet statistics: {error}; write it anew") from error


def _require_archive(path: str | os.PathLike[str]) -> None:
    """Raises ValueError, with what it is instead, if the file is no .npz: of other files np.load has odd things to say.

    OSError where it cannot be opened.
    """
    if pathlib.Path(path).is_dir():
        raise ValueError("it is a folder")
    with open(path, "rb") as file:
        magic = file.read(len(np.lib.format.MAGIC_PREFIX))
        if magic == np.lib.format.MAGIC_PREFIX:
            raise ValueError("it holds a single array (.npy), not an archive (.npz) with mu and sigma")
        if not zipfile.is_zipfile(file):
            raise ValueError("it is empty" if not magic else "it is no .npz archive, or only a part of one")
