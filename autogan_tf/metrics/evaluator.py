"""All scores of a set of images in one pass over them, each saying what it was made with."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds
from autogan_tf.features.extraction import outputs_of
from autogan_tf.features.protocol import FeatureNetwork, network_identity
from autogan_tf.metrics import (
    extrapolation,
    frechet,
    inception_score,
    kernel,
    memorization,
    precision_recall,
    tfgan_scores,
)
from autogan_tf.metrics.feature_arrays import require_finite
from autogan_tf.metrics.feature_store import FeatureStore
from autogan_tf.metrics.frechet import FrechetStatistics
from autogan_tf.metrics.reference import Reference

METRICS = ("is", "fid", "kid", "prdc", "is_inf", "fid_inf", "memorization")
NEED_REFERENCE_FEATURES = ("kid", "prdc", "memorization")
_NEED_REFERENCE = ("fid", "fid_inf", *NEED_REFERENCE_FEATURES)
_NEED_FEATURES = ("fid_inf", *NEED_REFERENCE_FEATURES)
_FEW_FOR_FRECHET = 2048
_PRDC_IMAGES = 10_000  # of each side; more cost the square and change little


def check_counts(metrics: Sequence[str], *, num_images: int, num_real: int | None, splits: int) -> None:
    """Raises UserError where a score needs more images, before any is looked at.

    Args:
      metrics: some of METRICS.
      num_images: that are judged.
      num_real: of the reference; None where there is none, or only its statistics.
      splits: of the Inception score.
    """
    needed = max(2, splits if "is" in metrics else 2)
    if num_images < needed:
        raise UserError(f"scores need at least {needed} images, got {num_images}")
    if "is_inf" in metrics or "fid_inf" in metrics:
        extrapolation.image_counts(num_images)
    if "prdc" in metrics and num_real is not None:
        precision_recall.require_enough(num_real, num_images)
    if "kid" in metrics and num_real is not None:
        kernel.block_count(num_real, num_images, kernel.MAX_BLOCK_SIZE)


def evaluate_images(
    batches: Iterable[np.ndarray],
    network: FeatureNetwork,
    reference: Reference | None = None,
    *,
    heldout: np.ndarray | None = None,
    metrics: Sequence[str] | None = None,
    seed: int | None = None,
    splits: int = 1,
    engine: str = "tfgan",
    more: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] | None = None,
) -> dict[str, Any]:
    """Scores of images.

    Args:
      batches: uint8 [n, S, S, C] each, read once. Moments take constant memory; logits and features are kept as
        float32 where a score needs them, on disk above a limit.
      network: what features and logits come from.
      reference: the real images seen through the same network.
      heldout: features [H, F] of real images that the generator has not seen, the yardstick of memorization; None for
        the reference's own.
      metrics: some of METRICS; None for the Inception score, and the Fréchet distance if there is a reference.
      seed: what the images were drawn with, for the report.
      splits: of the Inception score.
      engine: "tfgan" for TF-GAN's functions where it has the score (Inception score of one split, Fréchet and kernel
        distance), "fast" for our own, which agree, are faster and need less memory.
      more: further scores by name, each a function of the features [N, F] and the logits [N, K] of all images.

    Returns:
      JSON-able, without NaN or infinity: "num_images", "feature_network" ("name/digest"), "seed", "engine", with a
      reference "reference" (its source), "reference_images" (None if unknown) and "reference_digest" (16 hexadecimal
      digits of its mean and covariance: two distances compare if these are the same), and by metric
        is: "inception_score", "inception_score_std" (over the splits, population), "inception_score_splits"
        fid: "frechet_distance"
        kid: "kernel_distance", "kernel_distance_error" (standard error; None where one side has only 2 images)
        prdc: "precision", "recall", "density", "coverage", "prdc_images" (of each side, at most 10,000)
        is_inf, fid_inf: "inception_score_infinity", "frechet_distance_infinity", each with "..._error"
        memorization: a mapping, see `memorization.memorization`
      and what `more` names

    Raises:
      UserError: fewer images than a score needs, features or logits that are not finite, or a reference made with
        another network.
    """
    metrics = metrics or (("is", "fid") if reference is not None else ("is",))
    identity = network_identity(network)
    if reference is not None:
        reference.check_network(network)
    statistics = FrechetStatistics(network.num_features, network=identity)
    count = 0
    wants_logits = bool(more) or any(metric.startswith("is") for metric in metrics)
    wants_features = bool(more) or any(metric in _NEED_FEATURES for metric in metrics)
    with contextlib.ExitStack() as stack:
        logits_store, features_store = (stack.enter_context(FeatureStore()) for _ in range(2))
        for features, logits in outputs_of(batches, network):
            count += len(features)
            if "fid" in metrics:
                statistics.update(features)
            if wants_logits:
                require_finite(logits, "logits")
                logits_store.append(logits)
            if wants_features:
                features_store.append(features)
        check_counts(metrics, num_images=count, num_real=None, splits=splits)
        result: dict[str, Any] = {}
        if "is" in metrics:
            result |= _inception_score(logits_store.array, splits, engine)
        if "is_inf" in metrics:
            value, error = extrapolation.inception_score_infinity(logits_store.array, seed=seed or 0)
            result |= {"inception_score_infinity": value, "inception_score_infinity_error": error}
        if any(metric in _NEED_REFERENCE for metric in metrics):
            if reference is None:
                raise ValueError(f"metrics {', '.join(metrics)} need a reference, got None")
            kept = features_store.array if wants_features else None
            result |= _comparisons(statistics, count, kept, reference, heldout, metrics, seed or 0, engine)
        for name, measure in (more or {}).items():
            result[name] = float(measure(features_store.array, logits_store.array))
    result |= {"num_images": count, "feature_network": identity, "seed": seed, "engine": engine}
    if reference is not None:
        result |= {
            "reference": reference.source,
            "reference_images": reference.statistics.count or None,
            "reference_digest": reference.statistics.digest,
        }
    return _without_nan(result)


def _without_nan(value: Any) -> Any:
    """Numbers that are not finite become None: JSON has no word for them."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _inception_score(logits: np.ndarray, splits: int, engine: str) -> dict[str, Any]:
    if splits == 1 and engine == "tfgan":
        score, spread = tfgan_scores.inception_score(logits), 0.0
    else:
        score, spread = inception_score.inception_score(logits, splits)
    return {"inception_score": score, "inception_score_std": spread, "inception_score_splits": splits}


