"""Gauss-Newton for the outer coefficients of a product network.

A linear equation takes one step; a nonlinear one a few, each damped (Levenberg-Marquardt) only when the loss would
rise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch

from pinnkan.conditions import Conditions
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import end_table, gauss_table
from pinnkan.problem.statement import Condition, Problem, Side
from pinnkan.residual import CompiledEquation, Patch, where_not_finite
from pinnkan.rows import Rows, order_coefficients
from pinnkan.solver import memory
from pinnkan.solver.linear import NormalEquations
from pinnkan.solver.state import Newton
from pinnkan.solver.watch import Watch
from pinnkan.verdict import Iteration

#: Weighted rows of a condition, relative to their natural scale. Poisson with one Neumann side, degree 8, 4
#: intervals: the
#: error is the same within 2 % from 1 to 100, and grows below (measured).
CONDITION_WEIGHT = 10.0
#: A step is taken for one of a quadratic iteration if it is below this share of the one before, and the next one for
#: CAUTION times what it then would be. Without: one step more, of 1e-10 to 1e-14, in nearly every slab.
NEAR, CAUTION = 0.1, 4.0
#: Steps after which an iteration that still moves is given up.
MAX_STEPS = 30


@dataclass(frozen=True, eq=False)
class Model:
    """A problem compiled for a device: equations, and conditions that become rows."""

    problem: Problem
    conditions: Conditions
    device: torch.device
    equations: tuple[CompiledEquation, ...]
    rows: tuple[tuple[Condition, CompiledEquation], ...]
    orders: tuple[int, ...]
    is_linear: bool


def compile_model(problem: Problem, conditions: Conditions, device: torch.device) -> Model:
    """Compile the equations, and the conditions that become rows, once for all levels."""
    equations = tuple(CompiledEquation(e, problem.coordinates) for e in problem.equations)
    rows = tuple(
        (c, CompiledEquation(c.equation, problem.coordinates)) for c in conditions.rows if c.equation is not None
    )
    orders = tuple(max(e.orders[i] for e in problem.equations) for i in range(problem.dimension))
    linear = all(e.is_linear for e in equations) and all(r.is_linear for _, r in rows)
    return Model(problem, conditions, device, equations, rows, orders, linear)


def points_per_interval(degree: int, intervals: int, order: int, all_of_them: bool = False) -> int:
    """Gauss points per interval and coordinate; on few intervals one more than collocation needs.

    A spline has one coefficient per interval. With half of degree - order, and two more, errors and estimates were
    those of degree - order within 3 % on seven shipped problems. With one point less the splines come near to
    interpolating the equation: a residual between the points up to 5 times the one that was trained. ``all_of_them``,
    degree - order, where the domain cuts intervals (with half of them the layer at 30 degrees took twice as long), and
    in a single coordinate, where they cost nothing.
    """
    enough = degree - order if all_of_them else min(degree - order, 2 - (order - degree) // 2)
    return max(3, enough, -(-(intervals + degree + 2 - order) // intervals))


def require_memory(model: Model, space: Space, extra: int = 0) -> None:
    """Raises ResourceError if a step in ``space`` needs more memory than there is."""
    axes, alone = list(zip(space.axes, model.orders, strict=True)), len(space.axes) == 1
    points = [a.intervals * (points_per_interval(a.degree, a.intervals, k, alone) + extra) for a, k in axes]
    jets = sum(len(e.jets) for e in model.equations)
    what = f"a step with {'x'.join(str(a.intervals) for a in space.axes)} intervals, {space.size} coefficients,"
    memory.require(memory.bytes_of_space(space, points, jets), what, model.device)


@dataclass(frozen=True, eq=False)
class System:
    """The least-squares problem of a model in one space; ``extra`` more Gauss points give held-out rows.

    ``rounding``: of each solve so far, what rounding leaves in the coefficients, relative to the largest of them.
    """

    model: Model
    space: Space
    extra: int = 0
    patches: tuple[Patch, ...] = field(init=False)
    rounding: list[float] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        model, space = self.model, self.space
        require_memory(model, space, self.extra)
        alone = len(space.axes) == 1
        counts = [
            points_per_interval(a.degree, a.intervals, k, alone) + self.extra
            for a, k in zip(space.axes, model.orders, strict=True)
        ]
        tables = [gauss_table(a, n, k, model.device) for a, n, k in zip(space.axes, counts, model.orders, strict=True)]
        patches = [Patch(e, space, tables) for e in model.equations]
        for condition, equation in model.rows:
            side = condition.place
            assert isinstance(side, Side)
            highest = max(j.order[side.axis] for j in equation.jets)
            orders = max(model.orders[side.axis], highest)
            faces = list(tables)
            faces[side.axis] = end_table(space.axes[side.axis], side.end, orders, model.device)
            patches.append(Patch(equation, space, faces, self._weight(side, highest)))
        object.__setattr__(self, "patches", tuple(patches))

    def _weight(self, side: Side, order: int) -> float:
        """(h/p)^(order - m + 1/2): trace scaling of a condition under an operator of normal order m."""
        axis = self.space.axes[side.axis]
        h = float(np.diff(axis.breaks)[0 if side.end == 0 else -1]) / axis.degree
        return CONDITION_WEIGHT * h ** (order - self.model.orders[side.axis] + 0.5)

    @property
    def points(self) -> int:
        """Number of rows."""
        return sum(p.count for p in self.patches)

    def _tensor(self, array: Array) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.model.device)

    def loss(self, coefficients: Array) -> float:
        """Sum of the weighted squares of all rows."""
        c = self._tensor(coefficients)
        return sum(p.loss(c) for p in self.patches)

    def mean_square(self, coefficients: Array) -> float:
        """Loss divided by the measure of the box: a mean squared residual."""
        return self.loss(coefficients) / self.patches[0].volume

    def where_not_finite(self, coefficients: Array) -> str:
        """The first point at which an equation or its derivatives are not finite, in words."""
        c = self._tensor(coefficients)
        return where_not_finite(self.model.problem, ((p.equation, p.points, p.jets(c)) for p in self.patches))

    def steps(
        self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray, damping: float = 0.0
    ) -> list[Array]:
        """Gauss-Newton steps from ``coefficients``, one per target: fixed coefficients go to the target's values.

        Raises:
            numpy.linalg.LinAlgError: the rows are not finite or do not determine the free coefficients.
        """
        c = self._tensor(coefficients)
        moves = [np.where(fixed, t - coefficients, 0.0) for t in targets]
        rows = [p.rows(c, [self._tensor(m) for m in moves]) for p in self.patches]
        found = self.solve_rows(rows, moves, fixed, damping)
        largest = float(np.abs(coefficients + found[0]).max())
        self.rounding[-1] /= largest if largest > 0.0 else 1.0
        return found

    def solve_rows(
        self, rows: Sequence[Rows], moves: Sequence[Array], fixed: np.ndarray, damping: float = 0.0
    ) -> list[Array]:
        """Least-squares steps for rows of this space; fixed coefficients move as prescribed."""
        ordering = order_coefficients(self.space, fixed, self.model.device)
        equations = NormalEquations(rows, ordering, damping)
        solved = equations.solve([r.residual for r in rows])
        self.rounding.append(equations.rounding)
        out = []
        for i, move in enumerate(moves):
            step = move.copy()
            step.reshape(-1)[ordering.free.cpu().numpy()] = solved[:, i]
            out.append(step)
        return out


class Linearity(Protocol):
    """Something that knows whether one step solves it."""

    @property
    def is_linear(self) -> bool:
        """Whether the rows are affine in the coefficients."""
        ...


class LeastSquares(Protocol):
    """What :func:`gauss_newton` minimises: a system on the axes, or one in inner coordinates."""

    @property
    def model(self) -> Linearity:
        """The equations."""
        ...

    def loss(self, coefficients: Array) -> float:
        """Sum of the weighted squares of all rows."""
        ...

    def steps(
        self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray, damping: float = 0.0
    ) -> list[Array]:
        """Gauss-Newton steps, one per target."""
        ...

    def where_not_finite(self, coefficients: Array) -> str:
        """The first place where a row is not finite, in words."""
        ...


@dataclass(frozen=True)
class Step:
    """What one accepted step did: loss after it, size of the step relative to the coefficients, damping."""

    loss: float
    size: float
    damping: float


@dataclass(frozen=True, eq=False)
class Converged:
    """Coefficients at a stationary point of the loss (when ``stationary``) and the steps that led there."""

    coefficients: Array
    steps: tuple[Step, ...]
    stationary: bool


def relative_size(step: Array, coefficients: Array) -> float:
    """Root mean square of a step over that of the coefficients, a proxy of the relative change of the function."""
    scale = float(np.sqrt(np.mean(coefficients**2)))
    return float(np.sqrt(np.mean(step**2))) / (scale if scale > 0.0 else 1.0)


def contraction(history: Sequence[Iteration]) -> float:
    """The largest size of a step over the square of the one before, of those that shrink; infinite where none do."""
    steps = [(a.step, b.step) for a, b in pairwise(history) if b.iteration == a.iteration + 1]
    return max((b / a**2 for a, b in steps if 0.0 < b < NEAR * a), default=np.inf)


def gauss_newton(
    system: LeastSquares,
    start: Array,
    fixed: np.ndarray,
    tolerance: float,
    watch: Watch | None = None,
    known: float = np.inf,
) -> Converged:
    """Minimise the loss over the free coefficients; fixed ones keep their values in ``start``.

    A step that leads to values that are not finite, or to a larger loss, is rejected and damped until it does not.
    Stops when the step, or for quadratically shrinking steps the next one, falls below ``tolerance`` relative to the
    coefficients; ``known`` is the :func:`contraction` of steps nearby. ``watch`` is told of every step and may know
    where an interrupted iteration stood.

    Raises:
        SolverError: values are not finite at the start, or no damping gives a step with a finite, smaller loss.
        OutOfTimeError: the time limit is over.
    """
    begun = (watch.newton() if watch else None) or Newton(start)
    c, previous, steps = begun.coefficients, begun.previous, list(begun.steps)
    loss = system.loss(c)
    if not np.isfinite(loss):
        raise SolverError(f"the residual is not finite {system.where_not_finite(c)}", "not_finite")
    while len(steps) < MAX_STEPS:
        c = np.ascontiguousarray(c)
        if watch:
            watch.stepping(Newton(c, tuple(steps), previous))
        step, damping = _step(system, c, fixed)
        if system.model.is_linear:
            steps.append(Step(system.loss(c + step), relative_size(step, c + step), 0.0))
            return Converged(c + step, tuple(steps), True)
        size = relative_size(step, c + step)
        after = system.loss(c + step)
        while not np.isfinite(after) or (after > loss * (1.0 + 1e-6) + 1e-28 and size > tolerance):
            damping = max(1e-6, 8.0 * damping)
            if damping > 1e8:
                raise _no_step(system, c + step, after)
            if watch:
                watch.check_step(steps)
            step = system.steps(c, [c], fixed, damping)[0]
            size, after = relative_size(step, c + step), system.loss(c + step)
        c, loss = c + step, after
        steps.append(Step(loss, size, damping))
        if damping == 0.0 and (size <= tolerance or _next(size, previous, known) <= tolerance):
            return Converged(c, tuple(steps), True)
        previous = size
    return Converged(c, tuple(steps), False)


def _next(size: float, previous: float, known: float) -> float:
    """What the next step is expected to be at most: quadratically smaller, as far as the last steps shrank at all."""
    if size >= NEAR * previous or size >= NEAR:
        return np.inf
    shown = max(size / previous**2, known if np.isfinite(known) else 0.0)
    return CAUTION * shown * size**2 if shown > 0.0 else np.inf


def _step(system: LeastSquares, c: Array, fixed: np.ndarray) -> tuple[Array, float]:
    damping = 0.0
    while True:
        try:
            return system.steps(c, [c], fixed, damping)[0], damping
        except np.linalg.LinAlgError as error:
            damping = max(1e-8, 100.0 * damping)
            if damping > 1.0:  # with so much on the diagonal only numbers that are not finite are left
                reason = f"the derivatives of the equations are not finite {system.where_not_finite(c)}"
                raise SolverError(reason, "not_finite") from error


def _no_step(system: LeastSquares, tried: Array, loss: float) -> SolverError:
    if np.isfinite(loss):
        return SolverError("no Gauss-Newton step lowers the residual")
    where = system.where_not_finite(tried)
    return SolverError(f"every Gauss-Newton step makes the residual not finite, the last one {where}", "not_finite")
