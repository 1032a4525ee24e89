"""The least-squares system of a model in inner coordinates: equations inside the domain, conditions on its sides."""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import torch

from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.immersed_points import CellGroups, GridPoints, side_points
from pinnkan.assembly.immersed_rows import ImmersedPatch, gather_rows
from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.domain.domain import BoundaryPiece, Domain
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.field import Array, jets_at
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table, gauss_table, point_table
from pinnkan.problem.statement import Side
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.linear.gauss_point_counts import points_per_interval
from pinnkan.solver.linear.immersed_least_squares import ImmersedLeastSquares
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.linear.system import CONDITION_WEIGHT
from pinnkan.solver.predicted_work import factor_work

#: Device of all points and matrices, whatever device is asked for: the boxes change with every slab.
CPU = torch.device("cpu")
#: Tikhonov weight of a coefficient relative to the norm of its column, as if its support were inside the domain.
#: Without it functions that meet the domain in a corner have coefficients of 1e15.
REGULARISATION = 1e-10
#: Equal parts of an interval of s and r, and Gauss points of each beyond an even part of what a whole cell needs: the
#: domain cuts cells. With all and two more in one part some layers keep three times the residual between the points.
PARTS_PER_INTERVAL, EXTRA_POINTS = 2, 2
#: Weight of conditions on sides relative to the natural one: where a front leaves the domain, the flow carries errors
#: to the side. With 10, as on the axes, turning_front at 3e-6 took five times as long; with 0.1 it stops at 1e-5.
SIDE_WEIGHT = 1.0
#: Held-out rows are dropped in cells of which a smaller share lies inside the domain. Heuristic.
LEAST_INSIDE_SHARE = 0.1


def quadrature_grid(space: Space, coordinates: Coordinates, domain: Domain, orders: Sequence[int]) -> GridPoints:
    """Return the quadrature points inside the domain for an operator with the highest derivatives ``orders``."""
    return GridPoints(space, _tables(space, orders, orders, 0), coordinates, domain.contains)


def _tables(space: Space, orders: Sequence[int], highest_orders: Sequence[int], extra_points: int) -> list[Table]:
    """Tabulate splines at Gauss points: ``orders`` give the number of points, ``highest_orders`` the derivatives."""
    out = []
    for i, (axis, count, most) in enumerate(zip(space.axes, _counts(space, orders), highest_orders, strict=True)):
        if i < 2:  # the domain does not cut cells in time
            out.append(
                gauss_table(
                    axis, count // PARTS_PER_INTERVAL + EXTRA_POINTS + extra_points, most, CPU, PARTS_PER_INTERVAL
                )
            )
        else:
            out.append(gauss_table(axis, count + extra_points, most, CPU))
    return out


def _counts(space: Space, orders: Sequence[int]) -> list[int]:
    """The numbers of Gauss points per interval of whole cells, by coordinate."""
    return [
        points_per_interval(a.degree, a.intervals, k, is_full_rule=True)
        for a, k in zip(space.axes, orders, strict=True)
    ]


def fit_function(space: Space, grid: GridPoints, function: Callable[[Array], Array]) -> Array:
    """Return the regularised least-squares fit on a grid of a function, points to (point, unknown)."""
    zero = (0,) * len(space.axes)
    touched = np.repeat(grid.support_maxima(np.ones(len(grid.weights))) > 0.0, space.unknowns)
    root = torch.from_numpy(np.sqrt(grid.weights)).unsqueeze(-1)
    values = torch.from_numpy(function(grid.outer)) * root
    none = torch.zeros_like(root)
    rows: list[Rows] = []
    for unknown in range(space.unknowns):
        weights = [root if unknown == u else none for u in range(space.unknowns)]
        rows.append(grid.rows([zero], weights, -values[:, unknown : unknown + 1]))
    size = float(np.sqrt(grid.weights.sum() / max(1, int(touched.sum()))))
    pull = torch.full((int(touched.sum()), 1, 1), REGULARISATION * size, dtype=torch.float64)
    rows.append(CellRows(pull, torch.zeros_like(pull), torch.from_numpy(np.flatnonzero(touched)).reshape(-1, 1)))
    ordering = order_coefficients(space, ~touched.reshape(space.shape), CPU)
    out = np.zeros(space.shape)
    out.reshape(-1)[ordering.free.numpy()] = NormalEquations(rows, ordering).solve([r.residual for r in rows])[:, 0]
    return out


