"""Keras networks: layers, spectral norm, cells, generator, discriminator and controller."""
