"""Constants that cancel: 1e17*(exp(1e-17) - 1) is 1, of which float64 leaves nothing where it is folded.

Such a difference is worked out anew from its text, with as many digits as it takes.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import sympy

#: A difference below this share of its terms has lost digits; digits it is then worked out with; nodes of its text.
LOST, DIGITS, MOST = 1e-6, 60, 200
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.UAdd: operator.pos, ast.USub: operator.neg,
}  # fmt: skip
_NAMED = {"abs": sympy.Abs, "min": sympy.Min, "max": sympy.Max, "heaviside": lambda x: sympy.Heaviside(x, sympy.S.Half)}


def is_lost(found: sympy.Expr, left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether a sum of two numbers is so small beside them that little of it may be known."""
    numbers = left.is_number and right.is_number
    return numbers and abs(float(found)) < LOST * max(abs(float(left)), abs(float(right)))


def exact(node: ast.expr, values: Mapping[str, sympy.Expr]) -> float | None:
    """The value of a text of numbers, functions and names of numbers; None where it is none that is known."""
    if sum(1 for _ in ast.walk(node)) > MOST:
        return None
    try:
        return float(sympy.N(_built(node, values), DIGITS))
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError, OverflowError):
        return None


def _built(node: ast.expr, values: Mapping[str, sympy.Expr]) -> sympy.Expr:
    """The expression with decimals as they are written."""
    if isinstance(node, ast.Constant):
        return sympy.Rational(repr(node.value))
    if isinstance(node, ast.Name):
        value = sympy.pi if node.id == "pi" else values[node.id]
        return sympy.Rational(repr(float(value))) if value.is_Float else value
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_built(node.operand, values))
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_built(node.left, values), _built(node.right, values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        function = _NAMED.get(node.func.id) or getattr(sympy, node.func.id)
        return function(*(_built(a, values) for a in node.args))
    raise ValueError
