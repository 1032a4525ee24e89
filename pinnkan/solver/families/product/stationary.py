"""A start at which no small change lowers the residual, though it solves nothing: Gauss-Newton stays where it is.

u_x**2 = 1 has no slope at u = 0, and integral(u**2) = 1 none either; the p-Laplacian is 0/0 where nothing changes. Such
a start is moved along the slowest wave that the conditions leave: one without a node, so that what is to be found once
is not found once in each half.
"""

import numpy as np
import scipy.linalg

from pinnkan.assembly.ordering import order_coefficients
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.start import MOST_SMOOTH, membrane, smooth_start, with_conditions
from pinnkan.solver.linear.solver import Seen
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import Converged, gauss_newton
from pinnkan.solver.monitor import Monitor

#: A gradient is none below this share of what the sizes of rows and residual allow: rounding.
FLAT = 1e-12
#: Steps in which an iteration that begins anew comes to rest.
ANEW = 10
#: Of a loss, what is hardly anything. A layer that nothing holds has lower ones elsewhere that are no solutions either.
HARDLY = 1e-2
#: Sizes that are tried, either way.
SIZES = 2.0 ** np.arange(-8.0, 8.5, 0.5)


def beginning(system: System) -> Array:
    """Coefficients that an iteration begins with: the data of the exact conditions, and where that matters, smooth."""
    model, space = system.model, system.space
    begun = np.zeros(space.shape) if model.is_linear else smooth_start(model, space)
    start, fixed = with_conditions(model, space, begun)
    return start if model.is_linear else moved(system, start, fixed)


def minimised(
    system: System, start: Array, fixed: np.ndarray, tolerance: float, monitor: Monitor, is_first: bool
) -> Converged:
    """Where Gauss-Newton leads from a start, or if that is nowhere, from another one.

    The first start of all is moved: sqrt(u) has no finite slope at zero, and a p-Laplacian next to none beside it.

    Raises SolverError: it leads nowhere from there either.
    """
    try:
        found = gauss_newton(system, start, fixed, tolerance, monitor)
    except SolverError:
        other = _pushed(system, start, fixed) if is_first and not system.model.is_linear else start
        if other is start:
            raise
        return gauss_newton(system, other, fixed, tolerance, monitor)
    if found.stationary or is_first:
        return found
    return _anew(system, fixed, tolerance, found.steps[-1].loss) or found


def _anew(system: System, fixed: np.ndarray, tolerance: float, left: float) -> Converged | None:
    """Where a few steps from there lead, on knots that fewer ones have brought to a minimum of their own; or None.

    Of -0.1 v_xx + v + ... = 32 cos(18.6 x), v_x = 5.3, three knots left u at a minimum of the residual that is no
    solution, from which twelve and 24 did not come away in 30 steps; from zero either took two. ``left``: the loss
    there, of which hardly anything is to be left.
    """
    try:
        found = gauss_newton(system, beginning(system), fixed, tolerance, most=ANEW)
    except SolverError:
        return None
    return found if found.stationary and found.steps[-1].loss < HARDLY * left else None


def moved(system: System, start: Array, fixed: np.ndarray) -> Array:
    """The ``start`` (coefficient), or one beside it where it is stationary, or its residual is not finite."""
    few, loss = system.space.size <= MOST_SMOOTH, system.loss(start)
    if not few or loss == 0.0 or (np.isfinite(loss) and not is_stationary(system, start, fixed)):
        return start
    return _pushed(system, start, fixed)


def _pushed(system: System, start: Array, fixed: np.ndarray) -> Array:
    """The ``start`` and some of the slowest wave, if there are few enough coefficients.

    Of so many sizes of the wave that with the least residual in the rows that the start does not fulfil.
    """
    if system.space.size > MOST_SMOOTH:
        return start
    masks = np.moveaxis(fixed, -1, 0)
    wave = np.stack([np.zeros(m.shape) if m.all() else slowest_wave(system.space, m) for m in masks], -1)
    unmet = [p for p in system.patches if p.loss(system.tensor(start)) != 0.0]
    tried = [start + sign * size * wave for size in SIZES for sign in (1.0, -1.0)]
    losses = [sum(p.loss(system.tensor(c)) for p in unmet) for c in tried]
    known = [k for k, loss in enumerate(losses) if np.isfinite(loss)]
    return tried[min(known, key=losses.__getitem__)] if known else start


def is_stationary(system: System, start: Array, fixed: np.ndarray) -> bool:
    """Whether the gradient of the residual vanishes at ``start`` for all free coefficients, or is not finite."""
    rows, _ = system.linearised(start, [start], fixed)
    seen = Seen(rows, order_coefficients(system.space, fixed, system.model.device))
    residuals = [r.residual for r in rows]
    gradient = np.linalg.norm(seen.gradient(residuals))
    chance = np.random.default_rng(0).standard_normal((seen.ordering.size, 1))
    size, image = (np.sqrt(sum(float(part.square().sum()) for part in x)) for x in (residuals, seen.apply(chance)))
    return not gradient > FLAT * size * image


def slowest_wave(space: Space, zero: np.ndarray) -> Array:
    """The function of least slopes for its size, of largest coefficient one, that is zero at some coefficients.

    ``zero``: mask of those of one unknown.
    """
    mass, stiffness = membrane(space)
    free = ~zero.ravel()
    _, vectors = scipy.linalg.eigh(stiffness[np.ix_(free, free)], mass[np.ix_(free, free)], subset_by_index=(0, 0))
    wave = np.zeros(zero.size)
    wave[free] = vectors[:, 0]
    return (wave / wave[np.abs(wave).argmax()]).reshape(zero.shape)
