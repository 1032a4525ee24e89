"""Whether a solution has passed through a pole of its equations, next to which nothing satisfies them.

Of h + n = Kw/h + c Ka/(h + Ka), a titration, one root is positive and one negative; a solver may pass to the other.
Sample points are rarely as close to a pole as it is wide. So where a divisor changes its sign the equation is evaluated
ever closer to that place: at a pole a residual remains, at 0/0 none does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import sympy

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.bisection import bisect
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.functions import expression_text
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points

#: Places in space, and points along the last coordinate at each of them.
PLACES, POINTS = 4, 65
#: Distances from a change of sign, in spacings of the points, of evaluations.
DISTANCES = 1e-6, 1e-8, 1e-10
#: Residual, over the terms, of an equation that is not satisfied.
UNSATISFIED_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Denominator:
    """An equation, a divisor in it, and a tape of the divisor and all terms as functions of coordinates and jets."""

    equation: CompiledEquation
    divisor: sympy.Expr
    tape: Tape

    def values_at(self, states: Array) -> Array:
        """The divisor and all terms at states (state, number): (1 + term, state)."""
        found = self.tape(list(states.T))
        return np.array([np.broadcast_to(v, len(states)) for v in found], dtype=np.float64)

    def find_pole(self, path: Callable[[float], Array]) -> Array | None:
        """Return the pole at a zero of the divisor on a path: ``path`` of a share from 0 to 1; None for none."""
        sign, other = np.sign(self.values_at(np.array([path(0.0), path(1.0)]))[0])
        if sign * other >= 0.0:
            return None
        low = float(bisect(lambda x: sign * self.values_at(path(x)[None])[0, 0], 0.0, 1.0)[0])
        beside = [path(float(np.clip(low + s * near, 0.0, 1.0))) for near in DISTANCES for s in (-1.0, 1.0)]
        with np.errstate(all="ignore"):
            terms = self.values_at(np.array(beside))[1:]
            left = np.abs(terms.sum(0)) / np.abs(terms).sum(0)
        return path(low) if np.isfinite(left).all() and (left[-2:] > UNSATISFIED_SHARE).all() else None


@dataclass(frozen=True, eq=False)
class Poles:
    """The check of one problem's solutions for poles; the divisors are collected once."""

    model: Model

    @cached_property
    def _denominators(self) -> tuple[Denominator, ...]:
        coordinates = [c.name for c in self.model.problem.coordinates]
        found = []
        for compiled, given in zip(self.model.equations, self.model.problem.equations, strict=True):
            symbols = [*self.model.problem.coordinates, *compiled.symbols]
            terms = sympy.Add.make_args(given.residual)
            for divisor in dict.fromkeys(_divisors(given.residual)):
                if any(s.name not in coordinates for s in divisor.free_symbols):
                    found.append(Denominator(compiled, divisor, Tape([divisor, *terms], symbols)))
        return tuple(found)

    def objection(self, field: Field, domain: Domain) -> str:
        """Return a message that names a pole passed in a ``domain``; "" for none. Slabs in order of time."""
        ranges = np.array(domain.box.ranges)
        last = np.linspace(ranges[-1, 0], ranges[-1, 1], POINTS)
        places = kronecker_points(PLACES if len(ranges) > 1 else 1, len(ranges) - 1)
        ends = {}
        for number, own in enumerate(self._denominators):
            for at, place in enumerate(places):
                start = ranges[:-1, 0] + np.ptp(ranges[:-1], axis=1) * place
                points = np.column_stack([np.broadcast_to(start, (POINTS, len(start))), last])
                states = np.column_stack([points, jets_at(field, points, own.equation.jets)])
                before = self._slab_ends.get((number, at, float(last[0])))
                pole = None if before is None else own.find_pole(partial(_interpolated, before, states[0]))
                signs = np.sign(own.values_at(states)[0])
                for k in np.flatnonzero(signs[1:] * signs[:-1] < 0.0):
                    pole = (
                        own.find_pole(partial(_state_between, own, field, points[k], points[k + 1]))
                        if pole is None
                        else pole
                    )
                if pole is not None:
                    where = self.model.problem.format_point(pole[: len(ranges)])
                    zero = f"{expression_text(own.divisor)} = 0"
                    advice = "what keeps its sign may be written as exp of another unknown"
                    return f"at {where} it passes through a pole of `{own.equation.text}`, {zero}: {advice}"
                ends[number, at, float(last[-1])] = states[-1]
        self._slab_ends.update(ends)
        return ""

    @cached_property
    def _slab_ends(self) -> dict[tuple[int, int, float], Array]:
        """States at the ends of slabs by equation, place and time: a number without rates may jump there."""
        return {}


def _interpolated(low: Array, high: Array, share: float) -> Array:
    return low + share * (high - low)


def _state_between(denominator: Denominator, field: Field, low: Array, high: Array, share: float) -> Array:
    """The state at a share of the way from point ``low`` to point ``high``."""
    point = (low + share * (high - low))[None]
    return np.column_stack([point, jets_at(field, point, denominator.equation.jets)])[0]


def _divisors(e: sympy.Expr) -> Iterator[sympy.Expr]:
    """Yield all subexpressions by which something in an expression is divided."""
    for node in sympy.preorder_traversal(e):
        if isinstance(node, sympy.Pow) and node.exp.is_number and node.exp.is_negative:
            yield node.base
        if isinstance(node, sympy.tan):
            yield sympy.cos(node.args[0])
