"""Whether a solution starts on a switch that it may leave to more than one side, or reaches one that it cannot leave.

A switch is a zero of the argument of a sign or step. Of u_t = sign(u) from u = 0 on, 0, t and -t are solutions. The
equations are integrated for a short time with each value of the sign; a value is consistent if the argument then has
that sign (Filippov 1988, Differential Equations with Discontinuous Righthand Sides, section 10). If neither is, the
solution slides along the switch: T_t = 10*heaviside(20 - T) - 5 has no classical solution once T is 20.
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
from pinnkan.problem.checks.initial_values import (
    differentiate_in_space,
    prescribed_initial_values,
    without_space_derivatives,
)
from pinnkan.problem.expressions.functions import Signum, UnitStep
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Equation
from pinnkan.solver.verify.uniqueness.local_ode import LocalOde

#: Places in space; switches that are tested together; the short time, as a share of the whole time.
PLACES, MOST_SWITCHES, SHORT_TIME = 8, 4, 1e-3
#: An argument below this share of its terms counts as zero: at the start, and after the short time.
ZERO_AT_START, ZERO_LATER = 1e-13, 1e-7
#: The two signs of an argument.
SIGNS = (-1.0, 1.0)
#: Parts of a slab at whose ends a solution is tested for resting on a switch.
REST_TIMES = 16
#: Shares of the whole time after which both signs have to lead back for a solution to slide.
SLIDING_TIMES = (1e-5, 1e-6)
#: The remedy that messages end with.
REMEDY = "Say what happens there: tanh(a/w) for sign(a), or 0.5 + 0.5*tanh(a/w) for heaviside(a), with a small width w"


@dataclass(frozen=True, eq=False)
class Switches:
    """The check of the signs and steps in the equations of one problem."""

    model: Model

    @cached_property
    def local_ode(self) -> LocalOde:
        """The equations at a point as a system in time; it orders the components of a state."""
        return LocalOde(self.model)

    @cached_property
    def arguments(self) -> tuple[tuple[Equation, sympy.Expr], ...]:
        """The arguments of signs and steps that depend on the solution, each once, with their equations."""
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
        """Return a message that others depart, or none goes on, from the start of a ``domain``; "" for neither.

        In space at the first time only: later a solution is on a switch at some places at most.
        """
        problem = self.model.problem
        ranges, is_first = np.array(domain.box.ranges), domain.box.ranges[-1][0] <= problem.box.ranges[-1][0]
        is_asked = 0 < len(self.arguments) <= MOST_SWITCHES and len(problem.equations) == len(problem.unknowns)
        if not is_asked or not (is_first or len(ranges) == 1):
            return ""
        found = self._departure(field, ranges, is_first) or ("" if is_first else self._sliding_mode(field, ranges))
        return found or (self._later_departure(field, ranges) if len(ranges) == 1 else "")

    def _later_departure(self, field: Field, ranges: Array) -> str:
        """The message of :meth:`_bytes_in_group` at a later time in ``ranges``, for a solution in time alone.

        "" for none.
        """
        ((begin, end),) = ranges
        for later in begin + (end - begin) * np.arange(1, REST_TIMES) / REST_TIMES:
            found = self._departure(field, np.array([[later, end]]), False)
            if found:
                return found
        return ""

    def _departure(self, field: Field, ranges: Array, is_first: bool) -> str:
        """A message that other solutions depart from a switch at the beginning of ``ranges``; "" for none."""
        problem, begin = self.model.problem, float(ranges[-1, 0])
        places = kronecker_points(PLACES, len(ranges) - 1)
        points = np.column_stack([ranges[:-1, 0] + np.ptp(ranges[:-1], axis=1) * places, np.full(len(places), begin)])
        moment = min(SHORT_TIME * problem.box.lengths[-1], 0.5 * float(np.ptp(ranges[-1])))
        for state in self._states(field, points, is_first):
            own = [a for a, at_zero in zip(self.arguments, self._signs(state) == 0.0, strict=True) if at_zero]
            if not own:
                continue
            reached = self._state(field, state[: len(ranges)] + moment * (np.arange(len(ranges)) == len(ranges) - 1))
            ways = [
                way for way in itertools.product(SIGNS, repeat=len(own)) if self._keeps_signs(state, moment, own, way)
            ]
            if len(ways) > 1 or (ways and not (self._signs(reached, own) == ways[0]).all()):
                told = f"what is zero in a sign or a step of `{own[0][0].text}` may leave that to more than one side"
                return f"other solutions depart at {problem.format_march_position(begin)}: {told}"
        return ""

    def _sliding_mode(self, field: Field, ranges: Array) -> str:
        """A message that a solution in time alone slides along a switch, to which both signs lead; "" if not."""
        state = self._state(field, ranges[:, 0])
        moments = [share * self.model.problem.box.lengths[-1] for share in SLIDING_TIMES]
        for own, still, *sides in self._signed_systems:
            rests = self._signs(state, [own])[0] == 0.0 and self._sign_after(state, moments[0], own, still) == 0.0
            pairs = list(zip(SIGNS, sides, strict=True))
            if not rests and all(self._sign_after(state, h, own, side) == -way for h in moments for way, side in pairs):
                told = f"on either side of a threshold in `{own[0].text}` it leads back to that"
                return f"{told}, and can go on along it only. {REMEDY}"
        return ""

    @cached_property
    def _signed_systems(self) -> list[tuple[tuple[Equation, sympy.Expr], LocalOde, LocalOde, LocalOde]]:
        """Each argument with the equations where it is zero, negative and positive; sign(0) is 0."""
        every = [[self._with_signs([a], [way]) for way in (0.0, *SIGNS)] for a in self.arguments]
        return [(a, still, below, above) for a, (still, below, above) in zip(self.arguments, every, strict=True)]

    def _sign_after(
        self, state: Array, duration: float, argument: tuple[Equation, sympy.Expr], system: LocalOde
    ) -> float:
        """The sign of an argument a time later by the equations ``system``; zero where these cannot be solved."""
        try:
            return float(self._signs(system.advance(state, duration), [argument], ZERO_LATER)[0])
        except np.linalg.LinAlgError:
            return 0.0

    def _states(self, field: Field, points: Array, is_first: bool) -> Array:
        """States (point, number) of the field, at the first time with the values that conditions give."""
        states = np.array([self._state(field, point) for point in points])
        problem = self.model.problem
        given = prescribed_initial_values(problem) if is_first else {}
        for column, jet in enumerate(self.local_ode.jets, start=problem.dimension):
            if without_space_derivatives(jet) in given:
                formula = differentiate_in_space(problem, given[without_space_derivatives(jet)], jet)
                states[:, column] = Tape([formula], list(problem.coordinates))([*points.T])[0]
        return states

    def _state(self, field: Field, point: Array) -> Array:
        return np.append(point, jets_at(field, point[None], self.local_ode.jets)[0])

    def _signs(
        self, state: Array, switches: Sequence[tuple[Equation, sympy.Expr]] | None = None, least: float = ZERO_AT_START
    ) -> Array:
        """Signs (argument,) at a state of some arguments, None for all; zero below the share ``least`` of the terms."""
        signs = []
        for equation, argument in self.arguments if switches is None else switches:
            columns = [self.model.problem.dimension + self.local_ode.jets.index(jet) for jet in equation.jets.values()]
            tape = Tape([argument, *sympy.Add.make_args(argument)], [*self.model.problem.coordinates, *equation.jets])
            value, *terms = map(float, tape([*state[: self.model.problem.dimension], *state[columns]]))
            signs.append(np.sign(value) if abs(value) > least * sum(map(abs, terms)) else 0.0)
        return np.array(signs)

    def _keeps_signs(
        self, state: Array, duration: float, switches: Sequence[tuple[Equation, sympy.Expr]], signs: Sequence[float]
    ) -> bool:
        """Whether arguments keep the signs ``signs`` a moment later when the equations are integrated with these."""
        try:
            return bool(
                (self._signs(self._with_signs(switches, signs).advance(state, duration), switches) == signs).all()
            )
        except np.linalg.LinAlgError:
            return False

    def _with_signs(self, switches: Sequence[tuple[Equation, sympy.Expr]], signs: Sequence[float]) -> LocalOde:
        """The equations as a system in time with the arguments' signs replaced by those of ``signs``."""
        chosen = {argument: sign for (_, argument), sign in zip(switches, signs, strict=True)}
        problem = self.model.problem
        equations = tuple(replace(e, residual=_substitute_signs(e.residual, chosen)) for e in problem.equations)
        return LocalOde(replace(self.model, problem=replace(problem, equations=equations)))


def _substitute_signs(residual: sympy.Expr, signs_by_argument: Mapping[sympy.Expr, float]) -> sympy.Expr:
    """A residual in which signs and steps of some arguments have the values of ``signs_by_argument``."""
    signs = {Signum(argument): sympy.Float(sign) for argument, sign in signs_by_argument.items()}
    steps = {UnitStep(argument): sympy.Float(0.5 + 0.5 * sign) for argument, sign in signs_by_argument.items()}
    return residual.xreplace({**signs, **steps})
