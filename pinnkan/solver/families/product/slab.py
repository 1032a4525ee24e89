"""One time slab: where its Gauss-Newton iteration begins, what conditions fix in it, and what it is once solved.

It begins with what the slab before says of its rates, or on fewer knots: a slab as long as its accuracy allows may be
too long for the Taylor polynomial of the one before to be of any use: a front that forms takes six steps from there. On
every second knot they cost a fourth, in the plane, and those on all of them begin near enough to take two (nested
iteration, as in a full multigrid cycle: Brandt 1977).
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

#: A residual of so many times its rounding may still be what holds a correction up.
NEARLY = 1e4


@dataclass(frozen=True, eq=False)
class ProductSlab(SolvedSlab[tuple[Space, Array]]):
    """A solved slab with its ``local`` correction, in the space of the global ``error``.

    ``share``: where and along which coordinate that lies; ``richer``: the system of the corrections, which have
    ``more`` degrees in time; ``doubts``: how often it was not worth while to take many more; ``unsolved``: mean squared
    residual of its data alone; ``noise``: about what rounding of the residual makes of the correction, relative: of its
    norm ``floor`` as much as one function in so many sees, which the equations let grow from nothing in the slab;
    ``uneven``: the :func:`pinnkan.solver.families.product.unevenness.unevenness` of what conjugate gradients solved;
    ``folds``: the :func:`pinnkan.solver.verify.regrowth.folds` of what may grow; ``to_come``: corrections that are to
    follow the local one, over it, which the error has too.
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
        """Of the residual before and after the local correction."""
        base = self.base
        return float(self.richer.loss(base)), float(self.richer.loss(base + self.local))

    @property
    def fall(self) -> float:
        """What the local correction leaves of the residual, root mean square."""
        before, after = self.losses
        return float(np.sqrt(after / nonzero(np.asarray(before))))

    @property
    def is_rounded(self) -> bool:
        """Whether the residual is no more than rounding: it is then lowered by no shorter slab and no knots.

        Taken for an error in time, slabs of Robertson's reaction at 1e-7 were a millionth of the time to the end.
        """
        return float(np.sqrt(self.losses[0])) <= self.floor

    @property
    def is_nearly_rounded(self) -> bool:
        """Whether it is so little more that a correction may be what rounding makes of it.

        Where a kick bends what it depends on, both are small, and the residual is a million times its rounding.
        """
        return float(np.sqrt(self.losses[0])) <= NEARLY * self.floor

    @property
    def carried(self) -> tuple[float, float]:
        """Root mean square of what the slab makes of the error that it starts with, and that over its size there.

        Of a second order in time the rate at the start counts as well, times the length. What follows the others, as
        the pressure of a flow does, hardly counts: it begins with nothing.
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
        """The error that the residual left can hide: its norm over the least of a function of size one."""
        null = least_determined(self.richer.kept, self.error[0], self.base)
        return float(np.sqrt(self.losses[1])) / max(null.sigma, 1e-300)


def predicted(begun: SlabStart, time: Axis) -> Array:
    """Taylor polynomial of the known traces and rates, as coefficients of the slab.

    An asymptotic series: it ends with its smallest term. Against the first two terms alone: one Gauss-Newton step less
    in nearly every slab.
    """
    rates = begun.traces[1:] if begun.rates is None else np.moveaxis(begun.rates, -1, 0)
    length, p = float(time.breaks[-1]) - begun.time, time.degree
    terms = [begun.traces[0], *(r * length**k for k, r in enumerate(rates[:p], 1))]
    sizes = [float(np.sqrt(np.mean(t**2))) for t in terms[1:]]
    terms = terms[: 2 + int(np.argmin(sizes))] if sizes else terms
    value = sum(np.multiply.outer(t, [comb(j, k) / comb(p, k) for j in range(p + 1)]) for k, t in enumerate(terms))
    return np.moveaxis(np.asarray(value), -1, -2)


def taylor(time: Axis, coefficients: Array) -> Array:
    """Taylor coefficients of orders 1.. at the end of a single interval, order last: Bernstein's differences."""
    p, length = time.degree, float(np.ptp(time.breaks))
    last = np.moveaxis(coefficients, -2, -1)
    terms = [comb(p, k) / length**k * np.diff(last, k)[..., -1] for k in range(1, p + 1)]
    return np.stack(terms, -1)


def side_values(model: Model, space: Space) -> list[tuple[BoundaryValue, Array]]:
    """The conditions that fix coefficients on the sides of a slab, with their values."""
    return [(given, face_values(given, space)) for given in model.conditions.boundary]


def fixed_by(
    model: Model, space: Space, traces: Sequence[Array], sides: list[tuple[BoundaryValue, Array]], start: Array
) -> tuple[Array, np.ndarray]:
    """``start`` with the traces of u, u_t, .. and the values on the sides written into it, and the mask of both."""
    initial = [(given, traces[given.order][..., given.unknown]) for given in model.conditions.initial]
    return fix(space, initial + sides, start, np.zeros(space.shape, dtype=bool))


#: Coefficients from which on a step costs more than what leads up to it.
MANY_COEFFICIENTS = 10_000
#: Relative size of a step on fewer knots that is the last one: what these hold of a solution that all of them are
#: needed for is not much nearer. A guess that needs no more is left as it is.
NEAR = 1e-2
#: A step that has to be damped more than this tells that the slab is too long: a shorter one begins nearer. Of van der
#: Pol's equation with mu = 1000 nine tenths of all steps were taken in slabs that were given up in the end.
FIRM = 1e-2


def first_guess(model: Model, begun: SlabStart, time: Axis) -> Array:
    """Coefficients of a slab to begin with; only those of a linear problem need not be near."""
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
    """Knots inserted where the local correction is; the same traces in it, and a starting guess for the slab."""
    mass = slab.share.mass[:-1]
    axes = with_marked(begun.axes, wanted(mass, allowed), begun.unknowns)
    *in_space, in_time = slab.share.size
    excess = [size / allowed if size > in_time else 0.0 for size in in_space]  # in too long a time all is wrong
    towards = towards_sides(axes, mass, excess)
    if towards is not None:  # not in the space of the correction
        return begun.moved_to(towards), None
    (old, c), (fine, _) = slab.piece, slab.error
    space = Space((*axes, old.axes[-1]), begun.unknowns)
    return begun.moved_to(axes), np.ascontiguousarray(space.restrict(old.prolong(c, fine) + slab.local, fine))


def firmness(model: Model, begun: SlabStart) -> float:
    """Beyond which damping a slab is given up. No slab is near to a start that is solved for itself.

    Conditions there are no values (of a + a^3 = 2 none was short enough), or some unknown has none (q + q^3 = p).
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
    """The ``folds`` by which something grows in a slab, one of a given ``number`` of them.

    Raises SolverError: it is given and holds fewer. Of a_t = 100 (a - 1) from 1 + 1e-8 to t = 2 a single slab had made
    the state of rest, with an estimate of 6e-10.
    """
    if number and folds > MOST_FOLDS:
        grows = f"in a slab something grows by e^{folds:.3g}, and e^{MOST_FOLDS:g} is held"
        fewest = int(np.ceil(number * folds / MOST_FOLDS))
        raise SolverError(f"{grows}: leave out `time_slabs`, or give {fewest} or more", Reason.MAX_LEVELS)
    return folds
