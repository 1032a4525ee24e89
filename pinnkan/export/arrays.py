"""The named arrays of a result on a tensor grid: unknowns, residuals, error estimates, true errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from pinnkan.domain.box import SLACK
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Problem
from pinnkan.solution import Solution


@dataclass(frozen=True)
class Shown:
    """What has one panel and one size: a vector, or an unknown that belongs to none; the indices of its unknowns."""

    name: str
    unknowns: tuple[int, ...]
    is_vector: bool

    def of(self, values: Array) -> Array:
        """The unknown itself, or the length of the vector, of values with the unknowns last."""
        return np.linalg.norm(values[..., self.unknowns], axis=-1) if self.is_vector else values[..., self.unknowns[0]]


def shown_of(problem: Problem) -> list[Shown]:
    """All of them, in the order of the unknowns that they begin with."""
    within = {part: name for name, parts in problem.vectors.items() for part in parts}
    shown: dict[str, Shown] = {}
    for index, unknown in enumerate(problem.unknowns):
        vector = within.get(unknown)
        parts = (index,) if vector is None else tuple(problem.unknowns.index(p) for p in problem.vectors[vector])
        shown.setdefault(vector or unknown, Shown(vector or unknown, parts, vector is not None))
    return list(shown.values())


def words_of(shown: Shown) -> str:
    """``u``, or ``|velocity|`` for the length of a vector."""
    return f"|{shown.name}|" if shown.is_vector else shown.name


def error_name(kind: str, problem: Problem, name: str) -> str:
    """The array of an ``error_estimate`` or ``error``: of several unknowns one each, ``error_u``."""
    return kind if len(problem.unknowns) == 1 else f"{kind}_{name}"


def sampled(solution: Solution, axes: Sequence[Array]) -> dict[str, Array]:
    """Everything a file shows, on the tensor grid of ``axes`` (one per coordinate, time included).

    Returns:
        name -> array with one dimension per axis: ``residual_1`` .. (left minus right of each equation),
        ``error_estimate`` where the solver gives an error function and ``error`` where the problem has ``exact``, as
        magnitudes and of several unknowns one each (:func:`error_name`), of a vector its length; the length of each
        vector under its name, and each unknown under its own. Outside the domain they are nan.
    """
    problem = solution.problem
    zero = (0,) * problem.dimension
    orders = sorted({zero, *(jet.order for e in problem.equations for jet in e.jets.values())})
    tables = dict(zip(orders, solution.field.grids(axes, orders), strict=True))
    arrays = {f"residual_{i + 1}": residual(problem, e, axes, tables) for i, e in enumerate(problem.equations)}
    return _inside(solution, axes, arrays | _named(solution, axes, tables[zero]))


def pictured(solution: Solution, axes: Sequence[Array]) -> dict[str, Array]:
    """The same without residuals, where an error is known to be shown in their place: a tenth of the work."""
    if solution.error is None and solution.problem.exact is None:
        return sampled(solution, axes)
    values = solution.field.grid(axes, (0,) * solution.problem.dimension)
    return _inside(solution, axes, _named(solution, axes, values))


def _named(solution: Solution, axes: Sequence[Array], values: Array) -> dict[str, Array]:
    problem = solution.problem
    arrays: dict[str, Array] = {}
    errors: dict[str, Array] = {}
    if solution.error is not None:
        errors["error_estimate"] = solution.error.grid(axes, (0,) * problem.dimension)
    if problem.exact is not None:
        errors["error"] = values - exact_values(problem, problem.exact, axes)
    for kind, error in errors.items():
        arrays |= {error_name(kind, problem, name): size for name, size in _sizes(problem, error).items()}
    arrays |= {shown.name: shown.of(values) for shown in shown_of(problem) if shown.is_vector}
    return arrays | {name: values[..., i] for i, name in enumerate(problem.unknowns)}


def _inside(solution: Solution, axes: Sequence[Array], arrays: dict[str, Array]) -> dict[str, Array]:
    """The arrays with nan outside of the domain."""
    outside = ~solution.domain.contains(np.stack(np.meshgrid(*axes, indexing="ij"), -1), SLACK)
    return {name: np.where(outside, np.nan, array) for name, array in arrays.items()} if outside.any() else arrays


def _sizes(problem: Problem, error: Array) -> dict[str, Array]:
    """Magnitudes by unknown, and of each vector its length."""
    parts = {name: np.abs(error[..., i]) for i, name in enumerate(problem.unknowns)}
    return parts | {shown.name: np.abs(shown.of(error)) for shown in shown_of(problem)}


def at_time(solution: Solution, axes: Sequence[Array], time: float) -> dict[str, Array]:
    """:func:`pictured` at one time; the arrays have one dimension per space axis."""
    return {name: array[..., 0] for name, array in pictured(solution, [*axes, np.array([time])]).items()}


def size_of(values: Array) -> float:
    """The root mean square of what is finite, to which errors are relative; 1 where that is nothing."""
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite**2))) or 1.0 if finite.size else 1.0


def components(problem: Problem, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Each vector of the problem from the arrays of its unknowns, components last: at least three, for glyphs."""
    vectors = {}
    for name, parts in problem.vectors.items():
        columns = [arrays[part] for part in parts]
        columns += [np.zeros_like(columns[0])] * (3 - len(columns))
        vectors[name] = np.stack(columns, -1)
    return vectors


def residual(
    problem: Problem, equation: Equation, axes: Sequence[Array], tables: Mapping[tuple[int, ...], Array]
) -> Array:
    """Left minus right of an equation on the tensor grid of ``axes``, where the derivatives are ``tables``."""
    jets = [tables[jet.order][..., jet.unknown] for jet in equation.jets.values()]
    tape = Tape([equation.residual], [*problem.coordinates, *equation.jets])
    return _full(tape([*open_grid(axes), *jets])[0], axes)


def exact_values(problem: Problem, exact: Mapping[str, sympy.Expr], axes: Sequence[Array]) -> Array:
    """The known solution on the tensor grid of ``axes``, unknown last."""
    tape = Tape([exact[name] for name in problem.unknowns], problem.coordinates)
    return np.stack([_full(value, axes) for value in tape(open_grid(axes))], -1)


def open_grid(axes: Sequence[Array]) -> tuple[Array, ...]:
    """Each coordinate shaped so that all of them broadcast to the tensor grid."""
    return tuple(np.reshape(a, [-1 if i == k else 1 for k in range(len(axes))]) for i, a in enumerate(axes))


def _full(value: object, axes: Sequence[Array]) -> Array:
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), tuple(len(a) for a in axes)))
