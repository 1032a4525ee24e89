"""What to say of a jump that cannot be differentiated: what, where, why, and what to do."""

import sympy

from pinnkan.problem.expressions.factors import as_decimals
from pinnkan.problem.expressions.functions import UnitStep, written
from pinnkan.problem.expressions.jumps import JUMPING, Jump

_WIDTH = "0.01"  # of the smooth step that is suggested; an example


def refusal(jump: Jump, jets: set[sympy.Symbol]) -> tuple[str, str]:
    """What jumps where, and the hint; ``jets`` are the symbols of the unknowns."""
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
    """A smooth function in place of one that jumps."""
    if isinstance(node, UnitStep):
        return f"(1 + tanh(({written(node.args[0])})/{_WIDTH}))/2"
    argument = node.args[0] if isinstance(node, JUMPING) else surface
    return f"tanh(({written(argument)})/{_WIDTH})"
