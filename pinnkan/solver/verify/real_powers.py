"""Whether powers with fractional exponents have real values at a solution; solvers continue them to negative bases.

See :mod:`pinnkan.assembly.odd_powers`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.assembly.model import Model
from pinnkan.assembly.odd_powers import fractional_powers
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.functions import expression_text
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.solver.verify.posedness import ERROR_MARGIN, SLAB_POINTS


@dataclass(frozen=True, eq=False)
class RealPowerCheck:
    """The check of the bases of all fractional powers in one problem."""

    model: Model

    @cached_property
    def powers(self) -> tuple[tuple[int, sympy.Pow], ...]:
        """The fractional powers of unknowns, each with the number of its equation."""
        return tuple((i, p) for i, e in enumerate(self.model.problem.equations) for p in fractional_powers(e))

    def objection(self, field: Field, domain: Domain, error: Field | None) -> str:
        """Return which power is not real on a domain, as text; "" where all are.

        ``error``: the estimated error of the field; if None, the tolerance times the largest jets. A base counts as
        negative if it is with a multiple of that error added and subtracted, too.
        """
        points = domain.sample(SLAB_POINTS, kronecker_points) if self.powers else np.zeros((0, 0))
        for number, power in self.powers:
            equation = self.model.equations[number]
            tape = Tape([power.base], [*self.model.problem.coordinates, *equation.symbols])
            jets = jets_at(field, points, equation.jets)
            unknown = self.model.problem.solver.tolerance * np.abs(jets).max(0)
            off = ERROR_MARGIN * (unknown if error is None else jets_at(error, points, equation.jets))
            bases = [_base(tape, points, j) for j in (jets, jets + off, jets - off)]
            negative = np.flatnonzero(np.max(bases, axis=0) < 0.0)
            if len(negative):
                worst = negative[np.argmin(bases[0][negative])]
                at = self.model.problem.format_point(points[worst])
                return (
                    f"{expression_text(power)} is not real near {at}, where {expression_text(power.base)} is negative"
                )
        return ""


def _base(tape: Tape, points: Array, jets: Array) -> Array:
    value = tape([*np.moveaxis(points, -1, 0), *np.moveaxis(jets, -1, 0)])[0]
    return np.broadcast_to(np.asarray(value, dtype=np.float64), len(points))
