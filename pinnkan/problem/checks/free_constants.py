"""Unknowns that are determined only up to a constant, as a pressure or the solution of a pure Neumann problem."""

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.problem.checks.linearised_system import slopes_at_random_values
from pinnkan.problem.statement import Equation, Jet, Problem

Array = NDArray[np.float64]
#: Points at which the slopes of equations and conditions are sampled, and the size below which one is zero.
_POINTS = 4
_ZERO = 1e-9
#: Sizes of the unknowns there; at a single one a slope such as 1 - tanh(l/eps)^2 may be zero in float64.
_SIZES = (1.0, 1e-2, 1e-4, 1e-8, 0.0)


def free_constant_message(problem: Problem) -> str:
    """A message that constants can be added to unknowns without changing any equation or condition; "" if not.

    Such constants lie in the null space of dF/du_j, for all equations and conditions F. If time is marched they may
    depend on it, and a derivative by time counts as the unknown.
    """
    groups = free_constant_groups(problem)
    if not groups:
        return ""
    names = [problem.unknowns[j] for j in groups[0]]
    together = f"{', '.join(names[:-1])} and {names[-1]} together" if len(names) > 1 else names[0]
    constant = "any constant" if problem.time_axis is None else "any function of t"
    return f"nothing fixes the level of {together}: {constant} may be added"


def free_constant_groups(problem: Problem) -> list[tuple[int, ...]]:
    """The groups of unknowns to which constants in space can be added together."""
    every = [*problem.equations, *(c.equation for c in problem.conditions if c.equation is not None)]
    count = len(problem.unknowns)
    space = slice(problem.space_dimension)  # a constant matters only in jets without derivatives by these
    felt = [{s: jet for s, jet in e.jets.items() if not any(jet.order[space])} for e in every]
    if count == 1:
        return [] if any(felt) else [(0,)]
    rows = [row for equation, jets in zip(every, felt, strict=True) if jets for row in _rows(problem, equation, jets)]
    slopes = np.array(rows).reshape(-1, count)
    sizes = np.abs(slopes).max(0, initial=0.0)  # the units of the unknowns: 1e-9 u fixes the level of u
    return _null_groups(slopes / np.where(sizes > 0.0, sizes, 1.0))


def _rows(problem: Problem, equation: Equation, jets: dict[sympy.Symbol, Jet]) -> list[Array]:
    """Scaled slopes (unknown,) by the jets of one order in time, at sample points and values of several sizes."""
    generator = np.random.default_rng(0)
    at = [low + (high - low) * generator.random(_POINTS) for low, high in problem.box.ranges]
    rows = []
    for size in (1.0,) if equation.is_linear else _SIZES:
        slopes = dict(zip(equation.jets, slopes_at_random_values(problem, [equation], at, size)[0].T, strict=True))
        for order in {jet.order for jet in jets.values()}:
            block = np.zeros((_POINTS, len(problem.unknowns)))
            for symbol, jet in jets.items():
                block[:, jet.unknown] += slopes[symbol] if jet.order == order else 0.0
            rows += [row / np.abs(row).max() for row in block if np.isfinite(row).all() and np.abs(row).max() > 0.0]
    return rows


def _null_groups(matrix: Array) -> list[tuple[int, ...]]:
    """The unknowns in each vector of a basis of the null space, from the reduced row echelon form."""
    reduced, pivots = matrix.copy(), list[int]()
    for column in range(matrix.shape[1]):
        row = len(pivots)
        size = np.abs(reduced[row:, column])
        if not size.size or size.max() < _ZERO:
            continue
        best = row + int(np.argmax(size))
        reduced[[row, best]] = reduced[[best, row]]
        reduced[row] /= reduced[row, column]
        others = np.arange(len(reduced)) != row
        reduced[others] -= np.outer(reduced[others, column], reduced[row])
        pivots.append(column)
    free = [c for c in range(matrix.shape[1]) if c not in pivots]
    return [tuple(sorted([c, *(p for r, p in enumerate(pivots) if abs(reduced[r, c]) > _ZERO)])) for c in free]
