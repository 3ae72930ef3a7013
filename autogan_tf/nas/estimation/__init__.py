"""What architectures are worth, in which objectives: by shared weights, or by training each from scratch."""
