"""The least-squares problem of a model in one product space: its rows at Gauss points, and Gauss-Newton steps."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch

from pinnkan.assembly.condition_weights import condition_weight, held_by, near_corners, width_at
from pinnkan.assembly.equation import SHIFT, CompiledEquation, where_not_finite
from pinnkan.assembly.integral_rows import IntegralPatch, MiddleRows, ValuePatch, settled
from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.patch import Patch
from pinnkan.assembly.shared_rows import patches_of
from pinnkan.assembly.tensor_rows import Rows
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table, gauss_table, joint_table, point_table
from pinnkan.problem.statement import Interface, Place, Whole
from pinnkan.solver.linear.band import EXACT
from pinnkan.solver.linear.choice import solver_of
from pinnkan.solver.linear.gauss_points import least_work, points_of, require_memory
from pinnkan.solver.linear.solver import LinearSolver

#: Weighted rows of a condition, relative to their natural scale. Poisson with one Neumann side, degree 8, 4
#: intervals: the error is the same within 2 % from 1 to 100, and grows below (measured).
CONDITION_WEIGHT = 10.0
#: Share of the tolerance that conjugate gradients may leave.
LEFT = 1e-3
#: Losses that are remembered: of a minimum, and of the data alone.
LOSSES = 2
#: Relative accuracy of a step with the matrix of the one before. Conjugate gradients take 43 steps to 1e-4 in a slab of
#: Heat2d-LT, as long as the Gauss-Newton step that they were to spare.
CHORD = 3e-2
#: Relative accuracy of what is made of residuals drawn by chance.
ROUGH = 0.1


@dataclass(eq=False)
class System:
    """The least-squares problem of a model in one space; ``extra`` more Gauss points give held-out rows.

    It is no state: it remembers its last solve, and its last losses.

    ``accuracy``: relative error of a step that does no harm, one of ``most`` does where it is small beside the
    tolerance as well; ``local``: the tolerance of which a share may be left out, if not that of the file; ``fewer``
    Gauss points per interval of space, if enough are left. ``rounding``: what rounding leaves in the solution,
    relative to it; ``words``: who solved; ``left``: what the last steps left out in them, of a factor nothing;
    ``floor``: what rounding leaves of the residual, a norm, as far as the matrix of the last step is kept to ask.
    ``keeping``: whether it is, for :meth:`chord`; ``beside``: who has solved the same equations in a nested space.
    """

    model: Model
    space: Space
    extra: int = 0
    accuracy: float = EXACT
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
        """Raises ResourceError where a step would need more memory than there is."""
        require_memory(self.model, self.space, self.extra)

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """The rows of each equation, of each condition that is not exact, and of each interface."""
        model, space = self.model, self.space
        counts = points_of(model, space, self.extra, self.fewer)
        tables = [gauss_table(a, n, k, model.device) for a, n, k in zip(space.axes, counts, model.orders, strict=True)]
        patches = patches_of(model.equations, space, tables, model.weights(space, tables))
        patches += [self._placed(condition.place, equation, tables) for condition, equation in model.rows]
        patches += [self._joined(interface, equation, tables) for interface, equation in model.interfaces]
        return tuple(patches)

    def _joined(self, interface: Interface, equation: CompiledEquation, tables: Sequence[Table]) -> Patch:
        """The rows of an interface, which is what the equation would be integrated across it: weight h^-1/2."""
        k, axis, held = interface.axis, self.space.axes[interface.axis], list(tables)
        held[k] = joint_table(axis, interface.place, SHIFT - 1, SHIFT, self.model.device)
        at = int(np.searchsorted(axis.breaks, interface.place))
        width = float(np.diff(axis.breaks[at - 1 : at + 2]).min()) / axis.degree
        return Patch(equation, self.space, held, CONDITION_WEIGHT * width**-0.5)

    def _placed(self, place: Place, equation: CompiledEquation, tables: Sequence[Table]) -> Patch:
        """The rows of a condition: on a side, at a point, or one of its integral."""
        space, model, held = self.space, self.model, list(tables)
        for i, (axis, x) in enumerate(zip(space.axes, held_by(place, space, model), strict=True)):
            if x is not None:
                order = max(model.orders[i], *(j.order[i] for j in equation.jets))
                held[i] = point_table(axis, x, order, model.device)
        across = sum(table is not at for table, at in zip(tables, held, strict=True))
        if isinstance(place, Whole) or across > 1:
            whole = IntegralPatch(equation, space, tables, held)
            return whole if isinstance(place, Whole) else ValuePatch(equation, space, held, whole)
        points = Patch(equation, space, held).points.reshape(-1, len(space.axes)).cpu().numpy()
        widths = [
            None if t is h else width_at(a, float(h.nodes)) for a, t, h in zip(space.axes, tables, held, strict=True)
        ]
        weight = CONDITION_WEIGHT * condition_weight(model, equation, points, widths)
        near = near_corners(model, equation, points, widths)
        if near is None:
            return Patch(equation, space, held, weight)
        local = torch.from_numpy(near).to(model.device).reshape([n for t in held for n in t.nodes.shape])
        return Patch(equation, space, held, weight * local)

    @property
    def points(self) -> int:
        """Number of rows."""
        return sum(p.count for p in self.patches)

    def tensor(self, array: Array) -> torch.Tensor:
        """An array on the device of the rows."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.model.device)

    def loss(self, coefficients: Array) -> float:
        """Sum of the weighted squares of all rows; a minimum is asked for again by who records, estimates, goes on."""
        key = hashlib.blake2b(coefficients.tobytes()).digest()
        if key not in self._losses:
            c = self.tensor(coefficients)
            self._losses = dict([*self._losses.items()][1 - LOSSES :])
            self._losses[key] = sum(p.loss(c) for p in self.patches)
        return self._losses[key]

    def by_cell(self, coefficients: Array) -> Array:
        """The squared residuals of the equations by cell of the knots: (interval, ..), one index per coordinate."""
        c, total = self.tensor(coefficients), np.zeros([a.intervals for a in self.space.axes])
        for patch in self.patches[: len(self.model.equations)]:
            for part, residual in patch.residuals(c):
                total[part] += residual.square().sum(list(range(1, residual.ndim, 2))).cpu().numpy()
        return total

    def by_interval(self, coefficients: Array) -> list[Array]:
        """The same by coordinate, (interval) each."""
        cells = self.by_cell(coefficients)
        return [cells.sum(tuple(k for k in range(cells.ndim) if k != i)) for i in range(cells.ndim)]

    def mean_square(self, coefficients: Array) -> float:
        """Loss divided by the measure of the box: a mean squared residual."""
        return self.loss(coefficients) / self.patches[0].volume

    def where_not_finite(self, coefficients: Array) -> str:
        """The first point at which an equation or its derivatives are not finite, in words."""
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
        """Gauss-Newton steps from ``coefficients``, one per target: fixed coefficients go to the target's values.

        ``accuracy``: relative, where a lower one than that of the system does no harm to these steps.

        Raises numpy.linalg.LinAlgError where the rows are not finite or do not determine the free coefficients, and
        OutOfTimeError where it could not end in time.
        """
        with self.timed():
            rows, moves = self.linearised(coefficients, targets, fixed)
            return self.solve_rows(rows, moves, fixed, damping, coefficients, accuracy)

    def further(self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray) -> list[Array]:
        """Steps to other targets from the same ``coefficients`` as the last ones, whose matrix was kept.

        Raises as :meth:`steps` does.
        """
        with self.timed():
            rows, moves = self.linearised(coefficients, targets, fixed)
            return self._solved(self.kept, rows, moves, coefficients)

    def linearised(
        self, coefficients: Array, targets: Sequence[Array], fixed: np.ndarray
    ) -> tuple[list[Rows], list[Array]]:
        """The rows at ``coefficients``, one side for each target, and how these move what is fixed."""
        c, moves = self.tensor(coefficients), [np.where(fixed, t - coefficients, 0.0) for t in targets]
        return [p.rows(c, [self.tensor(m) for m in moves]) for p in self.patches], moves

    def equations(self, coefficients: Array, fixed: np.ndarray) -> LinearSolver:
        """J^T J at ``coefficients``, factorised; raises as :meth:`steps` does."""
        c = self.tensor(coefficients)
        ordering = order_coefficients(self.space, fixed, self.model.device)
        with self.timed():
            return solver_of([p.rows(c, []) for p in self.patches], ordering, clock=self.model.clock)

    def timed(self) -> AbstractContextManager[None]:
        """A solve: raises OutOfTimeError where it could not end in time."""
        return self.model.clock.working(*least_work(self.model, self.space))

    @property
    def kept(self) -> LinearSolver:
        """The matrix of the last step, where it is kept."""
        assert self._kept is not None
        return self._kept

    @property
    def is_kept(self) -> bool:
        """Whether it is."""
        return bool(self._kept)

    def chord(self, coefficients: Array, fixed: np.ndarray) -> Array | None:
        """The Gauss-Newton step with the residual and gradient at ``coefficients``, but the matrix of the last step.

        To the relative accuracy CHORD: it is the last one, and small.
        """
        equations, self._kept = self._kept, None
        if equations is None:
            return None
        rows = [p.rows(self.tensor(coefficients), []) for p in self.patches]
        parts = [r.transpose(equations.ordering, r.residual) for r in rows]
        return self._whole(equations, -equations.backsolve(sum(parts[1:], parts[0]).cpu().numpy(), CHORD)[:, 0])

    def drawn(self, size: float) -> Array:
        """What the matrix that is kept makes of residuals that are drawn by chance, of norm ``size`` in all."""
        draw = np.random.default_rng(0).standard_normal
        residuals = [torch.from_numpy(draw(r.residual.shape[:-1])).to(r.residual) for r in self.kept.rows]
        norm = float(np.sqrt(sum(float(r.square().sum()) for r in residuals)))
        return size / norm * self.made_of(residuals)

    def bent(self, coefficients: Array, step: Array) -> list[torch.Tensor]:
        """Half the second difference of the equations' rows across a step: what linearising leaves out."""
        c, d = self.tensor(coefficients), self.tensor(step)
        patches = self.patches[: len(self.model.equations)]
        return [0.5 * (p.residual(c + d) + p.residual(c - d)) - p.residual(c) for p in patches]

    def made_of(self, residuals: list[torch.Tensor]) -> Array:
        """What the matrix that is kept makes of residuals of the first rows, to a digit; those of others are zero."""
        others = self.kept.rows[len(residuals) :]
        rows = [*(r[..., None] for r in residuals), *(torch.zeros_like(r.residual[..., :1]) for r in others)]
        return self._whole(self.kept, self.kept.solve(rows, ROUGH)[:, 0])

    def _whole(self, equations: LinearSolver, free: Array) -> Array:
        """All coefficients of a function whose fixed ones are zero."""
        out = np.zeros(self.space.shape)
        out.reshape(-1)[equations.ordering.free.cpu().numpy()] = free
        return out

    def release(self) -> None:
        """Forget the matrix that is kept."""
        self._kept = None

    def solve_rows(
        self,
        rows: Sequence[Rows],
        moves: Sequence[Array],
        fixed: np.ndarray,
        damping: float = 0.0,
        base: Array | None = None,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """Least-squares steps for rows of this space; fixed coefficients move as prescribed.

        ``base``: the coefficients that they are added to; ``accuracy``: see :meth:`steps`.
        """
        ordering = order_coefficients(self.space, fixed, self.model.device)
        self.release()
        spare = LEFT * (self.local or self.model.problem.solver.tolerance)
        equations = solver_of(rows, ordering, damping, spare, self.model.clock, self.most, self.beside)
        self._kept = equations if self.keeping else None
        return self._solved(equations, rows, moves, base, accuracy)

    def _solved(
        self,
        equations: LinearSolver,
        rows: Sequence[Rows],
        moves: Sequence[Array],
        base: Array | None,
        accuracy: float = 0.0,
    ) -> list[Array]:
        """The free coefficients of steps by ``equations``, those of the matrix of the rows, beside the moves.

        What they leave is told relative to the ``base`` with the first step.
        """
        ordering, size = equations.ordering, 0.0 if base is None else equations.size_of(base)
        solved = equations.solve_rows(rows, max(self.accuracy, accuracy), size)
        self.rounding, self.words = equations.rounding, equations.words
        if any(isinstance(r, MiddleRows) for r in equations.rows):
            solve = partial(equations.solve, accuracy=self.accuracy)
            solved = settled(rows, ordering, solved, solve, equations.backsolve)
        steps = [move + self._whole(equations, solved[:, i]) for i, move in enumerate(moves)]
        if base is not None:
            self.rounding /= equations.size_of(base + steps[0]) or 1.0
            known = base.reshape(-1)[ordering.free.cpu().numpy()]
            self.floor = equations.floor(known) if self.keeping else 0.0
        self.left = self.rounding if self.words else 0.0
        return steps
