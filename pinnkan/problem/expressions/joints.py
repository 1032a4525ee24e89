"""Planes x_i = c across which an expression jumps, its one-sided values there, and messages about jumps.

The derivative of e by x_i holds [e] delta(x_i - c), where [e] is the value above less the value below (Hoermander 1990,
The Analysis of Linear Partial Differential Operators I, section 3.1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import sympy

from pinnkan.problem.expressions import jumps
from pinnkan.problem.expressions.factors import as_decimals, as_fractions
from pinnkan.problem.expressions.functions import Signum, UnitStep, written
from pinnkan.problem.expressions.jumps import JUMPING, Jump, SignSearch, UndecidedError
from pinnkan.problem.expressions.sign import SymbolRanges

#: A factor below this at a plane counts as zero; planes are exact or roots of polynomials of degree two.
ROUNDING = 1e-13


@dataclass(frozen=True)
class Joint:
    """The expression on the sides, ``above`` and ``below``, of the plane where a coordinate equals ``place``."""

    place: float
    above: sympy.Expr
    below: sympy.Expr


def joints_of(
    e: sympy.Expr, box: SymbolRanges, moves: Callable[[sympy.Expr], bool], x: sympy.Symbol
) -> list[Joint] | None:
    """The planes of ``x`` across which an expression jumps; None if it jumps elsewhere or may.

    Only factors that fulfil ``moves`` count, those that depend on the coordinate of differentiation.
    """
    found = _written(e, box, moves)
    if found is None:
        return None
    plain, search = found
    places: list[sympy.Expr] = []
    for f, sigma in list(search.sigmas.items()):
        if sigma not in plain.free_symbols or not moves(f):
            continue
        size = jumps.size_of(plain, f, sigma, search)
        if size is not None and size.is_zero:
            continue
        roots = [value for _, value in jumps.solved_for(f, box)] if f.free_symbols == {x} else []
        if size is None or not roots:
            return None
        places += [r for r in roots if r not in places]
    try:
        return [Joint(float(c), *(_on_side(plain, search, x, c, way) for way in (1, -1))) for c in sorted(places)]
    except UndecidedError:
        return None


def beside(e: sympy.Expr, box: SymbolRanges, x: sympy.Symbol, place: float, way: int) -> sympy.Expr | None:
    """The expression just above (``way`` 1) or below (-1) the plane x = ``place``; None where it cannot be computed."""
    found = _written(e, box, lambda f: True)
    try:
        return None if found is None else _on_side(*found, x, sympy.Rational(repr(place)), way)
    except UndecidedError:
        return None


def _written(
    e: sympy.Expr, box: SymbolRanges, moves: Callable[[sympy.Expr], bool]
) -> tuple[sympy.Expr, SignSearch] | None:
    search = SignSearch(box, moves)
    try:
        plain = jumps.written_with_signs(jumps.settled(as_fractions(e, {}), box), search)
    except UndecidedError:
        return None
    return None if plain.has(*jumps.SWITCHES) else (plain, search)


def _on_side(e: sympy.Expr, search: SignSearch, x: sympy.Symbol, place: sympy.Expr, way: int) -> sympy.Expr:
    """Replace the signs of factors of x alone by their values beside ``place``, other signs by functions.

    Raises UndecidedError: a factor vanishes there together with its derivative.
    """
    values: dict[sympy.Expr, sympy.Expr] = {}
    for f, sigma in search.sigmas.items():
        if f.free_symbols != {x}:
            values[sigma] = Signum(f)
            continue
        value, slope = float(f.xreplace({x: place})), float(sympy.diff(f, x).xreplace({x: place}))
        if abs(value) <= ROUNDING * (1.0 + abs(slope)):
            value = way * slope
        if value == 0.0:
            raise UndecidedError
        values[sigma] = sympy.Integer(1 if value > 0.0 else -1)
    return as_decimals(e.xreplace(values))


_WIDTH = "0.01"  # width of the suggested smooth step; an example


def refusal(jump: Jump, jets: set[sympy.Symbol]) -> tuple[str, str]:
    """The message what jumps where, and a hint; ``jets`` are the symbols of the unknowns and their derivatives."""
    node, surface = as_decimals(jump.node), as_decimals(jump.surface)
    does = "jumps" if jump.size is not None and isinstance(jump.node, JUMPING) else "may jump"
    what = "a nested max, min, abs, sign or heaviside" if node.has(sympy.Dummy) else written(node)
    if not isinstance(jump.node, JUMPING):
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
    return f"where {written(surface)} = 0"


def _smooth(node: sympy.Expr, surface: sympy.Expr) -> str:
    """The text of a smooth replacement for a function that jumps."""
    if isinstance(node, UnitStep):
        return f"(1 + tanh(({written(node.args[0])})/{_WIDTH}))/2"
    argument = node.args[0] if isinstance(node, JUMPING) else surface
    return f"tanh(({written(argument)})/{_WIDTH})"
