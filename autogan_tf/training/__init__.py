"""Training of GANs: the step, the optimizer, weight averaging, schedules and the loop for one architecture."""
