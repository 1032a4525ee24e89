"""The start of a problem with free numbers: these at their start values, the unknowns at the solution nearest to them.

Where any multiple of a solution is one, that is the eigenfunction whose number is nearest to the start: the largest
eigenvalue of the inverse of the equations, applied to their derivative by the number (shift-invert Arnoldi, ARPACK).
"""

from dataclasses import replace

import numpy as np
import scipy.sparse.linalg

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.free_numbers import field_count, has_zero, holds_field, is_linear_in
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Problem
from pinnkan.solver.families.product.start import best_multiple, initial_space, with_conditions
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import gauss_newton

#: A start on an eigenvalue is moved by this share, so that the equations have an inverse there.
SHIFT = 1e-3
#: An eigenvalue has settled if it moves by less than this share on twice as many intervals.
SETTLED_SHARE = 1e-2
#: Eigenvalues nearest to the start that ARPACK finds; more of them converge faster.
NEIGHBOURS = 4
#: Points at which a mode is compared with `exact`.
SIGN_POINTS = 256
#: Most coefficients of a space in which an eigenvalue settles.
MOST_SETTLING = 3000


def settled_space(model: Model, degree: int, intervals: int) -> Space:
    """Return the first space in which the eigenvalue nearest to the start is what it is on twice as many intervals."""
    space = finer = initial_space(model, degree, intervals)
    part, number = _mode_model(model), np.nan
    while part is not None and finer.size <= MOST_SETTLING:
        found = nearest_mode(System(part, finer), constant_numbers(model.problem, finer))[1]
        if abs(found - number) <= SETTLED_SHARE * max(abs(found), abs(number)):
            break
        space, number, intervals = finer, found, 2 * intervals
        finer = initial_space(model, degree, intervals)
    return space


def start_at_numbers(system: System) -> Array:
    """Return coefficients at the solution for numbers near their starts. Raises as Gauss-Newton does."""
    model, space = system.model, system.space
    begun, fixed = with_conditions(model, space, constant_numbers(model.problem, space))
    first, part = field_count(model.problem), _mode_model(model)
    if part is None:
        fixed[..., first:] = True
        return gauss_newton(system, begun, fixed, model.problem.solver.tolerance).coefficients
    mode, begun[..., first] = nearest_mode(System(part, space), begun)
    mode = mode * _sign(model.problem, space, mode)
    return with_conditions(model, space, best_multiple(system, begun, mode))[0]


def nearest_mode(system: System, coefficients: Array) -> tuple[Array, float]:
    """Return the eigenfunction whose number is nearest to that of ``coefficients``, and that number.

    The function has the largest coefficient one; its coefficients of numbers are zero.
    """
    model, space = system.model, system.space
    first = field_count(model.problem)
    zero = np.zeros(space.shape)
    zero[..., first:] = coefficients[..., first:]
    zero[..., first] *= 1.0 + SHIFT
    fixed = with_conditions(model, space, zero)[1]
    fixed[..., first:] = True
    solver, moved = system.linear_solver(zero, fixed), zero.copy()
    moved[..., first] += 1.0
    ends = [system.linearise(c, [c], fixed)[0] for c in (moved, zero)]

    def apply(values: Array) -> Array:
        step = system.tensor(values[:, None])
        images = ([rows.apply(solver.ordering, step) for rows in end] for end in ends)
        return solver.solve([a - b for a, b in zip(*images, strict=True)])[:, 0]

    count = solver.ordering.size
    operator = scipy.sparse.linalg.LinearOperator((count, count), matvec=apply, dtype=np.float64)
    draw = np.random.default_rng(0).standard_normal(count)
    values, vectors = scipy.sparse.linalg.eigs(operator, k=min(NEIGHBOURS, count - 2), v0=draw)
    best = int(np.argmax(np.abs(values)))
    mode, vector = np.zeros(space.shape), vectors[:, best]
    mode.reshape(-1)[solver.ordering.free.cpu().numpy()] = (vector / vector[np.abs(vector).argmax()]).real
    return mode, float(zero[..., first].ravel()[0] - (1.0 / values[best]).real)


def _sign(problem: Problem, space: Space, mode: Array) -> float:
    """The sign of a mode, which nothing determines: that of `exact`; else its first large coefficient is positive."""
    if problem.exact is None:
        flat = mode.ravel()
        return float(np.sign(flat[np.argmax(np.abs(flat) > 0.5 * np.abs(flat).max())]))
    names, points = problem.unknowns[: field_count(problem)], problem.domain.sample(SIGN_POINTS, kronecker_points)
    found = ProductField(((space, mode),))(points, [(0,) * problem.dimension])[:, : len(names), 0]
    exact = Tape([problem.exact[name] for name in names], list(problem.coordinates))(list(points.T))
    return -1.0 if sum(float(np.sum(a * b)) for a, b in zip(found.T, exact, strict=True)) < 0.0 else 1.0


def constant_numbers(problem: Problem, space: Space) -> Array:
    """Zero coefficients but for those of the free numbers, which are at their starts."""
    out = np.zeros(space.shape)
    for k, name in enumerate(problem.free_numbers):
        out[..., field_count(problem) + k] = problem.numbers[name].start
    return out


def _mode_model(model: Model) -> Model | None:
    """The model without the conditions that do not hold for zero; None if zero is no solution of the equations.

    None too if these are nonlinear and a linear condition keeps off zero: it chooses a better start than the modes
    about zero.
    """
    problem = model.problem
    count = field_count(problem)
    of_fields = [e for e in problem.equations if holds_field(e, count)]
    if not all(has_zero(e, count) for e in of_fields):
        return None
    linear = all(is_linear_in(e, count) for e in of_fields)
    dropped = [e for c in problem.conditions if (e := c.equation) is not None and not has_zero(e, count)]
    if not linear and any(is_linear_in(e, count) for e in dropped):
        return None
    modes = replace(problem, conditions=tuple(c for c in problem.conditions if c.equation not in dropped))
    return compile_model(modes, sort_conditions(modes), model.device, model.clock)
