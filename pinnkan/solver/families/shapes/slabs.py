"""Slabs of time on a shape in the plane: splines on its box times splines in time, solved one by one.

The state at the start of a slab enters by rows, so that each slab has knots of its own. The estimate is the sum of the
corrections along each coordinate; the one along x carries the error of all earlier slabs.
"""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space, constant_piece, sum_terms
from pinnkan.solver.estimate.marking import mark_by_maximum, refine_marked
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.product.slab_start import kept_breakpoints
from pinnkan.solver.families.product.step_control import GROW, MARGIN, SHRINK, fit_length
from pinnkan.solver.families.shapes.initial_values import fit_initial_values
from pinnkan.solver.families.shapes.levels import NETWORK_WORDS, first_axes, loss_minimum
from pinnkan.solver.families.shapes.system import ShapeSystem
from pinnkan.solver.level_family import LossMinimum, ModelFamily
from pinnkan.solver.minimise.gauss_newton import gauss_newton
from pinnkan.solver.slab_history import SolvedSlab
from pinnkan.solver.time_pass import TimePass
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature, refine_at_feature

#: Length of the first attempt over the whole time; a rejected one is cheap.
FIRST_SLAB_SHARE = 0.1
#: Maximum number of rejections of one slab; then it is accepted, and the estimate includes what that costs.
MOST_REJECTIONS = 12
#: Shares of the allowed correction: corrections in space above the first ask for knots, the part in time aims at the
#: second, knots are left out where they would make the third of its square. Heuristic.
SPACE_SHARE, TIME_SHARE, MERGING_SHARE = 0.5, 0.4, 1e-3
#: Gauss-Newton in a slab stops when the next step is predicted below this share of the allowed correction.
NEWTON_TOLERANCE_SHARE = 0.05

Piece = tuple[Space, Array]
ShapePass = TimePass[Piece]


@dataclass(frozen=True, eq=False)
class ShapeSlab(SolvedSlab[Piece]):
    """A solved slab: its ``system``; the ``sizes`` of its local corrections along x, y and t, and their squares.

    ``interval_squares``: by interval of x and of y; ``losses``: mean squared residuals before and after correction.
    """

    system: ShapeSystem
    sizes: tuple[float, ...]
    interval_squares: tuple[Array, ...]
    losses: tuple[float, float]

    @property
    def size_in_space(self) -> float:
        """The correction along x and y."""
        return sum(self.sizes[:2])


@dataclass(frozen=True, eq=False)
class ShapeAim:
    """The next attempt at a slab: axes of x and y, and the length; ``rejections``: attempts so far."""

    axes: tuple[Axis, ...]
    length: float
    rejections: int = 0


