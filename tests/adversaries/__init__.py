"""Problems drawn to be converged and wrong: kinds of equation x coefficients x features x families x conditions."""
