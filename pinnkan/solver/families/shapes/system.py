"""The least-squares system of a steady model on a shape in the plane, in splines on its bounding box.

Rows of the equations stand at the Gauss points of whole cells, where sum factorisation applies, and of the curved
triangles of cut cells; rows of conditions at Gauss points of the boundary. All conditions are rows. Splines whose
support hardly meets the domain stay, since columns are scaled to unit length; only those that rounding hides are left
out.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.condition_weights import condition_weight
from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.immersed_points import CellGroups, GridPoints, SplinePoints
from pinnkan.assembly.immersed_rows import ImmersedPatch, gather_rows
from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import Ordering, order_coefficients
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide
from pinnkan.kan.coordinates.cartesian import CARTESIAN
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table
from pinnkan.problem.statement import Place, Side, position_of
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.shapes.points import cut_cell_points, piece_points, single_point, whole_cell_points
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


def domain_of(model: Model) -> ShapedDomain:
    """The domain of a model on a shape. Raises TypeError for others."""
    if not isinstance(model.problem.domain, ShapedDomain):
        raise TypeError("the domain is no shape")
    return model.problem.domain


class ShapeSystem(ImmersedLeastSquares):
    """The rows of a ``model`` in a ``space`` on the box of its shape; ``extra_points``: more Gauss points per cell."""

    def __init__(self, model: Model, space: Space, extra_points: int = 0) -> None:
        self.model, self.space, self.domain = model, space, domain_of(model)
        self.measure = self.domain.measure
        orders = [max(model.problem.total_orders)] * 2
        conditions = model.conditions_as_rows
        highest = [max([o, *(j.total_order for _, e in conditions for j in e.jets)]) for o in orders]
        counts = [
            points_per_interval(a.degree, a.intervals, k) + extra_points
            for a, k in zip(space.axes, orders, strict=True)
        ]
        tables = [gauss_table(a, n, k, CPU) for a, n, k in zip(space.axes, counts, highest, strict=True)]
        whole = whole_cell_points(space, tables, self.domain)
        most = max(a.degree for a in space.axes) + 1 + extra_points
        cut = cut_cell_points(space, highest, self.domain, most)
        inside = [points for points in (whole, cut) if points is not None and points.weights.size]
        self.inside: list[GridPoints | CellGroups] = inside
        self.patches = [self._patch(e, points) for e in model.equations for points in inside]
        for condition, equation in conditions:
            self.patches.append(self._condition_patch(condition.place, equation, highest, most))

    def in_space(self, space: Space, extra_points: int = 0) -> "ShapeSystem":
        """Return the system of the same model in another space."""
        return ShapeSystem(self.model, space, extra_points)

    def _patch(self, equation: CompiledEquation, points: SplinePoints) -> ImmersedPatch:
        return ImmersedPatch(equation, points, CARTESIAN, self.space.unknowns)

    def _condition_patch(
        self, place: Place, equation: CompiledEquation, highest: Sequence[int], count: int
    ) -> ImmersedPatch:
        """Return the rows of a condition, weighted as on a box by the width of each cell that the piece crosses."""
        if isinstance(place, ShapeSide):
            points = piece_points(self.space, highest, self.domain, place, count)
        else:
            assert not isinstance(place, Side)
            points = single_point(self.space, highest, position_of(place))
        patch = self._patch(equation, points)
        widths = self.cell_widths(points).min(-1)[:, 0]
        weight = np.empty(len(widths))
        for width in np.unique(widths):
            at = points.outer[widths == width].reshape(-1, 2)
            both = condition_weight(self.model, equation, at, [float(width)] * 2)  # whatever the normal is
            weight[widths == width] = both * width**-0.5
        patch.root_weight = patch.root_weight * torch.from_numpy(CONDITION_WEIGHT * weight[:, None])
        return patch

    @cached_property
    def fixed(self) -> np.ndarray:
        """Which coefficients the domain hardly sees, (x, y, unknown)."""
        order = max(self.model.problem.total_orders)
        squares = np.zeros(int(np.prod(self.space.shape[:2])))
        for points in self.inside:
            if isinstance(points, GridPoints):
                squares[points.support_maxima(np.ones(len(points.weights))) > 0.0] = np.inf
                continue
            widths = torch.from_numpy(self.cell_widths(points) ** order).expand(*points.weights.shape, 2)
            columns = points.weighted_splines({(order, 0): widths[..., 0], (0, order): widths[..., 1]})
            share = torch.from_numpy(points.weights / self.cell_widths(points).prod(-1)).unsqueeze(-1)
            np.add.at(squares, points.index.numpy().ravel(), (columns.square() * share).sum(1).numpy().ravel())
        unseen = squares <= LEAST_COLUMN**2
        return np.broadcast_to(unseen.reshape(*self.space.shape[:2], 1), self.space.shape).copy()

    @property
    def row_patches(self) -> list[ImmersedPatch]:
        """All rows, by equation and condition."""
        return self.patches

    def loss(self, coefficients: Array) -> float:
        """The sum of the squares of all weighted rows."""
        return sum(float(p.residual(coefficients).square().sum()) for p in self.patches)

    def rows(self, coefficients: Array) -> list[Rows]:
        """Return the rows linearised at ``coefficients``."""
        rows = [p.rows(coefficients) for p in self.patches]
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
                rows = points.rows([(0, 0)], weights, none)
                out.append(gather_rows([rows]) if isinstance(rows, CellRows) else rows)
        return out

    def ordering(self) -> Ordering:
        """The order of the coefficients that the domain sees."""
        return order_coefficients(self.space, self.fixed, CPU)

    def linear_solver(self, coefficients: Array, damping: float = 0.0) -> NormalEquations:
        """Return the factor of the rows linearised at ``coefficients``."""
        return NormalEquations(self.rows(coefficients), self.ordering(), damping, self.model.clock)

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
            solver = self.linear_solver(coefficients, damping)
            solved = solver.solve([r.residual for r in solver.rows])[:, 0]
        return [self.all_coefficients(solver.ordering, solved) for _ in targets]

    def values(self, points: GridPoints | CellGroups, coefficients: Array) -> Array:
        """The values of a function at points inside: (point, unknown)."""
        if isinstance(points, GridPoints):
            return points.values(self.space, coefficients)
        return points.derivatives(coefficients, [(0, 0)])[..., 0].reshape(-1, self.space.unknowns).numpy()

    def squared_norms(self, coefficients: Array) -> tuple[Array, list[Array]]:
        """Return squared L2 norms over the domain (unknown,) and, by coordinate, its strips (interval, unknown)."""
        strips = [np.zeros((a.intervals, self.space.unknowns)) for a in self.space.axes]
        for points in self.inside:
            mass = self.values(points, coefficients) ** 2 * points.weights.reshape(-1, 1)
            cells = np.broadcast_to(points.cells, (*points.weights.shape, 2)).reshape(-1, 2)
            for i, strip in enumerate(strips):
                np.add.at(strip, cells[:, i], mass)
        return strips[0].sum(0), strips

    def samples(self, coefficients: Array) -> Samples:
        """Return the function with these coefficients at the points inside."""
        points = np.concatenate([p.outer.reshape(-1, 2) for p in self.inside])
        weights = np.concatenate([p.weights.ravel() for p in self.inside])
        return Samples(list(points.T), weights, np.concatenate([self.values(p, coefficients) for p in self.inside]))
