"""The true error of functions that tests have made."""

import numpy as np

from pinnkan.solver.estimate.norms import true_errors


def true_error(problem, samples):
    """Relative L2 error of the worst unknown or vector."""
    return max(true_errors(problem, samples))


def error_on_a_line(result, exact):
    """Relative root mean square of the first unknown over [0, 1]."""
    x = np.linspace(0, 1, 4001)[:, None]
    u, v = result.field(x, [(0,)])[:, 0, 0], exact(x[:, 0])
    return np.linalg.norm(u - v) / np.linalg.norm(v)
