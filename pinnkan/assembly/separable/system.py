"""All rows of a problem for a sum of products: equations and conditions, integrated exactly where they separate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import sympy

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import CONDITION_WEIGHT, draw_points, largest_term, uniform_generator
from pinnkan.assembly.separable.point_rows import PointRows, graded_points
from pinnkan.assembly.separable.separated_equation import SeparatedEquation, separated_linearisation
from pinnkan.assembly.separable.separated_rows import SeparatedRows, gauss_rule
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, DerivativeFunction, jets_at
from pinnkan.kan.separable import Separable
from pinnkan.kan.waves import Waves
from pinnkan.problem.statement import Equation, Place, Point, Problem, Side, WholeDomain, position_of

#: Points at which the sizes of equations are sampled.
SIZE_SAMPLES = 256
#: Data below this share of the factor of u count as zero, which a clamped spline satisfies exactly.
ZERO_SHARE = 1e-14
#: Points per coefficient, and the fewest points, for rows that do not separate. Heuristic.
POINTS_PER_COEFFICIENT, MIN_POINTS = 3.0, 2000
#: For each coordinate a flag of its lower and upper end.
EndFlags = tuple[tuple[bool, bool], ...]


class SeparableRows(Protocol):
    """Weighted rows J u - f, linear in u, as means; ``edges[i]`` (term, function): factors in coordinate i."""

    source_square: float

    def loss(self, edges: Sequence[Array]) -> float:
        """|J u - f|^2."""

    def image_norm_squared(self, edges: Sequence[Array]) -> float:
        """|J u|^2."""

    def edge_normal_equations(self, edges: Sequence[Array], k: int) -> tuple[Array, Array]:
        """J^T J and J^T f by the edges of coordinate ``k``."""

    def joint_normal_equations(self, edges: Sequence[Array]) -> tuple[Array, Array]:
        """J^T J and J^T (f - J u) by all edges, coordinate by coordinate."""

    def residual_moments(self, edges: Sequence[Array], test_edges: Sequence[Array], k: int) -> Array:
        """Mean of f - J u times the product ``test_edges``, its factor in coordinate ``k`` open: (function)."""


@dataclass(frozen=True, eq=False)
class PlacedEquation:
    """An equation, its place (None: the domain) and the ``weight`` of its rows."""

    equation: Equation
    compiled: CompiledEquation
    place: Place | None
    weight: float


@dataclass(frozen=True, eq=False)
class SeparableSystem:
    """Rows for edges in a wave basis that vanishes at ends where splines satisfy conditions exactly."""

    waves: tuple[Waves, ...]
    rows: tuple[SeparableRows, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The knots of each coordinate."""
        return tuple(w.axis for w in self.waves)

    def edges(self, function: Separable) -> tuple[Array, ...]:
        """The edges in waves of a function on these knots; parts outside of the wave basis are dropped."""
        return tuple(e @ w.dual.T for e, w in zip(function.edges, self.waves, strict=True))

    def function(self, edges: Sequence[Array]) -> Separable:
        """The function with the given edges in waves."""
        return Separable(self.axes, tuple(e @ w.transform.T for e, w in zip(edges, self.waves, strict=True)))

    @property
    def source_square(self) -> float:
        """The mean square of all right-hand sides."""
        return sum(r.source_square for r in self.rows)

    def loss(self, edges: Sequence[Array]) -> float:
        """|J u - f|^2, summed over all rows."""
        return sum(r.loss(edges) for r in self.rows)

    def image_norm_squared(self, edges: Sequence[Array]) -> float:
        """|J u|^2, summed over all rows."""
        return sum(r.image_norm_squared(edges) for r in self.rows)

    def edge_normal_equations(self, edges: Sequence[Array], k: int) -> tuple[Array, Array]:
        """J^T J and J^T f by the edges of coordinate ``k``, summed over all rows."""
        parts = [r.edge_normal_equations(edges, k) for r in self.rows]
        return _sum([p[0] for p in parts]), _sum([p[1] for p in parts])

    def joint_normal_equations(self, edges: Sequence[Array]) -> tuple[Array, Array]:
        """J^T J and J^T (f - J u) by all edges, summed over all rows."""
        parts = [r.joint_normal_equations(edges) for r in self.rows]
        return _sum([p[0] for p in parts]), _sum([p[1] for p in parts])

    def trained_masks(self, terms: int, single_coordinates: Sequence[int] = ()) -> tuple[np.ndarray, ...]:
        """Masks of trained coefficients, (term, function) by coordinate; the first terms depend on one coordinate."""
        masks = [np.ones((terms, w.count), dtype=bool) for w in self.waves]
        for term, coordinate in enumerate(single_coordinates):
            for i, mask in enumerate(masks):
                mask[term] = i == coordinate
        return tuple(masks)


