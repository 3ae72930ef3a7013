"""Sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158) as a fourth upsampling, and a space that offers it.

A 1x1 convolution makes four times the channels, of which each four maps become the four pixels of a square.
"""

import tensorflow as tf

from autogan_tf.models import cost, operations
from autogan_tf.search_space import autogan, catalog
from autogan_tf.search_space.space import Option


class SubPixel(operations.Upsampling):
    layer_name = "sub_pixel"  # the last part of its layers' paths

    def build(self, make, channels, name):
        return make.conv(channels, 4 * channels, 1, name)

    def convolved(self, x, layer, conv, training):
        """On the way: doubled, then the cell's 3x3 convolution."""
        return conv(doubled(x, layer, training), training=training)

    def projected(self, x, doublings, conv, training):
        """In a shortcut or a skip: doubled once or more, then a 1x1 convolution."""
        for layer in doublings:
            x = doubled(x, layer, training)
        return conv(x, training=training)

    def cost(self, channels, *, height):
        """Of one doubling, to height x height."""
        return cost.conv_cost(1, channels, 4 * channels, height // 2)


def doubled(x, layer, training):
    """[N, H, W, C] -> [N, 2H, 2W, C]."""
    return tf.nn.depth_to_space(layer(x, training=training), 2)


operations.register("sub_pixel", SubPixel())
catalog.register(
    autogan.SPACE.with_options("with_sub_pixel", up=[Option("sub_pixel", "sub_pixel", "sub-pixel convolution")])
)
