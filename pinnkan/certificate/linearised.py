"""The elliptic equation and its conditions, and their linearisation, as formulas of the derivatives of u.

Certificates cover F(x, u, Du, D^2 u) = 0 on a box, with F linear in the derivatives and their coefficients functions of
the coordinates alone (semilinear), and one linear condition on each side that is not periodic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy

from pinnkan.certificate.enclosure import POINTS, SHARE, Ranges, halved_to
from pinnkan.certificate.splines import Cells, TensorSpline, differentiated
from pinnkan.domain.box import Side
from pinnkan.problem.expressions.functions import Signum, UnitStep
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Problem

Order = tuple[int, ...]


class UncertifiedError(Exception):
    """A step of the proof fails; the message follows "not certified: "."""


@dataclass(frozen=True)
class Formula:
    """A formula F, ``residual``, of the coordinates and of the derivatives of u, whose ``symbols`` are by order."""

    residual: sympy.Expr
    symbols: Mapping[Order, sympy.Symbol]
    coordinates: tuple[sympy.Symbol, ...]

    @cached_property
    def slopes(self) -> Mapping[Order, sympy.Expr]:
        """The partial derivatives dF/du_order by order, without those that vanish."""
        found = {order: sympy.diff(self.residual, s) for order, s in self.symbols.items()}
        return {order: w for order, w in found.items() if w != 0}

    @property
    def is_linear(self) -> bool:
        """Whether F is affine in u and its derivatives."""
        depends = any(w.free_symbols & set(self.symbols.values()) for w in self.slopes.values())
        return not depends and self.residual.is_polynomial(*self.symbols.values())

    @property
    def value(self) -> sympy.Symbol:
        """The symbol of u itself."""
        return self.symbols[next(o for o in self.symbols if not any(o))]

    @property
    def without_derivatives(self) -> sympy.Expr:
        """F with all derivatives of u set to zero."""
        return self.residual.subs({s: 0 for o, s in self.symbols.items() if any(o)})

    @property
    def curvature(self) -> sympy.Expr:
        """The second derivative d^2 F/du^2."""
        return sympy.diff(self.residual, self.value, 2)

    @cached_property
    def moved(self) -> Mapping[Order, sympy.Symbol]:
        """Symbols for the derivatives of a second function v, by order."""
        return {order: sympy.Dummy(f"v{''.join(map(str, order))}") for order in self.symbols}

    @cached_property
    def linear(self) -> sympy.Expr:
        """L v, the derivative of F at u in the direction v."""
        return sympy.Add(*(w * self.moved[order] for order, w in self.slopes.items()))

    def compiled(self, *expressions: sympy.Expr) -> "Compiled":
        """Compile expressions of the coordinates and of the derivatives of u and v."""
        occur = set().union(*(e.free_symbols for e in expressions))
        orders = [tuple(o for o, s in given.items() if s in occur) for given in (self.symbols, self.moved)]
        inputs = [*(self.symbols[o] for o in orders[0]), *(self.moved[o] for o in orders[1])]
        return Compiled(Tape(expressions, [*self.coordinates, *inputs]), *orders)


@dataclass(frozen=True, eq=False)
class Compiled:
    """A tape with inputs: the coordinates, the derivatives ``of_u`` of a function u, and those ``of_v`` of v."""

    tape: Tape
    of_u: tuple[Order, ...]
    of_v: tuple[Order, ...]

    def over(
        self, cells: Cells, u: TensorSpline, v: TensorSpline | None = None, share: float = SHARE
    ) -> tuple[Cells, Ranges]:
        """Ranges of the outputs over cells, which are halved where the ranges are not tight."""
        return halved_to(self.tape, cells, self.jets(u, v), share)

    def jets(self, u: TensorSpline, v: TensorSpline | None = None) -> list[TensorSpline]:
        """The splines of the derivatives that are inputs."""
        found = [differentiated(u, order) for order in self.of_u]
        return found + [differentiated(v, order) for order in self.of_v if v is not None]


def formula_of(equation: Equation, problem: Problem, sign: int = 1) -> Formula:
    """The formula of an equation times ``sign``; u itself always has a symbol."""
    symbols = {jet.order: symbol for symbol, jet in equation.jets.items()}
    symbols.setdefault((0,) * problem.dimension, sympy.Dummy("u"))
    return Formula(sign * equation.residual, symbols, problem.coordinates)


def elliptic(problem: Problem) -> Formula:
    """The equation, with second derivatives negative. Raises UncertifiedError: it is of a kind that is not treated."""
    if len(problem.unknowns) != 1 or len(problem.equations) != 1:
        raise UncertifiedError("there are several unknowns")
    if problem.time_axis is not None or problem.dimension > max(POINTS):
        raise UncertifiedError("the problem depends on time, or on more than three coordinates")
    if problem.domain != problem.box or problem.interfaces or problem.disagreements:
        raise UncertifiedError("the domain is no box, a flux jumps inside, or the data of two sides disagree")
    made = formula_of(problem.equations[0], problem)
    if max(map(sum, made.symbols)) != 2:
        raise UncertifiedError("the equation is not of second order")
    if not made.residual.is_polynomial(*(s for o, s in made.symbols.items() if any(o))):
        raise UncertifiedError("a function of a derivative is no coefficient times it")
    for order, slope in made.slopes.items():
        if any(order) and slope.free_symbols & set(made.symbols.values()):
            raise UncertifiedError("what stands before a derivative depends on the solution")
        around = {x for x, wraps in zip(problem.coordinates, problem.box.periodic, strict=True) if wraps}
        if sum(order) == 2 and (slope.has(Signum, UnitStep) or slope.free_symbols & around):
            raise UncertifiedError("what stands before a second derivative jumps, or varies around a circle")
    second = sympy.Add(*(made.slopes.get(o, sympy.S.Zero) for o in squares(problem.dimension)))
    return formula_of(problem.equations[0], problem, -1 if is_positive(second, problem) else 1)


def is_positive(expression: sympy.Expr, problem: Problem) -> bool:
    """Whether an expression of the coordinates is positive at the centre of the box."""
    middle = [0.5 * (a + b) for a, b in problem.box.ranges]
    return bool(float(Tape([expression], problem.coordinates)(middle)[0]) > 0.0)


def zeroth(formula: Formula) -> sympy.Expr:
    """The coefficient of v in L v."""
    return next((w for order, w in formula.slopes.items() if not any(order)), sympy.S.Zero)


def squares(dimension: int) -> list[Order]:
    """The orders of the derivatives d^2/dx_i^2."""
    return [tuple(2 * (i == k) for k in range(dimension)) for i in range(dimension)]


def conditions_of(problem: Problem) -> Mapping[Side, Formula]:
    """The linear condition of each side on v, or on dv/dn and v; the coefficient of the first is positive.

    Raises UncertifiedError: a side has no or several conditions, or one of another kind.
    """
    found: dict[Side, Formula] = {}
    for condition in problem.conditions:
        side, equation = condition.place, condition.equation
        if not isinstance(side, Side) or equation is None or side in found:
            raise UncertifiedError(f"the condition at '{condition.name}' is not the only one of a side")
        made = formula_of(equation, problem)
        normal = tuple(int(i == side.axis) for i in range(problem.dimension))
        if not set(made.slopes) <= {normal, (0,) * problem.dimension}:
            raise UncertifiedError(f"the condition at '{condition.name}' has derivatives along the side")
        if not made.slopes or not made.is_linear:
            raise UncertifiedError(f"the condition at '{condition.name}' is not linear")
        outward = (2 * side.end - 1) if normal in made.slopes else 1
        upwards = is_positive(outward * made.slopes.get(normal, made.slopes.get((0,) * problem.dimension)), problem)
        found[side] = formula_of(equation, problem, 1 if upwards else -1)
    wanted = {Side(i, end) for i, wraps in enumerate(problem.box.periodic) if not wraps for end in (0, 1)}
    if set(found) != wanted:
        raise UncertifiedError("a side has no condition")
    return found
