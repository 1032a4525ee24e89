"""Products w(x) phi(y) in the residual that a correction leaves, whatever phi: an estimate without knots.

Where coefficients vary along one coordinate, functions of small residual are a wave w of the other one times some phi:
of y u_xx + u_yy, sin(7 pi x) times an Airy function. Knots that hold neither do not show them. For every wave w, phi
minimises the residual r on a line of fine splines,

    min | r + J (w phi) |,

J the linearised equations and conditions. The normal equations of all waves are sums over the nodes of both
coordinates. They are solved in eigenfunctions of a string, which separate smooth functions with small residuals from
rough ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.estimate.norms import norm_ratios
from pinnkan.solver.estimate.remaining_waves import RemainingWave, agree, mean_squares
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.neutral_waves import has_real_characteristics
from pinnkan.solver.verify.products.factor_rows import FactorRows, IntegralFactorRows, linearise_patches
from pinnkan.solver.verify.products.lattice import Fineness, refine_axis, string_modes

#: Two finenesses of lines: a product is believed if its sizes on both agree.
LINE_FINENESSES = Fineness(56, 2, 12), Fineness(50, 2, 12)
#: The same of circles, where high degrees are cheap.
CIRCLE_FINENESSES = Fineness(64, 0, 14), Fineness(57, 0, 14)
#: Waves tried per coordinate, half of them sines on a circle; Gauss points fewer than usual per interval.
TRIAL_WAVES, FEWER_GAUSS_POINTS = 48, 4
#: Eigenvalues of scaled normal equations below this share of the largest are dropped as rounding.
EIGENVALUE_CUTOFF = 1e-13
#: Points in each coordinate at which the size of a field is measured.
SIZE_POINTS = 48


def largest_remaining_product(model: Model, field: Field, known: FieldContext, allowed: float) -> RemainingWave | None:
    """Return the largest product that a steady solution in two coordinates lacks, if it is above ``allowed``.

    ``known``: the correction. None for other dimensions, with interfaces, or for elliptic problems, where fine waves
    have large residuals.
    """
    problem = model.problem
    if problem.time_axis is not None or problem.dimension != 2 or model.interfaces:
        return None
    if not has_real_characteristics(model, field):  # fine waves have large residuals
        return None
    nodes = [low + (high - low) * (np.arange(SIZE_POINTS) + 0.5) / SIZE_POINTS for low, high in problem.box.ranges]
    reference = mean_squares(model, field, nodes, known) * problem.domain.measure

    def size(product: _Product) -> float:
        return float(max(norm_ratios(problem, product.squares, reference)))

    first = max(_all_products(model, field, known, LINE_FINENESSES[0], CIRCLE_FINENESSES[0]), key=size, default=None)
    if first is None or size(first) <= allowed:
        return None
    second = _all_products(model, field, known, LINE_FINENESSES[1], CIRCLE_FINENESSES[1])
    again = next((size(p) for p in second if (p.wave, p.free_axis) == (first.wave, first.free_axis)), None)
    return RemainingWave(size(first), first.numbers) if agree(size(first), again) else None


@dataclass(frozen=True, eq=False)
class _Product:
    """A ``wave`` of one coordinate times a factor of coordinate ``free_axis``: squared norms by unknown.

    ``numbers``: wave numbers by coordinate in radians by length, of the factor from its slopes.
    """

    wave: int
    free_axis: int
    squares: Array
    numbers: tuple[float, float]


@dataclass(frozen=True, eq=False)
class _StringModes:
    """Orthonormal eigenfunctions of a string on one coordinate, with the ends that conditions fix.

    ``waves`` (unknown, function, wave), zero where there are none; ``numbers`` (unknown, wave): radians by length;
    ``is_periodic``: a circle.
    """

    waves: Array
    numbers: Array
    is_periodic: bool

    def trial_waves(self) -> tuple[Array, Array]:
        """Trial waves (slot, unknown, function, wave) and numbers; on a circle, slots are cosines and sines."""
        numbers, few = self.numbers.max(0), TRIAL_WAVES // 2
        if not self.is_periodic:
            return self.waves[None, ..., :TRIAL_WAVES], numbers[:TRIAL_WAVES]
        slots = np.zeros((2, *self.waves.shape[:2], few + 1))
        slots[0, ..., 0] = self.waves[..., 0]
        slots[0, ..., 1:], slots[1, ..., 1:] = self.waves[..., 1 : 2 * few : 2], self.waves[..., 2 : 2 * few + 1 : 2]
        return slots, np.append(0.0, numbers[1 : 2 * few : 2])


def _string_basis(axis: Axis, alive: np.ndarray) -> _StringModes:
    """The eigenfunctions in the functions ``alive`` (unknown, function), which no condition fixes."""
    waves, numbers = np.zeros((*alive.shape, axis.count)), np.zeros(alive.shape)
    for some, own, out in zip(alive, waves, numbers, strict=True):
        if some.any():
            out[: some.sum()], own[some, : some.sum()] = string_modes(axis, some, axis.count)
    return _StringModes(waves, numbers, axis.periodic)


def _all_products(
    model: Model, field: Field, known: FieldContext, line_fineness: Fineness, circle_fineness: Fineness
) -> list[_Product]:
    """All products on splines of a fineness for lines and one for circles; none where rows are not finite."""
    problem, axes = model.problem, []
    for (low, high), wraps in zip(problem.box.ranges, problem.box.periodic, strict=True):
        fineness = circle_fineness if wraps else line_fineness
        axis = Axis(np.array([low, high]), max(model.orders) + fineness.extra_degree, wraps)
        axes.append(refine_axis(axis, fineness))
    space = Space(tuple(axes), len(problem.unknowns))
    free = ~zero_conditions(model.conditions, space)[1]
    lines = [_string_basis(axis, np.asarray(free.any(axis=1 - i)).T) for i, axis in enumerate(axes)]
    rows = linearise_patches(model, System(model, space, fewer_points=FEWER_GAUSS_POINTS), field, known.error)
    if not all(np.isfinite(r.residual).all() and np.isfinite(r.weights).all() for r in rows):
        return []
    model.clock.check()
    return [product for last in (0, 1) for product in _products_along(rows, lines, last)]


def _products_along(rows: Sequence[FactorRows], lines: Sequence[_StringModes], free_axis: int) -> Iterator[_Product]:
    """Yield the best factor of coordinate ``free_axis`` for each wave of the other one."""
    (slots, numbers), line = lines[1 - free_axis].trial_waves(), lines[free_axis]
    normal = _NormalEquations(slots, line, free_axis)
    for block in rows:
        normal.add_rows(block)
    held = slots.any(axis=2).reshape(-1, slots.shape[-1])  # (slot * unknown, wave)
    own = np.tile(line.waves.any(1), (len(slots), 1))
    for wave, number in enumerate(numbers):
        alive = own & held[:, wave, None]
        if not alive.any():
            continue
        factor = normal.solve(wave, alive).reshape(len(slots), len(line.waves), -1)
        squares = (factor**2).sum((0, 2))
        along = float(np.sqrt(((line.numbers * factor) ** 2).sum() / max(squares.sum(), 1e-300)))
        yield _Product(wave, free_axis, squares, (float(number), along) if free_axis else (along, float(number)))


@dataclass(frozen=True, eq=False)
class _Column:
    """A jet of the rows: its ``part``, ``order`` in the last coordinate, weight (node of last, of other).

    ``wave_values`` (wave, node of other): the wave; ``function_values`` (node of last, function): the functions of the
    factor.
    """

    part: int
    order: int
    wave_values: Array
    function_values: Array
    weight: Array


class _NormalEquations:
    """Normal equations of the factor in coordinate ``free_axis`` for all waves; a part is an unknown of a slot.

    ``square`` (wave, part, function, part, function); ``right`` (wave, part, function); ``terms``: the squared terms of
    each column, as ``right``.
    """

    def __init__(self, slots: Array, modes: _StringModes, free_axis: int) -> None:
        self.slots, self.modes, self.free_axis = slots, modes, free_axis
        shape = (slots.shape[-1], slots.shape[0] * slots.shape[1], modes.waves.shape[-1])
        self.square = np.zeros((*shape, *shape[1:]))
        self.right, self.terms = np.zeros(shape), np.zeros(shape)

    def add_rows(self, block: FactorRows) -> None:
        """Add the rows of a patch."""
        last, unknowns = self.free_axis, self.slots.shape[1]
        weights, residual = np.moveaxis(block.weights, last, 0), np.moveaxis(block.residual, last, 0)
        columns = []
        for q, own in enumerate(self.slots):
            for n, (order, u) in enumerate(zip(block.orders, block.unknowns, strict=True)):
                held = (block.tables[1 - last][order[1 - last]] @ own[u]).T
                factors = block.tables[last][order[last]] @ self.modes.waves[u]
                columns.append(_Column(q * unknowns + u, order[last], held, factors, weights[..., n]))
        if isinstance(block, IntegralFactorRows):  # one row, of residual zero
            row = np.zeros(self.right.shape)
            for column in columns:
                row[:, column.part] += column.wave_values @ column.weight.T @ column.function_values
            self.square += row[:, :, :, None, None] * row[:, None, None]
            self.terms += row**2
            return
        sums: dict[tuple[int, int, int, int], tuple[_Column, _Column, Array]] = {}
        for k, a in enumerate(columns):
            self.right[:, a.part] += a.wave_values @ (a.weight * residual).T @ a.function_values
            self.terms[:, a.part] += a.wave_values**2 @ (a.weight**2).T @ a.function_values**2
            for b in columns[k:]:
                both = (a.wave_values * b.wave_values) @ (a.weight * b.weight).T * (0.5 if a is b else 1.0)
                key = a.part, a.order, b.part, b.order
                sums[key] = a, b, both + sums[key][2] if key in sums else both
        for a, b, both in sums.values():
            made = np.stack([a.function_values.T @ (one[:, None] * b.function_values) for one in both])
            self.square[:, a.part, :, b.part] += made
            self.square[:, b.part, :, a.part] += np.swapaxes(made, 1, 2)

    def solve(self, wave: int, alive: np.ndarray) -> Array:
        """Solve for the factor of a wave, flattened, zero off ``alive`` and in directions that rounding hides."""
        some, size = alive.ravel(), alive.size
        scale = 1.0 / np.sqrt(np.maximum(self.terms[wave].ravel()[some], 1e-300))
        square = self.square[wave].reshape(size, size)[np.ix_(some, some)] * scale * scale[:, None]
        values, vectors = np.linalg.eigh(square)
        inverse = np.where(values > EIGENVALUE_CUTOFF * max(float(values[-1]), 1e-300), 1.0, 0.0) / np.maximum(
            values, 1e-300
        )
        out = np.zeros(size)
        out[some] = -(vectors @ (inverse * (vectors.T @ (self.right[wave].ravel()[some] * scale)))) * scale
        return out
