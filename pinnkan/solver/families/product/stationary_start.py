"""Starts at which the gradient of the residual vanishes though they are no solutions: Gauss-Newton stays there.

Examples: u_x**2 = 1 and integral(u**2) = 1 at u = 0, the p-Laplacian (0/0) at constants. Such a start is moved along
the lowest eigenfunction of the Laplacian, which has no node.
"""

import numpy as np
import scipy.linalg

from pinnkan.assembly.ordering import order_coefficients
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.number_start import start_at_numbers
from pinnkan.solver.families.product.start import (
    MOST_DENSE,
    best_multiple,
    mass_and_stiffness,
    smooth_start,
    with_conditions,
)
from pinnkan.solver.linear.solver import RowProducts
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import GaussNewtonResult, gauss_newton
from pinnkan.solver.monitor import Monitor

#: A gradient below this share of the product of the norms of rows and residual is rounding.
FLAT_GRADIENT = 1e-12
#: Most steps of an iteration that is restarted.
RESTART_STEPS = 10
#: Share of the loss that a restart must reach to replace the first result: other minima are no solutions either.
RESTART_RATIO = 1e-2


def initial_coefficients(system: System) -> Array:
    """Return initial coefficients: exact conditions, smooth inside and off stationary points for nonlinear problems."""
    model, space = system.model, system.space
    if model.problem.free_numbers:
        return start_at_numbers(system)
    begun = np.zeros(space.shape) if model.is_linear else smooth_start(model, space)
    start, fixed = with_conditions(model, space, begun)
    return start if model.is_linear else leave_stationary_point(system, start, fixed)


def minimise_with_restart(
    system: System, start: Array, fixed: np.ndarray, tolerance: float, monitor: Monitor, is_first: bool
) -> GaussNewtonResult:
    """Return the result of Gauss-Newton, from another start if the first one fails.

    The first start of all is moved along the eigenfunction, later ones are restarted from :func:`initial_coefficients`,
    but not with free numbers, whose first start is the one meant. Raises SolverError: the other start fails too.
    """
    try:
        found = gauss_newton(system, start, fixed, tolerance, monitor)
    except SolverError:
        other = _perturb(system, start, fixed) if is_first and not system.model.is_linear else start
        if other is start:
            raise
        return gauss_newton(system, other, fixed, tolerance, monitor)
    if found.is_stationary or is_first or system.model.problem.free_numbers:
        return found
    return _restart(system, fixed, tolerance, found.steps[-1].loss) or found


def _restart(system: System, fixed: np.ndarray, tolerance: float, remaining_loss: float) -> GaussNewtonResult | None:
    """Return the result of a few steps; None if its loss is not far below ``remaining_loss``.

    Coarse knots can lead to minima that finer ones do not leave in 30 steps, where two from zero suffice.
    """
    try:
        found = gauss_newton(system, initial_coefficients(system), fixed, tolerance, max_steps=RESTART_STEPS)
    except SolverError:
        return None
    return found if found.is_stationary and found.steps[-1].loss < RESTART_RATIO * remaining_loss else None


def leave_stationary_point(system: System, start: Array, fixed: np.ndarray) -> Array:
    """Return ``start``, or coefficients beside it where it is stationary or its residual is not finite."""
    few, loss = system.space.size <= MOST_DENSE, system.loss(start)
    if not few or loss == 0.0 or (np.isfinite(loss) and not is_stationary(system, start, fixed)):
        return start
    return _perturb(system, start, fixed)


def _perturb(system: System, start: Array, fixed: np.ndarray) -> Array:
    """Return ``start`` plus the multiple of the lowest eigenfunction with the least residual in unfulfilled rows."""
    if system.space.size > MOST_DENSE:
        return start
    masks = np.moveaxis(fixed, -1, 0)
    wave = np.stack([np.zeros(m.shape) if m.all() else lowest_eigenfunction(system.space, m) for m in masks], -1)
    return best_multiple(system, start, wave)


def is_stationary(system: System, start: Array, fixed: np.ndarray) -> bool:
    """Whether the gradient of the residual vanishes at ``start`` for all free coefficients, or is not finite."""
    rows, _ = system.linearise(start, [start], fixed)
    seen = RowProducts(rows, order_coefficients(system.space, fixed, system.model.device))
    residuals = [r.residual for r in rows]
    gradient = np.linalg.norm(seen.gradient(residuals))
    chance = np.random.default_rng(0).standard_normal((seen.ordering.size, 1))
    size, image = (np.sqrt(sum(float(part.square().sum()) for part in x)) for x in (residuals, seen.apply(chance)))
    return not gradient > FLAT_GRADIENT * size * image


def lowest_eigenfunction(space: Space, fixed: np.ndarray) -> Array:
    """Return the lowest eigenfunction of the Laplacian, of size one; ``fixed``: mask of coefficients that vanish."""
    mass, stiffness = mass_and_stiffness(space)
    free = ~fixed.ravel()
    _, vectors = scipy.linalg.eigh(stiffness[np.ix_(free, free)], mass[np.ix_(free, free)], subset_by_index=(0, 0))
    wave = np.zeros(fixed.size)
    wave[free] = vectors[:, 0]
    return (wave / wave[np.abs(wave).argmax()]).reshape(fixed.shape)
