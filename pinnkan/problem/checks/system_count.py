"""Whether a system of equations has as many conditions as it needs, where its symbol proves it.

With the highest orders s_ij of unknown j in equation i, the largest sum of s over an assignment of equations to
unknowns, and its dual offsets d_j - c_i >= s_ij, say which terms are principal. Where their determinant does not
vanish, the order of the system is that sum (Agmon, Douglis, Nirenberg 1964, Comm. Pure Appl. Math. 17, for elliptic
systems; Pryce 2001, BIT 41, for ordinary ones).

* On a line a system of order n has n free constants.
* An elliptic system of order 2 m needs m conditions on every side.
* In time: with the symbol L(s, i k, l) of Laplace transforms, a side needs as many conditions as there are solutions
  exp(l x) that decay away from it, for every s of large real part (Gustafsson, Kreiss, Oliger 1995, chapter 10): all
  that enter of first-order hyperbolic systems, all of parabolic ones.

Coefficients are frozen at samples. Counts that differ between samples or values of s prove nothing.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pinnkan.problem.checks.linearised_system import (
    Derivative,
    LinearisedSystem,
    PrincipalWeights,
    assign_equations,
    linearise,
)
from pinnkan.problem.statement import Jet, Place, Point, Problem, Side, WholeDomain

#: A determinant below this share of its Hadamard bound may vanish between the samples.
_SINGULAR_SHARE = 1e-6
#: So may one below this share of the largest of all samples: a coefficient passes zero, or is noise.
_VANISHING_SHARE = 1e-3
#: Directions, besides the axes, in which the symbol of an elliptic system is sampled.
_DIRECTIONS = 50
#: Real parts of s, in units of one over the length of time, and wave numbers along the side, per length. Growth as of
#: exp(100 t/T) is not covered.
_RATES = (1e3, 1e5)
_WAVES = (0.0, 1.0, 10.0)
#: The least power of the rate with which |l| grows for travelling waves: theirs is 1, that of heat 1/2.
_TRAVELLING = 0.75
#: The highest order along a coordinate that is checked.
_HIGHEST = 16


@dataclass(frozen=True)
class MissingSideCondition:
    """A side that needs ``wanted`` conditions and has ``given``; with ``is_line`` both ends of a line together."""

    side: Side
    wanted: int
    given: int
    is_line: bool = False

    def words(self, problem: Problem) -> str:
        """The fault in words: ``the system asks for 2 conditions at x = 1, here is 1``."""
        coordinate = problem.coordinates[self.side.axis]
        end = problem.box.ranges[self.side.axis][self.side.end]
        place = f"along {coordinate}" if self.is_line else f"at {coordinate} = {end:g}"
        given = "here is 1" if self.given == 1 else f"here are {self.given or 'none'}"
        return f"the system asks for {self.wanted} condition{'s' * (self.wanted > 1)} {place}, {given}"


def missing_side_condition(problem: Problem, derivative: Derivative | None = None) -> MissingSideCondition | None:
    """Find the first side that provably has too few conditions; None if none does, or nothing is proven."""
    with np.errstate(all="ignore"):
        in_time = problem.time_axis is not None  # signs of waves could be those of the error of the solution
        system = linearise(problem, None if in_time else derivative)
        if system is None:
            return None
        on = Counter(c.place for c in problem.conditions if c.equation is not None)
        if problem.dimension == 1 and problem.time_axis is None:
            return _on_a_line(problem, system, on)
        if not in_time:
            return _elliptic(problem, system, on)
        return _in_time(problem, system, on) if problem.dimension > 1 else None


def system_order(problem: Problem, axis: int) -> int:
    """The order of the system along one coordinate, by its principal terms; 0 if they do not determine it."""
    with np.errstate(all="ignore"):
        system = linearise(problem)
        weights = None if system is None else assign_equations(system.orders(order_along(axis)))
        if system is None or weights is None:
            return 0
        numbers = [1.0 + 0.3j * k for k in range(problem.dimension)]
        return (
            weights.system_order
            if _is_regular(_principal(system, weights, _with_one(numbers, axis), order_along(axis)))
            else 0
        )


def has_characteristics(problem: Problem) -> bool:
    """Whether the principal symbol of a steady problem in the plane provably takes both signs, as that of waves."""
    found = _symbol(problem)
    if found is None:
        return False
    least = _SINGULAR_SHARE * np.abs(found).max(0)
    return bool(((found.min(0) < -least) & (found.max(0) > least)).any())


def is_elliptic(problem: Problem) -> bool:
    """Whether the principal symbol of a steady problem in the plane provably vanishes nowhere."""
    found = _symbol(problem)
    return found is not None and bool((np.abs(found).min(0) > _SINGULAR_SHARE * np.abs(found).max(0)).all())


def _symbol(problem: Problem) -> NDArray[np.float64] | None:
    """The principal symbol (direction, sample) of the equations in the plane; None where it is not known."""
    with np.errstate(all="ignore"):
        system = linearise(problem)
        weights = None if system is None else assign_equations(system.orders(_total))
        if (
            system is None
            or weights is None
            or weights.system_order % 2
            or not _is_principal_known(system, weights, _total)
        ):
            return None
        angles = np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
        symbols = [_principal(system, weights, [np.cos(a), np.sin(a)], _total) for a in angles]
        return np.asarray(np.linalg.det(np.array(symbols)).real)


def order_along(axis: int) -> Callable[[Jet], int]:
    """The function that gives the order of a jet in one coordinate."""
    return lambda jet: jet.order[axis]


def _total(jet: Jet) -> int:
    return jet.total_order


def _on_a_line(problem: Problem, system: LinearisedSystem, counts: Counter[Place]) -> MissingSideCondition | None:
    weights = assign_equations(system.orders(_total))
    if weights is None or problem.box.periodic[0] or not _is_principal_known(system, weights, _total):
        return None
    given = sum(counts.values())
    if given >= weights.system_order or not _is_uniformly_regular(_principal(system, weights, [1.0], _total)):
        return None
    return MissingSideCondition(Side(0, 1), weights.system_order, given, is_line=True)


def _elliptic(problem: Problem, system: LinearisedSystem, counts: Counter[Place]) -> MissingSideCondition | None:
    """Elliptic systems: half of the order on every side, unless some side has more."""
    weights = assign_equations(system.orders(_total))
    if weights is None or weights.system_order % 2 or not _is_principal_known(system, weights, _total):
        return None
    half = weights.system_order // 2
    sides = [Side(i, end) for i, wraps in enumerate(problem.box.periodic) if not wraps for end in (0, 1)]
    if max((counts[side] for side in sides), default=0) > half or all(counts[side] >= half for side in sides):
        return None
    random = np.random.default_rng(0).standard_normal((_DIRECTIONS, problem.dimension))
    directions = np.concatenate([np.eye(problem.dimension), random])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    if not all(_is_uniformly_regular(_principal(system, weights, list(direction), _total)) for direction in directions):
        return None
    side = min(sides, key=lambda s: counts[s])
    return MissingSideCondition(side, half, counts[side])


def _in_time(problem: Problem, system: LinearisedSystem, counts: Counter[Place]) -> MissingSideCondition | None:
    """Systems in time: on each side as many conditions as solutions decay away from it."""
    last = order_along(problem.dimension - 1)
    if not all(known or not last(jet) for (_, jet), known in system.is_known.items()):
        return None
    inside = counts if problem.dimension == 2 else Counter[Place]()
    held, points = (sum(n for place, n in inside.items() if isinstance(place, kind)) for kind in (WholeDomain, Point))
    for axis in range(problem.dimension - 1):
        weights = None if problem.box.periodic[axis] else assign_equations(system.orders(order_along(axis)))
        if weights is None or not 0 < weights.system_order <= _HIGHEST:
            continue
        if not _is_principal_known(system, weights, order_along(axis)):
            continue
        for side in (Side(axis, 0), Side(axis, 1)):
            if counts[side] + held >= weights.system_order:
                continue
            wanted, is_travelling = _decaying_solutions(problem, system, side, weights)
            if counts[side] + held + points * is_travelling < wanted:
                return MissingSideCondition(side, wanted, counts[side])
    return None


def _decaying_solutions(
    problem: Problem, system: LinearisedSystem, side: Side, weights: PrincipalWeights
) -> tuple[int, bool]:
    """The number of solutions exp(l x) decaying away from a side; 0 where samples differ or none is counted.

    Also whether they travel, |l| growing in proportion to the rate: only then may a condition inside replace one on the
    side. For the heat equation |l| grows as its square root, and modes grow without bound beyond a point inside.
    """
    axis, last = side.axis, problem.dimension - 1
    nodes = [[0, n // 2, n - 1] if problem.dimension < 4 else [0, n - 1] for n in system.shape]
    nodes[axis] = [side.end * (system.shape[axis] - 1)]
    at = [int(k) for k in np.ravel_multi_index(np.array(list(product(*nodes))).T, system.shape)]
    lengths = [high - low for low, high in problem.box.ranges]
    seen: set[int] = set()
    least = dict.fromkeys(_RATES, np.inf)
    for rate, wave in product(_RATES, _WAVES):
        numbers = [2j * np.pi * wave / length for length in lengths]
        numbers[last] = rate / lengths[last] + 0j
        for rates in _decay_rates(system, at, axis, weights, numbers):
            inward = rates.real * (1 - 2 * side.end)
            if np.isfinite(inward).all() and np.abs(inward).min() > _SINGULAR_SHARE * np.abs(rates).max():
                seen.add(int(np.sum(inward < 0)))
                least[rate] = min(least[rate], float(np.min(-inward[inward < 0], initial=np.inf)))
    grown = np.log(least[_RATES[1]] / least[_RATES[0]]) / np.log(_RATES[1] / _RATES[0])
    return (seen.pop() if len(seen) == 1 else 0), bool(grown > _TRAVELLING)


def _decay_rates(
    system: LinearisedSystem, at: list[int], axis: int, weights: PrincipalWeights, numbers: list[complex]
) -> Iterator[NDArray[np.complex128]]:
    """The roots l of the determinant of the symbol along one coordinate, the others fixed, at each sample."""
    everywhere = _principal(system, weights, _with_one(numbers, axis), order_along(axis))
    if not _is_uniformly_regular(everywhere):
        return
    principal = everywhere[at]
    n = weights.system_order
    constant = np.abs(np.linalg.det(system.symbol([*numbers[:axis], 0.0, *numbers[axis + 1 :]], at)))
    radius = float(np.max((constant / np.abs(np.linalg.det(principal))) ** (1 / n))) or 1.0
    circle = radius * np.exp(2j * np.pi * np.arange(n + 1) / (n + 1))
    values = [np.linalg.det(system.symbol([*numbers[:axis], z, *numbers[axis + 1 :]], at)) for z in circle]
    for coefficients in (np.fft.fft(values, axis=0) / (n + 1)).T:
        if np.isfinite(coefficients).all() and coefficients[n] != 0.0:
            yield np.asarray(radius * np.roots(coefficients[::-1]), dtype=np.complex128)


def _with_one(numbers: list[complex], axis: int) -> list[complex]:
    """The same numbers with 1 along ``axis``."""
    return [1.0 + 0j if i == axis else n for i, n in enumerate(numbers)]


def _principal(
    system: LinearisedSystem, weights: PrincipalWeights, numbers: Sequence[complex], order_of_jet: Callable[[Jet], int]
) -> NDArray[np.complex128]:
    """The matrices (sample, equation, unknown) of the principal terms of the symbol."""
    every = range(math.prod(system.shape))
    return system.symbol(numbers, every, lambda i, jet: order_of_jet(jet) == weights.principal_order(i, jet.unknown))


def _is_principal_known(
    system: LinearisedSystem, weights: PrincipalWeights, order_of_jet: Callable[[Jet], int]
) -> bool:
    return all(
        known or order_of_jet(jet) < weights.principal_order(i, jet.unknown)
        for (i, jet), known in system.is_known.items()
    )


def _is_regular(matrices: NDArray[np.complex128]) -> bool:
    """Whether no determinant vanishes, relative to the Hadamard bound of its rows."""
    size = np.prod(np.linalg.norm(matrices, axis=-1), axis=-1)
    return bool(np.all(size > 0.0) and np.all(np.abs(np.linalg.det(matrices)) > _SINGULAR_SHARE * size))


def _is_uniformly_regular(matrices: NDArray[np.complex128]) -> bool:
    """Whether determinants are regular and similar at all samples, so that none vanishes between them."""
    determinants = np.linalg.det(matrices)
    size = np.abs(determinants)
    turned = (determinants / determinants.flat[0]).real if size.min() > 0.0 else np.zeros(1)
    return _is_regular(matrices) and bool(size.min() > _VANISHING_SHARE * size.max() and turned.min() > 0.0)
