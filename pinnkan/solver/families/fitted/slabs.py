"""Time slabs in coordinates that move with a front, s = n . x - c(r, t): solved, corrected and accepted one by one.

The course c is extrapolated from the slab before; if the front leaves it, c is fitted to the ridge and the slab solved
again. Initial values enter by rows, since every slab has coordinates and knots of its own. The estimate is the sum of
the corrections along s, r and t; the one along s carries the error of all earlier slabs.
"""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates, FittedField, FittedPiece
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.marking import refine_marked
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.fitted.front import front_of_spline, shift_axis, straighten_coordinates
from pinnkan.solver.families.fitted.initial_front import ComovingValues, Values, constant_piece, extrapolate_coordinates
from pinnkan.solver.families.fitted.levels import (
    IMMERSION_WORDS,
    Corrections,
    corrections_by_axis,
    feature_in_coordinates,
    mark_intervals,
)
from pinnkan.solver.families.fitted.system import ImmersedSystem
from pinnkan.solver.families.product.step_control import GROW, MARGIN, SHRINK, fit_length
from pinnkan.solver.level_family import LossMinimum, ModelFamily
from pinnkan.solver.minimise.gauss_newton import GaussNewtonResult, gauss_newton
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.slab_history import SolvedSlab
from pinnkan.solver.time_pass import TimePass
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature, refine_at_feature

#: The network in words.
NETWORK_WORDS = "product in inner coordinates that move with the front, across and along it"
#: Degrees across the front, along it and in time. Degree 6 in all three took six times longer for a slab.
DEGREES = (5, 4, 4)
#: Length of the first slab relative to the whole time: short, since the speed of the front is not known yet.
FIRST_SLAB_SHARE = 0.02
#: A slab is solved again if the front is farther from s = 0 than this share of its width; number of solves in all. If
#: that does not lower the residual, the smaller correction decides: by the residual turning_front took 20 times as
#: long.
MOST_COURSE_OFFSET, MOST_SOLVES = 0.5, 3
#: Maximum number of rejections of one slab; then it is accepted, and the estimate includes what that costs.
MOST_REJECTIONS = 8
#: Attempts in a row without a smaller correction after which the best is accepted: where the error of the slab before
#: disagrees with the sides, neither knots nor length help.
MOST_STAGNANT_ATTEMPTS = 2
#: Corrections along s and r below this share of that in time ask for no knots: too long attempts at a pulse of 1e-3
#: inserted 23 intervals along the front where 8 are enough.
SPACE_SHARE = 0.1
#: Gauss-Newton in a slab stops when the next step is predicted below this share of the allowed correction.
NEWTON_TOLERANCE_SHARE = 0.05

FittedPass = TimePass[FittedPiece]


@dataclass(frozen=True, eq=False)
class FittedSlab(SolvedSlab[FittedPiece]):
    """A solved slab in moving coordinates: its local corrections along s, r and t, its ``system``."""

    local_corrections: Corrections
    system: ImmersedSystem

    @property
    def space(self) -> Space:
        """The spline space over (s, r, t)."""
        return self.piece.terms[0][0]


@dataclass(frozen=True, eq=False)
class FittedAim:
    """The next attempt at a slab: coordinates, axes of (s, r), length.

    ``rejections``: attempts so far; ``best``: correction size, coordinates, axes and length of the best of them;
    ``attempts_since_best``: attempts after that; ``is_last``: the best is repeated and accepted.
    """

    coordinates: Coordinates
    axes: tuple[Axis, ...]
    length: float
    rejections: int = 0
    best: tuple[float, Coordinates, tuple[Axis, ...], float] | None = None
    attempts_since_best: int = 0
    is_last: bool = False


