"""Corners: points on the boundary of a rectangle at which conditions change and the solution is not smooth.

The meeting point of two sides is a corner where prescribed values differ, where values and slopes contradict an
equation or a condition (as div u = 0 next to a lid that moves at 4 x (1 - x)), where the equation is askew, or where
conditions on several unknowns (as a traction) change. A point inside a side is a corner where a formula of a condition
jumps or has a kink along the side. A normal derivative beside a value of the same unknown, or beside another normal
derivative, makes no corner: by reflection the solution is smooth, and row weights there would spoil fast
diagonalisation.

Where values and slopes agree, curvatures may still contradict an equation: -lap u = 1 between two sides with u = 0
leaves r^2 log r. Such points get row weights, but no graded knots.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import sympy

from pinnkan.domain.box import Box
from pinnkan.problem.checks.linearised_system import principal_weights
from pinnkan.problem.conditions import dirichlet_value
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kinks import find_kinks
from pinnkan.problem.features.oblique_laplacian import has_oblique_laplacian
from pinnkan.problem.statement import Condition, Equation, Jet, Problem, Side

#: Share of its largest by which a value that jumps changes, between two points at this share of the side from a place.
JUMP_SHARE, JUMP_STEP = 1e-6, 1e-9
#: Step of slopes, as a share of the side; the change of slope, relative to the values over the side, below a kink.
SLOPE_STEP, KINK_SHARE = 1e-6, 1e-3
#: Half the step of slopes at an end of a side, as a share of it; the residual that is more than rounding, as a share of
#: the largest term.
END_STEP, CONTRADICTION_SHARE = 1e-4, 1e-5
#: A fifth of the step of curvatures there, as a share of the side; of fourth order, rounding is 1e-7.
CURVATURE_STEP = 3e-4
#: Stencil of the second derivative from values at 0, 1, .. 5 steps.
CURVATURE_STENCIL = np.array([15 / 4, -77 / 6, 107 / 6, -13, 61 / 12, -5 / 6])
#: Samples per coordinate from which the size of a formula along a side, or of a source, is taken.
SIDE_SAMPLES = 33


@dataclass(frozen=True)
class Corner:
    """A point of the boundary where conditions change.

    ``has_jump``: whether the value of an unknown jumps there; ``prescribed_unknowns``: the unknowns with prescribed
    values on either side of the point; ``is_inside_side``: whether it lies inside a side of the box.
    """

    position: tuple[float, ...]
    has_jump: bool
    prescribed_unknowns: frozenset[int]
    is_inside_side: bool


@dataclass(frozen=True)
class _PrescribedValues:
    """The ``unknowns`` prescribed at a place, and whether all conditions there are of this kind."""

    unknowns: frozenset[int]
    is_complete: bool


def corners(problem: Problem) -> tuple[Corner, ...]:
    """Find all corners of a steady problem in the plane; other problems have none. Cached in the problem."""
    return _cached_corners(problem, "corners", lambda: (*_corners_of_box(problem), *_corners_inside_sides(problem)))


def curvature_corners(problem: Problem) -> tuple[Corner, ...]:
    """Find the points, not in :func:`corners`, where curvatures of prescribed values contradict an equation."""
    changed = {c.position for c in corners(problem)}
    return _cached_corners(
        problem,
        "bent corners",
        lambda: tuple(c for c in _curvature_contradictions(problem) if c.position not in changed),
    )


def _cached_corners(problem: Problem, name: str, find: Callable[[], tuple[Corner, ...]]) -> tuple[Corner, ...]:
    if problem.dimension != 2 or not _is_steady_rectangle(problem):
        return ()
    kept = vars(problem)
    if name not in kept:
        kept[name] = find()
    found: tuple[Corner, ...] = kept[name]
    return found


def _is_steady_rectangle(problem: Problem) -> bool:
    return isinstance(problem.domain, Box) and problem.time_axis is None and not any(problem.box.periodic)


def unknowns_without_norm(problem: Problem) -> frozenset[int]:
    """Unknowns without finite L2 norm: next to a jump of values one k orders below the highest grows as r^-k."""
    weights = principal_weights(problem) if any(c.has_jump for c in corners(problem)) else None
    if weights is None:
        return frozenset()
    return frozenset(j for j, order in enumerate(weights.unknown_offsets) if order < max(weights.unknown_offsets))


def _corners_of_box(problem: Problem) -> Iterator[Corner]:
    """Find the corners at which two sides meet."""
    jumps = {p.position for p in problem.disagreements}
    for position, sides in box_corners(problem):
        one, other = (_values_prescribed_at(problem, side, position[1 - side.axis]) for side in sides)
        given = [e for side in sides for e in equations_on(problem, side)]
        mixed = any(len({jet.unknown for jet in e.jets.values()}) > 1 for e in given)  # as in a traction
        changes = mixed and (one != other or not one.is_complete)
        there = [*problem.equations, *given]
        leans = any(has_oblique_laplacian(problem, e, position) for e in problem.equations)
        contradict = _is_contradicted(problem, _prescribed_jets(problem, sides, position), position, there)
        if position in jumps or changes or leans or contradict:
            yield Corner(position, position in jumps, one.unknowns | other.unknowns, is_inside_side=False)


def _curvature_contradictions(problem: Problem) -> Iterator[Corner]:
    """Find the points at which two sides meet and values, slopes and curvatures contradict an equation."""
    for position, sides in box_corners(problem):
        known = _prescribed_jets(problem, sides, position)
        for side in sides:
            bend = tuple(2 * int(axis != side.axis) for axis in range(2))
            for unknown, value in _prescribed_values(problem, side):
                known[Jet(unknown, bend)] = _curvature(problem, value, side, position[1 - side.axis])
        if _is_contradicted(problem, known, position, problem.equations):
            held = [_values_prescribed_at(problem, side, position[1 - side.axis]).unknowns for side in sides]
            yield Corner(position, False, held[0] | held[1], is_inside_side=False)


def box_corners(problem: Problem) -> Iterator[tuple[tuple[float, ...], list[Side]]]:
    """Yield the corners of the box of which both sides have conditions: the position and the two sides."""
    for ends in product((0, 1), repeat=2):
        position = tuple(r[end] for r, end in zip(problem.box.ranges, ends, strict=True))
        sides = [Side(axis, end) for axis, end in enumerate(ends)]
        if all(_conditions(problem, side) for side in sides):
            yield position, sides


def _prescribed_values(problem: Problem, side: Side) -> Iterator[tuple[int, sympy.Expr]]:
    """Yield each unknown whose value is prescribed on a side, and the formula of that value."""
    for equation in equations_on(problem, side):
        value = dirichlet_value(equation)
        if value is not None:
            (jet,) = equation.jets.values()
            yield jet.unknown, value


def _prescribed_jets(
    problem: Problem, sides: Sequence[Side], position: Sequence[float]
) -> dict[Jet, tuple[float, float]]:
    """Values, and slopes along the sides, that two sides prescribe where they meet: (value, size) by jet."""
    known: dict[Jet, tuple[float, float]] = {}
    for side in sides:
        slope = tuple(int(axis != side.axis) for axis in range(2))
        for unknown, value in _prescribed_values(problem, side):
            found = _end_value_and_slope(problem, value, side, position[1 - side.axis])
            known[Jet(unknown, (0, 0))], known[Jet(unknown, slope)] = found
    return known


def _is_contradicted(
    problem: Problem, known: Mapping[Jet, tuple[float, float]], position: Sequence[float], equations: Iterable[Equation]
) -> bool:
    """Whether some equation, all of whose jets are known at a place, is violated there."""
    return any(
        _has_residual(problem, e, known, position) for e in equations if e.jets and set(e.jets.values()) <= set(known)
    )


def _end_value_and_slope(
    problem: Problem, value: sympy.Expr, side: Side, end: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The value and the slope of a formula at an end of a side (from a parabola), each with its size on the side."""
    low, high = problem.box.ranges[1 - side.axis]
    step = END_STEP * (high - low) * (1.0 if end == low else -1.0)
    at, near, far, *all_along = _values_along_side(
        problem, value, side, np.append(end + step * np.arange(3), np.linspace(low, high, SIDE_SAMPLES))
    )
    size = float(np.abs(all_along).max())
    return (float(at), size), (float(4.0 * near - 3.0 * at - far) / (2.0 * step), size / (high - low))


