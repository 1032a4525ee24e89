"""Checks by numbers, at fixed sample points: finite everywhere, corners and seams that fit, an exact that is one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.domain import BoundaryPiece, Domain
from pinnkan.problem.checks.spans import ProblemSpans
from pinnkan.problem.conditions import Placed, dirichlet_value, prescribed_value, side_name
from pinnkan.problem.expressions.operators import JetSpace, JumpError, OperatorError
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.names import DomainSection
from pinnkan.problem.report import Report
from pinnkan.problem.source import Span
from pinnkan.problem.statement import Equation, Jet, Point, Problem, Side

Array = NDArray[np.float64]

# Fractions of a range where things are sampled: both ends, the middle, quarters, and spans that nobody would choose.
_FRACTIONS = (0.0, 0.1372, 0.25, 0.3894, 0.5, 0.6183, 0.75, 0.8617, 1.0)
_SEED = 20_260_304
_RANDOM_POINTS = 200
_MOST_POINTS = 20_000  # of all combinations, a choice: four coordinates have up to 10,000
# A residual of `exact` above this share of the terms at its point is a mistake; rounding stays far below.
_EXACT_SHARE = 1e-6
_EXACT_FLOOR = 1e-10  # the same, relative to the largest terms anywhere
_AGREE = 1e-9  # values on two sides that differ by less, relatively, agree


def grid(problem: Problem, fixed: Mapping[int, float]) -> list[Array]:
    """Sample points of the closed domain, one array (point,) per coordinate; ``fixed`` holds some coordinates.

    All combinations of the fractions while they are few; else lines along every coordinate and a random choice.
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
    return list(points[problem.domain.contains(points)].T)


def _lines(axes: Sequence[Array]) -> list[Array]:
    """Lines through the lowest, middle and highest points along every coordinate, and a random choice of nodes."""
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


def _random(where: Domain | BoundaryPiece) -> list[Array]:
    return list(where.sample(_RANDOM_POINTS, lambda *shape: np.random.default_rng(_SEED).random(shape)).T)


def _evaluate(expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], at: Sequence[Array]) -> Array:
    """(expression, point); values that do not exist are nan or inf."""
    outputs = Tape(expressions, symbols)(at)
    return np.array([np.broadcast_to(np.asarray(o, dtype=np.float64), at[0].shape) for o in outputs])


def place(problem: Problem, at: Sequence[Array], index: int, axes: Sequence[int] | None = None) -> str:
    """``x = 0.5, t = 0``: one point in words."""
    chosen = range(problem.dimension) if axes is None else axes
    return ", ".join(f"{problem.coordinates[i]} = {at[i][index]:.6g}" for i in chosen)


def _on(problem: Problem, *sides: Side) -> dict[int, float]:
    return {axis: end for side in sides for axis, end in problem.domain.pieces[side].fixed.items()}


def check_finite(problem: Problem, placed: Sequence[Placed], spans: ProblemSpans, report: Report) -> None:
    """Every equation and condition has a finite value at every sample point, for some value of the unknown."""
    for equation, span in zip(problem.equations, spans.equations, strict=True):
        _check_finite(problem, equation, {}, span, "this equation", report)
    for p in placed:
        if p.condition.equation is not None:
            _check_finite(problem, p.condition.equation, _on(problem, p.side), p.equation, "this condition", report)


def _check_finite(
    problem: Problem, equation: Equation, fixed: Mapping[int, float], span: Span, what: str, report: Report
) -> None:
    at = grid(problem, fixed)
    generator = np.random.default_rng(_SEED)
    finite = np.zeros(at[0].shape, dtype=bool)
    for scale in (1.0, -1.0, 10.0):  # an equation may need a positive, a negative or a large unknown
        jets = [scale * (0.5 + generator.random(at[0].shape)) for _ in equation.jets]
        values = _evaluate([equation.residual], [*problem.coordinates, *equation.jets], [*at, *jets])
        finite |= np.isfinite(values[0])
    if not finite.all():
        first = int(np.argmin(finite))
        report.error_at(
            span,
            f"{what} is not finite at {place(problem, at, first)}",
            "multiply by what vanishes there, or move the domain away from it",
        )


