"""The least-squares problem of a model in inner coordinates: equations inside the domain, conditions on its sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.immersed import Batch, ImmersedPatch, batches, gathered
from pinnkan.kan.coordinates import Coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.immersion import Points, Ranges, interior_points, side_points, start_points
from pinnkan.kan.product import Space
from pinnkan.ordering import order_coefficients
from pinnkan.problem.statement import Condition, Side
from pinnkan.residual import CompiledEquation, where_not_finite
from pinnkan.rows import CellRows, Rows
from pinnkan.solver.linear import NormalEquations
from pinnkan.solver.system import CONDITION_WEIGHT, Model, points_per_interval

#: Pull of every coefficient towards zero, relative to the length its column would have if no side cut its function. It
#: holds functions of which the domain sees a corner only; their coefficients came out at 1e15 without. The error is the
#: same within 10 % from 1e-6 to 1e-10 while a front is resolved; a smooth solution ends at 4e-8 with 1e-8 (measured).
RIDGE = 1e-10
#: Share of a cell inside the domain below which its residual is no evidence.
SLIVER = 0.1


@dataclass(frozen=True, eq=False)
class InnerModel:
    """A model with all its conditions as rows, since no side of the domain is a line of the inner coordinates."""

    model: Model
    conditions: tuple[tuple[Condition, CompiledEquation], ...]

    @property
    def is_linear(self) -> bool:
        """Whether one step solves it."""
        return self.model.is_linear and all(e.is_linear for _, e in self.conditions)


def inner_model(model: Model) -> InnerModel:
    """Compile every condition."""
    problem = model.problem
    found = tuple(
        (c, CompiledEquation(c.equation, problem.coordinates)) for c in problem.conditions if c.equation is not None
    )
    return InnerModel(model, found)


def fit(space: Space, cells: Sequence[Batch], function: Callable[[Array], Array]) -> Array:
    """The least-squares fit of a function, points (point, coordinate) to (point, unknown), at the points of cells."""
    zero = (0,) * len(space.axes)
    rows = []
    touched = np.zeros(space.size, dtype=bool)
    for batch in cells:
        root = torch.from_numpy(np.sqrt(batch.weights))
        block = batch.features({zero: root})
        values = torch.from_numpy(function(batch.outer.reshape(-1, batch.outer.shape[-1])))
        values = values.reshape(*batch.shape, -1) * root.unsqueeze(-1)
        for unknown in range(space.unknowns):
            index = batch.index * space.unknowns + unknown
            touched[index.numpy().ravel()] = True
            rows.append(CellRows(block, -values[..., unknown : unknown + 1], index))
    size = float(np.sqrt(sum(batch.weights.sum() for batch in cells) / max(1, int(touched.sum()))))
    ridge = torch.full((int(touched.sum()), 1, 1), RIDGE * size, dtype=torch.float64)
    rows.append(CellRows(ridge, torch.zeros_like(ridge), torch.from_numpy(np.flatnonzero(touched)).reshape(-1, 1)))
    ordering = order_coefficients(space, ~touched.reshape(space.shape), torch.device("cpu"))
    out = np.zeros(space.shape)
    out.reshape(-1)[ordering.free.numpy()] = NormalEquations(rows, ordering).solve([r.residual for r in rows])[:, 0]
    return out


class InnerSystem:
    """Rows of a model in ``space`` over ``coordinates``, on the box ``ranges`` of (x, y[, t]).

    ``extra`` more Gauss points give held-out rows. ``before``: fields whose values at the lower end of time replace the
    data of the initial conditions, one right-hand side each.
    """

    def __init__(
        self,
        inner: InnerModel,
        space: Space,
        coordinates: Coordinates,
        ranges: Ranges,
        extra: int = 0,
        before: Sequence[Callable[..., Array]] = (),
    ) -> None:
        self.model, self.space, self.coordinates, self.ranges = inner, space, coordinates, ranges
        problem = inner.model.problem
        space_order = max(jet.total for e in inner.model.equations for jet in e.jets)
        self.orders = (space_order, space_order, *inner.model.orders[2:])
        counts = [
            points_per_interval(a.degree, a.intervals, k, all_of_them=True) + extra
            for a, k in zip(space.axes, self.orders, strict=True)
        ]
        highest = [max(o, max((j.total for _, e in inner.conditions for j in e.jets), default=0)) for o in self.orders]
        interior = interior_points(space, coordinates, ranges, counts)
        self.area = float(interior.weights.sum())
        self.cells = batches(space, interior, highest)
        inside = [[ImmersedPatch(e, b, coordinates) for b in self.cells] for e in inner.model.equations]
        self.patches: list[tuple[ImmersedPatch, torch.Tensor | None]] = [(p, None) for ps in inside for p in ps]
        self._before = before
        zero = np.zeros(space.shape)
        for condition, equation in inner.conditions:
            side = condition.place
            assert isinstance(side, Side)
            initial = side.axis == problem.time_axis
            points = self._condition_points(side, initial, coordinates, ranges, counts)
            for batch in batches(space, points, highest):
                patch = self._weighted(equation, batch, side, zero)
                self.patches.append((patch, self._offset(patch) if initial and before else None))
        self.ridge = self._ridge(zero, inside)
        self.fixed = (self.ridge == 0.0).reshape(space.shape)

    def on(self, space: Space, extra: int = 0) -> InnerSystem:
        """The same problem in another space."""
        return InnerSystem(self.model, space, self.coordinates, self.ranges, extra, self._before)

    def checked(self) -> InnerSystem:
        """The same rows at points never trained on, in cells of which the domain holds more than SLIVER.

        In a thinner one there are few points to train on, and none of them may be near one of these.
        """
        other = self.on(self.space, extra=1)
        seen = np.zeros([a.intervals for a in self.space.axes])
        for batch in self.cells:
            seen[tuple(batch.cells.T)] += batch.weights.sum(1)
        volume = np.ones(())
        for axis in self.space.axes:
            volume = np.multiply.outer(volume, np.diff(axis.breaks))
        known = seen > SLIVER * volume
        for patch, _ in other.patches:
            kept = torch.from_numpy(known[tuple(patch.batch.cells.T)])
            patch.root_weight = patch.root_weight * kept.unsqueeze(1)
        return other

    def _condition_points(
        self, side: Side, initial: bool, coordinates: Coordinates, ranges: Ranges, counts: Sequence[int]
    ) -> Points:
        if initial:
            return start_points(self.space, coordinates, ranges, counts)
        return side_points(self.space, coordinates, ranges, side.axis, side.end, counts)

    def _weighted(self, equation: CompiledEquation, batch: Batch, side: Side, start: Array) -> ImmersedPatch:
        """A patch whose rows weigh as much as the operator's: its size over the condition's, times sqrt(width)."""
        patch = ImmersedPatch(equation, batch, self.coordinates)
        widths = self._widths(batch)
        inside = [ImmersedPatch(e, batch, self.coordinates) for e in self.model.model.equations]
        operator = torch.stack([p.size(start, widths) for p in inside]).sum(0)
        normal = np.eye(self.model.model.problem.dimension)[side.axis]
        if side.axis < 2:
            slopes = np.abs(np.array([normal[:2] @ self.coordinates.normal, normal[:2] @ self.coordinates.tangent]))
            width = 1.0 / (slopes / widths[:, :2]).sum(-1)
        else:
            width = widths[:, 2]
        own = patch.size(start, widths)
        scale = CONDITION_WEIGHT * operator / own * torch.from_numpy(np.sqrt(width)).unsqueeze(1)
        patch.root_weight = patch.root_weight * scale
        return patch

    def _offset(self, patch: ImmersedPatch) -> torch.Tensor:
        """F of the earlier fields at the points, (cell, point, field): what the condition's residual has to equal."""
        orders = sorted({jet.order for jet in patch.equation.jets})
        points = patch.batch.outer.reshape(-1, patch.batch.outer.shape[-1])
        out = []
        for field in self._before:
            values = field(points, orders)
            jets = np.stack([values[:, j.unknown, orders.index(j.order)] for j in patch.equation.jets], -1)
            f, _ = patch.equation.linearise(torch.from_numpy(points), torch.from_numpy(jets))
            out.append(f.reshape(patch.batch.shape))
        return torch.stack(out, -1)

    def _widths(self, batch: Batch) -> Array:
        return np.stack([np.diff(a.breaks)[batch.cells[:, i]] / a.degree for i, a in enumerate(self.space.axes)], -1)

    def _ridge(self, start: Array, inside: Sequence[Sequence[ImmersedPatch]]) -> Array:
        """RIDGE times the length that each column would have if its functions were whole: (coefficient,).

        ``inside``: per equation its patches on the cells.
        """
        length = np.zeros(self.space.size)
        for batch, *patches in zip(self.cells, *inside, strict=True):
            widths = self._widths(batch)
            size = torch.stack([p.size(start, widths) for p in patches]).sum(0)
            own = (size.amax(1).numpy() * np.sqrt(widths.prod(-1)))[:, None]
            for unknown in range(self.space.unknowns):
                np.maximum.at(length, batch.index.numpy() * self.space.unknowns + unknown, own)
        return RIDGE * length

    def _ridge_rows(self, coefficients: Array, sides: int) -> CellRows:
        index = np.flatnonzero(self.ridge > 0.0)
        weight = torch.from_numpy(self.ridge[index]).reshape(-1, 1, 1)
        pull = torch.from_numpy(coefficients.ravel()[index]).reshape(-1, 1, 1) * weight
        return CellRows(weight, pull.expand(-1, -1, sides).contiguous(), torch.from_numpy(index).reshape(-1, 1))

    def fitted(self, field: Callable[..., Array]) -> Array:
        """The least-squares fit of a field of (x, y[, t]) in this space."""
        zero = (0,) * len(self.space.axes)
        return fit(self.space, self.cells, lambda points: field(points, [zero])[..., 0])

    @property
    def points(self) -> int:
        """Number of rows."""
        return sum(int((p.batch.weights > 0).sum()) for p, _ in self.patches)

    def loss(self, coefficients: Array) -> float:
        """Sum of the weighted squares of all rows."""
        total = 0.0
        for patch, offset in self.patches:
            f, _ = patch.equation.linearise(patch.points, patch.jets(coefficients))
            if offset is not None:
                f = f - offset[..., 0]
            total += float(((f * patch.root_weight) ** 2).sum())
        return total

    def mean_square(self, coefficients: Array) -> float:
        """Mean squared residual."""
        return self.loss(coefficients) / self.area

    def where_not_finite(self, coefficients: Array) -> str:
        """The first point at which an equation or its derivatives are not finite, in words."""
        looked = ((p.equation, p.points, p.jets(coefficients)) for p, _ in self.patches)
        return where_not_finite(self.model.model.problem, looked)

    def rows(self, coefficients: Array, sides: int = 1) -> list[Rows]:
        """Rows at ``coefficients``, one right-hand side for each field before."""
        out = []
        for patch, offset in self.patches:
            rows = patch.rows(coefficients)
            residual = rows.residual.expand(*rows.residual.shape[:2], sides)
            if offset is not None:
                residual = residual - (offset * patch.root_weight.unsqueeze(-1))[..., :sides]
            out.append(CellRows(rows.jacobian, residual.contiguous(), rows.index))
        return [gathered(out), self._ridge_rows(coefficients, sides)]

    def steps(
        self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray, damping: float = 0.0
    ) -> list[Array]:
        """Gauss-Newton steps from ``coefficients``, one per right-hand side."""
        ordering = order_coefficients(self.space, fixed, self.model.model.device)
        rows = self.rows(coefficients, len(targets))
        solved = NormalEquations(rows, ordering, damping).solve([r.residual for r in rows])
        out = []
        for i in range(len(targets)):
            step = np.zeros(self.space.shape)
            step.reshape(-1)[ordering.free.numpy()] = solved[:, i]
            out.append(step)
        return out

    def squares(self, coefficients: Array) -> tuple[Array, list[Array]]:
        """Squared L2 norms over the domain (unknown), and over each strip of a coordinate: (interval, unknown) each."""
        strips = [np.zeros((a.intervals, self.space.unknowns)) for a in self.space.axes]
        zero = (0,) * len(self.space.axes)
        for batch in self.cells:
            values = batch.derivatives(coefficients, [zero])[..., 0].numpy()
            mass = (values**2 * batch.weights[..., None]).sum(1)
            for i, strip in enumerate(strips):
                np.add.at(strip, batch.cells[:, i], mass)
        return strips[0].sum(0), strips

    def distance(self, coefficients: Array, reference: Callable[[Array], Array]) -> tuple[Array, Array]:
        """Squared L2 norms of the difference from ``reference`` (points to (point, unknown)), and of the reference."""
        zero = (0,) * len(self.space.axes)
        total = np.zeros((2, self.space.unknowns))
        for batch in self.cells:
            values = batch.derivatives(coefficients, [zero])[..., 0].numpy()
            exact = reference(batch.outer.reshape(-1, batch.outer.shape[-1])).reshape(values.shape)
            w = batch.weights[..., None]
            total += np.stack([((values - exact) ** 2 * w).sum((0, 1)), (exact**2 * w).sum((0, 1))])
        return total[0], total[1]
