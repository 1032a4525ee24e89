"""The true error of functions that tests have made."""

from pinnkan.solver.estimate.norms import true_errors


def true_error(problem, samples):
    """Relative L2 error of the worst unknown or vector."""
    return max(true_errors(problem, samples))
