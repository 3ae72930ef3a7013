"""Adam exactly as PyTorch computes it, with a step count per variable, so that unsampled branches can be left alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tensorflow as tf

from autogan_tf.models import replicas


class Adam(tf.Module):
    """Adam (Kingma and Ba 2015) through TensorFlow's fused kernel.

    Differs from `tf.keras.optimizers.Adam` in two ways: epsilon is added after bias correction, as PyTorch does, and
    every variable counts its own steps, because a supernet's step updates only the branches that it used. Each replica
    updates its own copy, so all must be given the same gradients, and no communication is needed.

    Args:
      variables: what may be updated.
      learning_rate, beta_1, beta_2, epsilon: the usual; the learning rate is a variable that schedules may assign.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        *,
        learning_rate: float,
        beta_1: float,
        beta_2: float,
        epsilon: float = 1e-8,
        name: str = "adam",
    ) -> None:
        super().__init__(name=name)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.learning_rate = tf.Variable(learning_rate, trainable=False, dtype=tf.float32, name="learning_rate")
        self.steps = tf.Variable(tf.zeros([len(variables)], tf.int64), name="steps", **replicas.OWN_COPY)
        self.first_moments, self.second_moments = (
            [tf.Variable(tf.zeros(v.shape, v.dtype), name=name, **replicas.OWN_COPY) for v in variables]
            for name in ("m", "v")
        )
        self._position = {id(variable): i for i, variable in enumerate(variables)}

    def position_of(self, variable: tf.Variable) -> int:
        """Of one of `variables` its place among them."""
        return self._position[id(variable)]

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[tf.Tensor | None, tf.Variable]],
        active: Sequence[tf.Tensor | bool] | None = None,
    ) -> None:
        """One step for every variable with a gradient.

        Args:
          grads_and_vars: pairs; a gradient of None skips the variable.
          active: for each pair, whether to update it (boolean scalar tensors); the moments and the step count of an
            inactive variable do not change. None: update all.
        """
        pairs = list(grads_and_vars)
        flags = [True] * len(pairs) if active is None else list(active)
        updates = [
            (gradient, variable, self.position_of(variable), flag)
            for (gradient, variable), flag in zip(pairs, flags, strict=True)
            if gradient is not None and flag is not False
        ]
        increments: list[tf.Tensor] = [tf.constant(0, tf.int64)] * len(self.first_moments)
        for _, _, position, flag in updates:
            increments[position] = tf.cast(flag, tf.int64)
        # all step counts and the numbers that follow from them in one go: a supernet has some 150 variables
        steps = self.steps.assign_add(tf.stack(increments))
        exponents = tf.cast(steps, tf.float32)
        on = tf.stack(increments) > 0
        power_1, power_2 = tf.pow(self.beta_1, exponents), tf.pow(self.beta_2, exponents)
        rates = tf.unstack(tf.where(on, self.learning_rate, 0.0))
        betas_1, betas_2 = (tf.unstack(tf.where(on, beta, 1.0)) for beta in (self.beta_1, self.beta_2))
        # a variable that never took a step has power 1, which the kernel divides by 1 - power
        powers_1 = tf.unstack(tf.where(on, power_1, 0.0))
        powers_2 = tf.unstack(tf.where(on, power_2, 0.0))
        epsilons = tf.unstack(tf.where(on, self.epsilon * tf.sqrt(1.0 - power_2), 1.0))
        for gradient, variable, i, _ in updates:
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self.first_moments[i].handle,
                v=self.second_moments[i].handle,
                beta1_power=powers_1[i],
                beta2_power=powers_2[i],
                lr=rates[i],
                beta1=betas_1[i],
                beta2=betas_2[i],
                epsilon=epsilons[i],
                grad=gradient,
            )

    def reset(self) -> None:
        """Forgets all moments and step counts, as a new optimizer would start."""
        self.steps.assign(tf.zeros_like(self.steps))
        for moment in [*self.first_moments, *self.second_moments]:
            moment.assign(tf.zeros_like(moment))