def _curvature(problem: Problem, value: sympy.Expr, side: Side, end: float) -> tuple[float, float]:
    """The second derivative of a formula along a side at its end, and its size along the side."""
    low, high = problem.box.ranges[1 - side.axis]
    step = CURVATURE_STEP * (high - low) * (1.0 if end == low else -1.0)
    middles = np.linspace(low, high, SIDE_SAMPLES)[1:-1]
    line = np.concatenate([end + step * np.arange(6), middles - step, middles, middles + step])
    values, count = _values_along_side(problem, value, side, line), len(middles)
    near, before, at, after = np.split(values, [6, 6 + count, 6 + 2 * count])
    size = max(float(np.abs(before - 2.0 * at + after).max()) / step**2, float(np.abs(at).max()) / (high - low) ** 2)
    return float(CURVATURE_STENCIL @ near) / step**2, size


def _has_residual(
    problem: Problem, equation: Equation, known: Mapping[Jet, tuple[float, float]], position: Sequence[float]
) -> bool:
    """Whether an equation is violated by known derivatives, (value, size) by jet, at a place."""
    values, sizes = zip(*(known[jet] for jet in equation.jets.values()), strict=True)
    tape = Tape([equation.residual, *equation.slopes.values()], [*problem.coordinates, *equation.jets])
    left, *factors = (float(v) for v in tape([np.array(float(v)) for v in (*position, *values)]))
    terms = [abs(f * size) for f, size in zip(factors, sizes, strict=True)]
    return abs(left) > CONTRADICTION_SHARE * max(*terms, _source_size(problem, equation))


