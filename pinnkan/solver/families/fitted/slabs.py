"""Slabs of time in coordinates that move with a front: s = n . x - c(r, t), solved, corrected and accepted one by one.

The course c of a slab is that of the one before, carried on; when the solution shows that the front leaves it, the
course is fitted to its ridge and the slab is solved again. Every slab has coordinates, box and knots of its own: it
takes over the values at its start by rows, not by coefficients. The estimate is the sum of the corrections along s, r
and t; the one along s also carries the error of all earlier slabs.
"""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates, FittedField, FittedPiece
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.fitted.front import carried, front_in, straightened
from pinnkan.solver.families.fitted.levels import IMMERSED, Corrections, corrections, in_coordinates, marked
from pinnkan.solver.families.fitted.start import Carried, Values, continued, standing
from pinnkan.solver.families.fitted.system import ImmersedSystem
from pinnkan.solver.families.product.pace import GROW, MARGIN, SHRINK, fitted
from pinnkan.solver.family import Measured, ModelFamily
from pinnkan.solver.minimise.gauss_newton import Converged, gauss_newton
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.slab_family import Pass, SolvedSlab
from pinnkan.solver.verify.missed.hidden_feature import HiddenFeature, with_knots

#: The network in words.
MOVING = "product in inner coordinates that move with the front, across and along it"
#: Degrees across the front, along it, and in time: a cell has their product, plus one each, of coefficients, and its
#: cost grows with the square of that. Degree 6 in all three took six times longer for a slab (measured).
DEGREES = (5, 4, 4)
#: First slab, relative to the whole time: short, since the speed of the front is not known yet.
FIRST_SLAB = 0.02
#: A slab is solved again in better coordinates when the front leaves its course by this share of its width; at most so
#: many times. Of coordinates that leave more of the residual and those before them the smaller correction decides: by
#: the residual turning_front at 1e-6 stayed in those of the start, and took 20 times as long.
LEFT, AGAIN = 0.5, 3
#: Most rejections of one slab; then it is accepted, and the estimate says what that costs.
MOST_REJECTIONS = 8
#: When so many attempts in a row were worse than the best one, that is accepted: what the slab before has left at the
#: sides does not fall with knots or length (turning_front at 1e-5: 72 to 214 intervals, and a slab of 0.002).
IN_VAIN = 2
#: Corrections along s and r below this share of that in time are of the same waves: of a pulse of 1e-3 attempts that
#: were too long had put 23 intervals along the front where 8 do, and its 41 s were 99.
ECHO = 0.1
#: Gauss-Newton in a slab stops when its next step is predicted below this share of the allowed correction.
SETTLED = 0.05

FittedPass = Pass[FittedPiece]


@dataclass(frozen=True, eq=False)
class FittedSlab(SolvedSlab[FittedPiece]):
    """A solved slab in moving coordinates, with its local corrections along s, r and t, and the system it solves."""

    local: Corrections
    system: ImmersedSystem

    @property
    def space(self) -> Space:
        """The spline space over (s, r, t)."""
        return self.piece.terms[0][0]


@dataclass(frozen=True, eq=False)
class FittedAim:
    """The next attempt: course and axes of (s, r) to begin with, length.

    ``rejections``: attempts at this slab so far; ``best``: the size, course, axes and length of the best of them, and
    how many there were ``since``; ``is_last``: that one is made again, and accepted.
    """

    coordinates: Coordinates
    axes: tuple[Axis, ...]
    length: float
    rejections: int = 0
    best: tuple[float, Coordinates, tuple[Axis, ...], float] | None = None
    since: int = 0
    is_last: bool = False


