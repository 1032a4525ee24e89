"""Levels of sums of blocks on few coordinates: solve, correct in the margin, add the blocks of the correction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.blocks import BlockField, BlockSum, Edge, GroupLevels, support
from pinnkan.kan.field import Array, DerivativeFunction
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.blocks.system import (
    SEED_STRIDE,
    BlocksEstimate,
    RowFactor,
    ScatteredRows,
    estimate_from_correction,
    held_out_rows,
    jacobian,
    mean_square,
    row_count,
    scattered_rows,
    sobol_samples,
)
from pinnkan.solver.level_family import LossMinimum, ModelLevelFamily
from pinnkan.solver.minimise.descent import Iterate, descend, halve, is_small_or_lowers
from pinnkan.solver.minimise.gauss_newton import MAX_STEPS, relative_step_size
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import RESOLVED_SHARE, Outcome
from pinnkan.solver.verify.findings import Decision
from pinnkan.verdict.records import Iteration

#: Polynomials per coordinate before its knots are halved: five levels of two.
FIRST_DEGREE = 10
#: Most coefficients of the richer sum: 18,000 rows, 0.6 GB.
MOST_COEFFICIENTS = 4000


@dataclass(frozen=True, eq=False)
class BlocksMinimum:
    """Data of a minimum for the estimate: training and held-out rows, their loss, factor of the richer sum."""

    rows: tuple[ScatteredRows, ...]
    held_out: tuple[ScatteredRows, ...]
    loss: float
    factor: RowFactor


@dataclass(frozen=True, eq=False)
class BlocksState:
    """A sum of blocks and its coefficients (product, unknown), at their minimum if ``is_solved``; seed of its points.

    ``linearised_at``: coefficients at which the rows are weighted; ``choice_reason``: the reason of these blocks after
    other trials; ``minimum``: made again after a state was stored.
    """

    space: BlockSum
    linearised_at: Array
    coefficients: Array
    seed: int
    choice_reason: str = ""
    is_solved: bool = False
    minimum: BlocksMinimum | None = field(default=None, metadata={"stored": False})


def first_space(model: Model, degree: int | None) -> BlockSum:
    """The sum of blocks on one coordinate each, with all levels of polynomials."""
    problem = model.problem
    edges = tuple(
        Edge.coarsest(a, b, degree or FIRST_DEGREE, p)
        for (a, b), p in zip(problem.box.ranges, problem.box.periodic, strict=True)
    )
    most = max(len(e.level_ends) - 1 for e in edges)
    return sum_of_groups(edges, first_groups(problem.dimension, most), len(problem.unknowns))


def sum_of_groups(edges: tuple[Edge, ...], groups: tuple[GroupLevels, ...], unknowns: int) -> BlockSum:
    """The sum of these groups, its edges refined to their levels."""
    reached = (max(g[i] for g in groups) for i in range(len(edges)))
    return BlockSum(tuple(e.with_level(n) for e, n in zip(edges, reached, strict=True)), groups, unknowns)


def enriched_sum(space: BlockSum) -> BlockSum:
    """The sum followed by its margin."""
    return sum_of_groups(space.edges, (*space.groups, *margin(space.groups)), space.unknowns)


@dataclass(frozen=True, eq=False)
class BlocksLevels(ModelLevelFamily):
    """The family of sums of products of splines on few coordinates; ``choice_reason``: the reason of its choice."""

    degree: int | None
    most_levels: int
    choice_reason: str

    def initial_state(self) -> BlocksState:
        """The state before the first level: blocks on one coordinate each."""
        space = first_space(self.model, self.degree)
        return _unsolved_state(space, np.zeros((space.products, space.unknowns)), self.problem.solver.seed * 1_000_000)

    def minimise(self, state: BlocksState, number: int, monitor: Monitor) -> tuple[BlocksState, tuple[Iteration, ...]]:
        """Solve least squares at scattered points; the factor of the richer sum is kept for the estimate."""
        space, rich = state.space, enriched_sum(state.space)
        before: DerivativeFunction | None = None if self.model.is_linear else BlockField(space, state.linearised_at)
        rows = scattered_rows(self.model, row_count(rich), state.seed, before)
        held = held_out_rows(self.model, rich, state.seed, before)
        try:
            with self.model.clock.time_work("blocks", row_count(rich) * float(rich.size) ** 2):
                if not self.model.is_linear and not state.is_solved:
                    tolerance = 1e-2 * self.problem.solver.tolerance
                    c, loss, steps = _gauss_newton(rows, space, state.coefficients, tolerance, number, monitor)
                    factor = RowFactor.factorise(*jacobian(rows, rich, BlockField(space, c)))
                else:
                    c, loss, factor = self._linear(state, rows, rich)
                    size = relative_step_size(c - state.coefficients, c)
                    steps = () if state.is_solved else (monitor.report_iteration(number, 0, loss, size, 0.0),)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"least squares failed: {failed}") from failed
        return replace(state, coefficients=c, is_solved=True, minimum=BlocksMinimum(rows, held, loss, factor)), steps

    def _linear(
        self, state: BlocksState, rows: tuple[ScatteredRows, ...], rich: BlockSum
    ) -> tuple[Array, float, RowFactor]:
        """Coefficients, mean square and factor of the richer sum: one step from zero, or those of a stored minimum."""
        space = state.space
        if not self.model.is_linear:
            function = BlockField(space, state.coefficients)
            return state.coefficients, mean_square(rows, function), RowFactor.factorise(*jacobian(rows, rich, function))
        matrix, residual = jacobian(rows, rich, None)
        factor = RowFactor.factorise(matrix, residual)
        flat = factor.step(space.size)
        left = residual + matrix[:, : space.size] @ flat
        return flat.reshape(-1, space.unknowns), float(left @ left), factor

    def evaluate_minimum(self, state: BlocksState) -> LossMinimum:
        solved, space = state.minimum, state.space
        assert solved is not None
        function = BlockField(space, state.coefficients)
        heldout, data = mean_square(solved.held_out, function), mean_square(solved.held_out, None)
        return LossMinimum(
            field=function,
            intervals=tuple(e.axis.intervals for e in space.edges),
            degree=tuple(e.axis.degree for e in space.edges),
            parameters=space.size,
            points=sum(len(r.points) for r in solved.rows),
            loss=solved.loss,
            heldout=heldout,
            is_resolved=heldout <= RESOLVED_SHARE * data or heldout == 0.0,
        )

    def samples(self, state: BlocksState) -> Samples:
        """The function at Sobol points."""
        return sobol_samples(self.problem, BlockField(state.space, state.coefficients))

    def estimate(self, state: BlocksState, measured: LossMinimum, before: Outcome) -> BlocksEstimate:
        """Correct in the richer sum; add the held-out residual that remains over the smallest singular value."""
        solved, space, rich, c = state.minimum, state.space, enriched_sum(state.space), state.coefficients
        assert solved is not None
        here, after = (
            space.map_coefficients(c, rich),
            solved.factor.step(rich.size).reshape(rich.products, rich.unknowns),
        )
        if self.model.is_linear:  # linearised at zero
            error, scale = BlockField(rich, after - here), rich.norm(after)
            return estimate_from_correction(solved.held_out, error, None, here, solved.factor, scale)
        scale = rich.norm(here + after)
        return estimate_from_correction(
            solved.held_out, BlockField(rich, after), BlockField(space, c), None, solved.factor, scale
        )

    def refine(self, state: BlocksState, estimate: BlocksEstimate, decision: Decision) -> BlocksState | None:
        """Add the groups of the margin that carry the correction; all where it is small beside what remains."""
        if decision.feature is not None:  # blocks have no local knots
            return None
        solved, space, rich = state.minimum, state.space, estimate.correction.space
        assert solved is not None
        known, correction = len(space.groups), estimate.correction.coefficients
        sees = estimate.correction_size >= LEAST_EXPLAINED * estimate.remaining_error
        chance = solved.factor.noise_squares().reshape(correction.shape)
        added = select_groups(rich, correction, chance, known) if sees else ()
        grown = sum_of_groups(rich.edges, sort_groups([*space.groups, *(added or rich.groups[known:])]), space.unknowns)
        if enriched_sum(grown).size > MOST_COEFFICIENTS:
            return None
        return _unsolved_state(
            grown, space.map_coefficients(state.coefficients, grown), state.seed + 2 * SEED_STRIDE, state.choice_reason
        )

    def network_description(self, state: BlocksState, outcome: Outcome) -> str:
        which = describe_groups(state.space.groups, [c.name for c in self.problem.coordinates])
        why = state.choice_reason or self.choice_reason
        return f"product: blocks of multiplying nodes on few of the coordinates, {which} ({why})"


def _unsolved_state(space: BlockSum, start: Array, seed: int, choice_reason: str = "") -> BlocksState:
    """The state before a level; its space has the edges of its richer sum."""
    return BlocksState(
        BlockSum(enriched_sum(space).edges, space.groups, space.unknowns), start, start, seed, choice_reason
    )


def _gauss_newton(
    rows: tuple[ScatteredRows, ...], space: BlockSum, c: Array, tolerance: float, number: int, monitor: Monitor
) -> tuple[Array, float, tuple[Iteration, ...]]:
    """Gauss-Newton steps, each halved until the mean square falls, until one is below ``tolerance``.

    Returns coefficients, mean square and steps. Raises SolverError: no step lowers it.
    """
    steps: list[Iteration] = []

    def iterate(at: Array, size: float = np.inf, share: float = 1.0) -> Iterate[Array]:
        return Iterate(at, mean_square(rows, BlockField(space, at)), size, share, next_control=1.0)

    def linearise(now: Iterate[Array]) -> Callable[[float], Iterate[Array]]:
        at = now.point
        step = RowFactor.factorise(*jacobian(rows, space, BlockField(space, at))).step(space.size).reshape(at.shape)
        return lambda share: iterate(at + share * step, relative_step_size(share * step, at + share * step), share)

    def is_over(before: Iterate[Array], now: Iterate[Array]) -> bool:
        if now is not before:
            steps.append(monitor.report_iteration(number, len(steps), now.loss, now.size, 0.0))
        return now.size <= tolerance

    accepts = partial(is_small_or_lowers, tolerance=tolerance)
    end, rejected = descend(iterate(c), linearise, halve, is_over, MAX_STEPS, accepts)
    if rejected is not None:
        raise SolverError("no Gauss-Newton step lowers the residual")
    return end.point, end.loss, tuple(steps)


#: Groups are added, best gain per coefficient first, until this share of the correction's norm remains. Heuristic.
REMAINING_SHARE = 0.1
#: A group's share must exceed that of noise by this factor. Heuristic: noise does so in one of twenty groups.
NOISE_FACTOR = 3.0
#: All of the margin is added where the correction is below this share of the remaining error.
LEAST_EXPLAINED = 0.1


def first_groups(dimension: int, levels: int) -> tuple[GroupLevels, ...]:
    """The constant, and the first ``levels`` of each coordinate alone."""
    alone = [tuple(level * (i == axis) for i in range(dimension)) for axis in range(dimension)
             for level in range(1, levels + 1)]  # fmt: skip
    return sort_groups([(0,) * dimension, *alone])


def sort_groups(groups: Sequence[GroupLevels]) -> tuple[GroupLevels, ...]:
    """Sort groups by the coordinates they depend on, fewest first."""
    return tuple(sorted(groups, key=lambda g: (len(support(g)), support(g), g)))


def margin(groups: Sequence[GroupLevels]) -> tuple[GroupLevels, ...]:
    """The groups one level above a known one, all of whose lower neighbours are known (Gerstner and Griebel 2003)."""
    known, dimension = set(groups), len(groups[0])
    found = {_neighbour(g, axis, 1) for g in groups for axis in range(dimension)} - known
    return sort_groups([g for g in found if all(_neighbour(g, i, -1) in known for i in support(g))])


def _neighbour(group: GroupLevels, axis: int, by: int) -> GroupLevels:
    return tuple(level + by * (i == axis) for i, level in enumerate(group))


def select_groups(
    space: BlockSum, correction: Array, noise_squares: Array, known_count: int
) -> tuple[GroupLevels, ...]:
    """The groups after the first ``known_count`` that carry the correction, best gain per cost first.

    ``noise_squares`` (product, unknown): expected squares of noise, which a share has to exceed clearly.
    """
    noise = np.stack([noise_squares[p].sum(0) for p in space.group_slices])
    shares = np.maximum(space.group_mean_squares(correction) - NOISE_FACTOR * noise, 0.0).max(1)[known_count:]
    sizes = np.array([space.group_size(g) for g in space.groups[known_count:]])
    order = np.argsort(-shares / sizes, kind="stable")
    rest = shares.sum() - np.cumsum(shares[order])
    needed = 1 + int(np.searchsorted(-rest, -(REMAINING_SHARE**2) * shares.sum()))
    return tuple(space.groups[known_count + k] for k in order[:needed] if shares[k] > 0.0)


def describe_groups(groups: Sequence[GroupLevels], names: Sequence[str]) -> str:
    """Describe which coordinates blocks couple: ``5 on one coordinate, 2 on two (x1 x2, x3 x4)``."""
    sets = sorted({support(g) for g in groups if any(g)}, key=lambda s: (len(s), s))
    parts = []
    for count in sorted({len(s) for s in sets}):
        of = [s for s in sets if len(s) == count]
        listed = f" ({', '.join(' '.join(names[i] for i in s) for s in of)})" if count > 1 and len(of) <= 10 else ""
        word = ("one", "two", "three", "four", "five", "six")[count - 1] if count <= 6 else str(count)
        parts.append(f"{len(of)} on {word}{' coordinate' if count == 1 else ''}{listed}")
    return ", ".join(parts)
