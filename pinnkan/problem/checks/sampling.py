"""Sample points of a problem, values there, and checks that conditions agree at corners and periodic ends."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.domain import BoundaryPiece, Domain
from pinnkan.domain.shapes.shaped_domain import ShapedDomain
from pinnkan.problem.conditions import PlacedCondition, dirichlet_value, prescribed_value
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.report import Report
from pinnkan.problem.statement import Equation, Place, Point, Problem, ShapeSide, Side, WholeDomain

Array = NDArray[np.float64]

# Fractions of a range that are sampled: both ends, the middle, quarters, and values unlikely in a file.
_FRACTIONS = (0.0, 0.1372, 0.25, 0.3894, 0.5, 0.6183, 0.75, 0.8617, 1.0)
_SEED = 20_260_304
_RANDOM_POINTS = 200
_MOST_POINTS = 20_000  # the most for all combinations (heuristic): four coordinates have up to 10,000
_AGREE = 1e-9  # relative difference below which values agree
_SAME_END = 1e-6  # distance of ends of arcs that meet, relative to the size of a shape
_ROUNDED = 1e-13  # the same, relative to the largest value on the side: 1e9*sin(pi) is 1e-7


def sample_grid(problem: Problem, fixed: Mapping[int, float]) -> list[Array]:
    """Sample points of the closed domain, one array (point,) per coordinate; ``fixed`` sets some coordinates.

    All combinations of fractions of the ranges if there are few; else lines along every coordinate and random points.
    """
    axes = []
    for axis, (low, high) in enumerate(problem.box.ranges):
        nodes = [low + f * (high - low) for f in _FRACTIONS]
        nodes[-1] = high
        if low < 0 < high and 0.0 not in nodes:
            nodes.append(0.0)
        axes.append(np.array([fixed[axis]] if axis in fixed else nodes))
    is_large = np.prod([float(len(a)) for a in axes]) > _MOST_POINTS
    points = np.stack(_lines(axes) if is_large else [a.ravel() for a in np.meshgrid(*axes, indexing="ij")], -1)
    inside = points[problem.domain.contains(points)]
    if isinstance(problem.domain, ShapedDomain) and not fixed.keys() & {0, 1}:  # a thin shape may have no grid point
        more = np.stack(random_points(problem.domain), -1)
        for axis, value in fixed.items():
            more[:, axis] = value
        inside = np.concatenate([inside, more])
    return list(inside.T)


def _through_time(problem: Problem, plane: Array) -> Array:
    """Points of the plane (point, 2) at sample times, if there is time: (point, coordinate)."""
    for low, high in problem.box.ranges[2:]:
        times = low + (high - low) * np.array(_FRACTIONS)
        plane = np.column_stack([np.repeat(plane, len(times), axis=0), np.tile(times, len(plane))])
    return plane


def sample_place(problem: Problem, at: Place) -> list[Array]:
    """Sample points of a place with its ends, one array (point,) per coordinate."""
    if isinstance(at, ShapeSide):
        piece = problem.domain.boundary_pieces[at]
        (_, count), *_ = piece.parameter_ranges
        along = np.add.outer(np.arange(count), _FRACTIONS).ravel()
        return list(_through_time(problem, piece.map_parameters(along[:, None])).T)
    if isinstance(at, Point) and isinstance(problem.domain, ShapedDomain):
        return list(_through_time(problem, np.array([at.position[:2]], dtype=np.float64)).T)
    return sample_grid(problem, fixed_coordinates(problem, at))


def _lines(axes: Sequence[Array]) -> list[Array]:
    """Lines along every coordinate through the lowest, middle and highest points, and random choices of nodes."""
    generator = np.random.default_rng(_SEED)
    chosen = generator.random((len(axes), _RANDOM_POINTS))
    parts = [np.stack([a[(u * len(a)).astype(int)] for a, u in zip(axes, chosen, strict=True)])]
    for end in (0.0, 0.5, 1.0):
        base = np.array([a[round(end * (len(_FRACTIONS) - 1)) if len(a) > 1 else 0] for a in axes])
        for i, a in enumerate(axes):
            line = np.repeat(base[:, None], len(a), axis=1)
            line[i] = a
            parts.append(line)
    return list(np.concatenate(parts, axis=1))


def random_points(where: Domain | BoundaryPiece) -> list[Array]:
    """Fixed random points of a domain or a piece of its boundary, one array (point,) per coordinate."""
    return list(where.sample(_RANDOM_POINTS, lambda *shape: np.random.default_rng(_SEED).random(shape)).T)


def points_at(problem: Problem, at: Place) -> list[Array]:
    """Fixed random points of a place; for a point that holds at every time, random times."""
    if isinstance(at, Side | ShapeSide):
        return random_points(problem.domain.boundary_pieces[at])
    points = random_points(problem.domain)
    return [np.full_like(x, held) if held is not None else x for x, held in
            zip(points, at.position if isinstance(at, Point) else (None,) * len(points), strict=True)]  # fmt: skip


def evaluate(expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], points: Sequence[Array]) -> Array:
    """Values of expressions at points: (expression, point); undefined ones are nan or inf."""
    outputs = Tape(expressions, symbols)(points)
    return np.array([np.broadcast_to(np.asarray(o, dtype=np.float64), points[0].shape) for o in outputs])


def point_in_words(problem: Problem, points: Sequence[Array], index: int) -> str:
    """One point in words: ``x = 0.5, t = 0``."""
    return problem.format_point((x[index] for x in points), digits=6)


def fixed_coordinates(problem: Problem, *places: Place) -> dict[int, float]:
    """The coordinates that are fixed at these places, with their values."""
    held: dict[int, float] = {}
    for at in places:
        if isinstance(at, Side | ShapeSide):
            held |= problem.domain.boundary_pieces[at].fixed
        elif isinstance(at, Point):
            held |= {axis: x for axis, x in enumerate(at.position) if x is not None}
    return held


def disagreement_in_words(problem: Problem, at_place: Place, a: Equation, b: Equation) -> str:
    """How two conditions for one quantity differ, in words: their values where they differ most."""
    if a.residual == b.residual:
        return "it stands twice"
    shared = set(a.jets) & set(b.jets)
    if len(a.jets) == len(b.jets) == len(shared) == 1:
        symbol = shared.pop()
        prescribed = [prescribed_value(e, symbol) for e in (a, b)]
        if prescribed[0] is not None and prescribed[1] is not None:
            at = sample_place(problem, at_place)
            u, v = evaluate(prescribed, problem.coordinates, at)
            worst = int(np.argmax(np.nan_to_num(np.abs(u - v))))
            if agree(u[worst], v[worst]):
                return "both say the same"
            where = point_in_words(problem, at, worst)
            return f"{symbol} = {u[worst]:.6g} against {symbol} = {v[worst]:.6g} at {where}"
    return f"`{a.text}` and `{b.text}`"


def agree(u: float, v: float) -> bool:
    """Whether two prescribed values are equal but for rounding."""
    return bool(abs(u - v) <= _AGREE * (1 + max(abs(u), abs(v))))


def check_corners(problem: Problem, placed: Sequence[PlacedCondition], report: Report) -> list[Point]:
    """Warn where two places that meet prescribe different values of an unknown; return a point for each pair."""
    found = []
    given = [
        (p, dirichlet_value(p.condition.equation)) for p in placed if not isinstance(p.condition.place, WholeDomain)
    ]
    for (p, u), (q, v) in itertools.combinations(given, 2):
        if u is None or v is None or p.first_unknown != q.first_unknown:
            continue
        at = _common_points(problem, p.condition.place, q.condition.place)
        if not len(at[0]):
            continue
        a, b = evaluate([u, v], problem.coordinates, at)
        gap = np.abs(a - b) - _AGREE * (1 + np.maximum(np.abs(a), np.abs(b)))
        gap -= _ROUNDED * max(_largest(problem, x.condition.place, w) for x, w in ((p, u), (q, v)))
        worst = int(np.argmax(gap))
        if gap[worst] > 0:
            name, first, second = problem.unknowns[p.first_unknown], p.condition.name, q.condition.name
            digits = next(d for d in (6, 12, 17) if f"{a[worst]:.{d}g}" != f"{b[worst]:.{d}g}")
            both = f"{name} = {a[worst]:.{digits}g} on '{first}', {name} = {b[worst]:.{digits}g} on '{second}'"
            message = f"conditions disagree at {point_in_words(problem, at, worst)}: {both}"
            report.warn_at(q.equation_span, message, "legal, but the solution jumps there")
            found.append(Point(tuple(float(x[worst]) for x in at)))
    return found


def _largest(problem: Problem, at: Place, value: sympy.Expr) -> float:
    """The largest finite absolute value that is prescribed on a place."""
    values = evaluate([value], problem.coordinates, sample_place(problem, at))
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _common_points(problem: Problem, first: Place, second: Place) -> list[Array]:
    """Sample points that two different places have in common, none if they do not meet."""
    nothing = [np.empty(0)] * problem.dimension
    pieces = problem.domain.boundary_pieces
    if isinstance(problem.domain, ShapedDomain):
        curves = [at for at in (first, second) if isinstance(at, ShapeSide)]
        starts = [at for at in (first, second) if isinstance(at, Side)]
        if len(curves) == len(starts) == 1:
            along = sample_place(problem, curves[0])
            return [*along[:2], np.full_like(along[2], problem.box.ranges[2][starts[0].end])]
        if first == second or len(curves) < 2:
            return nothing
        ends, others = (_ends_of_arcs(pieces[at]) for at in (first, second))
        apart = np.hypot(*(ends[:, None] - others[None]).transpose(2, 0, 1)).min(1)
        return list(_through_time(problem, ends[apart <= _SAME_END * float(np.hypot(*problem.box.lengths[:2]))]).T)
    a, b = (fixed_coordinates(problem, at) for at in (first, second))
    if a.keys() == b.keys() or any(a[axis] != b[axis] for axis in a.keys() & b.keys()):
        return nothing
    return sample_grid(problem, a | b)


def _ends_of_arcs(piece: BoundaryPiece) -> Array:
    """Both ends of each arc of a piece in the plane: (point, 2)."""
    (_, count), *_ = piece.parameter_ranges
    starts = np.arange(count)
    return np.concatenate([piece.map_parameters(at[:, None]) for at in (starts, np.nextafter(starts + 1.0, 0.0))])


def check_seams(problem: Problem, placed: Sequence[PlacedCondition], report: Report) -> None:
    """Warn where prescribed values differ at the two ends of a periodic coordinate."""
    for p in placed:
        value = dirichlet_value(p.condition.equation) if isinstance(p.condition.place, Side) else None
        for axis in [i for i, wraps in enumerate(problem.box.periodic) if wraps and value is not None]:
            low, high = (
                sample_grid(problem, {**fixed_coordinates(problem, p.side), axis: end})
                for end in problem.box.ranges[axis]
            )
            (a,), (b,) = (evaluate([value], problem.coordinates, at) for at in (low, high))
            worst = int(np.argmax(np.abs(a - b)))
            if not agree(a[worst], b[worst]):
                pairs = zip((a, b), problem.box.ranges[axis], strict=True)
                both = ", ".join(f"{v[worst]:.6g} at {problem.coordinates[axis]} = {end:g}" for v, end in pairs)
                report.warn_at(p.equation_span, f"not periodic: {both}")
