"""Corners between two clamped sides next to which solutions are less smooth than the order of their equations.

A mixed derivative in an equation (elasticity, plates, flows) is not determined by data on the sides. The solution is
r^s even for smooth data, s an eigenvalue of a problem in the angle (Williams 1952, J. Appl. Mech. 19; Kondratiev 1967;
Kozlov, Maz'ya and Rossmann 1997): 3.74 for a plate, 2.74 for a flow, 1 to 2.7 for an elastic sheet. For s at or above
the order the residual is bounded and weights do harm: a cavity with a smooth lid takes 25 s with them, 8 s without.
"""

from collections.abc import Sequence

import numpy as np
import scipy.linalg
from numpy.polynomial import chebyshev

from pinnkan.kan.field import Array
from pinnkan.problem.checks.linearised_system import PrincipalWeights, principal_weights
from pinnkan.problem.checks.system_count import is_elliptic
from pinnkan.problem.corners import Corner, box_corners, equations_on
from pinnkan.problem.statement import Equation, Jet, Problem, Side

#: The number of polynomials in the angle (13, 17 and 21 agree to three decimals), and the largest exponent sought.
POLYNOMIALS, MAX_EXPONENT = 16, 12.0
#: Exponents this close to an integer belong to polynomials.
INTEGER_TOLERANCE = 1e-3

#: A term c d^a u_j of an equation next to a corner, along axes that lead away from it.
Term = tuple[Jet, float]


def clamped_corners(problem: Problem) -> tuple[Corner, ...]:
    """The clamped corners of a steady elliptic problem in the plane where solutions are not smooth; else none."""
    weights = principal_weights(problem)
    if weights is None or problem.dimension != 2 or problem.time_axis is not None or any(problem.box.periodic):
        return ()
    if not _has_mixed_term(problem, weights) or not is_elliptic(problem):
        return ()
    every = frozenset(range(len(problem.unknowns)))
    found = [
        at
        for at, sides in box_corners(problem)
        if all(_is_clamped(problem, side, weights) for side in sides) and _is_rough(problem, at, sides, weights)
    ]
    return tuple(
        Corner(position, has_jump=False, prescribed_unknowns=every, is_inside_side=False) for position in found
    )


def _is_rough(problem: Problem, position: Sequence[float], sides: Sequence[Side], weights: PrincipalWeights) -> bool:
    """Whether the derivatives, of the order of the equations, of the leading singular solution are unbounded."""
    ends = [side.end for side in sides]

    def principal(equations: Sequence[Equation]) -> list[list[Term]]:
        return [_principal(problem, equation, position, ends, weights) for equation in equations]

    held = [principal(equations_on(problem, side)) for side in sides]
    return least_exponent(principal(problem.equations), held, weights) < max(weights.unknown_offsets)


def _principal(
    problem: Problem, equation: Equation, position: Sequence[float], ends: Sequence[int], weights: PrincipalWeights
) -> list[Term]:
    """The principal terms of an equation at a corner, along axes away from it; unknown coefficients are one."""
    known = dict(zip(problem.coordinates, position, strict=True))
    surplus = {symbol: jet.total_order - weights.unknown_offsets[jet.unknown] for symbol, jet in equation.jets.items()}
    found = []
    for symbol, slope in equation.slopes.items():
        if surplus[symbol] == max(surplus.values()):
            value, jet = slope.subs(known), equation.jets[symbol]
            sign = (-1) ** sum(k for k, end in zip(jet.order, ends, strict=True) if end)
            found.append((jet, sign * (float(value) if value.is_number else 1.0)))
    return found


