"""Whether rewards can rank architectures: looked at on real images before a search begins, and in what it finds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import pipeline
from autogan_tf.data.image_data import some_of
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics.inception_score import inception_score
from autogan_tf.nas.protocols import Observer

IMAGES = 64  # real images to look at
_BATCH = 16  # of them at once: a network may enlarge them
_REMEDY = "choose other --features, a network that tells the images of this data apart"
_EQUAL = 1e-6  # relative difference up to which rewards count as the same
_LOWEST = 1.0 + 1e-6  # Inception score up to which real images count as not told apart; 1 is the least there is


def check_can_rank(
    network: FeatureNetwork,
    images: np.ndarray,
    *,
    sides: Iterable[int],
    seed: int,
    needs: Collection[str] = ("logits",),
) -> None:
    """Looks at some real images as the reward will look at generated ones; draws nothing that a search draws.

    Args:
      network: gives the rewards.
      images: uint8 [N, S, S, C], the data at the last stage's size.
      sides: of the images of each stage, in pixels; the largest is S.
      seed: of the run.
      needs: what the reward looks at, see `objectives.needs`.

    Raises:
      UserError: the network fails on such images or gives NaN or infinity; where the reward needs logits, it gives
        fewer than two, or the same classes for all of them though they differ; where it needs features, the same ones
        for all of them.
    """
    pixels = some_of(images, seed=seed, number=IMAGES)
    for side in sorted(sides):
        features, logits = _outputs(network, pipeline.reduce(pixels, side))
        kind = f"{len(pixels)} real images of {side} x {side} pixels"
        if "logits" in needs and logits.shape[1] < 2:
            raise UserError(
                f"the feature network {network.name} gives {logits.shape[1]} logit for an image, and the reward's "
                f"Inception score needs one for each of at least two classes: {_REMEDY}"
            )
        for name, rows in (("features", features), ("logits", logits)):
            bad = int((~np.isfinite(rows).all(axis=1)).sum())
            if bad:
                raise UserError(
                    f"the feature network {network.name} gives {name} with NaN or infinity for {bad} of {kind}, and "
                    f"rewards need finite ones: see whether its weights are whole and whether it takes the images in "
                    f"the range that it was trained on, or {_REMEDY}"
                )
    if not np.any(pixels != pixels[0]):
        return
    score = inception_score(logits, splits=1)[0] if "logits" in needs else np.inf  # at the last stage's size
    if score <= _LOWEST:
        raise UserError(
            f"the feature network {network.name} gives the same classes for all of {kind} that differ (Inception score "
            f"{score:.6f}, the least there is), so that its reward cannot rank architectures: {_REMEDY}"
        )
    if "features" in needs and np.ptp(features, axis=0).max() <= _EQUAL * np.abs(features).max():
        raise UserError(
            f"the feature network {network.name} gives the same features for all of {kind} that differ, so that its "
            f"reward cannot rank architectures: {_REMEDY}"
        )


def _outputs(network: FeatureNetwork, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, F] and logits [N, K]; not in a graph, whose tracing would cost more than these few images."""
    try:
        found = [network(tf.constant(images[first : first + _BATCH])) for first in range(0, len(images), _BATCH)]
        features, logits = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*found, strict=True))
        return features, logits
    except UserError:
        raise
    except (tf.errors.OpError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()).rstrip(". ")
        raise UserError(
            f"the feature network {network.name} fails on real images {list(images.shape[1:])}: {reason}; {_REMEDY}"
        ) from None


def tell_if_equal(observer: Observer, rewards: Sequence[float] | np.ndarray, which: str, what_for: str) -> None:
    """A line where the rewards of different architectures are all the same; `what_for` gets nothing from them."""
    low, high = min(rewards), max(rewards)
    if len(rewards) > 1 and high - low <= _EQUAL * abs(high):
        observer.event(
            f"warning: all {len(rewards)} {which} are {high:.6g}: {what_for} nothing; see whether --features tells the "
            "images of this data apart, and whether --reward looks at what differs"
        )
