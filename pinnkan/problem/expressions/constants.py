"""Constants that cancel: 1e17*(exp(1e-17) - 1) is 1, of which float64 leaves nothing where it is folded.

Such a difference is worked out anew from its text, with as many digits as it takes.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import sympy

#: A difference below this share of its terms has lost digits; digits it is then worked out with, and the share of the
#: terms that is rounding of these; nodes of its text.
LOST, DIGITS, ROUNDING, MOST = 1e-6, 60, 1e-50, 200
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.UAdd: operator.pos, ast.USub: operator.neg,
}  # fmt: skip
#: The functions of a file (:data:`pinnkan.problem.expressions.functions.FUNCTIONS`), to any number of digits.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "asin": sympy.asin, "acos": sympy.acos, "atan": sympy.atan,
    "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh, "exp": sympy.exp, "log": sympy.log, "sqrt": sympy.sqrt,
    "abs": sympy.Abs, "sign": sympy.sign, "min": sympy.Min, "max": sympy.Max, "erf": sympy.erf,
    "heaviside": lambda x: sympy.Heaviside(x, sympy.S.Half),
}  # fmt: skip


def is_lost(found: sympy.Expr, left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether a sum of two numbers is so small beside them that little of it may be known."""
    numbers = left.is_number and right.is_number
    return numbers and abs(float(found)) < LOST * max(abs(float(left)), abs(float(right)))


def exact(node: ast.BinOp, values: Mapping[str, sympy.Expr]) -> float | None:
    """The value of a sum or a difference of numbers, functions and names of numbers; None where it is not known."""
    if sum(1 for _ in ast.walk(node)) > MOST:
        return None
    try:
        left, right = (sympy.N(_built(part, values), DIGITS) for part in (node.left, node.right))
        value = _OPERATORS[type(node.op)](left, right)
        return 0.0 if abs(value) < ROUNDING * max(abs(left), abs(right)) else float(value)
    except (TypeError, ValueError, KeyError, ZeroDivisionError, OverflowError):
        return None


def _built(node: ast.expr, values: Mapping[str, sympy.Expr]) -> sympy.Expr:
    """The number with decimals as they are written, to DIGITS: no power of an exact one fills the memory."""
    if isinstance(node, ast.Constant):
        return sympy.Float(repr(node.value), DIGITS)
    if isinstance(node, ast.Name):
        value = sympy.pi if node.id == "pi" else values[node.id]
        return sympy.Float(repr(float(value)), DIGITS) if value.is_Float else sympy.N(value, DIGITS)
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_built(node.operand, values))
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_built(node.left, values), _built(node.right, values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _FUNCTIONS[node.func.id](*(_built(a, values) for a in node.args))
    raise ValueError