def disagreement(problem: Problem, side: Side, a: Equation, b: Equation) -> str:
    """In words, how two conditions for one quantity differ: their values where they differ most."""
    if a.residual == b.residual:
        return "it stands twice"
    shared = set(a.jets) & set(b.jets)
    if len(a.jets) == len(b.jets) == len(shared) == 1:
        symbol = shared.pop()
        prescribed = [prescribed_value(e, symbol) for e in (a, b)]
        if prescribed[0] is not None and prescribed[1] is not None:
            at = grid(problem, _on(problem, side))
            u, v = _evaluate(prescribed, problem.coordinates, at)
            worst = int(np.argmax(np.nan_to_num(np.abs(u - v))))
            if _agree(u[worst], v[worst]):
                return "both say the same"
            where = place(problem, at, worst)
            return f"{symbol} = {u[worst]:.6g} against {symbol} = {v[worst]:.6g} at {where}"
    return f"`{a.text}` and `{b.text}`"


def _agree(u: float, v: float) -> bool:
    return bool(abs(u - v) <= _AGREE * (1 + max(abs(u), abs(v))))


def check_corners(problem: Problem, domain: DomainSection, placed: Sequence[Placed], report: Report) -> list[Point]:
    """Where two sides that meet prescribe different values of the unknown, one point for each pair; with a warning."""
    found = []
    given = [(p, dirichlet_value(p.condition.equation)) for p in placed]
    pairs = [(p, u, q, v) for (p, u), (q, v) in itertools.combinations(given, 2) if p.side.axis != q.side.axis]
    for p, u, q, v in pairs:
        if u is None or v is None or p.unknown != q.unknown:
            continue
        at = grid(problem, _on(problem, p.side, q.side))
        a, b = _evaluate([u, v], problem.coordinates, at)
        gap = np.abs(a - b) - _AGREE * (1 + np.maximum(np.abs(a), np.abs(b)))
        worst = int(np.argmax(gap))
        if gap[worst] > 0:
            name, first, second = problem.unknowns[p.unknown], side_name(p.side, domain), side_name(q.side, domain)
            both = f"{name} = {a[worst]:.6g} on '{first}', {name} = {b[worst]:.6g} on '{second}'"
            message = f"conditions disagree at {place(problem, at, worst)}: {both}"
            report.warn_at(q.equation, message, "legal, but the solution jumps there")
            found.append(Point(tuple(float(x[worst]) for x in at)))
    return found


def check_seams(problem: Problem, placed: Sequence[Placed], report: Report) -> None:
    """Warn where prescribed values differ at the two ends of a periodic coordinate."""
    for p in placed:
        value = dirichlet_value(p.condition.equation)
        for axis in [i for i, wraps in enumerate(problem.box.periodic) if wraps and value is not None]:
            low, high = (grid(problem, {**_on(problem, p.side), axis: end}) for end in problem.box.ranges[axis])
            (a,), (b,) = (_evaluate([value], problem.coordinates, at) for at in (low, high))
            worst = int(np.argmax(np.abs(a - b)))
            if not _agree(a[worst], b[worst]):
                name = problem.coordinates[axis]
                report.warn_at(
                    p.equation,
                    f"not periodic: {a[worst]:.6g} at {name} = {problem.box.ranges[axis][0]:g}, "
                    f"{b[worst]:.6g} at {name} = {problem.box.ranges[axis][1]:g}",
                )


def check_exact(
    problem: Problem, space: JetSpace, placed: Sequence[Placed], spans: ProblemSpans, report: Report
) -> None:
    """``exact``, where given, is finite and satisfies the equations and the conditions."""
    if problem.exact is None:
        return
    inside, corners = _random(problem.domain), grid(problem, {})
    for name, expression in problem.exact.items():
        for at in (inside, corners):
            finite = np.isfinite(_evaluate([expression], problem.coordinates, at)[0])
            if not finite.all():
                where = place(problem, at, int(np.argmin(finite)))
                hint = "write exp so that it cannot overflow"
                report.error_at(spans.exact[name], f"`exact` is not finite at {where}", hint)
                return
    span = next(iter(spans.exact.values()))
    _check_wraps(problem, span, report)
    for equation in problem.equations:
        _check_satisfied(
            problem, space, equation, problem.domain, span, f"the equation of line {equation.line}", report
        )
    for p in placed:
        if p.condition.equation is not None:
            what = f"the condition on '{p.condition.name}' of line {p.condition.equation.line}"
            side = space.on(p.side.axis, p.side.end)
            _check_satisfied(problem, side, p.condition.equation, problem.domain.pieces[p.side], span, what, report)


