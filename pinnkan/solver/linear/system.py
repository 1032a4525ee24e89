"""The least-squares problem of a model in one product space: its rows at Gauss points, and Gauss-Newton steps."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from pinnkan.assembly.equation import Patch, where_not_finite
from pinnkan.assembly.interfaces import SHIFT
from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import end_table, gauss_table, joint_table
from pinnkan.problem.statement import Side
from pinnkan.solver import memory
from pinnkan.solver.linear.band import EXACT, NormalEquations

#: Weighted rows of a condition, relative to their natural scale. Poisson with one Neumann side, degree 8, 4
#: intervals: the
#: error is the same within 2 % from 1 to 100, and grows below (measured).
CONDITION_WEIGHT = 10.0


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
    points = [a.intervals * (points_per_interval(a.degree, a.fewest, k, alone) + extra) for a, k in axes]
    jets = sum(len(e.jets) for e in model.equations)
    what = f"a step with {'x'.join(str(a.intervals) for a in space.axes)} intervals, {space.size} coefficients,"
    memory.require(memory.bytes_of_space(space, points, jets), what, model.device)


@dataclass(eq=False)
class System:
    """The least-squares problem of a model in one space; ``extra`` more Gauss points give held-out rows.

    It is no state: it remembers its last solve.

    ``accuracy``: relative error of a step that does no harm; ``fewer`` Gauss points per interval of space, three at
    least.
    ``rounding``: what rounding leaves in the coefficients, relative to the largest of them.
    ``keeping``: whether the matrix of the last step is kept for :meth:`chord`.
    """

    model: Model
    space: Space
    extra: int = 0
    accuracy: float = EXACT
    fewer: int = 0
    keeping: bool = False
    rounding: float = field(init=False, default=0.0)
    _kept: NormalEquations | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Raises ResourceError where a step would need more memory than there is."""
        require_memory(self.model, self.space, self.extra)

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """The rows of each equation, of each condition that is not exact, and of each interface."""
        model, space = self.model, self.space
        alone = len(space.axes) == 1
        counts = [
            points_per_interval(a.degree, a.fewest, k, alone) + self.extra
            for a, k in zip(space.axes, model.orders, strict=True)
        ]
        counts = [n if i == model.problem.time_axis else max(3, n - self.fewer) for i, n in enumerate(counts)]
        tables = [gauss_table(a, n, k, model.device) for a, n, k in zip(space.axes, counts, model.orders, strict=True)]
        patches = [Patch(e, space, tables) for e in model.equations]
        for condition, equation in model.rows:
            side = condition.place
            assert isinstance(side, Side)
            highest = max(j.order[side.axis] for j in equation.jets)
            orders = max(model.orders[side.axis], highest)
            faces = list(tables)
            faces[side.axis] = end_table(space.axes[side.axis], side.end, orders, model.device)
            width = float(np.diff(space.axes[side.axis].breaks)[0 if side.end == 0 else -1])
            patches.append(Patch(equation, space, faces, self._weight(side.axis, width, highest)))
        for interface, equation in model.interfaces:
            k, axis, faces = interface.axis, space.axes[interface.axis], list(tables)
            faces[k] = joint_table(axis, interface.place, SHIFT - 1, SHIFT, model.device)
            at = int(np.searchsorted(axis.breaks, interface.place))
            width = float(np.diff(axis.breaks[at - 1 : at + 2]).min())
            patches.append(Patch(equation, space, faces, self._weight(k, width, SHIFT - 1)))
        return tuple(patches)

    def _weight(self, axis: int, width: float, order: int) -> float:
        """(h/p)^(order - m + 1/2): trace scaling of a condition beside an interval, under normal order m."""
        h = width / self.space.axes[axis].degree
        return CONDITION_WEIGHT * h ** (order - self.model.orders[axis] + 0.5)

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
            OutOfTimeError: it could not end in time.
        """
        c = self._tensor(coefficients)
        moves = [np.where(fixed, t - coefficients, 0.0) for t in targets]
        with self.timed():
            rows = [p.rows(c, [self._tensor(m) for m in moves]) for p in self.patches]
            found = self.solve_rows(rows, moves, fixed, damping)
        largest = float(np.abs(coefficients + found[0]).max())
        self.rounding /= largest if largest > 0.0 else 1.0
        return found

    def equations(self, coefficients: Array, fixed: np.ndarray) -> NormalEquations:
        """J^T J at ``coefficients``, factorised.

        Raises:
            numpy.linalg.LinAlgError: the rows are not finite or do not determine the free coefficients.
            OutOfTimeError: it could not end in time.
        """
        c = self._tensor(coefficients)
        ordering = order_coefficients(self.space, fixed, self.model.device)
        with self.timed():
            return NormalEquations([p.rows(c, []) for p in self.patches], ordering)

    def timed(self) -> AbstractContextManager[None]:
        """A factorisation: raises OutOfTimeError where it could not end in time."""
        return self.model.clock.working("band", self.space.size * memory.bandwidth(self.space) ** 2)

    @property
    def kept(self) -> NormalEquations:
        """The matrix of the last step, where it is kept."""
        assert self._kept is not None
        return self._kept

    @property
    def is_kept(self) -> bool:
        """Whether it is."""
        return bool(self._kept)

    def chord(self, coefficients: Array, fixed: np.ndarray) -> Array | None:
        """The Gauss-Newton step with the residual and gradient at ``coefficients``, but the matrix of the last step."""
        equations, self._kept = self._kept, None
        if equations is None:
            return None
        rows = [p.rows(self._tensor(coefficients), []) for p in self.patches]
        parts = [r.transpose(equations.ordering, r.residual) for r in rows]
        step = np.zeros(self.space.shape)
        step.reshape(-1)[equations.ordering.free.cpu().numpy()] = -equations.backsolve(
            sum(parts[1:], parts[0]).cpu().numpy()
        )[:, 0]
        return step

    def release(self) -> None:
        """Forget the matrix that is kept."""
        self._kept = None

    def solve_rows(
        self, rows: Sequence[Rows], moves: Sequence[Array], fixed: np.ndarray, damping: float = 0.0
    ) -> list[Array]:
        """Least-squares steps for rows of this space; fixed coefficients move as prescribed."""
        ordering = order_coefficients(self.space, fixed, self.model.device)
        self.release()
        equations = NormalEquations(rows, ordering, damping)
        self._kept = equations if self.keeping else None
        solved = equations.solve([r.residual for r in rows], self.accuracy)
        self.rounding = equations.rounding
        out = []
        for i, move in enumerate(moves):
            step = move.copy()
            step.reshape(-1)[ordering.free.cpu().numpy()] = solved[:, i]
            out.append(step)
        return out
