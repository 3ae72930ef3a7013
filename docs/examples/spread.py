"""How much the generated images differ, as an objective: 0 where all of them look alike to the feature network."""

from autogan_tf.nas.estimation import objectives


def spread(seen):
    """Mean over the features of their standard deviation over the images, seen.features: float32 [N, F]."""
    return float(seen.features.std(axis=0).mean())


objectives.register("spread", spread, needs=["features"])
