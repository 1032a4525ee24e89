"""Levels of a sum of blocks: solve, correct in the margin, judge, add the blocks that the correction asks for, repeat.

The correction sees what the margin can hold. What neither holds is seen by the residual on points never trained on: it
is divided by the smallest singular value of the rows, the least residual that a function of size one can have. So a
block that is missing altogether is part of the estimate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.block_field import BlockField
from pinnkan.kan.blocks import BlockSum, Edge, Levels
from pinnkan.kan.field import Array
from pinnkan.solver.block_growth import BLIND, first_groups, margin, ordered, worthwhile
from pinnkan.solver.block_system import Factor, jacobian
from pinnkan.solver.gauss_newton import MAX_STEPS, relative_size
from pinnkan.solver.multilevel import FIRST_MARGIN, RESOLVED, SAFETY, nonzero
from pinnkan.solver.scattered import Jets, Rows, Statement, exact_error, mean_square, scattered, sobol
from pinnkan.solver.watch import Watch
from pinnkan.verdict import Iteration, Level

#: Polynomials of a coordinate before its knots are halved: five levels of two.
DEGREE = 10
#: Rows inside per coefficient of the richer sum (method.md, section 3: 3 to 4).
ROWS = 3.0
#: Points inside of the held-out residual, fewer where the sum is small: a mean to a few per cent.
HELD_OUT = 2048
#: Most coefficients of the richer sum: 18,000 rows, 0.6 GB, ten seconds on two cores.
LARGEST = 4000
#: Seeds of training points are even, those of held-out points odd, a thousand apart: a place has one seed each.
STRIDE = 1000


@dataclass(frozen=True, eq=False)
class State:
    """A level: the function, its correction in the richer sum, why it ended ("" when converged, None: go on).

    ``explained`` and ``unexplained``: the two parts of the estimate; ``smallest``: the singular value it divides by.
    """

    field: BlockField
    error: BlockField
    level: Level
    steps: tuple[Iteration, ...]
    explained: float
    unexplained: float
    smallest: float
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
                state = _ended(state, "max_levels" if state.explained > state.unexplained else "not_asymptotic")
        yield state
        if state.reason is not None or grown is None:
            return
        start = state.field.space.carry(state.field.coefficients, grown)
        space = grown


def _ended(state: State, reason: str) -> State:
    return State(state.field, state.error, state.level, state.steps, state.explained, state.unexplained,
                 state.smallest, reason)  # fmt: skip


def _grown(space: BlockSum, rich: BlockSum, state: State) -> BlockSum:
    """The sum with the groups of the margin that carry the correction, or with all of it where that sees nothing."""
    known = len(space.groups)
    if state.explained < BLIND * state.unexplained:
        added = rich.groups[known:]
    else:
        added = worthwhile(rich, state.error.coefficients, known)
    return with_groups(rich.edges, ordered([*space.groups, *added]), space.unknowns)


def _level(statement: Statement, space: BlockSum, rich: BlockSum, start: Array, number: int, watch: Watch) -> State:
    """Solve in ``space``, correct in ``rich``, judge."""
    problem = statement.problem
    space = BlockSum(rich.edges, space.groups, space.unknowns)
    count = int(ROWS * rich.size) + 50
    base = problem.solver.seed * 1_000_000 + 2 * STRIDE * number
    before: Jets | None = None if statement.is_linear else BlockField(space, start)
    rows = scattered(statement, count, base, before)
    held = scattered(statement, min(count, HELD_OUT), base + STRIDE, before)
    try:
        c, loss, steps, factor = _solve(statement, rows, space, rich, start, number, watch)
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"least squares failed: {failed}") from failed
    field = BlockField(space, c)
    here = space.carry(c, rich)
    after = factor.step(rich.size).reshape(rich.products, rich.unknowns)
    correction = after - here if statement.is_linear else after
    function = None if statement.is_linear else field
    matrix, residual = jacobian(held, rich, function)
    own = residual + matrix @ here.ravel() if statement.is_linear else residual
    rest = own + matrix @ correction.ravel()
    smallest = factor.smallest()
    scale = nonzero(rich.norm(here + correction))
    explained = float((rich.norm(correction) / scale).max())
    unexplained = float(np.linalg.norm(rest)) / smallest / float(scale.min())
    estimate = SAFETY * (explained + unexplained)
    unsolved = mean_square(held, None)
    heldout = float(own @ own)
    resolved = heldout <= RESOLVED * unsolved or unsolved == 0.0
    level = Level(
        number=number,
        intervals=tuple(e.axis.intervals for e in space.edges),
        degree=tuple(e.axis.degree for e in space.edges),
        parameters=space.size,
        points=sum(len(r.points) for r in rows),
        loss=loss,
        heldout=heldout,
        estimate=estimate,
        seconds=watch.elapsed(),
        iterations=len(steps),
        true_error=exact_error(problem, field),
    )
    limit = problem.solver.tolerance * (1.0 if number else FIRST_MARGIN)
    reason = "" if resolved and estimate <= limit else None
    error = BlockField(rich, correction)
    return State(field, error, watch.level(level), steps, explained, unexplained, smallest, reason)


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


@dataclass(frozen=True, eq=False)
class Judged:
    """A correction of any field in a sum of blocks, and the relative sizes of it and of what it leaves unexplained."""

    error: BlockField
    explained: float
    unexplained: float

    @property
    def estimate(self) -> float:
        """Relative L2 error, with the safety factor."""
        return SAFETY * (self.explained + self.unexplained)


def judge_by_blocks(statement: Statement, field: Jets, space: BlockSum, seed: int) -> Judged:
    """Solve the linearised equation for the error of a field in a sum of blocks; see the head of this file.

    Raises:
        SolverError: the rows do not determine it.
    """
    problem = statement.problem
    count = int(ROWS * space.size) + 50
    rows = scattered(statement, count, seed, field)
    try:
        factor = Factor.of(*jacobian(rows, space, field))
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"the error of the network could not be estimated: {failed}") from failed
    correction = factor.step(space.size)
    matrix, residual = jacobian(scattered(statement, min(count, HELD_OUT), seed + STRIDE, field), space, field)
    rest = residual + matrix @ correction
    values = field(sobol(problem.ranges, HELD_OUT, seed + STRIDE), [(0,) * problem.dimension])[..., 0]
    scale = nonzero(np.sqrt((values**2).mean(0)))
    error = BlockField(space, correction.reshape(space.products, space.unknowns))
    explained = float((space.norm(error.coefficients) / scale).max())
    return Judged(error, explained, float(np.linalg.norm(rest)) / factor.smallest() / float(scale.min()))
