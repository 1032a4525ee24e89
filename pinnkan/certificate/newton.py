"""The theorem of Newton and Kantorovich: the distance to a solution from residual, inverse and curvature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnkan.certificate.barrier import Barrier
from pinnkan.certificate.linearised import Formula, UncertifiedError
from pinnkan.certificate.smooth import is_smooth
from pinnkan.certificate.spectrum import inverse_norm, rates_of, supremum
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline, series_along
from pinnkan.domain.box import Box, Side
from pinnkan.problem.expressions.enclosure import replayed
from pinnkan.problem.expressions.interval import Interval, constant
from pinnkan.verdict.records import rounded_up

#: TRIALS: iterations for a radius, each MORE times the one required before. DOUBLINGS: half the number of radii tried
#: for uniqueness.
TRIALS, MORE, DOUBLINGS = 40, 1.05, 30
#: Largest radius over the first: a quadratic inequality has a solution below twice the first radius, or none.
HOPELESS = 1e3


@dataclass(frozen=True)
class Distance:
    """Bounds of v = u - w: largest value, L2 norm, radius in which u is the only solution; the proof in words."""

    largest: float
    mean_square: float
    alone: float
    words: str


@dataclass(frozen=True, eq=False)
class Operator:
    """L v = -sum_i a_i v_ii + c v on a box: the numbers a_i (``diffusion``), and c (``zeroth``) over cells."""

    diffusion: tuple[Interval, ...]
    zeroth: Interval
    box: Box

    @property
    def lowest(self) -> float:
        """An upper bound of the least eigenvalue: (L v, v) for the lowest eigenfunction v of the diffusion."""
        pairs = zip(rates_of(self.diffusion, self.box), self.box.periodic, strict=True)
        return sum(float(r.hi) for r, wraps in pairs if not wraps) + float(self.zeroth.hi.max())


@dataclass(frozen=True, eq=False)
class Tube:
    """The values over cells of all functions within a radius of u."""

    formula: Formula
    cells: Cells
    u: TensorSpline

    @cached_property
    def _values(self) -> Interval:
        return series_along(self.u.taylor(self.cells), 0, 1)[0]

    @cached_property
    def _is_polynomial(self) -> bool:
        """Whether F is a polynomial in u, and thus smooth."""
        return bool(self.formula.residual.is_polynomial(self.formula.value))

    def _inputs(self, radius: float) -> tuple[list[Interval], Interval]:
        """The cells, and u over them plus [-radius, radius]."""
        cells = [Interval(lo, hi) for lo, hi in zip(self.cells.lo, self.cells.hi, strict=True)]
        return cells, self._values + Interval(np.asarray(-radius), np.asarray(radius))

    def is_smooth(self, radius: float) -> bool:
        """Whether F is proven a smooth function of u at all functions within ``radius`` of u."""
        if self._is_polynomial:
            return True
        cells, near = self._inputs(radius)
        compiled = self.formula.compiled(self.formula.without_derivatives)
        return is_smooth(compiled.tape, [*cells, near], {len(cells)})

    def curvature(self, radius: float) -> float:
        """The largest |F_uu| at functions within ``radius`` of u; infinite where F is not proven smooth."""
        if not self.is_smooth(radius):
            return np.inf
        if self.formula.curvature == 0:
            return 0.0
        compiled = self.formula.compiled(self.formula.curvature)
        cells, near = self._inputs(radius)
        found = replayed(compiled.tape, [*cells, *(near for _ in compiled.of_u)])[0].magnitude()
        largest = float(np.max(found))
        return largest if np.isfinite(largest) else np.inf

    def alone(self, inverse: float) -> float:
        """A radius around u with at most one solution: there F_uu times the radius is below 1/``inverse``."""
        if self.formula.curvature == 0 and self._is_polynomial:
            return np.inf
        sizes = 1e-12 * 2.0 ** np.arange(2 * DOUBLINGS)
        fits = [r for r in sizes if inverse * self.curvature(r) * r * MARGIN < 1.0]
        return float(max(fits, default=0.0))


def settled(needed: Callable[[float], float], first: float) -> float:
    """A radius a with ``needed(a)`` <= a, by iteration from ``first``. Raises UncertifiedError: none is found."""
    radius = first
    for _ in range(TRIALS):
        wanted = needed(radius) * MARGIN
        if wanted <= radius:
            return radius
        if not wanted < HOPELESS * first:
            break
        radius = MORE * wanted
    raise UncertifiedError("the residual is too large for the curvature of the equation (Newton and Kantorovich)")


def by_spectrum(tube: Tube, operator: Operator, residual: float, missed: float) -> Distance:
    """The distance by the L2 bound of the inverse; ``residual`` is an L2 norm, ``missed`` the mismatch on the sides.

    The mismatch is extended by z with A_0 z = 0, |z| <= ``missed``, so that L z = c z.
    """
    root = float(np.sqrt(np.prod(operator.box.lengths))) * MARGIN
    inverse = inverse_norm(tube.formula, operator.diffusion, operator.box, tube.u, operator.zeroth)
    shifts = {0.0} if not all(operator.box.periodic) else set()
    shifts |= {max(float(operator.zeroth.hi.max()), 0.0) or 1.0, float(operator.zeroth.magnitude().max()) or 1.0}
    pointwise = min(
        supremum(operator.diffusion, operator.box, s)
        * (1.0 + float((operator.zeroth - constant(s)).magnitude().max()) * inverse)
        for s in shifts
    )
    pointwise *= MARGIN
    lifted = root * float(operator.zeroth.magnitude().max()) * missed * MARGIN

    def right(radius: float) -> float:
        return (residual + lifted + 0.5 * root * tube.curvature(radius) * radius**2) * MARGIN

    largest = settled(lambda radius: pointwise * right(radius) + missed, (pointwise * right(0.0) + missed) * MARGIN)
    alone = tube.alone(inverse)
    if not largest < alone:
        raise UncertifiedError("solutions near this one are not told apart")
    mean_square = (inverse * right(largest) + root * missed) * MARGIN
    words = f"norms: residual {rounded_up(residual)}, inverse {rounded_up(inverse)} at most, by enclosed eigenvalues"
    return Distance(largest, min(mean_square, root * largest), alone, words)


@dataclass(frozen=True)
class Sizes:
    """Of a residual: largest value, L2 norm, a bound of the v that it causes (``effect``), and mismatch by side."""

    largest: float
    norm: float
    effect: float
    missed: Mapping[Side, float]


def by_barrier(tube: Tube, barrier: Barrier, sizes: Sizes, energy: float) -> Distance:
    """The distance by the maximum principle; ``energy`` bounds the inverse in L2, or is infinite.

    The mismatch on the sides is extended by z with L z = 0, |z| <= psi missed/b.
    """
    inverse = barrier.most / barrier.inside * MARGIN
    lifted, first = barrier.most * barrier.lifted(sizes.missed) * MARGIN, sizes.effect * MARGIN

    def squared(radius: float) -> float:
        return 0.5 * tube.curvature(radius) * radius**2 * MARGIN

    largest = settled(lambda radius: (first + inverse * squared(radius)) * MARGIN, first)
    alone = tube.alone(inverse)
    if not largest < alone:
        raise UncertifiedError("solutions near this one are not told apart")
    root = float(np.sqrt(np.prod([t[-1] - t[0] for t in tube.u.breaks]))) * MARGIN
    mean_square = energy * (sizes.norm + root * squared(largest)) + root * lifted if energy < np.inf else np.inf
    words = (
        f"largest residual {rounded_up(sizes.largest)}, inverse {rounded_up(inverse)} at most, by the maximum principle"
    )
    return Distance(largest, min(mean_square, root * largest) * MARGIN, alone, words)