@dataclass(frozen=True, eq=False)
class SeparableModel:
    """A model of one unknown, whose rows are built for any knots."""

    model: Model

    @property
    def problem(self) -> Problem:
        """The problem of the model."""
        return self.model.problem

    @cached_property
    def placed_equations(self) -> tuple[PlacedEquation, ...]:
        """Equations with weight one; conditions with CONDITION_WEIGHT times the ratio of largest terms to theirs."""
        problem, model = self.problem, self.model
        inside = [(e, c, None) for e, c in zip(problem.equations, model.equations, strict=True)]
        given = [(c.equation, e, c.place) for c, e in model.conditions_as_rows if c.equation is not None]
        largest = max(_size(problem, c) for _, c, _ in inside)
        around = [PlacedEquation(e, c, p, CONDITION_WEIGHT * largest / (_size(problem, c) or 1.0)) for e, c, p in given]
        return (*(PlacedEquation(e, c, p, 1.0) for e, c, p in inside), *around)

    @property
    def is_linear(self) -> bool:
        """Whether all equations and conditions are linear."""
        return all(p.compiled.is_linear for p in self.placed_equations)

    @cached_property
    def separated_equations(self) -> tuple[SeparatedEquation | None, ...]:
        """The separated form of each equation and condition that is linear and separates, else None."""
        made: dict[sympy.Expr, SeparatedEquation | None] = {}
        for p in self.placed_equations:
            if p.equation.residual not in made:
                made[p.equation.residual] = self._separate(p, None) if p.compiled.is_linear else None
        return tuple(made[p.equation.residual] for p in self.placed_equations)

    def _separate(self, placed: PlacedEquation, base_function: Separable | None) -> SeparatedEquation | None:
        return separated_linearisation(
            placed.equation, self.problem.coordinates, self.problem.box.ranges, base_function
        )

    @cached_property
    def zero_ends(self) -> EndFlags:
        """The ends of each coordinate with u = 0, which a clamped spline satisfies exactly."""
        return self._ends(True)

    @cached_property
    def prescribed_ends(self) -> EndFlags:
        """The ends of each coordinate with a prescribed value of u, where the error is zero."""
        return self._ends(False)

    def _ends(self, zero: bool) -> EndFlags:
        out = [[False, False] for _ in self.problem.coordinates]
        for placed in self.placed_equations:
            place = placed.place
            if (
                isinstance(place, Side)
                and not self.problem.box.periodic[place.axis]
                and self._prescribes_value(placed, zero)
            ):
                out[place.axis][place.end] = True
        return tuple((low, high) for low, high in out)

    def _prescribes_value(self, placed: PlacedEquation, zero: bool) -> bool:
        """Whether a condition prescribes u (as ``zero``), sampled at points of its side."""
        compiled = placed.compiled
        if [jet.total_order for jet in compiled.jets] != [0] or not compiled.is_linear:
            return False
        points = draw_points(self.problem, placed.place, SIZE_SAMPLES, uniform_generator(0))
        data, slopes = compiled.linearise_numpy(points, np.zeros((len(points), 1)))
        least = float(np.abs(slopes).min())
        return least > 0.0 and (not zero or float(np.abs(data).max()) <= ZERO_SHARE * least)

    @property
    def single_coordinates(self) -> tuple[int, ...]:
        """The coordinates i for which a function of x_i alone satisfies the exact conditions."""
        fixed = {i for i, ends in enumerate(self.zero_ends) if any(ends)}
        return tuple(i for i in range(self.problem.dimension) if fixed <= {i})

    def system(
        self, axes: Sequence[Axis], base_function: DerivativeFunction | None, terms: int, seed: int
    ) -> SeparableSystem:
        """The rows on knots ``axes`` for a sum of ``terms`` products; nonlinear ones linearised at a function."""
        return self._system(self.zero_ends, axes, base_function, terms, seed)

    def homogeneous_system(
        self, axes: Sequence[Axis], base_function: DerivativeFunction | None, seed: int
    ) -> SeparableSystem:
        """The rows of one product to add to a function; it vanishes where values are prescribed."""
        return self._system(self.prescribed_ends, axes, base_function, 1, seed)

    def _system(
        self, ends: EndFlags, axes: Sequence[Axis], base_function: DerivativeFunction | None, terms: int, seed: int
    ) -> SeparableSystem:
        waves = tuple(Waves.from_axis(a, e) for a, e in zip(axes, ends, strict=True))
        rows: list[SeparableRows] = []
        for numbers in self._row_groups(ends):
            rows += self._rows(numbers, waves, base_function, terms, seed)
        return SeparableSystem(waves, tuple(rows))

    def _row_groups(self, ends: EndFlags) -> list[list[int]]:
        """Numbers of equations and conditions that become rows; conditions on both ends of a coordinate together."""
        groups: dict[tuple[object, ...], list[int]] = {}
        for number, placed in enumerate(self.placed_equations):
            place = placed.place
            if not isinstance(place, Side):
                groups[number,] = [number]
            elif not ends[place.axis][place.end]:
                groups.setdefault((placed.equation.residual, placed.weight, place.axis), []).append(number)
        return list(groups.values())

    def _rows(
        self,
        numbers: Sequence[int],
        waves: Sequence[Waves],
        base_function: DerivativeFunction | None,
        terms: int,
        seed: int,
    ) -> list[SeparableRows]:
        placed = self.placed_equations[numbers[0]]
        products = self.separated_equations[numbers[0]]
        if products is None and isinstance(base_function, Separable) and not placed.compiled.is_linear:
            products = self._separate(placed, base_function)
        if products is None or isinstance(placed.place, Point | WholeDomain):
            return [self._at_points(n, waves, base_function, terms, seed) for n in numbers]
        places = [self.placed_equations[n].place for n in numbers]
        axis = placed.place.axis if isinstance(placed.place, Side) else None
        rule = gauss_rule([w.axis for w in waves], axis, [p.end for p in places if isinstance(p, Side)])
        return [SeparatedRows(products, waves, rule, placed.weight)]

    def _at_points(
        self, number: int, waves: Sequence[Waves], base_function: DerivativeFunction | None, terms: int, seed: int
    ) -> PointRows:
        placed, axes = self.placed_equations[number], [w.axis for w in waves]
        count = max(MIN_POINTS, int(POINTS_PER_COEFFICIENT * terms * sum(w.count for w in waves)))
        points, weights = graded_place_points(placed.place, axes, count, seed + number)
        residual, slopes, jets = linearise_at_points(placed.compiled, points, base_function)
        root = placed.weight * np.sqrt(weights)
        terms_: dict[tuple[int, ...], Array] = {}
        for k, jet in enumerate(placed.compiled.jets):
            terms_[jet.order] = terms_.get(jet.order, 0.0) + root * slopes[:, k]
        return PointRows(waves, points, terms_, root * ((slopes * jets).sum(1) - residual))


