"""The ranges of the unknowns that follow from their conditions.

Coefficients that depend on the solution are estimated before it is known. At impossible values they mislead: at
negative temperatures exp(8 - 8/T) is 1e70 instead of about one.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import sympy

from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Condition, Jet, Problem, ShapeSide, Side

#: Sample points of a side. Heuristic.
SIDE_POINTS = 64
#: Signs tried for unknowns without a known range; the smaller terms count, such as exp(-1/u) for u > 0.
SIGNS = 1.0, -1.0
#: Least and largest value of an unknown; None if they have both signs or are unknown.
Range: TypeAlias = tuple[float, float] | None


def value_ranges(problem: Problem) -> tuple[Range, ...]:
    """Return, by unknown, the range of the values that side conditions give it, if these have one sign; else None.

    The value of a condition is that at zero slopes: one for T_x = 5*(T - 1), none for T_x = 0.
    """
    found: list[list[np.ndarray]] = [[] for _ in problem.unknowns]
    for condition in problem.conditions:
        given = _condition_values(problem, condition)
        if given is not None:
            found[given[0]].append(given[1])
    return tuple(_range(np.concatenate(values)) if values else None for values in found)


def values_with_sign(jet: Jet, values: np.ndarray, sign: float, known_range: Range) -> np.ndarray:
    """Return values of a jet; those of an unknown itself are clipped to its known range, or get the given ``sign``."""
    if jet.total_order:
        return values
    if known_range is None:
        return sign * np.abs(values)
    return np.clip(np.abs(values) * (1.0 if known_range[1] > 0.0 else -1.0), *known_range)


def range_middles(known_ranges: Sequence[Range]) -> np.ndarray:
    """Return the middle of each range, zero if it is unknown: (unknown,)."""
    return np.array([0.0 if each is None else 0.5 * (each[0] + each[1]) for each in known_ranges])


def _range(values: np.ndarray) -> Range:
    least, most = float(values.min()), float(values.max())
    return (least, most) if least * most >= 0.0 and (least < 0.0 or most > 0.0) else None


def _condition_values(problem: Problem, condition: Condition) -> tuple[int, np.ndarray] | None:
    """Return the unknown to which a condition gives values, and these on its side or piece; None if it gives none."""
    if condition.equation is None or not isinstance(condition.place, Side | ShapeSide):
        return None
    residual, jets = condition.equation.residual, condition.equation.jets
    values = [symbol for symbol, jet in jets.items() if jet.total_order == 0]
    if len({jet.unknown for jet in jets.values()}) != 1 or not values:
        return None
    at_rest = residual.xreplace({s: sympy.Integer(0) for s, jet in jets.items() if jet.total_order})
    slope = sympy.diff(at_rest, values[0])
    if slope.has(values[0]) or slope.is_zero:  # u*u_x = 1
        return None
    random = np.random.default_rng(0).random
    points = problem.domain.boundary_pieces[condition.place].sample(SIDE_POINTS, lambda *shape: random(shape))
    tape = Tape([at_rest.xreplace({values[0]: sympy.Integer(0)}), slope], list(problem.coordinates))
    with np.errstate(all="ignore"):
        source, factor = tape([*points.T])
        given = np.broadcast_to(np.asarray(-source / factor, dtype=np.float64), len(points))
    given = given[np.isfinite(given)]
    return (jets[values[0]].unknown, given) if len(given) else None
