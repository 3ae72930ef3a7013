"""What architectures are worth: by shared weights, or by training each from scratch."""
