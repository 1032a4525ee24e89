"""One time slab: its initial guess, its fixed coefficients, and the solved slab.

The guess is a Taylor polynomial from the end of the slab before. In long slabs it may be far from the solution; then
Gauss-Newton is first solved on every second knot (nested iteration: Brandt 1977).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb

import numpy as np

from pinnkan.assembly.boundary_values import BoundaryValue, face_coefficients, fix_coefficients
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.matrices import apply_matrix
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.indicators import CoordinateShares
from pinnkan.solver.estimate.marking import refine_marked
from pinnkan.solver.estimate.norms import safe_divisors
from pinnkan.solver.families.product.grading import grade_towards_sides
from pinnkan.solver.families.product.slab_start import SlabStart, mark_slab_intervals
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import MAX_DAMPING, gauss_newton
from pinnkan.solver.slab_history import SolvedSlab
from pinnkan.solver.verify.candidate import SpacePair
from pinnkan.solver.verify.growth.slab_growth import MAX_GROWTH_EXPONENT
from pinnkan.solver.verify.stability import find_near_null
from pinnkan.solver.verify.stability_bounds import near_null_function, prolonged_near_null, unknown_weights_at
from pinnkan.verdict.records import Reason

#: A residual of so many times its rounding may be what keeps a correction from falling.
NEARLY_ROUNDING = 1e4


@dataclass(frozen=True, eq=False)
class ProductSlab(SolvedSlab[tuple[Space, Array]]):
    """A solved slab with its ``local_correction`` correction, in the space of the global ``error``.

    ``coordinate_shares``: its parts by coordinate; ``correction_system``: the system of the corrections, which have
    ``extra_degrees`` degrees in time; ``vain_enrichments``: how often many more were tried in vain; ``data_residual``:
    mean squared residual of the data alone; ``residual_floor``: norm that rounding leaves in the residual,
    ``correction_noise``: what it makes of the correction, relative, if known; ``rate_spread``:
    :func:`pinnkan.solver.linear.rate_spread.rate_spread`, where conjugate gradients solved;
    ``growth_exponent``: e-folds by which something may grow; ``series_remainder``: later local corrections over the
    first.
    """

    local_correction: Array
    system: System
    coordinate_shares: CoordinateShares
    correction_system: System
    extra_degrees: int
    data_residual: float
    correction_noise: float = 0.0
    residual_floor: float = 0.0
    vain_enrichments: int = 0
    rate_spread: float = 0.0
    growth_exponent: float = 0.0
    series_remainder: float = 0.0

    @property
    def base(self) -> Array:
        """The slab's coefficients in the space of its corrections."""
        (space, c), (fine, _) = self.piece, self.error
        return space.prolong(c, fine)

    @cached_property
    def losses(self) -> tuple[float, float]:
        """Weighted sums of squared residuals before and after the local correction."""
        base = self.base
        return float(self.correction_system.loss(base)), float(
            self.correction_system.loss(base + self.local_correction)
        )

    @property
    def residual_ratio(self) -> float:
        """Ratio of the root mean square residuals after and before the local correction."""
        before, after = self.losses
        return float(np.sqrt(after / safe_divisors(np.asarray(before))))

    @property
    def is_rounding(self) -> bool:
        """Whether the residual is no more than rounding: neither a shorter slab nor knots lower it."""
        return float(np.sqrt(self.losses[0])) <= self.residual_floor

    @property
    def is_near_rounding(self) -> bool:
        """Whether the residual is so small that the correction may be mostly rounding."""
        return float(np.sqrt(self.losses[0])) <= NEARLY_ROUNDING * self.residual_floor

    @property
    def carried_error(self) -> tuple[float, float]:
        """Root mean square over the slab of the error carried into it, and that over its size at the start.

        For higher orders in time the error of rates counts at the start too, times powers of the length. Unknowns
        without rates, as a pressure, hardly count.
        """
        space, error = self.error
        carried, time = error - (1.0 + self.series_remainder) * self.local_correction, space.axes[-1]
        start, orders = Space(space.axes[:-1], space.unknowns), range(self.system.model.orders[-1])
        traces = [
            apply_matrix(time.matrix(time.breaks[:1], k), carried, len(space.axes) - 1)[..., 0, :] for k in orders
        ]
        begun = sum(float(start.norm(t).max()) * self.length**k for k, t in enumerate(traces))
        size = float((space.norm(carried) * self.system.model.norm_weights).max()) / np.sqrt(self.length)
        return size, size / max(begun, 1e-300)

    @property
    def hidden_error(self) -> float:
        """The error that the residual can hide: its norm over the stability constant."""
        null = find_near_null(self.correction_system.kept_solver, self.error[0], self.base)
        return float(np.sqrt(self.losses[1])) / max(null.sigma, 1e-300)