def _source_size(problem: Problem, equation: Equation) -> float:
    """The largest absolute residual for zero unknowns: the scale against which a residual counts as rounding."""
    at = [low + (high - low) * (np.arange(SIDE_SAMPLES) + 0.5) / SIDE_SAMPLES for low, high in problem.box.ranges]
    points = [x.ravel() for x in np.meshgrid(*at)]
    tape = Tape([equation.residual], [*problem.coordinates, *equation.jets])
    with np.errstate(all="ignore"):
        (values,) = tape([*points, *(np.zeros_like(points[0]) for _ in equation.jets)])
    found = np.abs(np.asarray(values, dtype=np.float64))
    return float(found[np.isfinite(found)].max(initial=0.0))


def _corners_inside_sides(problem: Problem) -> Iterator[Corner]:
    """Find the corners inside the sides."""
    for side in (Side(axis, end) for axis in range(2) for end in (0, 1)):
        at = problem.box.ranges[side.axis][side.end]
        low, high = problem.box.ranges[1 - side.axis]
        residuals = [e.residual.subs(problem.coordinates[side.axis], at) for e in equations_on(problem, side)]
        for place in find_kinks(residuals, problem.coordinates, problem.box.ranges).planes[1 - side.axis]:
            if not any(_has_jump_or_kink(problem, e, side, place) for e in equations_on(problem, side)):
                continue
            beside = [place + sign * JUMP_STEP * (high - low) for sign in (-1.0, 1.0)]
            held = frozenset[int]().union(*(_values_prescribed_at(problem, side, x).unknowns for x in beside))
            jumps = any(_has_jump(problem, c, side, beside) for c in _conditions(problem, side))
            yield Corner((place, at) if side.axis else (at, place), jumps, held, is_inside_side=True)


def _has_jump_or_kink(problem: Problem, equation: Equation, side: Side, place: float) -> bool:
    """Whether a condition, with random values for its jets, or its slope along the side jumps at a place."""
    drawn = np.random.default_rng(0).uniform(0.5, 1.5, len(equation.jets))
    held = equation.residual.subs(dict(zip(equation.jets, map(float, drawn), strict=True)))
    low, high = problem.box.ranges[1 - side.axis]
    step = SLOPE_STEP * (high - low)
    near = place + step * np.array([-2.0, -1.0, 1.0, 2.0])
    values = _values_along_side(problem, held, side, np.concatenate([near, np.linspace(low, high, 33)]))
    size = max(float(np.abs(values).max()), 1e-300)
    before, after = values[1] - values[0], values[3] - values[2]
    jump = values[2] - values[1] - before - after
    return bool(max(abs(jump), abs(after - before) / SLOPE_STEP) > KINK_SHARE * size)


def _has_jump(problem: Problem, condition: Condition, side: Side, beside: list[float]) -> bool:
    """Whether the value that a condition prescribes jumps at a place between two points ``beside`` it."""
    value = dirichlet_value(condition.equation)
    if value is None:
        return False
    line = np.concatenate([beside, np.linspace(*problem.box.ranges[1 - side.axis], 33)])
    values = _values_along_side(problem, value, side, line)
    return bool(abs(values[1] - values[0]) > JUMP_SHARE * np.abs(values).max())


def _values_along_side(problem: Problem, formula: sympy.Expr, side: Side, line: np.ndarray) -> np.ndarray:
    """Evaluate a formula of the coordinates at points along a side: (point,)."""
    held = np.full_like(line, problem.box.ranges[side.axis][side.end])
    points = [line, held] if side.axis else [held, line]
    found = Tape([formula], list(problem.coordinates))(points)[0]
    return np.broadcast_to(np.asarray(found, dtype=np.float64), line.shape)


def _conditions(problem: Problem, side: Side) -> list[Condition]:
    return [c for c in problem.conditions if c.place == side and c.equation is not None]


def equations_on(problem: Problem, side: Side) -> list[Equation]:
    return [c.equation for c in _conditions(problem, side) if c.equation is not None]


def _values_prescribed_at(problem: Problem, side: Side, place: float) -> _PrescribedValues:
    """The unknowns whose values the conditions on a side prescribe at a place along it."""
    values, equations = set(), equations_on(problem, side)
    for equation in equations:
        seen = [s for s, slope in equation.slopes.items() if not _vanishes(problem, slope, side, place)]
        if len(seen) == 1 and equation.jets[seen[0]].total_order == 0:
            values.add(equation.jets[seen[0]].unknown)
    return _PrescribedValues(frozenset(values), len(values) == len(equations))


def _vanishes(problem: Problem, slope: sympy.Expr, side: Side, place: float) -> bool:
    """Whether a factor is zero at a place along a side; one that depends on unknowns is taken not to be."""
    known = slope.free_symbols <= set(problem.coordinates)
    return bool(known and _values_along_side(problem, slope, side, np.array([place]))[0] == 0.0)
