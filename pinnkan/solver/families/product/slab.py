"""One time slab: its initial guess, its fixed coefficients, and the solved slab.

The guess is a Taylor polynomial from the end of the slab before. In long slabs it may be far from the solution; then
Gauss-Newton is first solved on every second knot (nested iteration: Brandt 1977).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb

import numpy as np

from pinnkan.assembly.boundary_values import BoundaryValue, face_values, fix
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.matrices import along
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.indicators import Surplus, with_marked
from pinnkan.solver.estimate.norms import nonzero
from pinnkan.solver.families.product.grading import towards_sides
from pinnkan.solver.families.product.slab_start import SlabStart, wanted
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import FIRMEST, gauss_newton
from pinnkan.solver.slab_family import SolvedSlab
from pinnkan.solver.verify.regrowth import MOST_FOLDS
from pinnkan.solver.verify.stability import least_determined
from pinnkan.verdict.records import Reason

#: A residual of so many times its rounding may be what keeps a correction from falling.
NEARLY = 1e4


@dataclass(frozen=True, eq=False)
class ProductSlab(SolvedSlab[tuple[Space, Array]]):
    """A solved slab with its ``local`` correction, in the space of the global ``error``.

    ``share``: its parts by coordinate; ``richer``: the system of the corrections, which have ``more`` degrees in time;
    ``doubts``: how often many more were tried in vain; ``unsolved``: mean squared residual of the data alone;
    ``floor``: norm that rounding leaves in the residual, ``noise``: what it makes of the correction, relative, if
    known; ``uneven``: :func:`pinnkan.solver.families.product.unevenness.unevenness`, where conjugate gradients solved;
    ``folds``: e-folds by which something may grow; ``to_come``: later local corrections over the first.
    """

    local: Array
    system: System
    share: Surplus
    richer: System
    more: int
    unsolved: float
    noise: float = 0.0
    floor: float = 0.0
    doubts: int = 0
    uneven: float = 0.0
    folds: float = 0.0
    to_come: float = 0.0

    @property
    def base(self) -> Array:
        """The slab's coefficients in the space of its corrections."""
        (space, c), (fine, _) = self.piece, self.error
        return space.prolong(c, fine)

    @cached_property
    def losses(self) -> tuple[float, float]:
        """Weighted sums of squared residuals before and after the local correction."""
        base = self.base
        return float(self.richer.loss(base)), float(self.richer.loss(base + self.local))

    @property
    def fall(self) -> float:
        """Ratio of the root mean square residuals after and before the local correction."""
        before, after = self.losses
        return float(np.sqrt(after / nonzero(np.asarray(before))))

    @property
    def is_rounded(self) -> bool:
        """Whether the residual is no more than rounding: neither a shorter slab nor knots lower it."""
        return float(np.sqrt(self.losses[0])) <= self.floor

    @property
    def is_nearly_rounded(self) -> bool:
        """Whether the residual is so small that the correction may be mostly rounding."""
        return float(np.sqrt(self.losses[0])) <= NEARLY * self.floor

    @property
    def carried(self) -> tuple[float, float]:
        """Root mean square over the slab of the error carried into it, and that over its size at the start.

        For higher orders in time the error of rates counts at the start too, times powers of the length. Unknowns
        without rates, as a pressure, hardly count.
        """
        space, error = self.error
        carried, time = error - (1.0 + self.to_come) * self.local, space.axes[-1]
        start, orders = Space(space.axes[:-1], space.unknowns), range(self.system.model.orders[-1])
        traces = [along(time.matrix(time.breaks[:1], k), carried, len(space.axes) - 1)[..., 0, :] for k in orders]
        begun = sum(float(start.norm(t).max()) * self.length**k for k, t in enumerate(traces))
        size = float((space.norm(carried) * self.system.model.counted).max()) / np.sqrt(self.length)
        return size, size / max(begun, 1e-300)

    @property
    def hidden(self) -> float:
        """The error that the residual can hide: its norm over the stability constant."""
        null = least_determined(self.richer.kept, self.error[0], self.base)
        return float(np.sqrt(self.losses[1])) / max(null.sigma, 1e-300)


def predicted(begun: SlabStart, time: Axis) -> Array:
    """Return the Taylor polynomial from the traces and rates at the start, as coefficients of the slab.

    It ends with its smallest term, as an asymptotic series.
    """
    rates = begun.traces[1:] if begun.rates is None else np.moveaxis(begun.rates, -1, 0)
    length, p = float(time.breaks[-1]) - begun.time, time.degree
    terms = [begun.traces[0], *(r * length**k for k, r in enumerate(rates[:p], 1))]
    sizes = [float(np.sqrt(np.mean(t**2))) for t in terms[1:]]
    terms = terms[: 2 + int(np.argmin(sizes))] if sizes else terms
    value = sum(np.multiply.outer(t, [comb(j, k) / comb(p, k) for j in range(p + 1)]) for k, t in enumerate(terms))
    return np.moveaxis(np.asarray(value), -1, -2)