def taylor_guess(slab_start: SlabStart, time: Axis) -> Array:
    """Return the Taylor polynomial from the traces and rates at the start, as coefficients of the slab.

    It ends with its smallest term, as an asymptotic series.
    """
    rates = slab_start.traces[1:] if slab_start.rates is None else np.moveaxis(slab_start.rates, -1, 0)
    length, p = float(time.breaks[-1]) - slab_start.time, time.degree
    terms = [slab_start.traces[0], *(r * length**k for k, r in enumerate(rates[:p], 1))]
    sizes = [float(np.sqrt(np.mean(t**2))) for t in terms[1:]]
    terms = terms[: 2 + int(np.argmin(sizes))] if sizes else terms
    value = sum(np.multiply.outer(t, [comb(j, k) / comb(p, k) for j in range(p + 1)]) for k, t in enumerate(terms))
    return np.moveaxis(np.asarray(value), -1, -2)


def taylor_coefficients(time: Axis, coefficients: Array) -> Array:
    """Return the Taylor coefficients of orders 1, 2, .. at the end of the single time interval, order last."""
    p, length = time.degree, float(np.ptp(time.breaks))
    last = np.moveaxis(coefficients, -2, -1)
    terms = [comb(p, k) / length**k * np.diff(last, k)[..., -1] for k in range(1, p + 1)]
    return np.stack(terms, -1)


def side_values(model: Model, space: Space) -> list[tuple[BoundaryValue, Array]]:
    """Return the conditions that fix coefficients on the sides of a slab, with their values."""
    return [(given, face_coefficients(given, space)) for given in model.conditions.boundary]


def with_fixed_values(
    model: Model, space: Space, traces: Sequence[Array], sides: list[tuple[BoundaryValue, Array]], start: Array
) -> tuple[Array, np.ndarray]:
    """Return ``start`` with the traces of u, u_t, .. and the side values written in, and the mask of these."""
    initial = [(given, traces[given.order][..., given.unknown]) for given in model.conditions.initial]
    return fix_coefficients(space, initial + sides, start, np.zeros(space.shape, dtype=bool))


#: Coefficients from which on a step costs more than an iteration on every second knot.
MANY_COEFFICIENTS = 10_000
#: Relative size of the last step on fewer knots: their solution is hardly nearer. Heuristic.
COARSE_ACCURACY = 1e-2
#: Damping beyond which a slab is given up as too long. Nine tenths of the steps of van der Pol's equation with mu =
#: 1000 were taken in slabs that were given up later.
MOST_DAMPING = 1e-2