@dataclass(frozen=True, eq=False)
class FittedSlabs(ModelFamily):
    """The family of tensor-product splines in time slabs, on coordinates that move with a front.

    ``coordinates``, ``axes``: represent the initial data; ``initial_values``: the initial data as a function of points
    (x, y); ``choice_reason``: the reason for this choice, in words.
    """

    coordinates: Coordinates
    axes: tuple[Axis, ...]
    initial_values: Values
    most_passes: int
    choice_reason: str

    def initial_aim(self, local_tolerance: float) -> FittedAim:
        start, end = self.problem.box.ranges[-1]
        return FittedAim(self.coordinates, self.axes, FIRST_SLAB_SHARE * (end - start))

    def initial_piece(self, aim: FittedAim) -> tuple[FittedPiece, float]:
        piece = constant_piece(self.initial_values, self.coordinates, self.axes, self.problem, aim.length)
        return piece, float(piece.terms[0][0].axes[2].breaks[-1])

    def next_length(self, aim: FittedAim, time_pass: FittedPass) -> float:
        return aim.length if aim.is_last else fit_length(aim.length, time_pass.next_required_end - time_pass.time)

    def shorten(self, aim: FittedAim, length: float) -> FittedAim:
        """Return the same attempt with another length; Gauss-Newton starts nearer to the solution of a short slab."""
        return replace(aim, length=length)

    def attempt(self, aim: FittedAim, length: float, time_pass: FittedPass) -> FittedSlab:
        """Solve one slab and correct it; while the front leaves its course, fit the course and solve again."""
        domain = self.problem.domain.time_part(time_pass.time, time_pass.time + length)
        ranges = domain.box.ranges
        coordinates, axes, best = extrapolate_coordinates(aim.coordinates, ranges), aim.axes, None
        for turn in range(MOST_SOLVES):
            box = coordinates.covering_ranges(ranges)
            axes = tuple(shift_axis(a, ends, 0.0) for a, ends in zip(axes, box, strict=False))
            space = Space((*axes, Axis(np.array(ranges[2]), DEGREES[2])), len(self.problem.unknowns))
            system = ImmersedSystem(
                self.model, space, coordinates, domain, initial_fields=time_pass.slab_history.slabs[-1:]
            )
            # a resumed iteration belongs to the first coordinates; those of later turns are computed again
            found = self._solve_slab(
                system, length, time_pass, time_pass.monitor if turn == 0 else time_pass.monitor.side_monitor()
            )
            loss = system.mean_square(found.coefficients)
            if best is not None and loss >= best[0]:
                both = (_correct_slab(*solved, length, time_pass) for solved in (best[1:], (system, found)))
                return min(both, key=lambda slab: slab.correction_size)
            best = loss, system, found
            course = front_of_spline(space, found.coefficients, coordinates, domain)
            if course.rms_position <= MOST_COURSE_OFFSET * course.width or turn == MOST_SOLVES - 1:
                break
            moved = straighten_coordinates(coordinates, course, ranges)
            if moved is None:  # straight enough, but off s = 0
                moved = coordinates.with_warp(coordinates.warp, coordinates.warp_coefficients + course.mean_position)
            coordinates = moved
        assert best is not None
        _, system, found = best
        return _correct_slab(system, found, length, time_pass)

    def _solve_slab(
        self, system: ImmersedSystem, length: float, time_pass: FittedPass, monitor: Monitor
    ) -> GaussNewtonResult:
        """Minimise by Gauss-Newton, starting from the values at the start of the slab moved along with the front."""
        start = np.zeros(system.space.shape)
        if not self.model.is_linear:
            values = (
                time_pass.slab_history.slabs[-1].at_time(time_pass.time)
                if time_pass.slab_history.slabs
                else self.initial_values
            )
            start = system.fit_function(
                ComovingValues(values, system.coordinates, time_pass.time, self.problem.domain.projected(2))
            )
        found = gauss_newton(
            system, start, system.fixed, NEWTON_TOLERANCE_SHARE * time_pass.allowed_correction(length), monitor
        )
        if not found.is_stationary:
            raise SolverError("Gauss-Newton did not settle in a slab")
        return found

    def is_accurate(self, aim: FittedAim, slab: FittedSlab, time_pass: FittedPass) -> bool:
        return slab.correction_size <= time_pass.allowed_correction(slab.length)

    def add_knots_at(self, aim: FittedAim, slab: FittedSlab, feature: HiddenFeature) -> FittedAim | None:
        """Return an attempt with a shorter slab and knots at a missed feature, None after too many rejections."""
        if aim.rejections >= MOST_REJECTIONS:
            return None
        coordinates, axes = slab.piece.coordinates, slab.space.axes[:2]
        axes = refine_at_feature(axes, feature_in_coordinates(feature, coordinates))
        return FittedAim(coordinates, axes, SHRINK * slab.length, aim.rejections + 1, aim.best, aim.attempts_since_best)

    def plan_retry(self, aim: FittedAim, slab: FittedSlab, time_pass: FittedPass) -> FittedAim | None:
        """Return the next attempt at a rejected slab, with more knots, shorter, or both; None accepts the slab.

        After attempts without a smaller correction the best is repeated. Raises SolverError: it would be too short.
        """
        if aim.is_last or aim.rejections >= MOST_REJECTIONS:
            return None
        mine = slab.correction_size, slab.piece.coordinates, slab.space.axes[:2], slab.length
        best, since = aim.best, aim.attempts_since_best
        if max(slab.local_corrections.sizes[:2]) >= slab.local_corrections.sizes[2]:
            best, since = (mine, 0) if best is None or slab.correction_size < best[0] else (best, since + 1)
        if best is not None and since >= MOST_STAGNANT_ATTEMPTS:
            return FittedAim(*best[1:], aim.rejections, best, since, is_last=True)
        local, allowed, axes, length = (
            slab.local_corrections,
            time_pass.allowed_correction(slab.length),
            slab.space.axes[:2],
            aim.length,
        )
        if max(local.sizes[:2]) > max(0.3 * allowed, SPACE_SHARE * local.sizes[2]):
            plane = Corrections(local.pieces[:2], local.sizes[:2], local.interval_squares[:2])
            axes = refine_marked(axes, mark_intervals(plane, allowed, along_weight=1.0))
        if local.sizes[2] > 0.3 * allowed:
            length = slab.length * min(max(_length_factor(slab, allowed), SHRINK), 0.8)
        if length < time_pass.shortest():
            raise SolverError(f"at {time_pass.time_words} the slabs became too short")
        return FittedAim(slab.piece.coordinates, axes, length, aim.rejections + 1, best, since)

    def plan_next(self, aim: FittedAim, slab: FittedSlab, time_pass: FittedPass) -> FittedAim:
        length = slab.length * min(max(_length_factor(slab, time_pass.allowed_correction(slab.length)), SHRINK), GROW)
        return FittedAim(slab.piece.coordinates, slab.space.axes[:2], length)

    def evaluate_minimum(self, slab: FittedSlab, time_pass: FittedPass) -> LossMinimum:
        system, (space, c) = slab.system, slab.piece.terms[0]
        ranges = self.problem.domain.time_part(time_pass.time, time_pass.time + slab.length).box.ranges
        return LossMinimum(
            field=FittedField((slab.piece,), ranges, np.array(ranges[2])),
            intervals=tuple(a.intervals for a in space.axes),
            degree=tuple(a.degree for a in space.axes),
            parameters=int((~system.fixed).sum()) + system.coordinates.parameters,
            points=system.row_count,
            loss=system.mean_square(c),
            heldout=system.held_out_system().mean_square(c),
            note=str(system.coordinates),
        )

    def spaces(self, slab: FittedSlab) -> None:
        """None: the solution is not a spline on the coordinate axes."""

    def samples(self, slab: FittedSlab) -> Samples:
        """The solution at held-out points."""
        return slab.system.held_out_system().samples(slab.piece.terms[0][1])

    def network_description(self) -> str:
        return (
            f"{NETWORK_WORDS}: {IMMERSION_WORDS.replace('them', 'them and time in each slab')} ({self.choice_reason})"
        )


