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
from pinnkan.problem.statement import Interface, Place, WholeDomain
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

    ``extra_points``: more Gauss points per interval, for held-out rows; ``fewer_points``: so many less in space, if
    enough remain. ``accuracy``: allowed relative error of a step; ``max_step_error``: its bound where the step is small
    beside the tolerance as well; ``local_tolerance``: that tolerance, None for the file's; ``keeps_solver``: whether to
    keep the solver of the last step; ``coarse_solver``: a solver of the same equations in a nested space. Set by a
    solve: ``relative_solution_error``, the estimated error relative to the solution; ``solver_words``, the method;
    ``iteration_error``, that error if the solver was iterative, else 0; ``residual_rounding``, the norm of the rounding
    error of the residual, if the solver is kept.
    """

    model: Model
    space: Space
    extra_points: int = 0
    accuracy: float = DEFAULT_ACCURACY
    fewer_points: int = 0
    keeps_solver: bool = False
    max_step_error: float = np.inf
    local_tolerance: float | None = None
    coarse_solver: LinearSolver | None = None
    relative_solution_error: float = field(init=False, default=0.0)
    solver_words: str = field(init=False, default="")
    iteration_error: float = field(init=False, default=0.0)
    residual_rounding: float = field(init=False, default=0.0)
    _kept_solver: LinearSolver | None = field(init=False, default=None)
    _losses: dict[bytes, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ResourceError where a step would need more memory than there is."""
        require_memory(self.model, self.space, self.extra_points)

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """The rows of each equation, of each condition that is not exact, and of each interface."""
        model, space = self.model, self.space
        counts = points_by_coordinate(model, space, self.extra_points, self.fewer_points)
        tables = [gauss_table(a, n, k, model.device) for a, n, k in zip(space.axes, counts, model.orders, strict=True)]
        patches = equation_patches(model.equations, space, tables, model.weights(space, tables))
        patches += [self._condition_patch(condition.place, equation, tables) for condition, equation in model.rows]
        patches += [self._interface_patch(interface, equation, tables) for interface, equation in model.interfaces]
        return tuple(patches)

    def _interface_patch(self, interface: Interface, equation: CompiledEquation, tables: Sequence[Table]) -> Patch:
        """Return the rows of an interface: the equation integrated across it, which has the weight h^-1/2."""
        k, axis, held = interface.axis, self.space.axes[interface.axis], list(tables)
        held[k] = joint_table(axis, interface.place, BELOW_SHIFT - 1, BELOW_SHIFT, self.model.device)
        at = int(np.searchsorted(axis.breaks, interface.place))
        width = float(np.diff(axis.breaks[at - 1 : at + 2]).min()) / axis.degree
        return Patch(equation, self.space, held, CONDITION_WEIGHT * width**-0.5)

    def _condition_patch(self, place: Place, equation: CompiledEquation, tables: Sequence[Table]) -> Patch:
        """Return the rows of a condition on a side, at a point, or on an integral."""
        space, model, held = self.space, self.model, list(tables)
        for i, (axis, x) in enumerate(zip(space.axes, fixed_coordinates(place, space, model), strict=True)):
            if x is not None:
                order = max(model.orders[i], *(j.order[i] for j in equation.jets))
                held[i] = point_table(axis, x, order, model.device)
        across = sum(table is not at for table, at in zip(tables, held, strict=True))
        if isinstance(place, WholeDomain) or across > 1:
            whole = IntegralPatch(equation, space, tables, held)
            return whole if isinstance(place, WholeDomain) else PointValuePatch(equation, space, held, whole)
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
    def row_count(self) -> int:
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

    def squares_by_cell(self, coefficients: Array) -> Array:
        """The squared residuals of the equations by cell: (interval, ..), one index per coordinate."""
        c, total = self.tensor(coefficients), np.zeros([a.intervals for a in self.space.axes])
        for patch in self.patches[: len(self.model.equations)]:
            for part, residual in patch.residual_parts(c):
                total[part] += residual.square().sum(list(range(1, residual.ndim, 2))).cpu().numpy()
        return total

    def squares_by_interval(self, coefficients: Array) -> list[Array]:
        """The squared residuals of the equations by interval, one array (interval) per coordinate."""
        cells = self.squares_by_cell(coefficients)
        return [cells.sum(tuple(k for k in range(cells.ndim) if k != i)) for i in range(cells.ndim)]

    def mean_square(self, coefficients: Array) -> float:
        """The loss divided by the measure of the box: a mean squared residual."""
        return self.loss(coefficients) / self.patches[0].volume

    def where_not_finite(self, coefficients: Array) -> str:
        """Describe the first point at which an equation or its derivatives are not finite."""
        c = self.tensor(coefficients)
        return where_not_finite(self.model.problem, ((p.equation, p.points, p.jets(c)) for p in self.patches))

    def gauss_newton_steps(
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
        with self.time_guard():
            rows, moves = self.linearise(coefficients, targets, fixed)
            return self.solve_rows(rows, moves, fixed, damping, coefficients, accuracy)

    def steps_by_kept_solver(self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray) -> list[Array]:
        """Return :meth:`steps` to other targets, from the ``coefficients`` of the last ones by the kept solver."""
        with self.time_guard():
            rows, moves = self.linearise(coefficients, targets, fixed)
            return self._steps_by_solver(self.kept_solver, rows, moves, coefficients)

    def linearise(
        self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray
    ) -> tuple[list[Rows], list[Array]]:
        """Return the rows at ``coefficients``, one rhs per target, and the moves of the fixed coefficients."""
        c, moves = self.tensor(coefficients), [np.where(fixed, t - coefficients, 0.0) for t in targets]
        return [p.rows(c, [self.tensor(m) for m in moves]) for p in self.patches], moves

    def linear_solver(self, coefficients: Array, fixed: np.ndarray) -> LinearSolver:
        """Return a solver for the rows at ``coefficients``; raises as :meth:`steps` does."""
        c = self.tensor(coefficients)
        ordering = order_coefficients(self.space, fixed, self.model.device)
        with self.time_guard():
            return choose_linear_solver([p.rows(c, []) for p in self.patches], ordering, clock=self.model.clock)

    def time_guard(self) -> AbstractContextManager[None]:
        """Return a context for a solve; it raises OutOfTimeError where that could not end in time."""
        return self.model.clock.time_work(*least_step_work(self.model, self.space))

    @property
    def kept_solver(self) -> LinearSolver:
        """The solver of the last step, which must have been kept."""
        assert self._kept_solver is not None
        return self._kept_solver

    @property
    def has_kept_solver(self) -> bool:
        """Whether the solver of the last step is kept."""
        return bool(self._kept_solver)

    def chord_step(self, coefficients: Array, fixed: np.ndarray) -> Array | None:
        """Return a step with the gradient at ``coefficients`` and the kept matrix, then drop it; None without one."""
        equations, self._kept_solver = self._kept_solver, None
        if equations is None:
            return None
        rows = [p.rows(self.tensor(coefficients), []) for p in self.patches]
        parts = [r.transpose(equations.ordering, r.residual) for r in rows]
        return self._all_coefficients(
            equations, -equations.backsolve(sum(parts[1:], parts[0]).cpu().numpy(), CHORD_ACCURACY)[:, 0]
        )

    def step_for_random_residuals(self, residual_norm: float) -> Array:
        """Return the least-squares step of the kept solver for random residuals of total norm ``residual_norm``."""
        draw = np.random.default_rng(0).standard_normal
        residuals = [torch.from_numpy(draw(r.residual.shape[:-1])).to(r.residual) for r in self.kept_solver.rows]
        norm = float(np.sqrt(sum(float(r.square().sum()) for r in residuals)))
        return residual_norm / norm * self.step_for_residuals(residuals)

    def second_difference(self, coefficients: Array, step: Array) -> list[torch.Tensor]:
        """Return (F(c + d) + F(c - d)) / 2 - F(c) for the rows F of the equations: what linearising neglects."""
        c, d = self.tensor(coefficients), self.tensor(step)
        patches = self.patches[: len(self.model.equations)]
        return [0.5 * (p.residual(c + d) + p.residual(c - d)) - p.residual(c) for p in patches]

    def step_for_residuals(self, residuals: list[torch.Tensor]) -> Array:
        """Return the step of the kept solver for residuals of the first blocks and zeros, to ROUGH_ACCURACY."""
        others = self.kept_solver.rows[len(residuals) :]
        rows = [*(r[..., None] for r in residuals), *(torch.zeros_like(r.residual[..., :1]) for r in others)]
        return self._all_coefficients(self.kept_solver, self.kept_solver.solve(rows, ROUGH_ACCURACY)[:, 0])

    def _all_coefficients(self, equations: LinearSolver, free: Array) -> Array:
        """Return all coefficients of a function, given the free ones; fixed ones are zero."""
        out = np.zeros(self.space.shape)
        out.reshape(-1)[equations.ordering.free.cpu().numpy()] = free
        return out

    def release_solver(self) -> None:
        """Drop the solver that is kept."""
        self._kept_solver = None

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
        self.release_solver()
        spare = TOLERANCE_SHARE * (self.local_tolerance or self.model.problem.solver.tolerance)
        equations = choose_linear_solver(
            rows, ordering, damping, spare, self.model.clock, self.max_step_error, self.coarse_solver
        )
        self._kept_solver = equations if self.keeps_solver else None
        return self._steps_by_solver(equations, rows, prescribed_steps, base, accuracy)

    def _steps_by_solver(
        self,
        equations: LinearSolver,
        rows: Sequence[Rows],
        prescribed_steps: Sequence[Array],
        base: Array | None,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Return steps by a solver of the same rows; set errors relative to ``base`` plus the first step."""
        ordering, size = equations.ordering, 0.0 if base is None else equations.function_size(base)
        solved = equations.solve_rows(rows, max(self.accuracy, accuracy), size)
        self.relative_solution_error, steps_taken = equations.solution_error, equations.iterations
        self.solver_words = f"conjugate gradients, {steps_taken} steps" if steps_taken else ""
        if any(isinstance(r, SurrogateRows) for r in equations.rows):
            solve = partial(equations.solve, accuracy=self.accuracy)
            solved = enforce_integrals(rows, ordering, solved, solve, equations.backsolve)
        steps = [move + self._all_coefficients(equations, solved[:, i]) for i, move in enumerate(prescribed_steps)]
        if base is not None:
            self.relative_solution_error /= equations.function_size(base + steps[0]) or 1.0
            known = base.reshape(-1)[ordering.free.cpu().numpy()]
            self.residual_rounding = equations.image_rounding(known) if self.keeps_solver else 0.0
        self.iteration_error = self.relative_solution_error if self.solver_words else 0.0
        return steps
