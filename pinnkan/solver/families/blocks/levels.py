"""Levels of a sum of blocks: solve, correct in the margin, judge, add the blocks that the correction asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.block_field import BlockField
from pinnkan.kan.blocks import BlockSum, Edge, Levels
from pinnkan.kan.field import Array
from pinnkan.solver.families.blocks.growth import BLIND, first_groups, margin, ordered, worthwhile
from pinnkan.solver.families.blocks.judging import STRIDE, Judged, held_out, row_count, weigh
from pinnkan.solver.families.blocks.scattered import Jets, Rows, Statement, exact_error, mean_square, scattered
from pinnkan.solver.families.blocks.system import Factor, jacobian
from pinnkan.solver.minimise.gauss_newton import MAX_STEPS, relative_size
from pinnkan.solver.monitor import Watch
from pinnkan.solver.outcome import FIRST_MARGIN, RESOLVED
from pinnkan.verdict.records import Iteration, Level

#: Polynomials of a coordinate before its knots are halved: five levels of two.
DEGREE = 10
#: Most coefficients of the richer sum: 18,000 rows, 0.6 GB, ten seconds on two cores.
LARGEST = 4000


@dataclass(frozen=True, eq=False)
class State:
    """A level: the function, its judgement, record and steps; why it ended: "" when converged, None to go on.

    ``chance``: see :meth:`pinnkan.solver.families.blocks.system.Factor.chance`.
    """

    field: BlockField
    judged: Judged
    level: Level
    steps: tuple[Iteration, ...]
    chance: Array
    reason: str | None


def first_space(statement: Statement, degree: int | None) -> BlockSum:
    """Blocks on one coordinate each, all levels of the polynomials."""
    problem = statement.problem
    edges = tuple(
        Edge.first(a, b, degree or DEGREE, p) for (a, b), p in zip(problem.ranges, problem.periodic, strict=True)
    )
    most = max(len(e.ends) - 1 for e in edges)
    return with_groups(edges, first_groups(problem.dimension, most), len(problem.unknowns))


def with_groups(edges: tuple[Edge, ...], groups: tuple[Levels, ...], unknowns: int) -> BlockSum:
    """The sum of these groups, edges refined where a group asks for it."""
    reached = (max(g[i] for g in groups) for i in range(len(edges)))
    return BlockSum(tuple(e.reaching(n) for e, n in zip(edges, reached, strict=True)), groups, unknowns)


def richer(space: BlockSum) -> BlockSum:
    """The sum with its margin after it."""
    return with_groups(space.edges, (*space.groups, *margin(space.groups)), space.unknowns)


def block_levels(statement: Statement, degree: int | None, most: int, watch: Watch) -> Iterator[State]:
    """One state after the other until converged, out of levels, time or size; the consumer may stop earlier."""
    space = first_space(statement, degree)
    start = np.zeros((space.products, space.unknowns))
    for number in range(most):
        rich = richer(space)
        began = watch.elapsed()
        state = _level(statement, space, rich, start, number, watch)
        seconds = watch.elapsed() - began
        converged = state.reason == ""
        grown = None if converged else _grown(space, rich, state)
        after = richer(grown) if grown is not None else rich
        forecast = seconds * (after.size / rich.size) ** 2.5
        if not converged:
            if number + 1 == most:
                state = _ended(state, "max_levels")
            elif watch.expired() or watch.exceeds(forecast):
                state = _ended(state, "max_time")
            elif after.size > LARGEST:
                state = _ended(state, "max_levels" if _sees(state) else "not_asymptotic")
        yield state
        if state.reason is not None or grown is None:
            return
        start = state.field.space.carry(state.field.coefficients, grown)
        space = grown


def _ended(state: State, reason: str) -> State:
    return replace(state, reason=reason)


def _sees(state: State) -> bool:
    """Whether the correction explains most of what is missing."""
    return state.judged.explained > state.judged.unexplained


def _grown(space: BlockSum, rich: BlockSum, state: State) -> BlockSum:
    """The sum with the groups of the margin that carry the correction, or with all of it where that sees nothing."""
    known = len(space.groups)
    seen = state.judged.explained >= BLIND * state.judged.unexplained
    correction = state.judged.error.coefficients
    added = worthwhile(rich, correction, state.chance.reshape(correction.shape), known) if seen else ()
    added = added or rich.groups[known:]
    return with_groups(rich.edges, ordered([*space.groups, *added]), space.unknowns)


def _level(statement: Statement, space: BlockSum, rich: BlockSum, start: Array, number: int, watch: Watch) -> State:
    """Solve in ``space``, correct in ``rich``, judge."""
    problem = statement.problem
    space = BlockSum(rich.edges, space.groups, space.unknowns)
    seed = problem.solver.seed * 1_000_000 + 2 * STRIDE * number
    before: Jets | None = None if statement.is_linear else BlockField(space, start)
    rows = scattered(statement, row_count(rich), seed, before)
    held = held_out(statement, rich, seed, before)
    try:
        c, loss, steps, factor = _solve(statement, rows, space, rich, start, number, watch)
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"least squares failed: {failed}") from failed
    field, here = BlockField(space, c), space.carry(c, rich)
    after = factor.step(rich.size).reshape(rich.products, rich.unknowns)
    if statement.is_linear:  # the factor stands at zero
        judged = weigh(held, BlockField(rich, after - here), None, here, factor, rich.norm(after))
    else:
        judged = weigh(held, BlockField(rich, after), field, None, factor, rich.norm(here + after))
    level = Level(
        number=number,
        intervals=tuple(e.axis.intervals for e in space.edges),
        degree=tuple(e.axis.degree for e in space.edges),
        parameters=space.size,
        points=sum(len(r.points) for r in rows),
        loss=loss,
        heldout=judged.heldout,
        estimate=judged.estimate,
        seconds=watch.elapsed(),
        iterations=len(steps),
        true_error=exact_error(problem, field),
    )
    resolved = judged.heldout <= RESOLVED * mean_square(held, None) or judged.heldout == 0.0
    limit = problem.solver.tolerance * (1.0 if number else FIRST_MARGIN)
    converged = resolved and judged.estimate <= limit
    return State(field, judged, watch.level(level), steps, factor.chance(), "" if converged else None)


def _solve(
    statement: Statement,
    rows: tuple[Rows, ...],
    space: BlockSum,
    rich: BlockSum,
    start: Array,
    number: int,
    watch: Watch,
) -> tuple[Array, float, tuple[Iteration, ...], Factor]:
    """Coefficients in ``space``, their loss, the steps, and the factor of the richer sum there.

    The factor of a linear problem is that at zero, and serves both.
    """
    if statement.is_linear:
        matrix, residual = jacobian(rows, rich, None)
        factor = Factor.of(matrix, residual)
        flat = factor.step(space.size)
        left = residual + matrix[:, : space.size] @ flat
        loss = float(left @ left)
        c = flat.reshape(-1, space.unknowns)
        return c, loss, (watch.iteration(number, 0, loss, relative_size(c - start, c), 0.0),), factor
    c, loss, steps = _gauss_newton(rows, space, start, 1e-2 * statement.problem.solver.tolerance, number, watch)
    return c, loss, steps, Factor.of(*jacobian(rows, rich, BlockField(space, c)))


def _gauss_newton(
    rows: tuple[Rows, ...], space: BlockSum, c: Array, tolerance: float, number: int, watch: Watch
) -> tuple[Array, float, tuple[Iteration, ...]]:
    """Gauss-Newton steps, halved until the loss falls, until they are below ``tolerance``.

    Raises:
        SolverError: no step is finite, or none lowers the loss.
    """
    steps: list[Iteration] = []
    loss = mean_square(rows, BlockField(space, c))
    for i in range(MAX_STEPS):
        step = Factor.of(*jacobian(rows, space, BlockField(space, c))).step(space.size).reshape(c.shape)
        share, after = 1.0, mean_square(rows, BlockField(space, c + step))
        while not after <= loss * (1.0 + 1e-6) + 1e-28 and relative_size(share * step, c + step) > tolerance:
            share *= 0.5
            if share < 1e-6:
                raise SolverError("no Gauss-Newton step lowers the residual")
            after = mean_square(rows, BlockField(space, c + share * step))
        c, loss = c + share * step, after
        size = relative_size(share * step, c)
        steps.append(watch.iteration(number, i, loss, size, 0.0))
        if not np.isfinite(loss):
            raise SolverError("the residual is not finite")
        if size <= tolerance:
            break
    return c, loss, tuple(steps)
