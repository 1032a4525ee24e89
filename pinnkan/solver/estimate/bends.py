"""Where a solution in time alone passes a bend or a jump of its equations: slabs end there.

A polynomial through a bend is wrong by its square in time, and one of a degree more sees a part of that only: a slab
with a bend of Chua's circuit inside was off by ten times its correction, and the circuit multiplies that. Between bends
solutions are smooth, and corrections what they say. When it is bent the solution itself says only within its error;
what is bent too early or too late by that is the square of it.
"""

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

#: Parts of a slab at whose ends signs are compared, and how often one is cut in as many.
PARTS, CUTS = 64, 7
#: What an argument comes to on either side of zero counts beyond so many of its errors, and beyond this share of the
#: local tolerance of its terms: of a tank that runs dry all below zero is an error, of up to five estimated ones. With
#: a tenth of that tolerance one was bent too much at 1e-4; with ten times it Chua's circuit errs by 4e-4 at 1e-3.
BEYOND, LEAST = 10.0, 1.0
#: A solution may bend this share of a slab times the root of the local tolerance from its ends: 0.1 left estimates of
#: a twentieth of the error, this 1.2 times the error.
NEAR = 3e-3


@dataclass(frozen=True, eq=False)
class Bends:
    """What is asked of the equations of one problem; what may bend or jump in them is worked out once."""

    model: Model

    @cached_property
    def arguments(self) -> tuple[tuple[Equation, Tape], ...]:
        """What bends or jumps an equation where it changes its sign, with its terms; nothing where there is space."""
        problem = self.model.problem
        if problem.space_dimension or problem.time_axis is None:
            return ()
        found: dict[sympy.Expr, Equation] = {
            a: e for e in problem.equations for a in switching(e.residual) if a.free_symbols & set(e.jets)
        }
        tapes = (Tape([a, *sympy.Add.make_args(a)], [*problem.coordinates, *e.jets]) for a, e in found.items())
        return tuple(zip(found.values(), tapes, strict=True))

    def passed(self, field: Field, known: Beside, domain: Domain, local: float) -> float | None:
        """The first time in a ``domain`` at which an argument passes zero, ``local``: the tolerance there."""
        begin, end = domain.box.ranges[-1]
        times = np.linspace(begin, end, PARTS + 1)
        found = (self._first(e, tape, field, known, times, local) for e, tape in self.arguments)
        return min((time for time in found if time is not None), default=None)

    def _first(
        self, equation: Equation, tape: Tape, field: Field, known: Beside, times: Array, local: float
    ) -> float | None:
        """The same of one argument."""
        values, sizes = self._values(equation, tape, times, field)
        if (values > 0.0).all() or (values < 0.0).all():
            return None
        off = np.abs(self._values(equation, tape, times, field, known.error)[0] - values)
        least = np.maximum(BEYOND * off, LEAST * local * max(sizes.max(), self._size(equation, tape, times[0], known)))
        margin = NEAR * local**0.5 * (times[-1] - times[0])
        for k in np.flatnonzero(values[1:] * values[:-1] <= 0.0):
            before, after = values[: k + 1], values[k + 1 :]
            way = np.sign(after[np.abs(after).argmax()])
            if (-way * before > least[: k + 1]).any() and (way * after > least[k + 1 :]).any():
                time = self._zero(equation, tape, field, times[k : k + 2], way)
                if times[0] + margin < time < times[-1] - margin:
                    return time
        return None

    def _size(self, equation: Equation, tape: Tape, time: float, known: Beside) -> float:
        """How large the terms of an argument are of unknowns as large as they have been."""
        before = np.zeros(len(self.model.problem.unknowns)) if known.before is None else known.before
        seen = [before[jet.unknown] * (not any(jet.order)) for jet in equation.jets.values()]
        return float(np.abs(tape([np.float64(time), *seen])[1:]).sum())

    def _zero(self, equation: Equation, tape: Tape, field: Field, times: Array, way: float) -> float:
        """Where an argument first has the sign of a ``way`` between two times."""
        for _ in range(CUTS):
            times = np.linspace(times[0], times[1], PARTS + 1)
            k = int(np.argmax(way * self._values(equation, tape, times, field)[0] > 0.0))
            times = times[[max(k - 1, 0), max(k, 1)]]
        return float(times.mean())

    def _values(
        self, equation: Equation, tape: Tape, times: Array, field: Field, error: Field | None = None
    ) -> tuple[Array, Array]:
        """An argument at times, and how large its terms are: of a field, or of that less its error."""
        jets = tuple(equation.jets.values())
        seen = jets_at(field, times[:, None], jets) - jets_at(error, times[:, None], jets)
        value, *terms = (np.broadcast_to(v, times.shape) for v in tape([times, *seen.T]))
        return value, np.abs(terms).sum(0)
