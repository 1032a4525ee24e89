"""The least-squares system of a model on a shape in the plane, in splines on its bounding box, steady or in a slab.

Rows of the equations stand at the Gauss points of whole cells, where sum factorisation applies, and of the curved
triangles of cut cells; rows of conditions at Gauss points of the boundary; in time all of these at Gauss points of
time. All conditions are rows, those at the start too. Splines whose support hardly meets the domain stay, since columns
are scaled to unit length; only those that rounding hides are left out.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.condition_weights import condition_weight
from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.immersed.cells_in_time import CellsInTime
from pinnkan.assembly.immersed_points import CellGroups, GridPoints
from pinnkan.assembly.immersed_rows import ImmersedPatch, gather_rows
from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import Ordering, order_coefficients
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide
from pinnkan.kan.coordinates.cartesian import CARTESIAN
from pinnkan.kan.field import Array, DerivativeFunction, jets_at
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table, gauss_table, point_table
from pinnkan.problem.statement import Place, Side, position_of
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.shapes.points import (
    cut_cell_points,
    piece_points,
    single_point,
    whole_cell_points,
)
from pinnkan.solver.families.shapes.slab_state import state_equations
from pinnkan.solver.linear.gauss_point_counts import points_per_interval
from pinnkan.solver.linear.immersed_least_squares import ImmersedLeastSquares
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.linear.system import CONDITION_WEIGHT
from pinnkan.solver.predicted_work import factor_work

#: Splines whose derivatives, in widths of a cell, have a smaller norm over the domain are left out. A solution in a
#: disk, degree 10 on 16 intervals: error 3e-11 without those below 1e-8, 1e-13 below 1e-11, 7e-16 below 1e-14 and with
#: all. Smaller ones have coefficients of 1e20 and more, from which a correction cannot start.
LEAST_COLUMN = 1e-14
#: Device of all points and matrices.
CPU = torch.device("cpu")
#: Points with the splines of a shape.
ShapePoints = GridPoints | CellGroups | CellsInTime


def domain_of(model: Model) -> ShapedDomain:
    """The domain of a model on a shape. Raises TypeError for others."""
    if not isinstance(model.problem.domain, ShapedDomain):
        raise TypeError("the domain is no shape")
    return model.problem.domain


class ShapeSystem(ImmersedLeastSquares):
    """The rows of a ``model`` in a ``space`` on the box of a shape, in time of a slab; ``extra_points`` per cell.

    ``initial_fields``: fields whose sum at the start of a later slab is prescribed, of the first k + 1 of them for
    right-hand side k. Without them the conditions of the file hold there.
    """

    def __init__(
        self,
        model: Model,
        space: Space,
        extra_points: int = 0,
        initial_fields: Sequence[DerivativeFunction] = (),
    ) -> None:
        self.model, self.space, self.initial_fields = model, space, tuple(initial_fields)
        domain = domain_of(model)
        times = [(float(a.breaks[0]), float(a.breaks[-1])) for a in space.axes[2:]]
        self.domain = domain.time_part(*times[0]) if times else domain
        self.measure = self.domain.measure
        orders = [max(model.problem.total_orders)] * 2 + list(model.orders[2:])
        conditions = model.conditions_as_rows
        self.highest = [max([o, *(j.total_order for _, e in conditions for j in e.jets)]) for o in orders]
        counts = [
            points_per_interval(a.degree, a.intervals, k) + extra_points
            for a, k in zip(space.axes, orders, strict=True)
        ]
        self.tables = [gauss_table(a, n, k, CPU) for a, n, k in zip(space.axes, counts, self.highest, strict=True)]
        self.count = max(a.degree for a in space.axes[:2]) + 1 + extra_points
        self.inside = self._points_inside(self.tables[2:])
        inside = [self._patch(e, points) for e in model.equations for points in self.inside]
        self.patches: list[tuple[ImmersedPatch, torch.Tensor | None]] = [(patch, None) for patch in inside]
        for condition, equation in conditions:
            if condition.place != Side(2, 0):
                self.patches.append((self._condition_patch(condition.place, equation), None))
        if times:
            self.patches += self.start_patches()

    def in_space(
        self, space: Space, extra_points: int = 0, initial_fields: Sequence[DerivativeFunction] | None = None
    ) -> "ShapeSystem":
        """Return the system of the same model in another space, with other fields at the start if given."""
        given = self.initial_fields if initial_fields is None else initial_fields
        return ShapeSystem(self.model, space, extra_points, given)

    def _points_inside(self, times: Sequence[Table]) -> list[ShapePoints]:
        """The points of whole and of cut cells, where there are any, at the times of a table if there is one."""
        whole = whole_cell_points(self.space, [*self.tables[:2], *times], self.domain)
        cut = cut_cell_points(self.space, self.highest, self.domain, self.count, times)
        return [points for points in (whole, cut) if points is not None and points.weights.size]

    def _patch(self, equation: CompiledEquation, points: ShapePoints) -> ImmersedPatch:
        return ImmersedPatch(equation, points, CARTESIAN, self.space.unknowns)

    def _condition_patch(self, place: Place, equation: CompiledEquation) -> ImmersedPatch:
        """Return the rows of a condition, weighted as on a box by the width of each cell that the piece crosses."""
        times = self.tables[2:]
        if isinstance(place, ShapeSide):
            points = piece_points(self.space, self.highest, self.domain, place, self.count, times)
        else:
            assert not isinstance(place, Side)
            points = single_point(self.space, self.highest, position_of(place)[:2], times)
        patch = self._patch(equation, points)
        widths = self.cell_widths(points)[..., :2].min(-1).reshape(len(points.weights), -1)[:, 0]
        weight = np.empty(len(widths))
        for width in np.unique(widths):
            at = points.outer[widths == width].reshape(-1, points.outer.shape[-1])
            across = [float(width)] * 2 + [None] * len(times)  # whatever the normal is
            weight[widths == width] = condition_weight(self.model, equation, at, across) * width**-0.5
        scale = torch.from_numpy(CONDITION_WEIGHT * weight).reshape(-1, *[1] * (patch.root_weight.ndim - 1))
        patch.root_weight = patch.root_weight * scale
        return patch

    def start_patches(self) -> list[tuple[ImmersedPatch, torch.Tensor | None]]:
        """Return the rows at the start of a slab, with their targets (.., rhs) if there are initial fields."""
        given = [e for c, e in self.model.conditions_as_rows if c.place == Side(2, 0)]
        axis, out = self.space.axes[2], []
        start = point_table(axis, float(axis.breaks[0]), self.highest[2], CPU)
        width = float(np.diff(axis.breaks)[0]) / axis.degree
        for points in self._points_inside([start]):
            for equation in state_equations(self.model) if self.initial_fields else given:
                patch = self._patch(equation, points)
                at = points.outer.reshape(-1, 3)
                weight = CONDITION_WEIGHT * condition_weight(self.model, equation, at, [None, None, width])
                patch.root_weight = patch.root_weight * weight
                out.append((patch, self._targets(patch) if self.initial_fields else None))
        return out

    def _targets(self, patch: ImmersedPatch) -> torch.Tensor:
        """Return the state at the sums of the initial fields: (.., field)."""
        points = patch.places.outer.reshape(-1, 3)
        values = np.cumsum([jets_at(f, points, patch.equation.jets)[:, 0] for f in self.initial_fields], axis=0)
        return torch.from_numpy(values).movedim(0, -1).reshape(*patch.places.weights.shape, -1)

    @cached_property
    def fixed(self) -> np.ndarray:
        """Which coefficients the domain hardly sees, (x, y[, t], unknown)."""
        order = max(self.model.problem.total_orders)
        shape = self.space.shape[:2]
        squares = np.zeros(int(np.prod(shape)))
        for points in self.inside:
            if isinstance(points, GridPoints):
                seen = points.support_maxima(np.ones(len(points.weights))).reshape(*shape, -1).any(-1)
                squares[seen.ravel()] = np.inf
                continue
            plane = points.plane if isinstance(points, CellsInTime) else points
            width = self.cell_widths(plane)
            widths = torch.from_numpy(width**order).expand(*plane.weights.shape, 2)
            columns = plane.weighted_splines({(order, 0): widths[..., 0], (0, order): widths[..., 1]})
            share = torch.from_numpy(plane.weights / width.prod(-1)).unsqueeze(-1)
            lowest = plane.index.numpy().ravel()
            np.add.at(squares, lowest, (columns.square() * share).sum(1).numpy().ravel())
        unseen = (squares <= LEAST_COLUMN**2).reshape(*shape, *[1] * (len(self.space.shape) - 2))
        return np.broadcast_to(unseen, self.space.shape).copy()

    @property
    def row_patches(self) -> list[ImmersedPatch]:
        """All rows, by equation and condition."""
        return [patch for patch, _ in self.patches]

    def loss(self, coefficients: Array) -> float:
        """The sum of the squares of all weighted rows."""
        offsets = [(p, None if o is None else o[..., :1]) for p, o in self.patches]
        return sum(float(p.residual(coefficients, offset).square().sum()) for p, offset in offsets)

    def rows(self, coefficients: Array, right_sides: int = 1) -> list[Rows]:
        """Return the rows linearised at ``coefficients``, with the targets of ``right_sides`` right-hand sides."""
        rows = [p.rows(coefficients, offset, right_sides) for p, offset in self.patches]
        scattered = [r for r in rows if isinstance(r, CellRows)]
        return [*(r for r in rows if not isinstance(r, CellRows)), *([gather_rows(scattered)] if scattered else [])]

    def mass_rows(self) -> list[Rows]:
        """Return rows that are the values at the points inside, times the roots of their weights: M = J^T J."""
        out: list[Rows] = []
        for points in self.inside:
            root = torch.from_numpy(np.sqrt(points.weights)).unsqueeze(-1)
            none = torch.zeros_like(root)
            for unknown in range(self.space.unknowns):
                weights = [root if u == unknown else none for u in range(self.space.unknowns)]
                rows = points.rows([(0,) * len(self.space.axes)], weights, none)
                out.append(gather_rows([rows]) if isinstance(rows, CellRows) else rows)
        return out

    def ordering(self) -> Ordering:
        """The order of the coefficients that the domain sees."""
        return order_coefficients(self.space, self.fixed, CPU)

    def linear_solver(self, coefficients: Array, damping: float = 0.0, right_sides: int = 1) -> NormalEquations:
        """Return the factor of the rows linearised at ``coefficients``."""
        return NormalEquations(self.rows(coefficients, right_sides), self.ordering(), damping, self.model.clock)

    def gauss_newton_steps(
        self,
        coefficients: Array,
        targets: Sequence[Array],
        fixed: np.ndarray,
        damping: float = 0.0,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Return Gauss-Newton steps from ``coefficients``, one per target; ``accuracy`` is not used: direct solve."""
        with self.model.clock.time_work("shapes", factor_work(self.space)):
            solver = self.linear_solver(coefficients, damping, len(targets))
            solved = solver.solve([r.residual for r in solver.rows])
        return [self.all_coefficients(solver.ordering, solved[:, k]) for k in range(len(targets))]

    def values(self, points: ShapePoints, coefficients: Array) -> Array:
        """The values of a function at points inside: (point, unknown)."""
        if isinstance(points, GridPoints):
            return points.values(self.space, coefficients)
        zero = (0,) * len(self.space.axes)
        return points.derivatives(coefficients, [zero])[..., 0].reshape(-1, self.space.unknowns).numpy()

    def squared_norms(self, coefficients: Array) -> tuple[Array, list[Array]]:
        """Return squared L2 norms over the domain (unknown,) and, by coordinate, its strips (interval, unknown)."""
        strips = [np.zeros((a.intervals, self.space.unknowns)) for a in self.space.axes]
        for points in self.inside:
            mass = self.values(points, coefficients) ** 2 * points.weights.reshape(-1, 1)
            cells = np.broadcast_to(points.cells, (*points.weights.shape, len(strips))).reshape(-1, len(strips))
            for i, strip in enumerate(strips):
                np.add.at(strip, cells[:, i], mass)
        return strips[0].sum(0), strips

    def samples(self, coefficients: Array) -> Samples:
        """Return the function with these coefficients at the points inside."""
        points = np.concatenate([p.outer.reshape(-1, len(self.space.axes)) for p in self.inside])
        weights = np.concatenate([p.weights.ravel() for p in self.inside])
        return Samples(list(points.T), weights, np.concatenate([self.values(p, coefficients) for p in self.inside]))