@lru_cache(maxsize=2)
def separable_model(model: Model) -> SeparableModel:
    """The separable model of a model, cached: separating equations may take seconds."""
    return SeparableModel(model)


def _sum(parts: Sequence[Array]) -> Array:
    return np.asarray(sum(parts[1:], parts[0]))


def graded_place_points(place: Place | None, axes: Sequence[Axis], count: int, seed: int) -> tuple[Array, Array]:
    """Quasi-random points graded towards the knots, (point, coordinate), and weights of a mean over the place."""
    if place is None:
        return graded_points(axes, count, seed)
    if not isinstance(place, Side):
        return np.array([position_of(place)]), np.ones(1)
    others = [a for i, a in enumerate(axes) if i != place.axis]
    points, weights = graded_points(others, count, seed)
    return np.insert(points, place.axis, axes[place.axis].breaks[-place.end], axis=1), weights


def linearise_at_points(
    compiled: CompiledEquation, points: Array, base_function: DerivativeFunction | None
) -> tuple[Array, Array, Array]:
    """F (point), its slopes and the jets, both (point, jet), at a function."""
    jets = jets_at(base_function, points, compiled.jets)
    residual, slopes = compiled.linearise_numpy(points, jets)
    return residual, slopes, jets


def _size(problem: Problem, compiled: CompiledEquation) -> float:
    """The largest root mean square term of an equation."""
    points = draw_points(problem, None, SIZE_SAMPLES, uniform_generator(0))
    _, slopes = compiled.linearise_numpy(points, np.zeros((len(points), len(compiled.jets))))
    return largest_term(problem, compiled.jets, np.sqrt((slopes**2).mean(0)))