@dataclass(frozen=True, eq=False)
class ShapeSlabs(ModelFamily):
    """The tensor-product splines on the box of a shape, of a ``degree`` in space and one in time, in slabs."""

    degree: tuple[int, int]
    first_intervals: int
    most_passes: int

    def initial_aim(self, local_tolerance: float) -> ShapeAim:
        start, end = self.problem.box.ranges[-1]
        axes = first_axes(self.problem.box.ranges[:2], self.degree[0], self.first_intervals)
        return ShapeAim(axes, FIRST_SLAB_SHARE * (end - start))

    def initial_piece(self, aim: ShapeAim) -> tuple[Piece, float]:
        start = self.problem.box.ranges[-1][0]
        trace = fit_initial_values(self.model, aim.axes)
        return constant_piece(aim.axes, trace, start, start + aim.length), start + aim.length

    def next_length(self, aim: ShapeAim, time_pass: ShapePass) -> float:
        count, remaining = self.problem.solver.time_slabs, time_pass.next_required_end - time_pass.time
        if count:
            even = time_pass.duration / count
            return even if remaining > 1.5 * even else remaining
        return fit_length(aim.length, remaining)

    def shorten(self, aim: ShapeAim, length: float) -> ShapeAim | None:
        return None if self.problem.solver.time_slabs else replace(aim, length=length)

    def attempt(self, aim: ShapeAim, length: float, time_pass: ShapePass) -> ShapeSlab:
        """Solve a slab by Gauss-Newton and correct it."""
        ends = np.array([time_pass.time, time_pass.time + length])
        space = Space((*aim.axes, Axis(ends, self.degree[1])), len(self.problem.unknowns))
        before = [ProductField((piece,)) for piece in time_pass.slab_history.slabs[-1:]]
        system = ShapeSystem(self.model, space, initial_fields=before)
        start = np.zeros(space.shape) if self.model.is_linear else self._first_guess(space, time_pass)
        settled = NEWTON_TOLERANCE_SHARE * time_pass.allowed_correction(length)
        found = gauss_newton(system, start, system.fixed, settled, time_pass.monitor, time_pass.contraction)
        if not found.is_stationary:
            raise SolverError("Gauss-Newton did not settle in a slab")
        c, fields = found.coefficients, [*before, *map(_field_of, time_pass.slab_history.error_pieces[-1:])]
        scale = time_pass.reference_squared_norms(squares := system.squared_norms(c)[0], length)
        terms, sizes, norms, masses, losses, carried = [], [], [], [], [], 0.0 * squares
        for i, axis in enumerate(space.axes):
            time_pass.monitor.check_time_if_usable(found.steps)
            given = fields if i == 0 and before else before
            richer = system.in_space(space.with_axis(i, axis.halved()), initial_fields=given)
            base = space.prolong(c, richer.space)
            steps = richer.gauss_newton_steps(base, [base] * max(len(given), 1), richer.fixed)
            local, strips = richer.squared_norms(steps[0])
            terms.append((richer.space, steps[-1]))
            norms.append(np.sqrt(richer.squared_norms(steps[-1])[0]))
            sizes.append(float(np.sqrt((local / scale).max())))
            losses.append(richer.mean_square(base + steps[0]))
            masses.append((strips[i] / scale).max(-1).reshape(axis.intervals, -1).sum(1))
            if i == 0:
                carried = richer.squared_norms(steps[-1] - steps[0])[0]
        return ShapeSlab(
            (space, c), sum_terms(terms), length, found.steps, squares, np.sum(norms, axis=0) ** 2, carried,
            system, tuple(sizes), tuple(masses[:2]), (system.mean_square(c), min(losses)), correction_size=sum(sizes),
        )  # fmt: skip

    def _first_guess(self, space: Space, time_pass: ShapePass) -> Array:
        """The state at the start of a slab, constant in time."""
        piece = time_pass.slab_history.slabs[-1:]
        if not piece:
            trace = fit_initial_values(self.model, space.axes[:2])
        else:
            (old, c), flat = piece[0], replace(space, axes=space.axes[:2])
            last, common = replace(old, axes=old.axes[:2]), _common_axes(old.axes[:2], space.axes[:2])
            both = replace(flat, axes=common)
            trace = flat.restrict(last.prolong(c[:, :, -1], both), both)
        return np.repeat(trace[:, :, None], space.shape[2], axis=2)

    def is_accurate(self, aim: ShapeAim, slab: ShapeSlab, time_pass: ShapePass) -> bool:
        return slab.correction_size <= time_pass.allowed_correction(slab.length)

    def add_knots_at(self, aim: ShapeAim, slab: ShapeSlab, feature: HiddenFeature) -> ShapeAim | None:
        """Return an attempt with a shorter slab and knots at a missed feature, None after too many rejections."""
        if aim.rejections >= MOST_REJECTIONS:
            return None
        length = slab.length if self.problem.solver.time_slabs else SHRINK * slab.length
        return ShapeAim(refine_at_feature(aim.axes, feature), length, aim.rejections + 1)

    def plan_retry(self, aim: ShapeAim, slab: ShapeSlab, time_pass: ShapePass) -> ShapeAim | None:
        """Return the next attempt, with more knots, shorter, or both; None accepts the slab: nothing helps."""
        if aim.rejections >= MOST_REJECTIONS:
            return None
        allowed, axes, length = time_pass.allowed_correction(slab.length), aim.axes, slab.length
        is_too_long = slab.sizes[2] > TIME_SHARE * allowed and not self.problem.solver.time_slabs
        if is_too_long:
            length *= min(self._length_factor(slab, allowed), 0.8)
        if slab.size_in_space > SPACE_SHARE * allowed or not is_too_long:
            least = 0.5 * (SPACE_SHARE * allowed) ** 2 / _count(axes)
            axes = refine_marked(axes, mark_by_maximum(slab.interval_squares, least))
        if length < time_pass.shortest():
            if time_pass.is_early(time_pass.time):
                return None
            raise SolverError(f"at {time_pass.time_words} the slabs became too short")
        if not is_too_long and _count(axes) == _count(aim.axes):
            return None
        return ShapeAim(axes, length, aim.rejections + 1)

    def plan_next(self, aim: ShapeAim, slab: ShapeSlab, time_pass: ShapePass) -> ShapeAim:
        """Return the first attempt at the next slab: without knots that it should not need, and with another length."""
        allowed = time_pass.allowed_correction(slab.length)
        budget = MERGING_SHARE * allowed**2 / _count(aim.axes)
        kept = [
            replace(a, breaks=a.breaks[kept_breakpoints(a, mass, budget)])
            for a, mass in zip(aim.axes, slab.interval_squares, strict=True)
        ]
        return ShapeAim(tuple(kept), slab.length * self._length_factor(slab, allowed))

    def _length_factor(self, slab: ShapeSlab, allowed: float) -> float:
        """The factor on a length by which the correction in time should become TIME_SHARE of what is ``allowed``."""
        ratio = TIME_SHARE * allowed / max(slab.sizes[2], 1e-300)
        return float(np.clip(MARGIN * ratio ** (1.0 / (self.degree[1] + 0.5)), SHRINK, GROW))

    def evaluate_minimum(self, slab: ShapeSlab, time_pass: ShapePass) -> LossMinimum:
        space, c = slab.piece
        field = ProductField((slab.piece,), space.axes[2].breaks[[0, -1]])
        return replace(loss_minimum(slab.system, field, c, slab.losses[0]), fine_loss=slab.losses[1])

    def spaces(self, slab: ShapeSlab) -> None:
        """None: the checks that solve in these spaces do so on the whole box."""

    def samples(self, slab: ShapeSlab) -> Samples:
        """The solution at the points inside of other Gauss rules."""
        space, c = slab.piece
        return slab.system.in_space(space, extra_points=1).samples(c)

    def network_description(self) -> str:
        return f"{NETWORK_WORDS}, and on time in each slab"


def _field_of(piece: Piece) -> ProductField:
    return ProductField((piece,))


def _count(axes: tuple[Axis, ...]) -> int:
    return sum(axis.intervals for axis in axes)


def _common_axes(first: tuple[Axis, ...], second: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Axes with the breakpoints of both."""
    return tuple(replace(a, breaks=np.union1d(a.breaks, b.breaks)) for a, b in zip(first, second, strict=True))
