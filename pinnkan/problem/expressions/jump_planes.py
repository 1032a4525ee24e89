"""Planes x_i = c across which an expression jumps, its one-sided values there, and messages about jumps.

The derivative of e by x_i holds [e] delta(x_i - c), where [e] is the value above less the value below (Hoermander 1990,
The Analysis of Linear Partial Differential Operators I, section 3.1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import sympy

from pinnkan.problem.expressions import jumps
from pinnkan.problem.expressions.factors import as_decimals, as_fractions
from pinnkan.problem.expressions.functions import Signum, UnitStep, expression_text
from pinnkan.problem.expressions.jumps import JUMP_FUNCTIONS, Jump, SignVariables, UndecidedError
from pinnkan.problem.expressions.sign import SymbolRanges

#: A factor below this at a plane counts as zero; planes are exact or roots of polynomials of degree two.
ZERO_TOLERANCE = 1e-13


@dataclass(frozen=True)
class JumpPlane:
    """The expression on the sides, ``above`` and ``below``, of the plane where a coordinate equals ``position``."""

    position: float
    above: sympy.Expr
    below: sympy.Expr


def find_jump_planes(
    e: sympy.Expr, box: SymbolRanges, depends_on_axis: Callable[[sympy.Expr], bool], x: sympy.Symbol
) -> list[JumpPlane] | None:
    """The planes of ``x`` across which an expression jumps; None if it jumps elsewhere or may.

    Only factors that fulfil ``depends_on_axis`` count, those that depend on the coordinate of differentiation.
    """
    found = _written(e, box, depends_on_axis)
    if found is None:
        return None
    plain, search = found
    places: list[sympy.Expr] = []
    for jump in jumps.jumps_by_factor(plain, search):
        f = jump.surface
        roots = [value for _, value in jumps.surface_solutions(f, box)] if f.free_symbols == {x} else []
        if jump.size is None or not roots:
            return None
        places += [r for r in roots if r not in places]
    try:
        return [JumpPlane(float(c), *(_on_side(plain, search, x, c, way) for way in (1, -1))) for c in sorted(places)]
    except UndecidedError:
        return None


def one_sided_expression(
    e: sympy.Expr, box: SymbolRanges, x: sympy.Symbol, position: float, side_sign: int
) -> sympy.Expr | None:
    """The expression just above (``side_sign`` 1) or below (-1) the plane x = ``position``.

    None where it cannot be computed.
    """
    found = _written(e, box, lambda f: True)
    try:
        return None if found is None else _on_side(*found, x, sympy.Rational(repr(position)), side_sign)
    except UndecidedError:
        return None


def _written(
    e: sympy.Expr, box: SymbolRanges, depends_on_axis: Callable[[sympy.Expr], bool]
) -> tuple[sympy.Expr, SignVariables] | None:
    search = SignVariables(box, depends_on_axis)
    try:
        plain = jumps.substitute_sign_variables(jumps.resolve_fixed_switches(as_fractions(e, {}), box), search)
    except UndecidedError:
        return None
    return None if plain.has(*jumps.SWITCH_FUNCTIONS) else (plain, search)


def _on_side(e: sympy.Expr, search: SignVariables, x: sympy.Symbol, position: sympy.Expr, side_sign: int) -> sympy.Expr:
    """Replace the signs of factors of x alone by their values beside ``position``, other signs by functions.

    Raises UndecidedError: a factor vanishes there together with its derivative.
    """
    values: dict[sympy.Expr, sympy.Expr] = {}
    for f, sigma in search.sigmas.items():
        if f.free_symbols != {x}:
            values[sigma] = Signum(f)
            continue
        value, slope = float(f.xreplace({x: position})), float(sympy.diff(f, x).xreplace({x: position}))
        if abs(value) <= ZERO_TOLERANCE * (1.0 + abs(slope)):
            value = side_sign * slope
        if value == 0.0:
            raise UndecidedError
        values[sigma] = sympy.Integer(1 if value > 0.0 else -1)
    return as_decimals(e.xreplace(values))


_WIDTH = "0.01"  # width of the suggested smooth step; an example


def jump_message(jump: Jump, jets: set[sympy.Symbol]) -> tuple[str, str]:
    """The message what jumps where, and a hint; ``jets`` are the symbols of the unknowns and their derivatives."""
    node, surface = as_decimals(jump.node), as_decimals(jump.surface)
    does = "jumps" if jump.size is not None and isinstance(jump.node, JUMP_FUNCTIONS) else "may jump"
    what = "a nested max, min, abs, sign or heaviside" if node.has(sympy.Dummy) else expression_text(node)
    if not isinstance(jump.node, JUMP_FUNCTIONS):
        what = f"what {what} is part of"
    message = f"{what} {does} {_where(surface)}"
    smooth = f"smooth it, e.g. {_smooth(node, surface)}"
    if jump.surface.has(sympy.Dummy):
        return message, "the derivative of a jump is a delta function and is never dropped: write it without one"
    if jump.size is None:
        return message, f"that it is multiplied by what vanishes there could not be shown; {smooth}"
    if jump.surface.free_symbols & jets:
        return message, f"its derivative is a delta function, never dropped: {smooth}"
    if jump.size.free_symbols & jets:
        where = "(one unknown, second order, whole planes x = c without corners, nothing periodic)"
        return message, f"a flux that jumps needs an interface {where}: else {smooth}"
    return message, f"its derivative is a delta function, never dropped: {smooth}"


def _where(surface: sympy.Expr) -> str:
    if surface.has(sympy.Dummy):
        return "in the domain"
    symbols = list(surface.free_symbols)
    if len(symbols) == 1 and surface.is_polynomial(*symbols) and sympy.degree(surface, symbols[0]) == 1:
        root = sympy.expand(symbols[0] - surface / sympy.diff(surface, symbols[0]))
        return f"at {symbols[0]} = {float(root):.6g}"
    return f"where {expression_text(surface)} = 0"


def _smooth(node: sympy.Expr, surface: sympy.Expr) -> str:
    """The text of a smooth replacement for a function that jumps."""
    if isinstance(node, UnitStep):
        return f"(1 + tanh(({expression_text(node.args[0])})/{_WIDTH}))/2"
    argument = node.args[0] if isinstance(node, JUMP_FUNCTIONS) else surface
    return f"tanh(({expression_text(argument)})/{_WIDTH})"
