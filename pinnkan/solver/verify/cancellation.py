"""Cancellation in formulas: digits that float64 loses where it evaluates an equation at a solution.

2e16 (cos(1e-8 x) - 1), for example, is rounding. Interval arithmetic at a single point encloses the exact value; the
width bounds the rounding. A solution is known no better than its equation, relative to the terms of that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.enclosure import interval_registers
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Jet
from pinnkan.problem.units.term_sizes import jet_sizes, root_mean_square
from pinnkan.solver.estimate.equation_terms import NATURAL_SIZE_FLOOR

#: Points at which rounding is enclosed, and points at which terms are measured: the few may all miss a layer.
ENCLOSED_POINTS, SIZE_POINTS = 32, 2048
#: The last slab ends within this share of the whole time before the end; its length is rounded.
END_ROUNDING = 1e-12
#: A point with an intermediate value below this, and not zero, does not count: underflow has lost digits.
UNDERFLOW = 1e-290
REMEDY = (
    "Write what cancels in other words (cos(a) - 1 is -2*sin(a/2)**2, exp(a) - 1 is 2*exp(a/2)*sinh(a/2), of others "
    "take the first terms of a series)"
)


@dataclass(frozen=True, eq=False)
class CancellationCheck:
    """The check of one problem for cancellation in its equations and conditions.

    ``term_sizes``, ``rounding_sizes``: sizes of terms and of rounding met so far, by the text of the formula.
    """

    model: Model
    term_sizes: dict[str, float] = field(default_factory=dict)
    rounding_sizes: dict[str, float] = field(default_factory=dict)

    def lost_digits(self, solution: Field, domain: Domain) -> tuple[float, str]:
        """Return the first formula whose rounding exceeds the tolerance: its share of the terms, and words, or 0, "".

        Before the last slab terms count as at least those of natural sizes, which unknowns may still reach: a rate of
        1e6 (1 + tanh((u - 1.2)/0.03)) is rounding until u comes near 1.2.
        """
        axis, problem = self.model.problem.time_axis, self.model.problem
        rest = 0.0 if axis is None else problem.box.ranges[axis][1] - domain.box.ranges[axis][1]
        is_last = axis is None or rest <= END_ROUNDING * problem.box.lengths[axis]
        for text, wide, size, natural in self._formula_sizes(solution, domain):
            self.term_sizes[text] = max(size, self.term_sizes.get(text, 0.0))
            self.rounding_sizes[text] = max(wide, self.rounding_sizes.get(text, 0.0))
            wide, known = (
                self.rounding_sizes[text],
                self.term_sizes[text] if is_last else max(self.term_sizes[text], natural),
            )
            if wide > problem.solver.tolerance * known:
                share = wide / max(known, wide)
                return share, f"float64 knows '{text}' to {share:.0e} of its terms at the solution only. {REMEDY}"
        return 0.0, ""

    def _formula_sizes(self, solution: Field, domain: Domain) -> Iterator[tuple[str, float, float, float]]:
        """Yield the text of each formula, and the rms of its rounding, of its terms, and of terms of natural sizes."""
        problem = self.model.problem
        ranges = np.array(domain.box.ranges)
        sized = domain.sample(SIZE_POINTS, kronecker_points)
        points = sized[:ENCLOSED_POINTS]
        for equation in self.model.equations:
            seen, few, natural = self._terms(equation, solution, points)
            wide, size = (
                _rounding_rms(equation.value_tape, points, seen),
                few * (ENCLOSED_POINTS / SIZE_POINTS) ** 0.5,
            )  # of all it is no less
            if wide > problem.solver.tolerance * size:
                _, size, natural = self._terms(equation, solution, sized)
            yield equation.text, wide, size, natural
        for given in (*self.model.conditions.initial, *self.model.conditions.boundary):
            axis, end = given.side.axis, problem.box.ranges[given.side.axis][given.side.end]
            if end in ranges[axis]:
                jets = [Jet(given.unknown, tuple(given.order * int(i == axis) for i in range(len(ranges))))]
                there = jets_at(solution, points, jets)
                size = NATURAL_SIZE_FLOOR * float(jet_sizes(jets, problem.box.lengths, self.model.sizes)[0])
                points_on = np.where(np.arange(len(ranges)) == axis, end, points)
                name = f"{problem.unknowns[given.unknown]} at {problem.coordinates[axis].name} = {end:g}"
                size = max(root_mean_square(there), size)
                yield name, _rounding_rms(given.value, points_on, there[:, :0]), size, size

    def _terms(self, equation: CompiledEquation, solution: Field, points: Array) -> tuple[Array, float, float]:
        """The jets of an equation (point, jet), and root mean squares of its terms there and for natural sizes."""
        jets = jets_at(solution, points, equation.jets)
        natural = jet_sizes(equation.jets, self.model.problem.box.lengths, self.model.sizes)
        slopes = np.abs(equation.linearise_numpy(points, jets)[1])
        seen = (slopes * np.maximum(np.abs(jets), NATURAL_SIZE_FLOOR * natural)).sum(-1)
        return jets, root_mean_square(seen), root_mean_square((slopes * natural).sum(-1))


def _rounding_rms(tape: Tape, points: Array, jets: Array) -> float:
    """The root mean square of half the width of enclosures at ``points``; those that do not count are zero."""
    found, known = (
        interval_registers(tape, [Interval(x, x) for x in (*points.T, *jets.T)]),
        np.ones(len(points), dtype=bool),
    )
    for made in found[tape.input_count :]:
        size = made.magnitude()
        known &= np.isfinite(size) & ~((size > 0.0) & (size < UNDERFLOW))
    value = found[tape.outputs[0]]
    with np.errstate(invalid="ignore"):
        return root_mean_square(np.where(known, 0.5 * (value.hi - value.lo), 0.0))
