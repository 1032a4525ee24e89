"""Expressions as the user writes them."""

import sympy
from sympy.printing.str import StrPrinter

from pinnkan.problem.expressions.functions import WRITTEN

_LARGEST = 10_000  # numerator or denominator that is shown
_LONGEST = 400  # characters of an expression that are shown


class _Writer(StrPrinter):
    """sympy's text with the names of the problem file and ten digits."""

    def _print_Float(self, expr: sympy.Float) -> str:  # noqa: N802
        return f"{float(expr):.10g}"

    def _print_Rational(self, expr: sympy.Rational) -> str:  # noqa: N802
        return f"{expr.p}/{expr.q}" if max(abs(expr.p), expr.q) <= _LARGEST else f"{float(expr):.10g}"

    def _print_Function(self, expr: sympy.Function) -> str:  # noqa: N802
        name = WRITTEN.get(expr.func, expr.func.__name__)
        return f"{name}({self.stringify(expr.args, ', ')})"

    def _print_ExpBase(self, expr: sympy.Expr) -> str:  # noqa: N802
        return f"exp({self._print(expr.args[0])})"


def written(expression: sympy.Expr) -> str:
    """An expression in the syntax of the problem file; very long ones are cut."""
    text = str(_Writer().doprint(expression))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