def _comparisons(
    statistics: FrechetStatistics,
    count: int,
    features: np.ndarray | None,
    reference: Reference,
    heldout: np.ndarray | None,
    metrics: Sequence[str],
    seed: int,
    engine: str,
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    tfgan = engine == "tfgan"
    if "fid" in metrics or "fid_inf" in metrics:
        fewest = min(count, reference.statistics.count or count)
        if fewest < _FEW_FOR_FRECHET:
            logging.log_first_n(
                logging.WARNING,
                "the Fréchet distance of %d images is biased upwards; take at least %d",
                1,
                fewest,
                _FEW_FOR_FRECHET,
            )
    if "fid" in metrics:
        distance = tfgan_scores.frechet_distance if tfgan else frechet.frechet_distance
        result["frechet_distance"] = distance(statistics, reference.statistics)
    if features is None:
        return result
    if "fid_inf" in metrics:
        value, error = extrapolation.frechet_distance_infinity(features, reference.statistics, seed=seed)
        result |= {"frechet_distance_infinity": value, "frechet_distance_infinity_error": error}
    real = reference.features
    if real is None:
        if any(metric in NEED_REFERENCE_FEATURES for metric in metrics):
            raise ValueError(f"metrics {', '.join(metrics)} need the reference's features")
        return result
    if "kid" in metrics:
        # in random order: the images of a folder may be sorted by class
        kernel_distance = tfgan_scores.kernel_distance if tfgan else kernel.kernel_distance
        result["kernel_distance"], result["kernel_distance_error"] = kernel_distance(real, features, seed=seed)
    if "prdc" in metrics:
        precision_recall.require_enough(len(real), len(features))
        number = min(len(real), len(features), _PRDC_IMAGES)
        some = [_subset(rows, number, seed, side) for side, rows in (("real", real), ("fake", features))]
        result |= precision_recall.prdc(real=some[0], fake=some[1]) | {"prdc_images": number}
    if "memorization" in metrics:
        result["memorization"] = memorization.memorization(features, real, heldout=heldout, seed=seed)
    return result


def _subset(rows: np.ndarray, number: int, seed: int, side: str) -> np.ndarray:
    """`number` rows at random, in their order: the images of a folder may be sorted by class."""
    if number == len(rows):
        return rows
    return rows[np.sort(seeds.numpy_rng(seed, f"prdc/{side}").choice(len(rows), number, replace=False))]