class ImmersedSystem(ImmersedLeastSquares):
    """The least-squares rows of a model in ``space`` over ``coordinates``, on a ``domain`` of (x, y[, t]).

    All conditions are rows, since no side of the domain is a line of the coordinates. ``extra``: more Gauss points, for
    held-out rows; ``before``: fields whose sum at the lower end of time replaces the initial data, the first k + 1 for
    right-hand side k; ``pull``: the relative Tikhonov weight.
    """

    def __init__(
        self,
        model: Model,
        space: Space,
        coordinates: Coordinates,
        domain: Domain,
        extra_points: int = 0,
        initial_fields: Sequence[Callable[..., Array]] = (),
        relative_regularisation: float = REGULARISATION,
    ) -> None:
        self.model, self.space, self.coordinates, self.domain = model, space, coordinates, domain
        self._initial_fields, self._relative_regularisation = initial_fields, relative_regularisation
        problem = model.problem
        space_order = max(problem.total_orders)
        self.orders = (space_order, space_order, *model.orders[2:])
        highest = [
            max(o, max((j.total_order for _, e in model.conditions_as_rows for j in e.jets), default=0))
            for o in self.orders
        ]
        tables = _tables(space, self.orders, highest, extra_points)
        self.grid = GridPoints(space, tables, coordinates, domain.contains)
        self.measure = float(self.grid.weights.sum())
        inside = [self._patch(e, self.grid) for e in model.equations]
        self.patches: list[tuple[ImmersedPatch, torch.Tensor | None]] = [(p, None) for p in inside]
        for condition, equation in model.conditions_as_rows:
            initial = problem.time_axis is not None and condition.place == Side(problem.time_axis, 0)
            piece = domain.boundary_pieces[condition.place]
            places: GridPoints | CellGroups
            if initial:
                start = point_table(space.axes[2], float(space.axes[2].breaks[0]), highest[2], CPU)
                places = GridPoints(space, [*tables[:2], start], coordinates, domain.contains)
            else:
                counts = [n + extra_points for n in _counts(space, self.orders)]
                places = CellGroups(space, side_points(space, coordinates, piece, counts), highest)
            patch = self._condition_patch(equation, places, None if initial else piece)
            self.patches.append((patch, self._initial_targets(patch) if initial and initial_fields else None))
        self.regularisation = self._regularisation(inside)
        self.fixed = (self.regularisation == 0.0).reshape(space.shape)

    def in_space(
        self, space: Space, extra_points: int = 0, initial_fields: Sequence[Callable[..., Array]] | None = None
    ) -> "ImmersedSystem":
        """Return the system of the same problem in another space, with other fields ``initial_fields`` if given."""
        initial_fields = self._initial_fields if initial_fields is None else initial_fields
        return ImmersedSystem(
            self.model,
            space,
            self.coordinates,
            self.domain,
            extra_points,
            initial_fields,
            self._relative_regularisation,
        )

    def held_out_system(self) -> "ImmersedSystem":
        """Return the same rows at held-out points, with weight zero in cells that are almost outside the domain."""
        other = self.in_space(self.space, extra_points=1)
        seen = np.zeros([a.intervals for a in self.space.axes])
        np.add.at(seen, tuple(self.grid.cells.T), self.grid.weights)
        volume = reduce(np.multiply.outer, (np.diff(axis.breaks) for axis in self.space.axes))
        known = seen > LEAST_INSIDE_SHARE * volume
        for patch, _ in other.patches:
            kept = known[tuple(np.moveaxis(patch.places.cells, -1, 0))]
            patch.root_weight = patch.root_weight * torch.from_numpy(kept)
        return other

    def _patch(self, equation: CompiledEquation, places: GridPoints | CellGroups) -> ImmersedPatch:
        return ImmersedPatch(equation, places, self.coordinates, self.space.unknowns)

    def _condition_patch(
        self, equation: CompiledEquation, places: GridPoints | CellGroups, side: BoundaryPiece | None
    ) -> ImmersedPatch:
        """Return a patch with rows weighted by the size of the operator over that of the condition, times sqrt(width).

        At the start (``side`` None) only derivatives by time count: what an error there costs inside.
        """
        patch = self._patch(equation, places)
        widths = self.cell_widths(places)
        initial = side is None
        inside = [self._patch(e, places).operator_size(widths, in_time=initial) for e in self.model.equations]
        if side is None:
            weight, width = CONDITION_WEIGHT, widths[..., 2]
        else:
            normal = np.stack(np.broadcast_arrays(*side.normal(list(np.moveaxis(places.outer, -1, 0)))[:2]), -1)
            slopes = np.abs(np.stack([normal @ self.coordinates.normal, normal @ self.coordinates.tangent], -1))
            weight, width = SIDE_WEIGHT, 1.0 / (slopes / widths[..., :2]).sum(-1)
        scale = weight * torch.stack(inside).sum(0) / patch.operator_size(widths) * torch.from_numpy(np.sqrt(width))
        patch.root_weight = patch.root_weight * scale
        return patch

    def _initial_targets(self, patch: ImmersedPatch) -> torch.Tensor:
        """Return the operator of a condition at the sums of the earlier fields, (.., field): its targets."""
        points = patch.places.outer.reshape(-1, patch.places.outer.shape[-1])
        jets, out = np.zeros((len(points), len(patch.equation.jets))), []
        for field in self._initial_fields:
            jets = jets + jets_at(field, points, patch.equation.jets)
            f, _ = patch.equation.linearise_numpy(points, jets)
            out.append(torch.from_numpy(f.reshape(patch.places.weights.shape)))
        return torch.stack(out, -1)

    def _regularisation(self, inside: Sequence[ImmersedPatch]) -> Array:
        """Return the Tikhonov weights (coefficient,); ``inside``: a patch per equation, for column norms."""
        widths = self.cell_widths(self.grid)
        size = torch.stack([p.operator_size(widths) for p in inside]).sum(0).numpy()
        return self._relative_regularisation * np.repeat(
            self.grid.support_maxima(size * np.sqrt(widths.prod(-1))), self.space.unknowns
        )

    def _regularisation_rows(self, coefficients: Array, sides: int) -> CellRows:
        index = np.flatnonzero(self.regularisation > 0.0)
        weight = torch.from_numpy(self.regularisation[index]).reshape(-1, 1, 1)
        pull = torch.from_numpy(coefficients.ravel()[index]).reshape(-1, 1, 1) * weight
        return CellRows(weight, pull.expand(-1, -1, sides).contiguous(), torch.from_numpy(index).reshape(-1, 1))

    def fit_function(self, values: Callable[[Array], Array]) -> Array:
        """Return the least-squares fit of a function of (x, y[, t]) in this space."""
        return fit_function(self.space, self.grid, values)

    @property
    def row_patches(self) -> list[ImmersedPatch]:
        """All rows, by equation and condition."""
        return [patch for patch, _ in self.patches]

    def loss(self, coefficients: Array) -> float:
        """Return the sum of the squared weighted rows."""
        offsets = [(p, None if o is None else o[..., :1]) for p, o in self.patches]
        return sum(float((p.residual(coefficients, offset) ** 2).sum()) for p, offset in offsets)

    def rows(self, coefficients: Array, right_sides: int = 1) -> list[Rows]:
        """Return the rows linearised at ``coefficients``, with ``right_sides`` right-hand sides."""
        rows = [p.rows(coefficients, offset, right_sides) for p, offset in self.patches]
        scattered = [r for r in rows if isinstance(r, CellRows)]
        whole = [r for r in rows if not isinstance(r, CellRows)]
        return [
            *whole,
            *([gather_rows(scattered)] if scattered else []),
            self._regularisation_rows(coefficients, right_sides),
        ]

    def gauss_newton_steps(
        self,
        coefficients: Array,
        targets: Sequence[Array],
        fixed: np.ndarray,
        damping: float = 0.0,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Return Gauss-Newton steps from ``coefficients``, one per target; ``accuracy`` is not used: direct solve."""
        ordering = order_coefficients(self.space, fixed, CPU)
        with self.model.clock.time_work("fitted", factor_work(self.space)):
            rows = self.rows(coefficients, len(targets))
            solved = NormalEquations(rows, ordering, damping).solve([r.residual for r in rows])
        return [self.all_coefficients(ordering, solved[:, i]) for i in range(len(targets))]

    def squared_norms(self, coefficients: Array) -> tuple[Array, list[Array]]:
        """Return squared L2 norms over the domain (unknown,) and, by coordinate, its strips (interval, unknown)."""
        strips = [np.zeros((a.intervals, self.space.unknowns)) for a in self.space.axes]
        mass = self.grid.values(self.space, coefficients) ** 2 * self.grid.weights[:, None]
        for i, strip in enumerate(strips):
            np.add.at(strip, self.grid.cells[:, i], mass)
        return strips[0].sum(0), strips

    def samples(self, coefficients: Array) -> Samples:
        """Return the function with these coefficients at the points inside."""
        return Samples(list(self.grid.outer.T), self.grid.weights, self.grid.values(self.space, coefficients))
