"""The elliptic equation and its conditions, and their linearisation, as formulas of the derivatives of u.

Certificates cover F(x, u, Du, D^2 u) = 0 on a box, with F linear in the derivatives and their coefficients functions of
the coordinates alone (semilinear), and one linear condition on each side that is not periodic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy

from pinnkan.certificate.cell_ranges import POINTS, REMAINDER_SHARE, Ranges, refined_ranges
from pinnkan.certificate.splines import Cells, TensorSpline, differentiate_spline
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
    def partial_derivatives(self) -> Mapping[Order, sympy.Expr]:
        """The partial derivatives dF/du_order by order, without those that vanish."""
        found = {order: sympy.diff(self.residual, s) for order, s in self.symbols.items()}
        return {order: w for order, w in found.items() if w != 0}

    @property
    def is_linear(self) -> bool:
        """Whether F is affine in u and its derivatives."""
        depends = any(w.free_symbols & set(self.symbols.values()) for w in self.partial_derivatives.values())
        return not depends and self.residual.is_polynomial(*self.symbols.values())

    @property
    def unknown_symbol(self) -> sympy.Symbol:
        """The symbol of u itself."""
        return self.symbols[next(o for o in self.symbols if not any(o))]

    @property
    def derivative_free_part(self) -> sympy.Expr:
        """F with all derivatives of u set to zero."""
        return self.residual.subs({s: 0 for o, s in self.symbols.items() if any(o)})

    @property
    def curvature(self) -> sympy.Expr:
        """The second derivative d^2 F/du^2."""
        return sympy.diff(self.residual, self.unknown_symbol, 2)

    @cached_property
    def direction_symbols(self) -> Mapping[Order, sympy.Symbol]:
        """Symbols for the derivatives of a second function v, by order."""
        return {order: sympy.Dummy(f"v{''.join(map(str, order))}") for order in self.symbols}

    @cached_property
    def linearisation(self) -> sympy.Expr:
        """L v, the derivative of F at u in the direction v."""
        return sympy.Add(*(w * self.direction_symbols[order] for order, w in self.partial_derivatives.items()))

    def compile_expressions(self, *expressions: sympy.Expr) -> "CompiledFormula":
        """Compile expressions of the coordinates and of the derivatives of u and v."""
        occur = set().union(*(e.free_symbols for e in expressions))
        orders = [tuple(o for o, s in given.items() if s in occur) for given in (self.symbols, self.direction_symbols)]
        inputs = [*(self.symbols[o] for o in orders[0]), *(self.direction_symbols[o] for o in orders[1])]
        return CompiledFormula(Tape(expressions, [*self.coordinates, *inputs]), *orders)


@dataclass(frozen=True, eq=False)
class CompiledFormula:
    """A tape whose inputs are coordinates, derivatives ``u_orders`` of a function u, and ``v_orders`` of v."""

    tape: Tape
    u_orders: tuple[Order, ...]
    v_orders: tuple[Order, ...]

    def ranges_over(
        self, cells: Cells, u: TensorSpline, v: TensorSpline | None = None, share: float = REMAINDER_SHARE
    ) -> tuple[Cells, Ranges]:
        """Ranges of the outputs over cells, which are halved where the ranges are not tight."""
        return refined_ranges(self.tape, cells, self.input_splines(u, v), share)

    def input_splines(self, u: TensorSpline, v: TensorSpline | None = None) -> list[TensorSpline]:
        """The splines of the derivatives that are inputs."""
        found = [differentiate_spline(u, order) for order in self.u_orders]
        return found + [differentiate_spline(v, order) for order in self.v_orders if v is not None]


def formula_of(equation: Equation, problem: Problem, sign: int = 1) -> Formula:
    """The formula of an equation times ``sign``; u itself always has a symbol."""
    symbols = {jet.order: symbol for symbol, jet in equation.jets.items()}
    symbols.setdefault((0,) * problem.dimension, sympy.Dummy("u"))
    return Formula(sign * equation.residual, symbols, problem.coordinates)


def elliptic_formula(problem: Problem) -> Formula:
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
    for order, slope in made.partial_derivatives.items():
        if any(order) and slope.free_symbols & set(made.symbols.values()):
            raise UncertifiedError("what stands before a derivative depends on the solution")
        around = {x for x, wraps in zip(problem.coordinates, problem.box.periodic, strict=True) if wraps}
        if sum(order) == 2 and (slope.has(Signum, UnitStep) or slope.free_symbols & around):
            raise UncertifiedError("what stands before a second derivative jumps, or varies around a circle")
    second = sympy.Add(
        *(made.partial_derivatives.get(o, sympy.S.Zero) for o in second_derivative_orders(problem.dimension))
    )
    return formula_of(problem.equations[0], problem, -1 if is_positive_at_centre(second, problem) else 1)


def is_positive_at_centre(expression: sympy.Expr, problem: Problem) -> bool:
    """Whether an expression of the coordinates is positive at the centre of the box."""
    middle = [0.5 * (a + b) for a, b in problem.box.ranges]
    return bool(float(Tape([expression], problem.coordinates)(middle)[0]) > 0.0)


def zeroth_coefficient(formula: Formula) -> sympy.Expr:
    """The coefficient of v in L v."""
    return next((w for order, w in formula.partial_derivatives.items() if not any(order)), sympy.S.Zero)


def second_derivative_orders(dimension: int) -> list[Order]:
    """The orders of the derivatives d^2/dx_i^2."""
    return [tuple(2 * (i == k) for k in range(dimension)) for i in range(dimension)]


def side_conditions(problem: Problem) -> Mapping[Side, Formula]:
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
        if not set(made.partial_derivatives) <= {normal, (0,) * problem.dimension}:
            raise UncertifiedError(f"the condition at '{condition.name}' has derivatives along the side")
        if not made.partial_derivatives or not made.is_linear:
            raise UncertifiedError(f"the condition at '{condition.name}' is not linear")
        outward = (2 * side.end - 1) if normal in made.partial_derivatives else 1
        upwards = is_positive_at_centre(
            outward * made.partial_derivatives.get(normal, made.partial_derivatives.get((0,) * problem.dimension)),
            problem,
        )
        found[side] = formula_of(equation, problem, 1 if upwards else -1)
    wanted = {Side(i, end) for i, wraps in enumerate(problem.box.periodic) if not wraps for end in (0, 1)}
    if set(found) != wanted:
        raise UncertifiedError("a side has no condition")
    return found
