"""Dense nonlinear least squares: Levenberg-Marquardt, and Gauss-Newton by singular values.

Both minimise ``|r(x)|^2``. A Levenberg-Marquardt step solves ``(J^T J + mu D^2) s = -J^T r`` with D the largest column
norms so far (Moré 1978), by Cholesky of the scaled normal equations; mu follows the gain ratio.

Gauss-Newton by singular values is for a trained outer layer alone: ridges in many directions share polynomials, so that
columns are dependent, and the least solution without small singular values is taken.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pinnkan.errors import SolverError
from pinnkan.solver.minimise.descent import Iterate, damp_by_gain_ratio, descend, halve
from pinnkan.verdict.records import Reason

#: From a point x the residual r (row) and a function that gives its Jacobian J (row, unknown), called only if needed.
EvaluateRows = Callable[[torch.Tensor], tuple[torch.Tensor, Callable[[], torch.Tensor]]]
#: From a point |r|^2 and a function that gives J^T r and J^T J, called only if needed.
Evaluate = Callable[[torch.Tensor], tuple[float, Callable[[], tuple[torch.Tensor, torch.Tensor]]]]

#: Damping of the first step, relative to the unit diagonal of the scaled normal matrix (heuristic): larger values waste
#: a step per decade, smaller ones are rejected at random starts.
FIRST_DAMPING = 1e-3
#: Columns shorter than this share of the longest are damped as if they were that long: otherwise coefficients that the
#: rows hardly weigh reach 1e15.
LEAST_SCALE = 1e-4


@dataclass(frozen=True, eq=False)
class ScaledPoint:
    """A point x with the function of its normal equations, and the largest column ``scale`` before, zero at a start."""

    x: torch.Tensor
    normal_equations: Callable[[], tuple[torch.Tensor, torch.Tensor]]
    scale: torch.Tensor


def normal_equations(rows: EvaluateRows) -> Evaluate:
    """Return the function from points to the sum of squares and the normal equations of ``rows``."""

    def evaluate(x: torch.Tensor) -> tuple[float, Callable[[], tuple[torch.Tensor, torch.Tensor]]]:
        r, tangent = rows(x)
        return float(r @ r), lambda: ((jacobian := tangent()).T @ r, jacobian.T @ jacobian)

    return evaluate


def levenberg_marquardt(
    evaluate: Evaluate,
    x: torch.Tensor,
    is_over: Callable[[Iterate[ScaledPoint], Iterate[ScaledPoint]], bool],
    max_steps: float = math.inf,
    scale: torch.Tensor | None = None,
    damping: float = FIRST_DAMPING,
) -> Iterate[ScaledPoint]:
    """Descend from ``x`` until ``is_over`` of the last two iterates, or ``max_steps``, or no step lowers |r|^2.

    ``scale`` and ``damping``, its ``next_control``, of an iterate continue its descent. Raises SolverError: values are
    not finite at a start.
    """

    def linearise(now: Iterate[ScaledPoint]) -> Callable[[float], Iterate[ScaledPoint]]:
        here, (gradient, normal) = now.point, now.point.normal_equations()
        if not here.scale.any() and not (math.isfinite(now.loss) and bool(normal.isfinite().all())):
            raise SolverError("the residual or the Jacobian is not finite at the starting point", Reason.NOT_FINITE)
        scale = torch.maximum(_column_norms(normal), here.scale)
        unit, right = normal / torch.outer(scale, scale), gradient / scale

        def try_step(damping: float) -> Iterate[ScaledPoint]:
            s = _solve(unit, right, damping)
            if s is None:
                return Iterate(here, math.inf, control=damping)
            x, size = here.x + s / scale, float((s / scale).norm())
            loss, equations = evaluate(x)
            promised = float(damping * (s @ s) - s @ right)  # |r|^2 - |r + J move|^2, up to the mu-term
            return Iterate(ScaledPoint(x, equations, scale), loss, size / float(x.norm() + 1e-300), damping, promised)

        return try_step

    loss, equations = evaluate(x)
    first = ScaledPoint(x, equations, torch.zeros_like(x) if scale is None else scale)
    return descend(Iterate(first, loss, next_control=damping), linearise, damp_by_gain_ratio, is_over, max_steps)[0]


def _column_norms(normal: torch.Tensor) -> torch.Tensor:
    """The norms of the columns of the Jacobian, at least LEAST_SCALE of the longest."""
    norms = normal.diagonal().clamp_min(0.0).sqrt()
    return norms.clamp_min(LEAST_SCALE * float(norms.max().clamp_min(1e-300)))


def _solve(scaled_matrix: torch.Tensor, right: torch.Tensor, damping: float) -> torch.Tensor | None:
    """Return the scaled step; None if the matrix is not positive definite or the step not finite."""
    damped = scaled_matrix.clone()
    damped.diagonal().add_(damping)
    factor, info = torch.linalg.cholesky_ex(damped)
    if int(info):
        return None
    s = -torch.cholesky_solve(right.unsqueeze(-1), factor).squeeze(-1)
    return s if bool(torch.isfinite(s).all()) else None


#: Singular values below this share of the largest are left out (heuristic: some hundred units of rounding).
LEAST_SINGULAR = 1e-13
#: The iteration ends when a step lowers the loss by less than this share.
LEAST_GAIN = 1e-2

RowPoint = tuple[torch.Tensor, torch.Tensor, Callable[[], torch.Tensor]]


def minimise_by_svd(
    rows: EvaluateRows, x: torch.Tensor, max_steps: int, report: Callable[[float, float], bool]
) -> Iterate[RowPoint]:
    """Minimise by Gauss-Newton steps from ``x``, each halved until the loss falls; ``report`` may end them.

    ``report`` takes the loss and the relative size of the step. Raises SolverError where values are not finite.
    """

    def iterate(x: torch.Tensor, length: float = math.inf, share: float = 1.0) -> Iterate[RowPoint]:
        r, tangent = rows(x)
        size = length / float(x.norm().clamp_min(1e-300))
        return Iterate((x, r, tangent), float(r @ r), size, share, next_control=1.0)

    def linearise(now: Iterate[RowPoint]) -> Callable[[float], Iterate[RowPoint]]:
        x, r, jacobian = *now.point[:2], now.point[2]()
        if not bool(torch.isfinite(jacobian).all() & torch.isfinite(r).all()):
            raise SolverError("the residual or the Jacobian is not finite", Reason.NOT_FINITE)
        scale = jacobian.norm(dim=0).clamp_min(1e-300)
        solved = torch.linalg.lstsq((jacobian / scale).cpu(), -r.unsqueeze(-1).cpu(), LEAST_SINGULAR, driver="gelsd")
        move = solved.solution.squeeze(-1).to(x.device) / scale
        return lambda share: iterate(x + share * move, share * float(move.norm()), share)

    def is_over(before: Iterate[RowPoint], now: Iterate[RowPoint]) -> bool:
        return now.number > 0 and (report(now.loss, now.size) or before.loss - now.loss < LEAST_GAIN * before.loss)

    return descend(iterate(x), linearise, halve, is_over, max_steps)[0]