def taylor(time: Axis, coefficients: Array) -> Array:
    """Return the Taylor coefficients of orders 1, 2, .. at the end of the single time interval, order last."""
    p, length = time.degree, float(np.ptp(time.breaks))
    last = np.moveaxis(coefficients, -2, -1)
    terms = [comb(p, k) / length**k * np.diff(last, k)[..., -1] for k in range(1, p + 1)]
    return np.stack(terms, -1)


def side_values(model: Model, space: Space) -> list[tuple[BoundaryValue, Array]]:
    """Return the conditions that fix coefficients on the sides of a slab, with their values."""
    return [(given, face_values(given, space)) for given in model.conditions.boundary]


def fixed_by(
    model: Model, space: Space, traces: Sequence[Array], sides: list[tuple[BoundaryValue, Array]], start: Array
) -> tuple[Array, np.ndarray]:
    """Return ``start`` with the traces of u, u_t, .. and the side values written in, and the mask of these."""
    initial = [(given, traces[given.order][..., given.unknown]) for given in model.conditions.initial]
    return fix(space, initial + sides, start, np.zeros(space.shape, dtype=bool))


#: Coefficients from which on a step costs more than an iteration on every second knot.
MANY_COEFFICIENTS = 10_000
#: Relative size of the last step on fewer knots: their solution is hardly nearer. Heuristic.
NEAR = 1e-2
#: Damping beyond which a slab is given up as too long. Nine tenths of the steps of van der Pol's equation with mu =
#: 1000 were taken in slabs that were given up later.
FIRM = 1e-2


def first_guess(model: Model, begun: SlabStart, time: Axis) -> Array:
    """Return initial coefficients of a slab; in large nonlinear ones from a solution on every second knot."""
    plain, space = predicted(begun, time), Space((*begun.axes, time), begun.unknowns)
    if model.is_linear or space.size < MANY_COEFFICIENTS:
        return plain
    coarse = replace(space, axes=(*map(_every_second, begun.axes), time))
    if coarse.shape == space.shape:
        return plain
    (old, _), (new, _) = begun.spaces(begun.axes), begun.spaces(coarse.axes[:-1])
    traces = [new.restrict(t, old) for t in begun.traces]
    sides = side_values(model, coarse)
    start, fixed = fixed_by(model, coarse, traces, sides, coarse.restrict(plain, space))
    try:
        found = gauss_newton(System(model, coarse), start, fixed, NEAR)
    except (SolverError, np.linalg.LinAlgError):
        return plain
    return plain + coarse.prolong(found.coefficients - start, space) if found.stationary else plain


def with_more_knots(begun: SlabStart, slab: ProductSlab, allowed: float) -> tuple[SlabStart, Array | None]:
    """Return the state on knots inserted where the local correction is large, and a guess (None after grading)."""
    mass = slab.share.mass[:-1]
    axes = with_marked(begun.axes, wanted(mass, allowed), begun.unknowns)
    *in_space, in_time = slab.share.size
    excess = [size / allowed if size > in_time else 0.0 for size in in_space]  # too long a slab is wrong everywhere
    towards = towards_sides(axes, mass, excess)
    if towards is not None:  # graded knots are not in the space of the correction
        return begun.moved_to(towards), None
    (old, c), (fine, _) = slab.piece, slab.error
    space = Space((*axes, old.axes[-1]), begun.unknowns)
    return begun.moved_to(axes), np.ascontiguousarray(space.restrict(old.prolong(c, fine) + slab.local, fine))


def firmness(model: Model, begun: SlabStart) -> float:
    """Return the damping beyond which a slab is given up.

    The largest in a first slab whose initial values are unknown: no shorter slab begins nearer to these.
    """
    given = {layer.unknown for layer in model.conditions.initial}
    is_first = begun.time == model.problem.box.ranges[-1][0]
    is_given = model is model.after_start and len(given) == begun.unknowns
    return FIRMEST if is_first and not is_given else FIRM


def _every_second(axis: Axis) -> Axis:
    fewest = axis.degree + 1 if axis.periodic else 2
    kept = np.union1d(axis.breaks[::2], [axis.breaks[-1], *axis.joints])
    return replace(axis, breaks=kept) if len(kept) > fewest else axis


def bounded(folds: float, number: int | None) -> float:
    """Return ``folds``, the e-folds of growth in a slab; raise SolverError if a given ``number`` of slabs is too small.

    Least squares on too long a slab follow no growth: of a_t = 100 (a - 1) they make a constant.
    """
    if number and folds > MOST_FOLDS:
        grows = f"in a slab something grows by e^{folds:.3g}, and e^{MOST_FOLDS:g} is held"
        fewest = int(np.ceil(number * folds / MOST_FOLDS))
        raise SolverError(f"{grows}: leave out `time_slabs`, or give {fewest} or more", Reason.MAX_LEVELS)
    return folds
