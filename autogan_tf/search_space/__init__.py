"""What can be searched: choices, genotypes, published architectures and their cost. Imports no TensorFlow."""
