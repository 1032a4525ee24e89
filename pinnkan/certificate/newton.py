"""The theorem of Newton and Kantorovich: the distance to a solution from residual, inverse and curvature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnkan.certificate.barrier import Barrier
from pinnkan.certificate.linearised import Formula, UncertifiedError
from pinnkan.certificate.smoothness import is_smooth
from pinnkan.certificate.spectrum import eigenvalue_rates, spectral_inverse_bound, supremum_factor
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline, series_along
from pinnkan.domain.box import Box, Side
from pinnkan.problem.expressions.enclosure import interval_outputs
from pinnkan.problem.expressions.interval import Interval, point_interval
from pinnkan.verdict.records import rounded_up

#: MAX_ITERATIONS: iterations for a radius, each RADIUS_GROWTH times the one required before. DOUBLINGS: half the number
#: of radii tried for uniqueness.
MAX_ITERATIONS, RADIUS_GROWTH, DOUBLINGS = 40, 1.05, 30
#: Largest radius over the first: a quadratic inequality has a solution below twice the first radius, or none.
MAX_RADIUS_RATIO = 1e3


@dataclass(frozen=True)
class Distance:
    """Bounds of v = u - w: largest value, L2 norm, radius in which u is the only solution; the proof in words."""

    largest: float
    mean_square: float
    uniqueness_radius: float
    words: str


@dataclass(frozen=True, eq=False)
class DiffusionOperator:
    """L v = -sum_i a_i v_ii + c v on a box: the numbers a_i (``diffusion``), and c (``zeroth``) over cells."""

    diffusion: tuple[Interval, ...]
    zeroth: Interval
    box: Box

    @property
    def least_eigenvalue_bound(self) -> float:
        """An upper bound of the least eigenvalue: (L v, v) for the lowest eigenfunction v of the diffusion."""
        pairs = zip(eigenvalue_rates(self.diffusion, self.box), self.box.periodic, strict=True)
        return sum(float(r.hi) for r, wraps in pairs if not wraps) + float(self.zeroth.hi.max())


@dataclass(frozen=True, eq=False)
class SolutionNeighbourhood:
    """The values over cells of all functions within a radius of u."""

    formula: Formula
    cells: Cells
    u: TensorSpline

    @cached_property
    def _values(self) -> Interval:
        return series_along(self.u.taylor_coefficients(self.cells), 0, 1)[0]

    @cached_property
    def _is_polynomial(self) -> bool:
        """Whether F is a polynomial in u, and thus smooth."""
        return bool(self.formula.residual.is_polynomial(self.formula.unknown_symbol))

    def _inputs(self, radius: float) -> tuple[list[Interval], Interval]:
        """The cells, and u over them plus [-radius, radius]."""
        cells = [Interval(lo, hi) for lo, hi in zip(self.cells.lo, self.cells.hi, strict=True)]
        return cells, self._values + Interval(np.asarray(-radius), np.asarray(radius))

    def is_smooth(self, radius: float) -> bool:
        """Whether F is proven a smooth function of u at all functions within ``radius`` of u."""
        if self._is_polynomial:
            return True
        cells, near = self._inputs(radius)
        compiled = self.formula.compile_expressions(self.formula.derivative_free_part)
        return is_smooth(compiled.tape, [*cells, near], {len(cells)})

    def curvature(self, radius: float) -> float:
        """The largest |F_uu| at functions within ``radius`` of u; infinite where F is not proven smooth."""
        if not self.is_smooth(radius):
            return np.inf
        if self.formula.curvature == 0:
            return 0.0
        compiled = self.formula.compile_expressions(self.formula.curvature)
        cells, near = self._inputs(radius)
        found = interval_outputs(compiled.tape, [*cells, *(near for _ in compiled.u_orders)])[0].magnitude()
        largest = float(np.max(found))
        return largest if np.isfinite(largest) else np.inf

    def uniqueness_radius(self, inverse: float) -> float:
        """A radius around u with at most one solution: there F_uu times the radius is below 1/``inverse``."""
        if self.formula.curvature == 0 and self._is_polynomial:
            return np.inf
        sizes = 1e-12 * 2.0 ** np.arange(2 * DOUBLINGS)
        fits = [r for r in sizes if inverse * self.curvature(r) * r * MARGIN < 1.0]
        return float(max(fits, default=0.0))


def invariant_radius(required_radius: Callable[[float], float], first: float) -> float:
    """A radius a with ``needed(a)`` <= a, by iteration from ``first``. Raises UncertifiedError: none is found."""
    radius = first
    for _ in range(MAX_ITERATIONS):
        wanted = required_radius(radius) * MARGIN
        if wanted <= radius:
            return radius
        if not wanted < MAX_RADIUS_RATIO * first:
            break
        radius = RADIUS_GROWTH * wanted
    raise UncertifiedError("the residual is too large for the curvature of the equation (Newton and Kantorovich)")


def distance_by_spectrum(
    tube: SolutionNeighbourhood, operator: DiffusionOperator, residual_norm: float, side_mismatch: float
) -> Distance:
    """The distance by the L2 bound of the inverse; ``residual_norm``: in L2, ``side_mismatch``: on the sides.

    The mismatch is extended by z with A_0 z = 0, |z| <= ``side_mismatch``, so that L z = c z.
    """
    root = float(np.sqrt(np.prod(operator.box.lengths))) * MARGIN
    inverse = spectral_inverse_bound(tube.formula, operator.diffusion, operator.box, tube.u, operator.zeroth)
    shifts = {0.0} if not all(operator.box.periodic) else set()
    shifts |= {max(float(operator.zeroth.hi.max()), 0.0) or 1.0, float(operator.zeroth.magnitude().max()) or 1.0}
    pointwise = min(
        supremum_factor(operator.diffusion, operator.box, s)
        * (1.0 + float((operator.zeroth - point_interval(s)).magnitude().max()) * inverse)
        for s in shifts
    )
    pointwise *= MARGIN
    lifted = root * float(operator.zeroth.magnitude().max()) * side_mismatch * MARGIN

    def right(radius: float) -> float:
        return (residual_norm + lifted + 0.5 * root * tube.curvature(radius) * radius**2) * MARGIN

    largest = invariant_radius(
        lambda radius: pointwise * right(radius) + side_mismatch, (pointwise * right(0.0) + side_mismatch) * MARGIN
    )
    alone = tube.uniqueness_radius(inverse)
    if not largest < alone:
        raise UncertifiedError("solutions near this one are not told apart")
    mean_square = (inverse * right(largest) + root * side_mismatch) * MARGIN
    words = (
        f"norms: residual {rounded_up(residual_norm)}, inverse {rounded_up(inverse)} at most, by enclosed eigenvalues"
    )
    return Distance(largest, min(mean_square, root * largest), alone, words)


@dataclass(frozen=True)
class ResidualSizes:
    """Of a residual: largest value, L2 norm, a bound of its v (``solution_bound``), and mismatch by side."""

    largest: float
    l2_norm: float
    solution_bound: float
    side_mismatch: Mapping[Side, float]


def distance_by_barrier(
    tube: SolutionNeighbourhood, barrier: Barrier, sizes: ResidualSizes, energy_inverse: float
) -> Distance:
    """The distance by the maximum principle; ``energy_inverse`` bounds the inverse in L2, or is infinite.

    The mismatch on the sides is extended by z with L z = 0, |z| <= psi missed/b.
    """
    inverse = barrier.maximum / barrier.operator_bound * MARGIN
    lifted, first = (
        barrier.maximum * barrier.side_mismatch_ratio(sizes.side_mismatch) * MARGIN,
        sizes.solution_bound * MARGIN,
    )

    def squared(radius: float) -> float:
        return 0.5 * tube.curvature(radius) * radius**2 * MARGIN

    largest = invariant_radius(lambda radius: (first + inverse * squared(radius)) * MARGIN, first)
    alone = tube.uniqueness_radius(inverse)
    if not largest < alone:
        raise UncertifiedError("solutions near this one are not told apart")
    root = float(np.sqrt(np.prod([t[-1] - t[0] for t in tube.u.breaks]))) * MARGIN
    mean_square = (
        energy_inverse * (sizes.l2_norm + root * squared(largest)) + root * lifted
        if energy_inverse < np.inf
        else np.inf
    )
    words = (
        f"largest residual {rounded_up(sizes.largest)}, inverse {rounded_up(inverse)} at most, by the maximum principle"
    )
    return Distance(largest, min(mean_square, root * largest) * MARGIN, alone, words)
