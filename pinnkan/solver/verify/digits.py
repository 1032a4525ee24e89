"""Digits that a formula loses: what is left of 2e16 (cos(1e-8 x) - 1) in float64 is rounding.

At a single point interval arithmetic encloses what exact numbers give; how wide that is says how well the formula is
known there. An equation that is known to a share of its terms says no more of the solution than that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.enclosure import registers
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Jet
from pinnkan.problem.units.term_sizes import root_mean_square
from pinnkan.solver.estimate.undecided import LEAST

#: Points at which digits are counted, and points that say how large terms are: the first may all miss a layer.
POINTS, SIZED = 32, 2048
#: The last slab ends so near to the end, over the whole time: its length is rounded.
ENDS = 1e-12
#: A number below this one has lost digits: what it is multiplied by may be as large.
UNDERFLOW = 1e-290
REMEDY = (
    "Write what cancels in other words (cos(a) - 1 is -2*sin(a/2)**2, exp(a) - 1 is 2*exp(a/2)*sinh(a/2), of others "
    "take the first terms of a series)"
)


@dataclass(frozen=True, eq=False)
class Digits:
    """What is asked of the equations and conditions of one problem.

    ``largest``, ``widest``: sizes seen of their terms, and of what is rounding in them.
    """

    model: Model
    largest: dict[str, float] = field(default_factory=dict)
    widest: dict[str, float] = field(default_factory=dict)

    def lost(self, solution: Field, domain: Domain) -> tuple[float, str]:
        """The first formula known to less than the tolerance: to which share of its terms, in words; 0, "" for none.

        Until the end of time its terms may become as large as unknowns of their natural sizes make them: a rate of
        1e6 (1 + tanh((u - 1.2)/0.03)) is nothing but rounding before u comes near.
        """
        axis, problem = self.model.problem.time_axis, self.model.problem
        rest = 0.0 if axis is None else problem.box.ranges[axis][1] - domain.box.ranges[axis][1]
        is_last = axis is None or rest <= ENDS * problem.box.lengths[axis]
        for text, wide, size, natural in self._known(solution, domain):
            self.largest[text] = max(size, self.largest.get(text, 0.0))
            self.widest[text] = max(wide, self.widest.get(text, 0.0))
            wide, known = self.widest[text], self.largest[text] if is_last else max(self.largest[text], natural)
            if wide > problem.solver.tolerance * known:
                share = wide / max(known, wide)
                return share, f"float64 knows '{text}' to {share:.0e} of its terms at the solution only. {REMEDY}"
        return 0.0, ""

    def _known(self, solution: Field, domain: Domain) -> Iterator[tuple[str, float, float, float]]:
        """Root mean squares of what is rounding in a formula, of its terms in the solution, and what these may be."""
        problem = self.model.problem
        ranges = np.array(domain.box.ranges)
        sized = domain.sample(SIZED, kronecker)
        points = sized[:POINTS]
        for equation in self.model.equations:
            jets, few, natural = self._terms(equation, solution, points)
            wide, size = _wide(equation.value, points, jets), few * (POINTS / SIZED) ** 0.5  # of all it is no less
            if wide > problem.solver.tolerance * size:
                _, size, natural = self._terms(equation, solution, sized)
            yield equation.text, wide, size, natural
        for given in (*self.model.conditions.initial, *self.model.conditions.boundary):
            axis, end = given.side.axis, problem.box.ranges[given.side.axis][given.side.end]
            if end in ranges[axis]:
                order = tuple(given.order * int(i == axis) for i in range(len(ranges)))
                there = jets_at(solution, points, [Jet(given.unknown, order)])
                size = LEAST * self.model.sizes[given.unknown] / float(problem.box.lengths[axis]) ** given.order
                points_on = np.where(np.arange(len(ranges)) == axis, end, points)
                name = f"{problem.unknowns[given.unknown]} at {problem.coordinates[axis].name} = {end:g}"
                size = max(root_mean_square(there), size)
                yield name, _wide(given.value, points_on, there[:, :0]), size, size

    def _terms(self, equation: CompiledEquation, solution: Field, points: Array) -> tuple[Array, float, float]:
        """The derivatives in an equation at points, the root mean square of its terms there, and of natural sizes."""
        jets, lengths = jets_at(solution, points, equation.jets), self.model.problem.box.lengths
        natural = np.array([self.model.sizes[j.unknown] / np.prod(lengths**j.order) for j in equation.jets])
        slopes = np.abs(equation.linearise_numpy(points, jets)[1])
        seen = (slopes * np.maximum(np.abs(jets), LEAST * natural)).sum(-1)
        return jets, root_mean_square(seen), root_mean_square((slopes * natural).sum(-1))


def _wide(tape: Tape, points: Array, jets: Array) -> float:
    """Half of what exact numbers may differ by, where that is known: nothing on the way is too large or small."""
    found, known = registers(tape, [Interval(x, x) for x in (*points.T, *jets.T)]), np.ones(len(points), dtype=bool)
    for made in found[tape.inputs :]:
        size = made.magnitude()
        known &= np.isfinite(size) & ~((size > 0.0) & (size < UNDERFLOW))
    value = found[tape.outputs[0]]
    with np.errstate(invalid="ignore"):
        return root_mean_square(np.where(known, 0.5 * (value.hi - value.lo), 0.0))
