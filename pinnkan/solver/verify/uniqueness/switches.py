"""Whether a solution begins on a switch that lets it leave to more than one side, or comes to one that holds it.

Of u_t = sign(u) from u = 0 on, u = 0, t and -t are solutions. Where the argument of a sign or a step is zero at the
start, the equations are taken with each of its two values, and followed for a moment: a value is one that a solution
may go on with if the argument has its sign from then on (Filippov 1988, Differential Equations with Discontinuous
Righthand Sides, section 10). Through a switch goes one, along one that attracts none of them: the thermostat
T_t = 10*heaviside(20 - T) - 5 has no solution as it is written once T is 20, and slabs of a billionth had followed each
other for hours.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.checks.starts import beneath, given_at, in_space
from pinnkan.problem.expressions.functions import Signum, UnitStep
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Equation
from pinnkan.solver.verify.uniqueness.departures import Departures

#: Places in space; switches at most that are asked together; the moment, as a share of the whole time.
PLACES, MOST, MOMENT = 8, 4, 1e-3
#: What is below this share of its terms is zero, at the start, and a moment later.
ROUNDED, NEAR = 1e-13, 1e-7
#: The two sides of a switch.
WAYS = (-1.0, 1.0)
#: Parts of a stretch of time, at whose ends a switch on which a solution rests is asked.
RESTS = 16
#: Shares of the whole time after which both sides have to lead back.
SOON = (1e-5, 1e-6)
#: What to do about it.
WIDER = "Say what happens there: tanh(a/w) for sign(a), or 0.5 + 0.5*tanh(a/w) for heaviside(a), with a small width w"


@dataclass(frozen=True, eq=False)
class Switches:
    """What is asked of the signs and steps in the equations of one problem; which these are is worked out once."""

    model: Model

    @cached_property
    def numbers(self) -> Departures:
        """The numbers of a state: coordinates, then jets."""
        return Departures(self.model)

    @cached_property
    def arguments(self) -> tuple[tuple[Equation, sympy.Expr], ...]:
        """Of signs and steps of the solution, as their equation names them; each once."""
        if self.model.problem.time_axis is None:
            return ()
        found = {
            atom.args[0]: e
            for e in self.model.problem.equations
            for atom in e.residual.atoms(Signum, UnitStep)
            if atom.free_symbols & set(e.jets)
        }
        return tuple((e, argument) for argument, e in found.items())

    def objection(self, field: Field, domain: Domain) -> str:
        """That others leave from the start of a ``domain``, or none goes on, in words; "" where neither is seen.

        In space only at the first time: later a solution rests on a switch at some places, if at all.
        """
        problem = self.model.problem
        ranges, is_first = np.array(domain.box.ranges), domain.box.ranges[-1][0] <= problem.box.ranges[-1][0]
        is_asked = 0 < len(self.arguments) <= MOST and len(problem.equations) == len(problem.unknowns)
        if not is_asked or not (is_first or len(ranges) == 1):
            return ""
        found = self._left(field, ranges, is_first) or ("" if is_first else self._held(field, ranges))
        return found or (self._left_later(field, ranges) if len(ranges) == 1 else "")

    def _left_later(self, field: Field, ranges: Array) -> str:
        """That others leave a switch on which a solution in time alone has rested for some of its ``ranges``."""
        ((begin, end),) = ranges
        for later in begin + (end - begin) * np.arange(1, RESTS) / RESTS:
            found = self._left(field, np.array([[later, end]]), False)
            if found:
                return found
        return ""

    def _left(self, field: Field, ranges: Array, is_first: bool) -> str:
        """That others leave from the beginning of some ``ranges``."""
        problem, begin = self.model.problem, float(ranges[-1, 0])
        places = kronecker(PLACES, len(ranges) - 1)
        points = np.column_stack([ranges[:-1, 0] + np.ptp(ranges[:-1], axis=1) * places, np.full(len(places), begin)])
        moment = min(MOMENT * problem.box.lengths[-1], 0.5 * float(np.ptp(ranges[-1])))
        for state in self._states(field, points, is_first):
            own = [a for a, at_zero in zip(self.arguments, self._signs(state) == 0.0, strict=True) if at_zero]
            if not own:
                continue
            reached = self._state(field, state[: len(ranges)] + moment * (np.arange(len(ranges)) == len(ranges) - 1))
            ways = [way for way in itertools.product(WAYS, repeat=len(own)) if self._goes(state, moment, own, way)]
            if len(ways) > 1 or (ways and not (self._signs(reached, own) == ways[0]).all()):
                told = f"what is zero in a sign or a step of `{own[0][0].text}` may leave that to more than one side"
                return f"other solutions depart at {problem.when(begin)}: {told}"
        return ""

    def _held(self, field: Field, ranges: Array) -> str:
        """That a solution in time alone has come to a switch which leads back on either side, in words; or ""."""
        state = self._state(field, ranges[:, 0])
        moments = [share * self.model.problem.box.lengths[-1] for share in SOON]
        for own, still, *sides in self._sides:
            rests = self._signs(state, [own])[0] == 0.0 and self._after(state, moments[0], own, still) == 0.0
            pairs = list(zip(WAYS, sides, strict=True))
            if not rests and all(self._after(state, h, own, side) == -way for h in moments for way, side in pairs):
                told = f"on either side of a threshold in `{own[0].text}` it leads back to that"
                return f"{told}, and can go on along it only. {WIDER}"
        return ""

    @cached_property
    def _sides(self) -> list[tuple[tuple[Equation, sympy.Expr], Departures, Departures, Departures]]:
        """Each argument, with the equations where it is zero, below and above; sign(0) is 0."""
        every = [[self._followed([a], [way]) for way in (0.0, *WAYS)] for a in self.arguments]
        return [(a, still, below, above) for a, (still, below, above) in zip(self.arguments, every, strict=True)]

    def _after(self, state: Array, moment: float, own: tuple[Equation, sympy.Expr], followed: Departures) -> float:
        """The sign of an argument when such equations are followed; zero for none."""
        try:
            return float(self._signs(followed.moved(state, moment), [own], NEAR)[0])
        except np.linalg.LinAlgError:
            return 0.0

    def _states(self, field: Field, points: Array, is_first: bool) -> Array:
        """States, at the first time as the conditions give them, else as the field has them: (point, number)."""
        states = np.array([self._state(field, point) for point in points])
        problem = self.model.problem
        given = given_at(problem) if is_first else {}
        for column, jet in enumerate(self.numbers.jets, start=problem.dimension):
            if beneath(jet) in given:
                formula = in_space(problem, given[beneath(jet)], jet)
                states[:, column] = Tape([formula], list(problem.coordinates))([*points.T])[0]
        return states

    def _state(self, field: Field, point: Array) -> Array:
        return np.append(point, jets_at(field, point[None], self.numbers.jets)[0])

    def _signs(
        self, state: Array, among: Sequence[tuple[Equation, sympy.Expr]] | None = None, least: float = ROUNDED
    ) -> Array:
        """Of arguments, zero where they are no more than that share of their terms: (argument,)."""
        signs = []
        for equation, argument in self.arguments if among is None else among:
            columns = [self.model.problem.dimension + self.numbers.jets.index(jet) for jet in equation.jets.values()]
            tape = Tape([argument, *sympy.Add.make_args(argument)], [*self.model.problem.coordinates, *equation.jets])
            value, *terms = map(float, tape([*state[: self.model.problem.dimension], *state[columns]]))
            signs.append(np.sign(value) if abs(value) > least * sum(map(abs, terms)) else 0.0)
        return np.array(signs)

    def _goes(
        self, state: Array, moment: float, own: Sequence[tuple[Equation, sympy.Expr]], way: Sequence[float]
    ) -> bool:
        """Whether arguments have the signs of a ``way`` when the equations are followed with these."""
        try:
            return bool((self._signs(self._followed(own, way).moved(state, moment), own) == way).all())
        except np.linalg.LinAlgError:
            return False

    def _followed(self, own: Sequence[tuple[Equation, sympy.Expr]], way: Sequence[float]) -> Departures:
        """The equations with the signs of a ``way``."""
        chosen = {argument: sign for (_, argument), sign in zip(own, way, strict=True)}
        problem = self.model.problem
        equations = tuple(replace(e, residual=_with(e.residual, chosen)) for e in problem.equations)
        return Departures(replace(self.model, problem=replace(problem, equations=equations)))


def _with(residual: sympy.Expr, chosen: Mapping[sympy.Expr, float]) -> sympy.Expr:
    """A residual with the values of signs and steps of what has a ``chosen`` sign."""
    signs = {Signum(argument): sympy.Float(sign) for argument, sign in chosen.items()}
    steps = {UnitStep(argument): sympy.Float(0.5 + 0.5 * sign) for argument, sign in chosen.items()}
    return residual.xreplace({**signs, **steps})
