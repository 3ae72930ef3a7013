"""The real images that are nearest to given ones, as a feature network sees them: has a generator learnt by heart?"""

from __future__ import annotations

import numpy as np

from autogan_tf.metrics.distances import Rows, mean_of


def nearest_rows(features: np.ndarray, real: np.ndarray, *, number: int) -> np.ndarray:
    """For each of `features` [N, D] the indices of the `number` nearest rows of `real` [M, D], nearest first: [N, k].

    k is the smaller of `number` and M; Euclidean distances; of equal ones the first row. `real` may be memory-mapped
    and is read in blocks.
    """
    centre = mean_of(real)
    rows, given = Rows(real, centre), Rows(features, centre)
    everything = slice(0, len(features))
    block = given.read(everything)
    distances = np.concatenate([given.distances(everything, block, rows, part) for part in rows.parts()], axis=1)
    return np.argsort(distances, axis=1, kind="stable")[:, :number]
