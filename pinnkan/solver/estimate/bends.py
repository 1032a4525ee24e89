"""Where a solution in time alone passes a bend or a jump of its equations: slabs end there.

A polynomial through a bend is wrong by its square in time, and one of a degree more sees a part of that only: a slab
with a bend of Chua's circuit inside was off by ten times its correction, and the circuit multiplies that. Between bends
solutions are smooth, and corrections what they say. When it is bent the solution itself says only within its error;
what is bent too early or too late by that is the square of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.functions import switching
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation
from pinnkan.solver.estimate.undecided import Beside
from pinnkan.solver.stops import stops_of

#: Parts of a slab at whose ends signs are compared, and how often one is cut in as many; how often two of them are,
#: where an argument comes nearest to zero.
PARTS, CUTS, TURNS = 64, 7, 2
#: What an argument comes to on either side of zero counts beyond so many of its errors, and beyond this share of the
#: local tolerance of its terms: of a tank that runs dry all below zero is an error, of up to five estimated ones. With
#: a tenth of that tolerance one was bent too much at 1e-4; with ten times it Chua's circuit errs by 4e-4 at 1e-3. Of an
#: argument that no unknown it holds is moved by, OTHERS: v_t = u - min(u, 0.9999) with u = sin(t) was nothing at 1e-4,
#: not 2e-6, since u passes by no more than the tolerance, and is known to 1e-8.
BEYOND, LEAST, OTHERS = 10.0, 1.0, 1e-4
#: A solution may bend this share of a slab times the root of the local tolerance from its ends: 0.1 left estimates of
#: a twentieth of the error, this 1.2 times the error.
NEAR = 3e-3
#: How far after a slab it is looked for a bend that it did not come to, over its length.
SOON = 0.25


@dataclass(frozen=True, eq=False)
class Argument:
    """What bends or jumps an ``equation`` where it changes its sign, and its terms: the ``tape``.

    ``share``: LEAST or OTHERS; ``has_rates``: whether it holds derivatives in time.
    """

    equation: Equation
    tape: Tape
    share: float
    has_rates: bool


@dataclass(frozen=True, eq=False)
class Bends:
    """What is asked of the equations of one problem; what may bend or jump in them is worked out once."""

    model: Model

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """Those of all equations, each once; nothing where there is space."""
        problem = self.model.problem
        if problem.space_dimension or problem.time_axis is None:
            return ()
        found: dict[sympy.Expr, list[Equation]] = {}
        for equation in problem.equations:
            for a in switching(equation.residual):
                if a.free_symbols & set(equation.jets):
                    found.setdefault(a, []).append(equation)
        return tuple(self._argument(a, equations) for a, equations in found.items())

    def _argument(self, argument: sympy.Expr, equations: Sequence[Equation]) -> Argument:
        """One that some equations have."""
        first = equations[0]
        tape = Tape([argument, *sympy.Add.make_args(argument)], [*self.model.problem.coordinates, *first.jets])
        share = LEAST if any(_moves(argument, e) for e in equations) else OTHERS
        held = argument.free_symbols & set(first.jets)
        return Argument(first, tape, share, any(first.jets[s].order[-1] > 0 for s in held))

    def given(self, stops: tuple[float, ...]) -> tuple[float, ...]:
        """Of times at which slabs have to end, those that no nearer guess of when the solution bends replaces.

        All of them where no argument holds rates, which are rounding in slabs that are too short.
        """
        return self._stated if any(a.has_rates for a in self.arguments) else stops

    @cached_property
    def _stated(self) -> tuple[float, ...]:
        """Those of the formulas."""
        return stops_of(self.model.problem)

    def passed(self, field: Field, known: Beside, domain: Domain, local: float) -> float | None:
        """The first time in a ``domain`` at which an argument passes zero, ``local``: the tolerance there."""
        begin, end = domain.box.ranges[-1]
        times = np.linspace(begin, end, PARTS + 1)
        found = (self._first(a, field, known, times, local) for a in self.arguments)
        return min((time for time in found if time is not None), default=None)

    def ahead(self, field: Field, domain: Domain) -> float | None:
        """The first time, soon after a ``domain``, at which an argument of rates is zero that goes on as at its end.

        Where a solution was expected to pass it there, from one that had passed it too early: of a_tt = 1 + 0.3 *
        sign(a_t) ten slabs had come ever closer, until rates of so short ones were rounding.
        """
        begin, end = domain.box.ranges[-1]
        times, found = end - (end - begin) / PARTS * np.array([1.0, 0.0]), []
        for argument in (a for a in self.arguments if a.has_rates):
            before, last = self._values(argument, times, field)[0]
            fall = before - last
            if 0.0 < last * fall <= SOON * PARTS * fall**2:
                found.append(end + last / fall * (times[1] - times[0]))
        return min(found, default=None)

    def _first(self, argument: Argument, field: Field, known: Beside, times: Array, local: float) -> float | None:
        """The same of one argument."""
        times = self._with_turns(argument, field, times)
        values, sizes = self._values(argument, times, field)
        if (values > 0.0).all() or (values < 0.0).all():
            return None
        off = np.abs(self._values(argument, times, field, known.error)[0] - values)
        seen = argument.share * local * max(sizes.max(), self._size(argument, times[0], known))
        least = np.maximum(BEYOND * off, seen)
        margin = NEAR * local**0.5 * (times[-1] - times[0])
        for k in np.flatnonzero(values[1:] * values[:-1] <= 0.0):
            before, after = values[: k + 1], values[k + 1 :]
            way = np.sign(after[np.abs(after).argmax()])
            if (-way * before > least[: k + 1]).any() and (way * after > least[k + 1 :]).any():
                time = self._zero(argument, field, times[k : k + 2], way)
                if times[0] + margin < time < times[-1] - margin:
                    return time
        return None

    def _with_turns(self, argument: Argument, field: Field, times: Array) -> Array:
        """The times, and those between them at which an argument comes next to zero and may pass it for a moment."""
        values, turns = self._values(argument, times, field)[0], []
        nearest = (np.diff(np.abs(values))[:-1] < 0.0) & (np.diff(np.abs(values))[1:] >= 0.0)
        for k in 1 + np.flatnonzero(nearest & (values[:-2] * values[2:] > 0.0)):
            begin, end = times[k - 1], times[k + 1]
            for _ in range(TURNS):
                within = np.linspace(begin, end, PARTS + 1)
                most = int((np.sign(values[k - 1]) * self._values(argument, within, field)[0]).argmin())
                begin, end = within[[max(most - 1, 0), min(most + 1, PARTS)]]
            turns.append(within[most])
        return np.union1d(times, turns)

    def _size(self, argument: Argument, time: float, known: Beside) -> float:
        """How large the terms of an argument are of unknowns as large as they have been."""
        before = np.zeros(len(self.model.problem.unknowns)) if known.before is None else known.before
        seen = [before[jet.unknown] * (not any(jet.order)) for jet in argument.equation.jets.values()]
        return float(np.abs(argument.tape([np.float64(time), *seen])[1:]).sum())

    def _zero(self, argument: Argument, field: Field, times: Array, way: float) -> float:
        """Where an argument first has the sign of a ``way`` between two times."""
        for _ in range(CUTS):
            times = np.linspace(times[0], times[1], PARTS + 1)
            k = int(np.argmax(way * self._values(argument, times, field)[0] > 0.0))
            times = times[[max(k - 1, 0), max(k, 1)]]
        return float(times.mean())

    def _values(
        self, argument: Argument, times: Array, field: Field, error: Field | None = None
    ) -> tuple[Array, Array]:
        """An argument at times, and how large its terms are: of a field, or of that less its error."""
        jets = tuple(argument.equation.jets.values())
        seen = jets_at(field, times[:, None], jets) - jets_at(error, times[:, None], jets)
        value, *terms = (np.broadcast_to(v, times.shape) for v in argument.tape([times, *seen.T]))
        return value, np.abs(terms).sum(0)


def _moves(argument: sympy.Expr, equation: Equation) -> bool:
    """Whether an equation gives the rate of an unknown that an argument holds: of a tank that runs dry, its level."""
    held = {equation.jets[s].unknown for s in argument.free_symbols & set(equation.jets)}
    return any(jet.unknown in held and jet.order[-1] > 0 for jet in equation.jets.values())
