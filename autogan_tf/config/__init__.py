"""The settings of each command as frozen dataclasses, and the way from a command line to them. No TensorFlow."""
