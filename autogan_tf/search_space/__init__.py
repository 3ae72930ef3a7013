"""What can be searched: spaces, genotypes, published architectures. Imports no TensorFlow."""