@dataclass(frozen=True, eq=False)
class FittedSlabs(ModelFamily):
    """The tensor-product spline space on coordinates that move with a front, in slabs of time.

    ``coordinates``, ``axes``: those in which the initial data are represented; ``values``: these data as a function of
    (x, y); ``why`` these coordinates were chosen.
    """

    coordinates: Coordinates
    axes: tuple[Axis, ...]
    values: Values
    most_passes: int
    why: str

    def first(self, local: float) -> FittedAim:
        start, end = self.problem.box.ranges[-1]
        return FittedAim(self.coordinates, self.axes, FIRST_SLAB * (end - start))

    def initial(self, aim: FittedAim) -> tuple[FittedPiece, float]:
        piece = standing(self.values, self.coordinates, self.axes, self.problem, aim.length)
        return piece, float(piece.terms[0][0].axes[2].breaks[-1])

    def length(self, aim: FittedAim, at: FittedPass) -> float:
        return aim.length if aim.is_last else fitted(aim.length, at.until - at.time)

    def shortened(self, aim: FittedAim, length: float) -> FittedAim:
        """Gauss-Newton starts nearer in a shorter one."""
        return replace(aim, length=length)

    def attempt(self, aim: FittedAim, length: float, at: FittedPass) -> FittedSlab:
        """Solve one slab on the course of the aim, again while the front leaves it, and correct it."""
        domain = self.problem.domain.during(at.time, at.time + length)
        ranges = domain.box.ranges
        coordinates, axes, best = continued(aim.coordinates, ranges), aim.axes, None
        for turn in range(AGAIN):
            box = coordinates.box(ranges)
            axes = tuple(carried(a, ends, 0.0) for a, ends in zip(axes, box, strict=False))
            space = Space((*axes, Axis(np.array(ranges[2]), DEGREES[2])), len(self.problem.unknowns))
            system = ImmersedSystem(self.model, space, coordinates, domain, before=at.run.slabs[-1:])
            # an interrupted iteration goes on in the first coordinates, those of a later turn are found again
            found = self._solved(system, length, at, at.monitor if turn == 0 else at.monitor.aside())
            loss = system.mean_square(found.coefficients)
            if best is not None and loss >= best[0]:
                both = (_corrected(*solved, length, at) for solved in (best[1:], (system, found)))
                return min(both, key=lambda slab: slab.size)
            best = loss, system, found
            course = front_in(space, found.coefficients, coordinates, domain)
            if course.distance <= LEFT * course.width or turn == AGAIN - 1:
                break
            moved = straightened(coordinates, course, ranges)
            if moved is None:  # as straight as it gets, beside the middle
                moved = coordinates.moved(coordinates.warp, coordinates.bend + course.middle)
            coordinates = moved
        assert best is not None
        _, system, found = best
        return _corrected(system, found, length, at)

    def _solved(self, system: ImmersedSystem, length: float, at: FittedPass, monitor: Monitor) -> Converged:
        """Gauss-Newton, from the state at the start, carried along with the front."""
        start = np.zeros(system.space.shape)
        if not self.model.is_linear:
            values = at.run.slabs[-1].at(at.time) if at.run.slabs else self.values
            start = system.fitted(Carried(values, system.coordinates, at.time, self.problem.domain.projected(2)))
        found = gauss_newton(system, start, system.fixed, SETTLED * at.allowed(length), monitor)
        if not found.stationary:
            raise SolverError("Gauss-Newton did not settle in a slab")
        return found

    def passes(self, aim: FittedAim, slab: FittedSlab, at: FittedPass) -> bool:
        return slab.size <= at.allowed(slab.length)

    def gathered(self, aim: FittedAim, slab: FittedSlab, missed: HiddenFeature) -> FittedAim | None:
        """The same slab shorter, with knots at the feature."""
        if aim.rejections >= MOST_REJECTIONS:
            return None
        coordinates, axes = slab.piece.coordinates, slab.space.axes[:2]
        axes = with_knots(axes, in_coordinates(missed, coordinates))
        return FittedAim(coordinates, axes, SHRINK * slab.length, aim.rejections + 1, aim.best, aim.since)

    def again(self, aim: FittedAim, slab: FittedSlab, at: FittedPass) -> FittedAim | None:
        """The same slab with more knots, or shorter, or both, as the sizes of its corrections say.

        After so many attempts in vain the best of them is made again and accepted.
        """
        if aim.is_last or aim.rejections >= MOST_REJECTIONS:
            return None
        mine = slab.size, slab.piece.coordinates, slab.space.axes[:2], slab.length
        best, since = aim.best, aim.since
        if max(slab.local.sizes[:2]) >= slab.local.sizes[2]:
            best, since = (mine, 0) if best is None or slab.size < best[0] else (best, since + 1)
        if best is not None and since >= IN_VAIN:
            return FittedAim(*best[1:], aim.rejections, best, since, is_last=True)
        local, allowed, axes, length = slab.local, at.allowed(slab.length), slab.space.axes[:2], aim.length
        if max(local.sizes[:2]) > max(0.3 * allowed, ECHO * local.sizes[2]):
            plane = Corrections(local.pieces[:2], local.sizes[:2], local.masses[:2])
            marks = marked(plane, allowed, along=1.0)
            axes = tuple(a.inserted(m) for a, m in zip(axes, marks, strict=True))
        if local.sizes[2] > 0.3 * allowed:
            length = slab.length * min(max(_change(slab, allowed), SHRINK), 0.8)
        if length < at.shortest():
            raise SolverError(f"at {at.words} the slabs became too short")
        return FittedAim(slab.piece.coordinates, axes, length, aim.rejections + 1, best, since)

    def following(self, aim: FittedAim, slab: FittedSlab, at: FittedPass) -> FittedAim:
        length = slab.length * min(max(_change(slab, at.allowed(slab.length)), SHRINK), GROW)
        return FittedAim(slab.piece.coordinates, slab.space.axes[:2], length)

    def measured(self, slab: FittedSlab, at: FittedPass) -> Measured:
        system, (space, c) = slab.system, slab.piece.terms[0]
        ranges = self.problem.domain.during(at.time, at.time + slab.length).box.ranges
        return Measured(
            field=FittedField((slab.piece,), ranges, np.array(ranges[2])),
            intervals=tuple(a.intervals for a in space.axes),
            degree=tuple(a.degree for a in space.axes),
            parameters=int((~system.fixed).sum()) + system.coordinates.parameters,
            points=system.points,
            loss=system.mean_square(c),
            heldout=system.checked().mean_square(c),
            note=str(system.coordinates),
        )

    def spaces(self, slab: FittedSlab) -> None:
        """None: in splines of moving coordinates."""

    def samples(self, slab: FittedSlab) -> Samples:
        """Points never trained on."""
        return slab.system.checked().samples(slab.piece.terms[0][1])

    def in_words(self) -> str:
        return f"{MOVING}: {IMMERSED.replace('them', 'them and time in each slab')} ({self.why})"


