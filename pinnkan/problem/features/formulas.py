"""The formulas of a problem that may have features: its equations, and its conditions on their sides."""

from collections.abc import Iterable, Iterator, Sequence

import sympy

from pinnkan.problem.statement import Problem, Side


def formulas(problem: Problem) -> tuple[sympy.Expr, ...]:
    """Return the residuals of all equations and conditions; on a side its coordinate is replaced by its value."""
    out = [e.residual for e in problem.equations]
    for c in problem.conditions:
        if c.equation is not None and isinstance(c.place, Side):
            fixed = problem.domain.boundary_pieces[c.place].fixed
            out.append(c.equation.residual.subs({problem.coordinates[i]: end for i, end in fixed.items()}))
    return tuple(out)


def formula_parts(expressions: Iterable[sympy.Expr], coordinates: Sequence[sympy.Symbol]) -> Iterator[sympy.Expr]:
    """Yield terms of coordinates alone, without numerical factors, and the functions and powers in them."""
    known = set(coordinates)
    for e in expressions:
        if isinstance(e, sympy.Add) or not e.free_symbols:
            yield from formula_parts(e.args, coordinates)
            continue
        if not e.free_symbols <= known:  # factors of a derivative of the solution form one part
            given = [a for a in e.args if a.free_symbols <= known] if isinstance(e, sympy.Mul) else []
            yield from formula_parts([sympy.Mul(*given), *(a for a in e.args if a not in given)], coordinates)
            continue
        whole = e.as_independent(*coordinates, as_Add=False)[1]
        if not isinstance(whole, sympy.Add | sympy.Symbol):
            yield whole
        yield from formula_parts(whole.args, coordinates)


def is_compound(part: sympy.Expr) -> bool:
    """Whether a part is a product or a whole power, which can hardly be narrower than its factors."""
    return part.is_Mul or (part.is_Pow and bool(part.exp.is_Integer) and bool(part.exp > 0))


def contains_any(part: sympy.Expr, expressions: set[sympy.Expr]) -> bool:
    """Whether one of the ``expressions`` is a subexpression of a part."""
    return any(node in expressions for node in sympy.preorder_traversal(part))
