"""The penalty formulation a = K max(-b, 0) of min(a, b) = 0, for b with lower derivatives than a.

The set where an obstacle problem switches is unknown, and Gauss-Newton moves it to and fro. The penalty lets b be
negative by a/K. Measured: -u'' and u - psi on a line, tolerance 1e-3, K = 1e5: error 2e-4.
"""

from collections.abc import Iterator

import sympy

from pinnkan.problem.expressions.functions import Larger, Smaller, expression_text
from pinnkan.problem.statement import Equation, Problem

#: K times the tolerance.
PENALTY_TIMES_TOLERANCE = 100.0


def penalty_advice(problem: Problem) -> Iterator[str]:
    """Yield advice in words how to rewrite each equation that switches."""
    for equation in problem.equations:
        _, node = equation.residual.as_coeff_Mul()
        if isinstance(node, Larger | Smaller):
            a, b = sorted(node.args, key=lambda e: -_order(e, equation))
            if _order(a, equation) > _order(b, equation):
                sign = 1 if isinstance(node, Smaller) else -1
                beyond = expression_text(Larger(-sign * b, sympy.Integer(0)))
                firm = f"{PENALTY_TIMES_TOLERANCE / problem.solver.tolerance:.0e}".replace("e+0", "e")
                instead = f"`{expression_text(sign * a)} = {firm}*{beyond}`"
                yield (
                    f"`{equation.text}` switches where nobody knows: write {instead}, "
                    f"which holds it to about the reciprocal of that number."
                )


def _order(e: sympy.Expr, equation: Equation) -> int:
    return max((jet.total_order for symbol, jet in equation.jets.items() if symbol in e.free_symbols), default=-1)
