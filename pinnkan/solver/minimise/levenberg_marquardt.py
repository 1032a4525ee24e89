"""Dense nonlinear least squares: Levenberg-Marquardt, and Gauss-Newton by singular values.

Both minimise ``|r(x)|^2``. A Levenberg-Marquardt step solves ``(J^T J + mu D^2) s = -J^T r`` with D the largest column
norms so far (Moré 1978), by Cholesky of the scaled normal equations. It is accepted only if the sum falls, and mu
follows the gain ratio (Nielsen 1999; Madsen, Nielsen, Tingleff 2004, section 3.2).

Gauss-Newton by singular values is for a trained outer layer alone: ridges in many directions share polynomials, so that
columns are dependent, and the least solution without small singular values is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pinnkan.errors import SolverError

#: From a point the residual (row) and a function that gives the Jacobian (row, unknown) there, called only if needed.
Evaluate = Callable[[torch.Tensor], tuple[torch.Tensor, Callable[[], torch.Tensor]]]

#: Damping of the first step, relative to the unit diagonal of the scaled normal matrix (heuristic): larger values waste
#: a step per decade, smaller ones are rejected at random starts.
FIRST_DAMPING = 1e-3

#: Below this the damping only acts on rounding in the Cholesky factor (unit diagonal, float64).
LEAST_DAMPING = 1e-14

#: Columns shorter than this share of the longest are damped as if they were that long: otherwise coefficients that the
#: rows hardly weigh reach 1e15.
LEAST_SCALE = 1e-4

#: Rejections in a row after which a step is given up: mu has then grown by about 1e16.
MOST_REJECTIONS = 10


@dataclass(frozen=True)
class LevenbergMarquardtState:
    """The state: a point, |r|^2, J^T r and J^T J there, column scales, damping, and the last step."""

    x: torch.Tensor
    loss: float
    gradient: torch.Tensor
    normal_matrix: torch.Tensor
    scale: torch.Tensor
    damping: float
    iteration: int = 0
    step_size: float = float("inf")  # relative size of the last step
    is_stuck: bool = False


def initial_state(evaluate: Evaluate, x: torch.Tensor) -> LevenbergMarquardtState:
    """Return the state at ``x``; raises ValueError if the residual or the Jacobian is not finite there."""
    r, tangent = evaluate(x)
    loss, jacobian = float(r @ r), tangent()
    gradient, normal = jacobian.T @ r, jacobian.T @ jacobian
    if not (_is_finite(loss) and bool(torch.isfinite(normal).all())):
        raise ValueError("the residual or the Jacobian is not finite at the starting point")
    return LevenbergMarquardtState(x, loss, gradient, normal, _column_norms(normal), FIRST_DAMPING)


def restored_state(
    evaluate: Evaluate, x: torch.Tensor, scale: torch.Tensor, damping: float, iteration: int
) -> LevenbergMarquardtState:
    """Return the state that had these values after ``iteration`` steps, bit by bit, computed anew at ``x``."""
    r, tangent = evaluate(x)
    jacobian = tangent()
    return LevenbergMarquardtState(x, float(r @ r), jacobian.T @ r, jacobian.T @ jacobian, scale, damping, iteration)


def next_state(evaluate: Evaluate, state: LevenbergMarquardtState) -> LevenbergMarquardtState:
    """Return the next state: damping is raised until the sum of squares falls; ``stuck`` if it does not."""
    unit = state.normal_matrix / torch.outer(state.scale, state.scale)
    right = state.gradient / state.scale
    damping, growth = state.damping, 2.0
    for _ in range(MOST_REJECTIONS):
        s = _solve(unit, right, damping)
        if s is not None:
            move = s / state.scale
            trial = state.x + move
            r, tangent = evaluate(trial)
            loss = float(r @ r)
            predicted = float(damping * (s @ s) - s @ right)  # |r|^2 - |r + J move|^2, up to the mu-term
            if _is_finite(loss) and loss < state.loss:
                ratio = (state.loss - loss) / max(predicted, 1e-300)
                damping *= max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
                return _accepted_state(state, trial, move, r, tangent(), max(damping, LEAST_DAMPING))
        damping, growth = damping * growth, growth * 2.0
    return LevenbergMarquardtState(
        state.x, state.loss, state.gradient, state.normal_matrix, state.scale, damping, state.iteration + 1, 0.0, True
    )


def _accepted_state(
    old: LevenbergMarquardtState,
    x: torch.Tensor,
    move: torch.Tensor,
    r: torch.Tensor,
    jacobian: torch.Tensor,
    damping: float,
) -> LevenbergMarquardtState:
    loss = float(r @ r)
    normal = jacobian.T @ jacobian
    scale = torch.maximum(_column_norms(normal), old.scale)
    size = float(move.norm() / (x.norm() + 1e-300))
    return LevenbergMarquardtState(x, loss, jacobian.T @ r, normal, scale, damping, old.iteration + 1, size)


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


def _is_finite(value: float) -> bool:
    return value == value and abs(value) != float("inf")


#: Singular values below this share of the largest are left out (heuristic: some hundred units of rounding).
LEAST_SINGULAR = 1e-13
#: Most halvings of a step until the loss falls.
MOST_HALVINGS = 12
#: The iteration ends when a step lowers the loss by less than this share.
LEAST_GAIN = 1e-2


@dataclass(frozen=True)
class SvdMinimum:
    """The coefficients, their loss, and the number of steps."""

    x: torch.Tensor
    loss: float
    steps: int


def minimise_by_svd(
    evaluate: Evaluate, x: torch.Tensor, max_steps: int, report: Callable[[float, float], bool]
) -> SvdMinimum:
    """Minimise by Gauss-Newton steps from ``x``, each halved until the loss falls; ``report`` may end them.

    ``report`` takes the loss and the relative size of the step. Raises SolverError where values are not finite.
    """
    r, tangent = evaluate(x)
    loss = float(r @ r)
    for n in range(max_steps):
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
            return SvdMinimum(x, loss, n)
        x, gain, loss = x + move, (loss - new) / loss, new
        if report(loss, float(move.norm() / x.norm().clamp_min(1e-300))) or gain < LEAST_GAIN:
            return SvdMinimum(x, loss, n + 1)
    return SvdMinimum(x, loss, max_steps)
