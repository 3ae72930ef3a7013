"""A run's folder: files, log of numbers, checkpoints, sample grids, progress on the terminal."""
