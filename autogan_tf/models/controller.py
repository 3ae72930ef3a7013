"""The LSTM controller (paper section 3.3): writes one cell's tokens, one decision after the other."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from autogan_tf.search_space import autogan
from autogan_tf.search_space.space import SearchSpace


class Decisions(NamedTuple):
    """What the controller decided for a batch of cells.

    tokens: int32 [B, D]; log_probs and entropies (nats): float32 [B, D]; state: (h, c), float32 [B, hidden] each, after
    the last decision.
    """

    tokens: tf.Tensor
    log_probs: tf.Tensor
    entropies: tf.Tensor
    state: tuple[tf.Tensor, tf.Tensor]


class LSTMCell(tf.keras.layers.LSTMCell):
    """Keras's LSTM cell with PyTorch's second bias vector, which the published checkpoints hold and train."""

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.recurrent_bias = self.add_weight("recurrent_bias", (4 * self.units,), initializer="zeros")

    def call(self, inputs, states, training=None):
        """inputs [B, I], states (h, c) [B, H] each -> (h, [h, c]); gates in Keras's order: input, forget, cell, out."""
        h, c = states
        gates = tf.matmul(inputs, self.kernel) + tf.matmul(h, self.recurrent_kernel) + self.bias + self.recurrent_bias
        i, f, g, o = tf.split(gates, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, [h, c]


class Controller(tf.keras.Model):
    """The controller of one stage: LSTM, an embedding of the previous decision, a softmax for every decision.

    Args:
      stage: the cell it writes, from 0.
      num_cells: how many cells it writes, up to that one; as published 1.
      hid_size: units of the LSTM and of the embedding (published: 100).
      space: whose decisions it makes.
    """

    def __init__(
        self,
        *,
        stage: int,
        num_cells: int = 1,
        hid_size: int = 100,
        space: SearchSpace = autogan.SPACE,
        name: str = "controller",
    ) -> None:
        super().__init__(name=name)
        self.stage = stage
        self.hid_size = hid_size
        self.space = space
        cells = range(stage + 1 - num_cells, stage + 1)
        self.token_counts = tuple(count for cell in cells for count in space.cell_counts(cell))
        self.lstm = LSTMCell(hid_size, unit_forget_bias=False, name="lstm")
        self.lstm.build((None, hid_size))
        self.encoder = tf.keras.layers.Embedding(sum(self.token_counts), hid_size, name="encoder")
        self.encoder.build(())
        self.decoders = [tf.keras.layers.Dense(count, name=f"decoder{i}") for i, count in enumerate(self.token_counts)]
        for decoder in self.decoders:
            decoder.build((None, hid_size))
        self.built = True

    def initialize(self, seed: tf.Tensor) -> None:
        """Draws all weights anew with PyTorch's defaults: embedding N(0, 1), all else uniform ± 1/sqrt(hid_size).

        seed: int32 [2], from `seeds.stateless_seed`.
        """
        bound = 1.0 / math.sqrt(self.hid_size)
        for number, variable in enumerate(self.trainable_variables):
            draw = tf.random.experimental.stateless_fold_in(seed, number)
            if variable is self.encoder.embeddings:
                variable.assign(tf.random.stateless_normal(variable.shape, draw, alg="philox"))
            else:
                variable.assign(tf.random.stateless_uniform(variable.shape, draw, -bound, bound, alg="philox"))

    def zero_state(self, batch_size: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The state (h, c) before the first cell: float32 zeros [batch_size, hid_size]."""
        zeros = tf.zeros([batch_size, self.hid_size])
        return zeros, zeros

    def call(
        self,
        state: tuple[tf.Tensor, tf.Tensor],
        forced: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> Decisions:
        """Decides all tokens of a cell, from the state that earlier cells left.

        Args:
          state: (h, c), float32 [B, hid_size] each.
          forced: int32 [B, D], decisions to evaluate instead of drawing; then gradients of `log_probs` and `entropies`
            are those of these decisions.
          seed: int32 [2], needed when drawing.
        """
        if (forced is None) == (seed is None):
            raise ValueError("give either `forced` decisions to evaluate or a `seed` to draw with")
        logits_list, tokens_list, final = self._unroll(state, forced, seed)
        log_probs, entropies = [], []
        for logits, token in zip(logits_list, tokens_list, strict=True):
            log_p = tf.nn.log_softmax(logits)
            log_probs.append(tf.gather(log_p, token, batch_dims=1))
            entropies.append(-tf.reduce_sum(tf.exp(log_p) * log_p, axis=1))
        return Decisions(tf.stack(tokens_list, 1), tf.stack(log_probs, 1), tf.stack(entropies, 1), final)

    def logits(self, state: tuple[tf.Tensor, tf.Tensor], forced: tf.Tensor) -> list[tf.Tensor]:
        """The D logits vectors float32 [B, count] along the forced decisions int32 [B, D]."""
        return self._unroll(state, forced, None)[0]

    def _unroll(self, state, forced, seed):
        logits_list, tokens_list = [], []
        x = tf.zeros_like(state[0])
        offset = 0
        for index, (decoder, count) in enumerate(zip(self.decoders, self.token_counts, strict=True)):
            h, state = self.lstm(x, state)
            logits = decoder(h)
            if forced is not None:
                token = forced[:, index]
            else:
                # one uniform number per row and the inverse distribution function: a row's draw depends on nothing else
                uniform = tf.random.stateless_uniform(
                    [tf.shape(logits)[0], 1], tf.random.experimental.stateless_fold_in(seed, index), alg="philox"
                )
                below = tf.cumsum(tf.nn.softmax(logits), axis=1)[:, :-1] <= uniform
                token = tf.reduce_sum(tf.cast(below, tf.int32), axis=1)
            logits_list.append(logits)
            tokens_list.append(token)
            x = self.encoder(token + offset)
            offset += count
        return logits_list, tokens_list, (state[0], state[1])


def draw_prefixes(
    prefixes: tf.Tensor, prefix_states: tuple[tf.Tensor, tf.Tensor], batch_size: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    """Draws a beam prefix uniformly for each of `batch_size` cells.

    Args:
      prefixes: int32 [K, T], the tokens of the earlier cells; T = 0 at the first stage.
      prefix_states: (h, c), float32 [K, hidden] each, as they stood after those tokens.
      seed: int32 [2].

    Returns:
      tokens int32 [batch_size, T] and states (h, c) [batch_size, hidden].
    """
    index = tf.random.stateless_uniform(
        [batch_size], seed, 0, tf.shape(prefixes)[0], dtype=tf.int32, alg="philox"
    )
    h, c = prefix_states
    return tf.gather(prefixes, index), (tf.gather(h, index), tf.gather(c, index))