def least_exponent(
    equation_terms: Sequence[Sequence[Term]],
    condition_terms: Sequence[Sequence[Sequence[Term]]],
    weights: PrincipalWeights,
) -> float:
    """The least real part of noninteger s in solutions r^(s - d + d_j) f_j(angle) of finite energy for x, y > 0.

    d_j are the offsets of the unknowns, d the largest; ``condition_terms``: the conditions for x = 0, and those for y =
    0. The method is rectangular collocation (Driscoll and Hale 2016, IMA J. Numer. Anal. 36). Exponents above 12 are
    cut.
    """
    collocation = _Collocation(weights)
    rows = [collocation.equation(terms, c) for terms, c in zip(equation_terms, weights.equation_offsets, strict=True)]
    rows += [
        collocation.condition(terms, end) for end, side in zip((-1, 0), condition_terms, strict=True) for terms in side
    ]
    powers = np.concatenate([row / np.abs(row).max() for row in rows], 1)
    degree, size = len(powers) - 1, powers.shape[1]
    left, right = np.eye(degree * size, k=size), np.eye(degree * size)
    left[-size:], right[-size:, -size:] = -np.concatenate(powers[:-1], 1), powers[-1]
    values = scipy.linalg.eigvals(left, right)
    values = values[np.isfinite(values) & (values.real > 0.5 * max(weights.unknown_offsets) - 1.0 + INTEGER_TOLERANCE)]
    values = values[np.abs(values - np.round(values.real)) > INTEGER_TOLERANCE]
    return float(min([MAX_EXPONENT, *values.real]))


class _Collocation:
    """Collocation with polynomials in the angle; rows by power of s: (power, row, function of any unknown)."""

    def __init__(self, weights: PrincipalWeights) -> None:
        self.largest = max(weights.unknown_offsets)
        self.surplus = [d - self.largest for d in weights.unknown_offsets]
        self.ends = np.cumsum([0, *(POLYNOMIALS + k for k in self.surplus)])
        places = chebyshev.chebpts2(POLYNOMIALS)
        angle = 0.25 * np.pi * (1.0 + places)
        self.values = np.asarray(chebyshev.chebvander(places, POLYNOMIALS - 1), dtype=np.float64)
        self.nodal = np.linalg.inv(self.values)
        slopes = np.vstack([chebyshev.chebder(np.eye(POLYNOMIALS)), np.zeros(POLYNOMIALS)])
        self.slopes = 4.0 / np.pi * self.values @ slopes @ self.nodal
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        self.gradient = ((cos, -sin), (sin, cos))

    def equation(self, terms: Sequence[Term], offset: int) -> Array:
        """The rows of an equation, at as many fewer points as its order."""
        points = chebyshev.chebpts1(POLYNOMIALS - self.largest + offset)
        return chebyshev.chebvander(points, POLYNOMIALS - 1) @ self.nodal @ self._rows(terms)

    def condition(self, terms: Sequence[Term], end: int) -> Array:
        return self._rows(terms)[:, [end]]

    def _rows(self, terms: Sequence[Term]) -> Array:
        out = np.zeros((self.largest + 1, POLYNOMIALS, self.ends[-1]))
        for jet, factor in terms:
            start, stop = self.ends[jet.unknown : jet.unknown + 2]
            part: Array = factor * self.values[None, :, : stop - start]
            power = self.surplus[jet.unknown]  # of r, in addition to s
            for axis, times in enumerate(jet.order):
                for _ in range(times):
                    part, power = self._derived(part, power, axis), power - 1
            out[: len(part), :, start:stop] += part
        return out

    def _derived(self, part: Array, power: int, axis: int) -> Array:
        """The derivative along an axis of r^(s + power) ``part``(angle), divided by r^(s + power - 1)."""
        along, across = self.gradient[axis]
        out = np.concatenate([power * along * part + across * (self.slopes @ part), np.zeros_like(part[:1])])
        out[1:] += along * part
        return out


def _has_mixed_term(problem: Problem, weights: PrincipalWeights) -> bool:
    """Whether a principal term is mixed, or has an unknown that no side determines, such as a pressure."""
    held = {j for j, d in enumerate(weights.unknown_offsets) if d == max(weights.unknown_offsets)}
    pairs = ((k, jet) for k, equation in enumerate(problem.equations) for jet in equation.jets.values())
    principal = (jet for k, jet in pairs if jet.total_order == weights.principal_order(k, jet.unknown))
    return any(all(jet.order) or jet.unknown not in held for jet in principal)


def _is_clamped(problem: Problem, side: Side, weights: PrincipalWeights) -> bool:
    """Whether a side has all its conditions, and these have derivatives below half the order only."""
    given = equations_on(problem, side)
    is_low = all(2 * jet.total_order < max(weights.unknown_offsets) for e in given for jet in e.jets.values())
    return is_low and 2 * len(given) == weights.system_order
