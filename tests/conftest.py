"""The tests run TensorFlow as the commands do."""

from autogan_tf.config import environment

environment.set_tensorflow_defaults()
