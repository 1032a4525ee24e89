"""Gauss-Newton where only the outer layer is trained: dense least squares by singular values.

Ridges in many directions share polynomials, so that the columns are dependent: the least solution is taken, small
singular values left out. A linear equation needs one step, and a second to work off its rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pinnkan.errors import SolverError
from pinnkan.solver.minimise.levenberg_marquardt import Evaluate

#: Singular values below this share of the largest are left out. Heuristic: some hundred units of rounding.
LEAST_SINGULAR = 1e-13
#: A step is halved at most so often until the loss falls.
MOST_HALVINGS = 12
#: The iteration ends when a step brings less than this share.
LEAST_GAIN = 1e-2


@dataclass(frozen=True)
class Minimum:
    """The coefficients, their loss, and the steps made."""

    x: torch.Tensor
    loss: float
    steps: int


def minimise(evaluate: Evaluate, x: torch.Tensor, most: int, report: Callable[[float, float], bool]) -> Minimum:
    """Gauss-Newton steps from ``x``, halved until the loss falls; ``report`` (loss, relative size) may end them.

    Raises:
        SolverError: the residual or the Jacobian is not finite.
    """
    r, tangent = evaluate(x)
    loss = float(r @ r)
    for n in range(most):
        jacobian = tangent()
        if not bool(torch.isfinite(jacobian).all() & torch.isfinite(r).all()):
            raise SolverError("the residual or the Jacobian is not finite", "not_finite")
        scale = jacobian.norm(dim=0).clamp_min(1e-300)
        solved = torch.linalg.lstsq((jacobian / scale).cpu(), -r.unsqueeze(-1).cpu(), LEAST_SINGULAR, driver="gelsd")
        move = solved.solution.squeeze(-1).to(x.device) / scale
        for _ in range(MOST_HALVINGS):
            r, tangent = evaluate(x + move)
            new = float(r @ r)
            if new < loss:
                break
            move = 0.5 * move
        else:
            return Minimum(x, loss, n)
        x, gain, loss = x + move, (loss - new) / loss, new
        if report(loss, float(move.norm() / x.norm().clamp_min(1e-300))) or gain < LEAST_GAIN:
            return Minimum(x, loss, n + 1)
    return Minimum(x, loss, most)
