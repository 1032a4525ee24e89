"""The least-squares problem of a model in one product space: rows at Gauss points, and Gauss-Newton steps."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch

from pinnkan.assembly.condition_weights import condition_weight, corner_factors, fixed_coordinates, width_over_degree
from pinnkan.assembly.equation import BELOW_SHIFT, CompiledEquation, where_not_finite
from pinnkan.assembly.integral_rows import IntegralPatch, PointValuePatch, SurrogateRows, enforce_integrals
from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.patch import Patch
from pinnkan.assembly.shared_rows import equation_patches
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table, gauss_table, joint_table, point_table
from pinnkan.problem.statement import Interface, Place, Whole
from pinnkan.solver.linear.gauss_point_counts import least_step_work, points_by_coordinate, require_memory
from pinnkan.solver.linear.normal_equations import DEFAULT_ACCURACY
from pinnkan.solver.linear.solver import LinearSolver
from pinnkan.solver.linear.solver_choice import choose_linear_solver

#: Weight of the rows of a condition relative to their natural scale. Poisson with one Neumann side, degree 8: the error
#: is the same within 2 % from 1 to 100, and grows below.
CONDITION_WEIGHT = 10.0
#: Share of the tolerance that the error of conjugate gradients may reach.
TOLERANCE_SHARE = 1e-3
#: Number of cached losses: that of a minimum, and that of the data alone.
CACHED_LOSSES = 2
#: Relative accuracy of a chord step. To 1e-4 it would take as long as the Gauss-Newton step that it replaces.
CHORD_ACCURACY = 3e-2
#: Relative accuracy of steps for given or random residuals (heuristic).
ROUGH_ACCURACY = 0.1


@dataclass(eq=False)
class System:
    """The least-squares problem of a model in a product space, with caches of its last losses and its last solver.

    ``extra``: more Gauss points per interval, for held-out rows; ``fewer``: so many less in space, if enough remain.
    ``accuracy``: allowed relative error of a step; ``most``: its bound where the step is small beside the tolerance as
    well; ``local``: that tolerance, None for the file's; ``keeping``: whether to keep the solver of the last step;
    ``beside``: a solver of the same equations in a nested space. Set by a solve: ``rounding``, the estimated error
    relative to the solution; ``words``, the method; ``left``, that error if the solver was iterative, else 0;
    ``floor``, the norm of the rounding error of the residual, if the solver is kept.
    """

    model: Model
    space: Space
    extra: int = 0
    accuracy: float = DEFAULT_ACCURACY
    fewer: int = 0
    keeping: bool = False
    most: float = np.inf
    local: float | None = None
    beside: LinearSolver | None = None
    rounding: float = field(init=False, default=0.0)
    words: str = field(init=False, default="")
    left: float = field(init=False, default=0.0)
    floor: float = field(init=False, default=0.0)
    _kept: LinearSolver | None = field(init=False, default=None)
    _losses: dict[bytes, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ResourceError where a step would need more memory than there is."""
        require_memory(self.model, self.space, self.extra)

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """The rows of each equation, of each condition that is not exact, and of each interface."""
        model, space = self.model, self.space
        counts = points_by_coordinate(model, space, self.extra, self.fewer)
        tables = [gauss_table(a, n, k, model.device) for a, n, k in zip(space.axes, counts, model.orders, strict=True)]
        patches = equation_patches(model.equations, space, tables, model.weights(space, tables))
        patches += [self._placed(condition.place, equation, tables) for condition, equation in model.rows]
        patches += [self._joined(interface, equation, tables) for interface, equation in model.interfaces]
        return tuple(patches)

    def _joined(self, interface: Interface, equation: CompiledEquation, tables: Sequence[Table]) -> Patch:
        """Return the rows of an interface: the equation integrated across it, which has the weight h^-1/2."""
        k, axis, held = interface.axis, self.space.axes[interface.axis], list(tables)
        held[k] = joint_table(axis, interface.place, BELOW_SHIFT - 1, BELOW_SHIFT, self.model.device)
        at = int(np.searchsorted(axis.breaks, interface.place))
        width = float(np.diff(axis.breaks[at - 1 : at + 2]).min()) / axis.degree
        return Patch(equation, self.space, held, CONDITION_WEIGHT * width**-0.5)

    def _placed(self, place: Place, equation: CompiledEquation, tables: Sequence[Table]) -> Patch:
        """Return the rows of a condition on a side, at a point, or on an integral."""
        space, model, held = self.space, self.model, list(tables)
        for i, (axis, x) in enumerate(zip(space.axes, fixed_coordinates(place, space, model), strict=True)):
            if x is not None:
                order = max(model.orders[i], *(j.order[i] for j in equation.jets))
                held[i] = point_table(axis, x, order, model.device)
        across = sum(table is not at for table, at in zip(tables, held, strict=True))
        if isinstance(place, Whole) or across > 1:
            whole = IntegralPatch(equation, space, tables, held)
            return whole if isinstance(place, Whole) else PointValuePatch(equation, space, held, whole)
        points = Patch(equation, space, held).points.reshape(-1, len(space.axes)).cpu().numpy()
        widths = [
            None if t is h else width_over_degree(a, float(h.nodes))
            for a, t, h in zip(space.axes, tables, held, strict=True)
        ]
        weight = CONDITION_WEIGHT * condition_weight(model, equation, points, widths)
        near = corner_factors(model, equation, points, widths)
        if near is None:
            return Patch(equation, space, held, weight)
        local = torch.from_numpy(near).to(model.device).reshape([n for t in held for n in t.nodes.shape])
        return Patch(equation, space, held, weight * local)

    @property
    def points(self) -> int:
        """The number of rows."""
        return sum(p.count for p in self.patches)

    def tensor(self, array: Array) -> torch.Tensor:
        """Return an array as a tensor on the device of the rows."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.model.device)

    def loss(self, coefficients: Array) -> float:
        """The sum of the squares of all weighted rows; the last CACHED_LOSSES values are cached."""
        key = hashlib.blake2b(coefficients.tobytes()).digest()
        if key not in self._losses:
            c = self.tensor(coefficients)
            self._losses = dict([*self._losses.items()][1 - CACHED_LOSSES :])
            self._losses[key] = sum(p.loss(c) for p in self.patches)
        return self._losses[key]

    def by_cell(self, coefficients: Array) -> Array:
        """The squared residuals of the equations by cell: (interval, ..), one index per coordinate."""
        c, total = self.tensor(coefficients), np.zeros([a.intervals for a in self.space.axes])
        for patch in self.patches[: len(self.model.equations)]:
            for part, residual in patch.residuals(c):
                total[part] += residual.square().sum(list(range(1, residual.ndim, 2))).cpu().numpy()
        return total

    def by_interval(self, coefficients: Array) -> list[Array]:
        """The squared residuals of the equations by interval, one array (interval) per coordinate."""
        cells = self.by_cell(coefficients)
        return [cells.sum(tuple(k for k in range(cells.ndim) if k != i)) for i in range(cells.ndim)]

    def mean_square(self, coefficients: Array) -> float:
        """The loss divided by the measure of the box: a mean squared residual."""
        return self.loss(coefficients) / self.patches[0].volume

    def where_not_finite(self, coefficients: Array) -> str:
        """Describe the first point at which an equation or its derivatives are not finite."""
        c = self.tensor(coefficients)
        return where_not_finite(self.model.problem, ((p.equation, p.points, p.jets(c)) for p in self.patches))

    def steps(
        self,
        coefficients: Array,
        targets: Sequence[Array],
        fixed: np.ndarray,
        damping: float = 0.0,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Return Gauss-Newton steps, one per target; fixed coefficients move to the values of the target.

        ``damping``: multiple of the diagonal of J^T J to add. ``accuracy``: allowed relative error, if larger than that
        of the system. Raises numpy.linalg.LinAlgError where the rows are not finite or do not determine the free
        coefficients, and OutOfTimeError where the solve could not end in time.
        """
        with self.timed():
            rows, moves = self.linearised(coefficients, targets, fixed)
            return self.solve_rows(rows, moves, fixed, damping, coefficients, accuracy)

    def further(self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray) -> list[Array]:
        """Return :meth:`steps` to other targets, from the ``coefficients`` of the last ones by the kept solver."""
        with self.timed():
            rows, moves = self.linearised(coefficients, targets, fixed)
            return self._solved(self.kept, rows, moves, coefficients)

    def linearised(
        self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray
    ) -> tuple[list[Rows], list[Array]]:
        """Return the rows at ``coefficients``, one rhs per target, and the moves of the fixed coefficients."""
        c, moves = self.tensor(coefficients), [np.where(fixed, t - coefficients, 0.0) for t in targets]
        return [p.rows(c, [self.tensor(m) for m in moves]) for p in self.patches], moves

    def equations(self, coefficients: Array, fixed: np.ndarray) -> LinearSolver:
        """Return a solver for the rows at ``coefficients``; raises as :meth:`steps` does."""
        c = self.tensor(coefficients)
        ordering = order_coefficients(self.space, fixed, self.model.device)
        with self.timed():
            return choose_linear_solver([p.rows(c, []) for p in self.patches], ordering, clock=self.model.clock)

    def timed(self) -> AbstractContextManager[None]:
        """Return a context for a solve; it raises OutOfTimeError where that could not end in time."""
        return self.model.clock.working(*least_step_work(self.model, self.space))

    @property
    def kept(self) -> LinearSolver:
        """The solver of the last step, which must have been kept."""
        assert self._kept is not None
        return self._kept

    @property
    def is_kept(self) -> bool:
        """Whether the solver of the last step is kept."""
        return bool(self._kept)

    def chord(self, coefficients: Array, fixed: np.ndarray) -> Array | None:
        """Return a step with the gradient at ``coefficients`` and the kept matrix, then drop it; None without one."""
        equations, self._kept = self._kept, None
        if equations is None:
            return None
        rows = [p.rows(self.tensor(coefficients), []) for p in self.patches]
        parts = [r.transpose(equations.ordering, r.residual) for r in rows]
        return self._whole(
            equations, -equations.backsolve(sum(parts[1:], parts[0]).cpu().numpy(), CHORD_ACCURACY)[:, 0]
        )

    def drawn(self, residual_norm: float) -> Array:
        """Return the least-squares step of the kept solver for random residuals of total norm ``residual_norm``."""
        draw = np.random.default_rng(0).standard_normal
        residuals = [torch.from_numpy(draw(r.residual.shape[:-1])).to(r.residual) for r in self.kept.rows]
        norm = float(np.sqrt(sum(float(r.square().sum()) for r in residuals)))
        return residual_norm / norm * self.made_of(residuals)

    def bent(self, coefficients: Array, step: Array) -> list[torch.Tensor]:
        """Return (F(c + d) + F(c - d)) / 2 - F(c) for the rows F of the equations: what linearising neglects."""
        c, d = self.tensor(coefficients), self.tensor(step)
        patches = self.patches[: len(self.model.equations)]
        return [0.5 * (p.residual(c + d) + p.residual(c - d)) - p.residual(c) for p in patches]

    def made_of(self, residuals: list[torch.Tensor]) -> Array:
        """Return the step of the kept solver for residuals of the first blocks and zeros, to ROUGH_ACCURACY."""
        others = self.kept.rows[len(residuals) :]
        rows = [*(r[..., None] for r in residuals), *(torch.zeros_like(r.residual[..., :1]) for r in others)]
        return self._whole(self.kept, self.kept.solve(rows, ROUGH_ACCURACY)[:, 0])

    def _whole(self, equations: LinearSolver, free: Array) -> Array:
        """Return all coefficients of a function, given the free ones; fixed ones are zero."""
        out = np.zeros(self.space.shape)
        out.reshape(-1)[equations.ordering.free.cpu().numpy()] = free
        return out

    def release(self) -> None:
        """Drop the solver that is kept."""
        self._kept = None

    def solve_rows(
        self,
        rows: Sequence[Rows],
        prescribed_steps: Sequence[Array],
        fixed: np.ndarray,
        damping: float = 0.0,
        base: Array | None = None,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Return least-squares steps for given rows, added to ``base``.

        Fixed coefficients move by ``prescribed_steps``.
        """
        ordering = order_coefficients(self.space, fixed, self.model.device)
        self.release()
        spare = TOLERANCE_SHARE * (self.local or self.model.problem.solver.tolerance)
        equations = choose_linear_solver(rows, ordering, damping, spare, self.model.clock, self.most, self.beside)
        self._kept = equations if self.keeping else None
        return self._solved(equations, rows, prescribed_steps, base, accuracy)

    def _solved(
        self,
        equations: LinearSolver,
        rows: Sequence[Rows],
        prescribed_steps: Sequence[Array],
        base: Array | None,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Return steps by a solver of the same rows; set errors relative to ``base`` plus the first step."""
        ordering, size = equations.ordering, 0.0 if base is None else equations.size_of(base)
        solved = equations.solve_rows(rows, max(self.accuracy, accuracy), size)
        self.rounding, self.words = equations.rounding, equations.words
        if any(isinstance(r, SurrogateRows) for r in equations.rows):
            solve = partial(equations.solve, accuracy=self.accuracy)
            solved = enforce_integrals(rows, ordering, solved, solve, equations.backsolve)
        steps = [move + self._whole(equations, solved[:, i]) for i, move in enumerate(prescribed_steps)]
        if base is not None:
            self.rounding /= equations.size_of(base + steps[0]) or 1.0
            known = base.reshape(-1)[ordering.free.cpu().numpy()]
            self.floor = equations.floor(known) if self.keeping else 0.0
        self.left = self.rounding if self.words else 0.0
        return steps