def _corrected(system: ImmersedSystem, found: Converged, length: float, at: FittedPass) -> FittedSlab:
    """Corrections along s, r and t; the one along s is solved a second time with the error so far at its start."""
    space, c, squares = system.space, found.coefficients, system.squares(found.coefficients)[0]
    before = (*at.run.slabs[-1:], *at.run.errors[-1:])
    scale = at.mean_square(squares, length)
    local = corrections(system, c, scale, before, lambda: at.monitor.check_step(found.steps))
    missing = np.sum([system.grid.values(*term) for term in local.carried], 0)
    (fine, made), (_, with_earlier) = local.pieces[0], local.carried[0]
    piece, error = FittedPiece(system.coordinates, ((space, c),)), FittedPiece(system.coordinates, local.carried)
    error_squares = system.grid.integral(missing**2)
    carried = system.grid.integral(system.grid.values(fine, with_earlier - made) ** 2)
    size = sum(local.sizes)
    return FittedSlab(piece, error, length, found.steps, squares, error_squares, carried, local, system, size=size)


def _change(slab: FittedSlab, allowed: float) -> float:
    """Factor on the length of a slab at which its correction in time would be what is wanted."""
    return MARGIN * (0.3 * allowed / max(slab.local.sizes[2], 1e-300)) ** (1.0 / (DEGREES[2] + 0.5))
