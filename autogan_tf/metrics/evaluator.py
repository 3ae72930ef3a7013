"""All scores of a set of images in one pass, each saying what it was made with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.features.extraction import outputs_of
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics import inception_score as inception
from autogan_tf.metrics import tfgan_scores
from autogan_tf.metrics.frechet import FrechetStatistics


def network_identity(network: FeatureNetwork) -> str:
    """ "name/digest": what two scores must share to be comparable."""
    return f"{network.name}/{network.digest}"


def reference_statistics(batches: Iterable[np.ndarray], network: FeatureNetwork, *, source: str) -> FrechetStatistics:
    """Statistics of the real images, for `evaluate_images`.

    Args:
      batches: uint8 [n, S, S, C] each.
      network: the one that the generated images will be seen through.
      source: which images, for reports, e.g. "cifar10/train".
    """
    statistics = FrechetStatistics(network.num_features, source=source, network=network_identity(network))
    for features, _ in outputs_of(batches, network):
        statistics.update(features)
    return statistics


def evaluate_images(
    batches: Iterable[np.ndarray],
    network: FeatureNetwork,
    reference: FrechetStatistics | None = None,
    *,
    seed: int | None = None,
    splits: int = 1,
) -> dict[str, float | int | str | None]:
    """Inception score and Fréchet distance of images, by TF-GAN where it has the score.

    TF-GAN has the Inception score of one split, and the Fréchet distance; several splits are our own.

    Args:
      batches: uint8 [n, S, S, C] each, read once; only logits and moments are kept.
      network: what features and logits come from.
      reference: statistics of the real images seen through the same network; None leaves the distance out.
      seed: what the images were drawn with, for the report.
      splits: of the Inception score.

    Returns:
      "inception_score", "inception_score_std" (over splits, population), "inception_score_splits", "num_images",
      "feature_network" ("name/digest"), "seed", and with a reference "frechet_distance", "reference",
      "reference_images".

    Raises:
      UserError: fewer than 2 images or fewer than splits, or a reference made with another network.
    """
    identity = network_identity(network)
    if reference is not None and reference.network and reference.network != identity:
        raise UserError(
            f"the reference {reference.source or 'statistics'} was made with {reference.network}, and the images are "
            f"seen through {identity}: make the reference anew with that network"
        )
    statistics = FrechetStatistics(network.num_features, network=identity)
    kept = []
    for features, logits in outputs_of(batches, network):
        statistics.update(features)
        kept.append(logits)
    if statistics.count < max(2, splits):
        raise UserError(f"scores need at least {max(2, splits)} images, got {statistics.count}")
    all_logits = np.concatenate(kept)
    if splits == 1:
        score, spread = tfgan_scores.inception_score(all_logits), 0.0
    else:
        score, spread = inception.inception_score(all_logits, splits)
    result: dict[str, float | int | str | None] = {
        "inception_score": score,
        "inception_score_std": spread,
        "inception_score_splits": splits,
        "num_images": statistics.count,
        "feature_network": identity,
        "seed": seed,
    }
    if reference is not None:
        result["frechet_distance"] = tfgan_scores.frechet_distance(statistics, reference)
        result["reference"] = reference.source
        result["reference_images"] = reference.count
    return result
