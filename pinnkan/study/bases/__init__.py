"""Other functions on the edges of a network than splines with fixed knots: powers of ReLU."""
