"""Events of a solution in time alone: times at which it passes a kink or jump of its equations. Slabs end there.

A polynomial across a kink has an error of the order of the step squared, and a correction shows only a part of it: in a
slab with a kink of Chua's circuit inside, the error was ten times the correction. Between events corrections are
reliable. The time of an event is known within the error of the solution, and what that adds is of its square.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.functions import switch_arguments
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.required_slab_ends import required_slab_ends

#: Intervals of a slab at whose ends signs are compared; rounds in which the one with a change of sign is cut into as
#: many; rounds in which two around a minimum of the absolute value are.
SIGN_INTERVALS, ZERO_ROUNDS, MINIMUM_ROUNDS = 64, 7, 2
#: An event counts where its argument exceeds, on both sides of zero, this multiple of its estimated error and a share
#: of the local tolerance of its terms: the first where the equation contains the rate of one of the argument's unknowns
#: (a tank that runs dry is below zero by error alone), else the second (v_t = u - min(u, 0.9999), u = sin(t)).
ERROR_MULTIPLE, FEEDBACK_SHARE, NO_FEEDBACK_SHARE = 10.0, 1.0, 1e-4
#: Events closer to the ends of a slab than this share of its length times the root of the local tolerance are ignored:
#: with 0.1 estimates were a twentieth of the error.
END_MARGIN = 3e-3
#: How far after a slab an event is predicted, over its length. Heuristic.
PREDICTION_REACH = 0.25


@dataclass(frozen=True, eq=False)
class SwitchArgument:
    """An expression at whose sign changes an ``equation`` has a kink or jump; ``tape``: it and its terms.

    ``tolerance_share``: of the local tolerance, what it has to exceed; ``has_rates``: whether it contains time
    derivatives.
    """

    equation: Equation
    tape: Tape
    tolerance_share: float
    has_rates: bool


@dataclass(frozen=True, eq=False)
class EventFinder:
    """The events of the equations of one problem."""

    model: Model

    @cached_property
    def arguments(self) -> tuple[SwitchArgument, ...]:
        """The switch arguments that contain unknowns, each once; none with space or without time."""
        problem = self.model.problem
        if problem.space_dimension or problem.time_axis is None:
            return ()
        found: dict[sympy.Expr, list[Equation]] = {}
        for equation in problem.equations:
            for a in switch_arguments(equation.residual):
                if a.free_symbols & set(equation.jets):
                    found.setdefault(a, []).append(equation)
        return tuple(self._argument(a, equations) for a, equations in found.items())

    def _argument(self, argument: sympy.Expr, equations: Sequence[Equation]) -> SwitchArgument:
        """Return the :class:`SwitchArgument` of an expression that occurs in ``equations``."""
        first = equations[0]
        tape = Tape([argument, *sympy.Add.make_args(argument)], [*self.model.problem.coordinates, *first.jets])
        share = FEEDBACK_SHARE if any(_contains_rate(argument, e) for e in equations) else NO_FEEDBACK_SHARE
        held = argument.free_symbols & set(first.jets)
        return SwitchArgument(first, tape, share, any(first.jets[s].order[-1] > 0 for s in held))

    def permanent_stops(self, stops: tuple[float, ...]) -> tuple[float, ...]:
        """The ``stops`` that a new prediction keeps: of formulas where an argument has time derivatives, else all."""
        return self._formula_stops if any(a.has_rates for a in self.arguments) else stops

    @cached_property
    def _formula_stops(self) -> tuple[float, ...]:
        """The stops at which the formulas of the problem jump or have kinks."""
        return required_slab_ends(self.model.problem)

    def first_event(self, field: Field, context: FieldContext, domain: Domain, local_tolerance: float) -> float | None:
        """The first time in a ``domain`` at which an argument passes zero, or None.

        ``local_tolerance``: the tolerance there.
        """
        begin, end = domain.box.ranges[-1]
        times = np.linspace(begin, end, SIGN_INTERVALS + 1)
        found = (self._first_zero_passage(a, field, context, times, local_tolerance) for a in self.arguments)
        return min((time for time in found if time is not None), default=None)

    def predict_event(self, field: Field, domain: Domain) -> float | None:
        """Predict the first zero, soon after a ``domain``, of an argument with time derivatives; None without one.

        The argument is extrapolated linearly. Without this ever shorter slabs follow an event that was predicted too
        early.
        """
        begin, end = domain.box.ranges[-1]
        times, found = end - (end - begin) / SIGN_INTERVALS * np.array([1.0, 0.0]), []
        for argument in (a for a in self.arguments if a.has_rates):
            before, last = self._values(argument, times, field)[0]
            fall = before - last
            if 0.0 < last * fall <= PREDICTION_REACH * SIGN_INTERVALS * fall**2:
                found.append(end + last / fall * (times[1] - times[0]))
        return min(found, default=None)

    def _first_zero_passage(
        self, argument: SwitchArgument, field: Field, context: FieldContext, times: Array, local_tolerance: float
    ) -> float | None:
        """The first time at which one argument passes zero by more than its error and the tolerance, or None."""
        times = self._with_minima(argument, field, times)
        values, sizes = self._values(argument, times, field)
        if (values > 0.0).all() or (values < 0.0).all():
            return None
        off = np.abs(self._values(argument, times, field, context.error)[0] - values)
        seen = (
            argument.tolerance_share * local_tolerance * max(sizes.max(), self._terms_size(argument, times[0], context))
        )
        least = np.maximum(ERROR_MULTIPLE * off, seen)
        margin = END_MARGIN * local_tolerance**0.5 * (times[-1] - times[0])
        for k in np.flatnonzero(values[1:] * values[:-1] <= 0.0):
            before, after = values[: k + 1], values[k + 1 :]
            way = np.sign(after[np.abs(after).argmax()])
            if (-way * before > least[: k + 1]).any() and (way * after > least[k + 1 :]).any():
                time = self._locate_zero(argument, field, times[k : k + 2], way)
                if times[0] + margin < time < times[-1] - margin:
                    return time
        return None

    def _with_minima(self, argument: SwitchArgument, field: Field, times: Array) -> Array:
        """The ``times``, and minima of the absolute value between them, where an argument may pass zero briefly."""
        values, turns = self._values(argument, times, field)[0], []
        nearest = (np.diff(np.abs(values))[:-1] < 0.0) & (np.diff(np.abs(values))[1:] >= 0.0)
        for k in 1 + np.flatnonzero(nearest & (values[:-2] * values[2:] > 0.0)):
            begin, end = times[k - 1], times[k + 1]
            for _ in range(MINIMUM_ROUNDS):
                within = np.linspace(begin, end, SIGN_INTERVALS + 1)
                most = int((np.sign(values[k - 1]) * self._values(argument, within, field)[0]).argmin())
                begin, end = within[[max(most - 1, 0), min(most + 1, SIGN_INTERVALS)]]
            turns.append(within[most])
        return np.union1d(times, turns)

    def _terms_size(self, argument: SwitchArgument, time: float, context: FieldContext) -> float:
        """The sum of the sizes of the terms of an argument, with unknowns as large as so far and derivatives zero."""
        before = np.zeros(len(self.model.problem.unknowns)) if context.previous_rms is None else context.previous_rms
        seen = [before[jet.unknown] * (not any(jet.order)) for jet in argument.equation.jets.values()]
        return float(np.abs(argument.tape([np.float64(time), *seen])[1:]).sum())

    def _locate_zero(self, argument: SwitchArgument, field: Field, times: Array, sign: float) -> float:
        """The first time between two ``times`` at which an argument has the sign ``sign``, by subdivision."""
        for _ in range(ZERO_ROUNDS):
            times = np.linspace(times[0], times[1], SIGN_INTERVALS + 1)
            k = int(np.argmax(sign * self._values(argument, times, field)[0] > 0.0))
            times = times[[max(k - 1, 0), max(k, 1)]]
        return float(times.mean())

    def _values(
        self, argument: SwitchArgument, times: Array, field: Field, error: Field | None = None
    ) -> tuple[Array, Array]:
        """An argument and the sum of the sizes of its terms at ``times``, for a field less its ``error``."""
        jets = tuple(argument.equation.jets.values())
        seen = jets_at(field, times[:, None], jets) - jets_at(error, times[:, None], jets)
        value, *terms = (np.broadcast_to(v, times.shape) for v in argument.tape([times, *seen.T]))
        return value, np.abs(terms).sum(0)


def _contains_rate(argument: sympy.Expr, equation: Equation) -> bool:
    """Whether an equation contains a time derivative of an unknown that an argument contains."""
    held = {equation.jets[s].unknown for s in argument.free_symbols & set(equation.jets)}
    return any(jet.unknown in held and jet.order[-1] > 0 for jet in equation.jets.values())
