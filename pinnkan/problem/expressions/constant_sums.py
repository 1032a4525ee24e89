"""Sums of constants that cancel, such as exp(1e-17) - 1, evaluated anew from the text with DIGITS digits."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import sympy

from pinnkan.problem.expressions.functions import FUNCTIONS

#: CANCELLATION_SHARE: a sum below this share of its terms has lost digits. DIGITS: digits of the second evaluation.
#: ROUNDING_SHARE: the share of the terms that is rounding of those. MOST: largest number of nodes of the syntax tree.
CANCELLATION_SHARE, DIGITS, ROUNDING_SHARE, MAX_TREE_NODES = 1e-6, 60, 1e-50, 200
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.UAdd: operator.pos, ast.USub: operator.neg,
}  # fmt: skip
#: The functions with arbitrary precision: sympy's, four of which have another name there.
_FUNCTIONS: dict[str, Callable[..., Any]] = {name: getattr(sympy, name, None) for name in FUNCTIONS} | {
    "abs": sympy.Abs, "min": sympy.Min, "max": sympy.Max, "heaviside": lambda x: sympy.Heaviside(x, sympy.S.Half),
}  # fmt: skip


def has_cancelled(total: sympy.Expr, left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether ``total``, the sum or difference of two numbers, is below CANCELLATION_SHARE times the larger of them."""
    numbers = left.is_number and right.is_number
    return numbers and abs(float(total)) < CANCELLATION_SHARE * max(abs(float(left)), abs(float(right)))


def high_precision_sum(node: ast.BinOp, values: Mapping[str, sympy.Expr]) -> float | None:
    """The value of a sum or difference of constants, computed with DIGITS digits; None where this fails."""
    if sum(1 for _ in ast.walk(node)) > MAX_TREE_NODES:
        return None
    try:
        left, right = (sympy.N(_built(part, values), DIGITS) for part in (node.left, node.right))
        value = _OPERATORS[type(node.op)](left, right)
        return 0.0 if abs(value) < ROUNDING_SHARE * max(abs(left), abs(right)) else float(value)
    except (TypeError, ValueError, KeyError, ZeroDivisionError, OverflowError):
        return None


def _built(node: ast.expr, values: Mapping[str, sympy.Expr]) -> sympy.Expr:
    """The number of a subtree with DIGITS digits. Decimals are taken as written, and nothing is kept exact."""
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