def _correct_slab(
    system: ImmersedSystem, minimum: GaussNewtonResult, length: float, time_pass: FittedPass
) -> FittedSlab:
    """Correct a solved slab; its global error is the second right-hand side along s, with the error at its start."""
    space, c, squares = system.space, minimum.coefficients, system.squared_norms(minimum.coefficients)[0]
    before = (*time_pass.slab_history.slabs[-1:], *time_pass.slab_history.error_pieces[-1:])
    scale = time_pass.reference_squared_norms(squares, length)
    local = corrections_by_axis(system, c, scale, before, lambda: time_pass.monitor.check_time_if_usable(minimum.steps))
    missing = np.sum([system.grid.values(*term) for term in local.propagated_pieces], 0)
    (fine, made), (_, with_earlier) = local.pieces[0], local.propagated_pieces[0]
    piece, error = (
        FittedPiece(system.coordinates, ((space, c),)),
        FittedPiece(system.coordinates, local.propagated_pieces),
    )
    error_squares = system.grid.integral(missing**2)
    carried = system.grid.integral(system.grid.values(fine, with_earlier - made) ** 2)
    size = sum(local.sizes)
    return FittedSlab(
        piece, error, length, minimum.steps, squares, error_squares, carried, local, system, correction_size=size
    )


def _length_factor(slab: FittedSlab, allowed: float) -> float:
    """Return the factor on the length of a slab by which its correction in time should become 0.3 ``allowed``."""
    return MARGIN * (0.3 * allowed / max(slab.local_corrections.sizes[2], 1e-300)) ** (1.0 / (DEGREES[2] + 0.5))