def first_guess(model: Model, slab_start: SlabStart, time: Axis) -> Array:
    """Return initial coefficients of a slab; in large nonlinear ones from a solution on every second knot."""
    plain, space = taylor_guess(slab_start, time), Space((*slab_start.axes, time), slab_start.unknowns)
    if model.is_linear or space.size < MANY_COEFFICIENTS:
        return plain
    coarse = replace(space, axes=(*map(_every_second, slab_start.axes), time))
    if coarse.shape == space.shape:
        return plain
    (old, _), (new, _) = slab_start.spaces(slab_start.axes), slab_start.spaces(coarse.axes[:-1])
    traces = [new.restrict(t, old) for t in slab_start.traces]
    sides = side_values(model, coarse)
    start, fixed = with_fixed_values(model, coarse, traces, sides, coarse.restrict(plain, space))
    try:
        found = gauss_newton(System(model, coarse), start, fixed, COARSE_ACCURACY)
    except (SolverError, np.linalg.LinAlgError):
        return plain
    return plain + coarse.prolong(found.coefficients - start, space) if found.is_stationary else plain


def insert_knots(slab_start: SlabStart, slab: ProductSlab, allowed: float) -> tuple[SlabStart, Array | None]:
    """Return the state on knots inserted where the local correction is large, and a guess (None after grading)."""
    mass = slab.coordinate_shares.mass[:-1]
    axes = refine_marked(slab_start.axes, mark_slab_intervals(mass, allowed), slab_start.unknowns)
    *in_space, in_time = slab.coordinate_shares.size
    excess = [size / allowed if size > in_time else 0.0 for size in in_space]  # too long a slab is wrong everywhere
    towards = grade_towards_sides(axes, mass, excess)
    if towards is not None:  # graded knots are not in the space of the correction
        return slab_start.prolonged_to(towards), None
    (old, c), (fine, _) = slab.piece, slab.error
    space = Space((*axes, old.axes[-1]), slab_start.unknowns)
    return slab_start.prolonged_to(axes), np.ascontiguousarray(
        space.restrict(old.prolong(c, fine) + slab.local_correction, fine)
    )


def damping_limit(model: Model, slab_start: SlabStart) -> float:
    """Return the damping beyond which a slab is given up.

    The largest in a first slab whose initial values are unknown: no shorter slab begins nearer to these.
    """
    given = {layer.unknown for layer in model.conditions.initial}
    is_first = slab_start.time == model.problem.box.ranges[-1][0]
    is_given = model is model.later_slab_model and len(given) == slab_start.unknowns
    return MAX_DAMPING if is_first and not is_given else MOST_DAMPING


def _every_second(axis: Axis) -> Axis:
    fewest = axis.degree + 1 if axis.periodic else 2
    kept = np.union1d(axis.breaks[::2], [axis.breaks[-1], *axis.joints])
    return replace(axis, breaks=kept) if len(kept) > fewest else axis


def check_growth(growth_exponent: float, slab_count: int | None) -> float:
    """Return ``growth_exponent`` (e-folds in a slab); raise SolverError if ``slab_count`` is too small.

    Least squares on too long a slab follow no growth: of a_t = 100 (a - 1) they make a constant.
    """
    if slab_count and growth_exponent > MAX_GROWTH_EXPONENT:
        grows = f"in a slab something grows by e^{growth_exponent:.3g}, and e^{MAX_GROWTH_EXPONENT:g} is held"
        fewest = int(np.ceil(slab_count * growth_exponent / MAX_GROWTH_EXPONENT))
        raise SolverError(f"{grows}: leave out `time_slabs`, or give {fewest} or more", Reason.MAX_LEVELS)
    return growth_exponent


def stability_spaces(model: Model, slab: ProductSlab) -> SpacePair:
    """The spaces in which a slab was solved and corrected, with near-null functions where the matrix is kept."""
    (space, c), (fine, _), richer, base = slab.piece, slab.error, slab.correction_system, slab.base
    nulls = None
    if richer.has_kept_solver:
        solved = near_null_function(slab.system, c)
        known, counted = prolonged_near_null(solved, space, fine), unknown_weights_at(model, fine, base)
        nulls = solved, find_near_null(richer.kept_solver, fine, base, near_null_start=known, unknown_weights=counted)
    losses = slab.system.mean_square(c), richer.mean_square(base + slab.local_correction)
    return SpacePair(space, c, fine, nulls, losses)