def _check_wraps(problem: Problem, span: Span, report: Report) -> None:
    for axis in [i for i, wraps in enumerate(problem.box.periodic) if wraps]:
        for name, expression in (problem.exact or {}).items():
            low, high = (
                _evaluate([expression], problem.coordinates, grid(problem, {axis: end}))[0]
                for end in problem.box.ranges[axis]
            )
            if not all(_agree(a, b) for a, b in zip(low, high, strict=True)):
                report.error_at(
                    span,
                    f"`exact` of {name} is not periodic in {problem.coordinates[axis]}",
                    "its values at both ends differ",
                )


def _check_satisfied(
    problem: Problem,
    space: JetSpace,
    equation: Equation,
    where: Domain | BoundaryPiece,
    span: Span,
    what: str,
    report: Report,
) -> None:
    exact = list((problem.exact or {}).values())
    jumps: dict[sympy.Symbol, JumpError] = {}
    try:
        derivatives = [_differentiate(space, exact[j.unknown], s, j, jumps) for s, j in equation.jets.items()]
    except OperatorError:
        report.warn_at(span, f"`exact` is too long to be checked against {what}")
        return
    if jumps:
        _tell_jumps(equation, jumps, span, what, report)
    at = _random(where)
    error, scale = _residual(problem, equation, derivatives, at)
    everywhere = np.append(scale, _residual(problem, equation, derivatives, _random(problem.domain))[1])
    largest = float(np.max(everywhere, where=np.isfinite(everywhere), initial=0.0))
    share = error - _EXACT_SHARE * scale - _EXACT_FLOOR * largest
    finite = np.isfinite(share)
    if not finite.all():
        at_one = place(problem, at, int(np.argmin(finite)))
        report.warn_at(span, f"`exact` cannot be checked against {what}: not finite at {at_one}")
    share = np.where(finite, share, -np.inf)
    worst = int(np.argmax(share))
    if share[worst] > 0:
        message = (
            f"`exact` does not satisfy {what}: left minus right is {error[worst]:.3g} at "
            f"{place(problem, at, worst)}, where the terms add up to {scale[worst]:.3g}"
        )
        report.error_at(span, message, "one of the two has a slip, or leave `exact` out")


def _residual(
    problem: Problem, equation: Equation, derivatives: Sequence[sympy.Expr], at: list[Array]
) -> tuple[Array, Array]:
    """Size (point) of left minus right with ``derivatives`` for the jets, and of its terms together."""
    residual = equation.residual
    terms = [residual, *(residual.args if isinstance(residual, sympy.Add) else [residual])]
    jets = _evaluate(derivatives, problem.coordinates, at)
    both = _evaluate(terms, [*problem.coordinates, *equation.jets], [*at, *jets])
    return np.abs(both[0]), np.abs(both[1:]).sum(axis=0)


def _tell_jumps(
    equation: Equation, jumps: Mapping[sympy.Symbol, JumpError], span: Span, what: str, report: Report
) -> None:
    """An error for a delta function that nothing cancels; where others may cancel it, that they are not looked at."""
    symbol, jump = next(iter(jumps.items()))
    factor = sympy.diff(equation.residual, symbol)
    if len(jumps) == 1 and factor.is_number and not factor.is_zero:
        message = f"`exact` does not satisfy {what}: {symbol} holds a delta function, as {jump.where}"
        report.error_at(span, message, "nothing cancels it: one of the two has a slip, or leave `exact` out")
    else:
        message = f"`exact` is checked against {what} only where it is smooth: {jump.where}"
        report.warn_at(span, message, "that the delta functions in its derivatives cancel is not checked")


def _differentiate(
    space: JetSpace, expression: sympy.Expr, symbol: sympy.Symbol, jet: Jet, jumps: dict[sympy.Symbol, JumpError]
) -> sympy.Expr:
    """The derivative, almost everywhere where that is all there is: then ``jumps`` says why."""
    for axis, order in enumerate(jet.order):
        for _ in range(order):
            try:
                expression = space.derivative(expression, axis)
            except JumpError as jump:
                jumps.setdefault(symbol, jump)
                expression = space.almost_everywhere(expression, axis)
    return expression
