"""Whether equations leave a number undetermined at points of a solution, or have another root for it.

Of w + abs(w) = 2*max(v - 1, 0) any w <= 0 is a solution while v < 1; of u_x^2 = u^2 both u and -u are slopes, and a
steady solution may change from one to the other. The equation is evaluated as a function of that number alone, for
numbers of all sizes, as in :mod:`pinnkan.problem.checks.initial_values`. Finding nothing proves nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.checks.algebraic_values import AlgebraicSystem, underived_unknown_system
from pinnkan.problem.checks.initial_values import is_linear_in, is_zero_for_many, roots_of, trial_numbers
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Jet

#: Places in space, points along the last coordinate at each; points at which other roots are sought.
PLACES, LINE_POINTS, ROOT_POINTS = 4, 33, 5
#: Numbers beyond so many times the largest of the solution are not tested: w*exp(-w) underflows from 745 on.
LARGEST_TESTED = 100.0
#: Least distance of another root over the sum of both moduli; largest root, in sizes of the solution, that counts.
ROOT_DISTANCE, LARGEST_ROOT = 1e-2, 1e3


@dataclass(frozen=True, eq=False)
class UndeterminedValues:
    """The check of the numbers that the equations of one problem are solved for.

    Highest derivatives in time, or along the line of a steady problem, and unknowns without derivatives.
    """

    model: Model

    @cached_property
    def nonlinear_symbols(self) -> tuple[tuple[CompiledEquation, sympy.Symbol], ...]:
        """Pairs of an equation and such a number in which the equation is not affine."""
        pairs = zip(self.model.equations, self.model.problem.equations, strict=True)
        return tuple(
            (compiled, symbol)
            for compiled, given in pairs
            for symbol, jet in given.jets.items()
            if self._is_solved_for(jet) and not is_linear_in(given.residual, symbol)
        )

    def _is_solved_for(self, jet: Jet) -> bool:
        problem = self.model.problem
        along = problem.time_axis is not None or problem.dimension == 1
        return (along and problem.is_highest(jet)) or problem.total_orders[jet.unknown] == 0

    def undetermined_value(self, field: Field, domain: Domain) -> str:
        """Return a message that many values of a number solve an equation at two neighbouring points; "" for none."""
        if not self.model.may_have_other_solutions:
            return ""
        ranges = np.array(domain.box.ranges)
        places = kronecker_points(PLACES, len(ranges) - 1)
        last = np.tile((np.arange(LINE_POINTS) + 0.5) / LINE_POINTS, len(places))
        units = np.column_stack([np.repeat(places, LINE_POINTS, 0), last])
        points = ranges[:, 0] + np.ptp(ranges, axis=1) * units
        for equation, symbol in self.nonlinear_symbols:
            own = equation.jets[equation.symbols.index(symbol)]
            if sum(own in other.jets for other in self.model.equations) > 1:  # another one may determine it
                continue
            jets = jets_at(field, points, equation.jets)
            size = float(np.abs(jets[:, equation.symbols.index(symbol)]).max()) or 1.0
            flat = is_zero_for_many(self._values(equation, symbol, points, jets), size, LARGEST_TESTED).reshape(
                -1, LINE_POINTS
            )
            both = np.flatnonzero((flat[:, 1:] & flat[:, :-1]).ravel())
            if len(both):
                place, k = divmod(int(both[0]), LINE_POINTS - 1)
                at = self.model.problem.format_point(points[place * LINE_POINTS + k])
                return f"any of many values of {symbol} fulfils `{equation.text}` at {at}: nothing determines it there"
        return ""

    def ambiguity(self, field: Field, sizes: Sequence[float]) -> str:
        """Return a message that a number of a steady solution, times ``sizes``, has another root; "" for none."""
        problem = self.model.problem
        if problem.time_axis is not None:
            return ""
        points, pairs = problem.domain.sample(ROOT_POINTS, kronecker_points), underived_unknown_system(problem)
        for equation, symbol in self.nonlinear_symbols:
            unknown = equation.jets[equation.symbols.index(symbol)].unknown
            if pairs is not None and unknown in pairs.unknowns:
                continue
            size = sizes[unknown]
            for point, own, other in self._other_roots(field, equation, symbol, points):
                where, both = (
                    problem.format_point(point),
                    f"{symbol} = {size * own:.3g} and {symbol} = {size * other:.3g}",
                )
                said = f"at {where} both {both} fulfil `{equation.text}`"
                return f"one of several solutions: {said}, and others may go over to that"
        return "" if pairs is None else self._joint_ambiguity(field, points, np.array(sizes), pairs)

    def _joint_ambiguity(self, field: Field, points: Array, sizes: Array, algebraic: AlgebraicSystem) -> str:
        """The same for two or more values that equations without derivatives determine together."""
        problem = self.model.problem
        values = jets_at(field, points, [Jet(u, (0,) * problem.dimension) for u in range(len(sizes))])
        unknowns, others = list(algebraic.unknowns), list(algebraic.given_unknowns or ())
        far, names = LARGEST_ROOT * np.abs(values[:, unknowns]).max(0), [problem.unknowns[u] for u in unknowns]
        for point, known in zip(points, values, strict=True):
            own = known[unknowns]
            for root in algebraic.roots(np.append(point, known[others])):
                is_another = (np.abs(root - own) > ROOT_DISTANCE * (np.abs(root) + np.abs(own)).max()).any()
                if is_another and (np.abs(root) <= far).all():
                    pairs = (zip(names, sizes[unknowns] * numbers, strict=True) for numbers in (own, root))
                    taken, other = (", ".join(f"{n} = {v:.3g}" for n, v in pair) for pair in pairs)
                    at = f"at {problem.format_point(point)} {taken} are taken"
                    return f"one of several solutions: {at}, {other} would do as well"
        return ""

    def _other_roots(
        self, field: Field, equation: CompiledEquation, symbol: sympy.Symbol, points: Array
    ) -> Iterator[tuple[Array, float, float]]:
        """Yield points at which another root exists, the number of the solution there, and the nearest root."""
        jets, column = jets_at(field, points, equation.jets), equation.symbols.index(symbol)
        far = LARGEST_ROOT * np.abs(jets[:, column]).max()
        for point, here, values in zip(points, jets, self._values(equation, symbol, points, jets), strict=True):

            def of(number: float, point: Array = point, here: Array = here) -> float:
                moved = here.copy()
                moved[column] = number
                return float(equation.value_tape([*point, *moved])[0])

            own = float(here[column])
            roots = [
                r for r in roots_of(values, of) if abs(r) <= far and abs(r - own) > ROOT_DISTANCE * (abs(r) + abs(own))
            ]
            if roots:
                yield point, own, min(roots, key=lambda r: abs(r - own))

    def _values(self, equation: CompiledEquation, symbol: sympy.Symbol, points: Array, jets: Array) -> Array:
        """The residual at points for all :func:`trial_numbers` in place of ``symbol``: (point, number)."""
        tried = trial_numbers()
        columns = [jets[:, k, None] if s != symbol else tried for k, s in enumerate(equation.symbols)]
        return np.broadcast_to(equation.value_tape([*points.T[..., None], *columns])[0], (len(points), len(tried)))
