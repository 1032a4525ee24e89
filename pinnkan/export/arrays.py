"""The named arrays of a result on a tensor grid: unknowns, residuals, error estimate, true error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy

from pinnkan.domain.box import SLACK
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Problem
from pinnkan.solution import Solution


def sampled(solution: Solution, axes: Sequence[Array]) -> dict[str, Array]:
    """Everything a file shows, on the tensor grid of ``axes`` (one per coordinate, time included).

    Returns:
        name -> array with one dimension per axis: ``residual_1`` .. (left minus right of each equation),
        ``error_estimate`` where the solver gives an error function and ``error`` where the problem has ``exact`` (both
        the largest magnitude over the unknowns), and each unknown under its own name. Outside the domain they are nan.
    """
    problem = solution.problem
    zero = (0,) * problem.dimension
    orders = sorted({zero, *(jet.order for e in problem.equations for jet in e.jets.values())})
    tables = dict(zip(orders, solution.field.grids(axes, orders), strict=True))
    values = tables[zero]
    arrays = {f"residual_{i + 1}": residual(problem, e, axes, tables) for i, e in enumerate(problem.equations)}
    if solution.error is not None:
        arrays["error_estimate"] = np.abs(solution.error.grid(axes, zero)).max(-1)
    if problem.exact is not None:
        arrays["error"] = np.abs(values - exact_values(problem, problem.exact, axes)).max(-1)
    arrays |= {name: values[..., i] for i, name in enumerate(problem.unknowns)}
    outside = ~solution.domain.contains(np.stack(np.meshgrid(*axes, indexing="ij"), -1), SLACK)
    for array in arrays.values():
        array[outside] = np.nan
    return arrays


def at_time(solution: Solution, axes: Sequence[Array], time: float) -> dict[str, Array]:
    """The same at one time; the arrays have one dimension per space axis."""
    return {name: array[..., 0] for name, array in sampled(solution, [*axes, np.array([time])]).items()}


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
