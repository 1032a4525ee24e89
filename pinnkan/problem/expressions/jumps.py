"""Whether an expression jumps inside the domain: its derivative then holds a delta function that no formula shows.

If e jumps by [e] across f = 0, then D_i e = (D_i e almost everywhere) + [e] n_i delta(f) with the unit normal n
(Hoermander 1990, The Analysis of Linear Partial Differential Operators I, section 3.1). So the derivative almost
everywhere is the derivative if [e] vanishes on f = 0, or if f does not depend on coordinate i.

Every heaviside, sign, abs, max and min is written with sigma = sign(f), one for each factor f of its argument. A factor
with a proven sign in the box becomes a number. [e] is e at sigma = 1 less e at sigma = -1, with f = 0 substituted.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import sympy

from pinnkan.problem.expressions.factors import as_fractions, factors
from pinnkan.problem.expressions.functions import Larger, Magnitude, Signum, Smaller, UnitStep, switch_argument
from pinnkan.problem.expressions.sign import SymbolRanges, is_bounded, proven_sign

JUMP_FUNCTIONS = (Signum, UnitStep)
KINK_FUNCTIONS = (Magnitude, Larger, Smaller)
SWITCH_FUNCTIONS = (*JUMP_FUNCTIONS, *KINK_FUNCTIONS)

_MOST_BRANCHES = 64  # cases of nested switching functions; with more the jump is not known (heuristic)
_MOST_TERMS = 2_000  # of a jump that is multiplied out (0.1 s); a larger one counts as a jump


@dataclass(frozen=True)
class Jump:
    """``node`` jumps where ``surface`` = 0; ``size`` is the jump of the whole expression, None where unknown."""

    node: sympy.Expr
    surface: sympy.Expr
    size: sympy.Expr | None


class UndecidedError(Exception):
    """The value of an expression on a surface cannot be computed."""


@dataclass
class SignVariables:
    """Sign variables (``sigmas``) by factor, the function (``source_nodes``) of each, and the number of cases.

    ``depends_on_axis``: whether an expression depends on the coordinate of differentiation.
    """

    box: SymbolRanges
    depends_on_axis: Callable[[sympy.Expr], bool]
    sigmas: dict[sympy.Expr, sympy.Dummy] = field(default_factory=dict)
    source_nodes: dict[sympy.Expr, sympy.Expr] = field(default_factory=dict)
    case_count: int = 0


def find_jump(e: sympy.Expr, box: SymbolRanges, depends_on_axis: Callable[[sympy.Expr], bool]) -> Jump | None:
    """The first jump of an expression inside the box across a surface whose factor fulfils ``depends_on_axis``.

    None if none.
    """
    plain = resolve_fixed_switches(as_fractions(e, {}), box)
    return _first(plain, SignVariables(box, depends_on_axis)) if plain.has(*SWITCH_FUNCTIONS) else None


def resolve_fixed_switches(e: sympy.Expr, box: SymbolRanges) -> sympy.Expr:
    """Replace each heaviside, sign, abs, max and min that provably does not switch in the box by its branch."""

    def branch(node: sympy.Expr) -> sympy.Expr:
        is_open = isinstance(node, JUMP_FUNCTIONS) and node.args[0].has(*SWITCH_FUNCTIONS)  # may vanish on an interval
        return node if is_open else _branch(node, _sign(as_fractions(switch_argument(node), {}), box))

    return _rewritten(e, branch)


def _rewritten(e: sympy.Expr, rewrite: Callable[[sympy.Expr], sympy.Expr]) -> sympy.Expr:
    """Apply ``rewrite`` to every switching function, innermost first."""
    known: dict[sympy.Expr, sympy.Expr] = {}

    def visit(e: sympy.Expr) -> sympy.Expr:
        if e not in known:
            new = e.func(*map(visit, e.args)) if e.has(*SWITCH_FUNCTIONS) else e
            known[e] = rewrite(new) if isinstance(new, SWITCH_FUNCTIONS) else new
        return known[e]

    return visit(e)


def _branch(e: sympy.Expr, value: int) -> sympy.Expr:
    """The branch of a switching function where its argument has sign ``value``; the function itself where that is 0."""
    if value == 0:
        return e
    if isinstance(e, Larger | Smaller):
        return e.args[0] if (value > 0) == isinstance(e, Larger) else e.args[1]
    if isinstance(e, Magnitude):
        return value * e.args[0]
    return sympy.Integer(value if isinstance(e, Signum) else (1 + value) // 2)


def _sign(g: sympy.Expr, box: SymbolRanges) -> int:
    number, parts = factors(g)
    value = sympy.sign(number)
    if not value.is_Integer:
        return 0
    for f, times in parts.items():
        value *= proven_sign(f, box) if times % 2 else 1
    return int(value)


def substitute_sign_variables(e: sympy.Expr, search: SignVariables) -> sympy.Expr:
    """Write switching functions, innermost first, by sign variables, unless their argument holds one already."""

    def by_signs(node: sympy.Expr) -> sympy.Expr:
        return node if any(a.has(*SWITCH_FUNCTIONS, sympy.Dummy) for a in node.args) else _by_signs(node, search)

    return _rewritten(e, by_signs)


def _by_signs(node: sympy.Expr, search: SignVariables) -> sympy.Expr:
    g = switch_argument(node)
    number, parts = factors(sympy.expand_mul(g) if isinstance(g, sympy.Add) else g)
    if number == 0:
        if isinstance(node, JUMP_FUNCTIONS):
            raise UndecidedError
        return node.args[0] if isinstance(node, Larger | Smaller) else sympy.S.Zero
    value: sympy.Expr = sympy.sign(number)
    if not value.is_Integer:
        raise UndecidedError
    for f, times in parts.items():
        if times % 2:
            value *= proven_sign(f, search.box) or _sigma(f, node, search)
    size = value * sympy.Mul(number, *(f**n for f, n in parts.items()))
    if isinstance(node, Signum):
        return value
    if isinstance(node, UnitStep):
        return (1 + value) / 2
    if isinstance(node, Magnitude):
        return size
    mean = (node.args[0] + node.args[1]) / 2
    return mean + (size if isinstance(node, Larger) else -size) / 2


def _sigma(f: sympy.Expr, node: sympy.Expr, search: SignVariables) -> sympy.Dummy:
    search.source_nodes.setdefault(f, node)
    if isinstance(node, JUMP_FUNCTIONS) and not isinstance(search.source_nodes[f], JUMP_FUNCTIONS):
        search.source_nodes[f] = node
    return search.sigmas.setdefault(f, sympy.Dummy("sigma"))


def _first(e: sympy.Expr, search: SignVariables) -> Jump | None:
    search.case_count += 1
    try:
        e = substitute_sign_variables(e, search)
    except UndecidedError:
        return _jump_of_unknown_size(e)
    for jump in jumps_by_factor(e, search):
        return jump
    outer = {s for node in e.atoms(*SWITCH_FUNCTIONS) for s in node.free_symbols if isinstance(s, sympy.Dummy)}
    if not outer:
        return None
    if search.case_count > _MOST_BRANCHES:
        return _jump_of_unknown_size(e)
    sigma = min(outer, key=lambda s: s.dummy_index)
    for value in (1, -1):
        found = _first(e.xreplace({sigma: sympy.Integer(value)}), search)
        if found is not None:
            return found
    return None


def jumps_by_factor(e: sympy.Expr, search: SignVariables) -> Iterator[Jump]:
    """The jumps of an expression in sign variables, one for each factor that fulfils ``depends_on_axis``."""
    for f, sigma in list(search.sigmas.items()):
        if sigma in e.free_symbols and search.depends_on_axis(f):
            size = _jump_size(e, f, sigma, search)
            if size is None or not size.is_zero:
                yield Jump(search.source_nodes[f], f, size)


def _jump_of_unknown_size(e: sympy.Expr) -> Jump:
    node = min(e.atoms(*SWITCH_FUNCTIONS), key=str)
    return Jump(node, switch_argument(node), None)


def _jump_size(e: sympy.Expr, f: sympy.Expr, sigma: sympy.Dummy, search: SignVariables) -> sympy.Expr | None:
    """The jump [e] on f = 0, simplified: zero, or a nonzero expression; None where it cannot be computed."""
    above, below = (e.xreplace({sigma: sympy.Integer(v)}) for v in (1, -1))
    worst: sympy.Expr | None = sympy.S.Zero
    for on_surface in _surfaces(f, search.box, above - below):
        try:
            size = _reduced(on_surface(above, search) - on_surface(below, search), search)
        except UndecidedError:
            return None
        if not size.is_zero:
            worst = size
    return worst


OnSurface = Callable[[sympy.Expr, SignVariables], sympy.Expr]


def _surfaces(f: sympy.Expr, box: SymbolRanges, jump: sympy.Expr) -> Iterator[OnSurface]:
    """For every part of f = 0 in the box: a function that substitutes it into an expression."""
    roots = list(surface_solutions(f, box))
    if not roots:
        yield partial(_without, f, jump)
    for symbol, value in roots:
        yield partial(_at, symbol, value)


def surface_solutions(f: sympy.Expr, box: SymbolRanges) -> Iterator[tuple[sympy.Symbol, sympy.Expr]]:
    """(symbol, value) of f = 0: where f is linear in a symbol, or a quadratic of its only one (roots in the box)."""
    symbols = sorted(f.free_symbols, key=lambda s: (s in box.symbols, str(s)))
    for s in symbols:
        slope = sympy.diff(f, s)
        if slope.is_number and not slope.is_zero:
            yield s, sympy.expand(s - f / slope)
            return
    if len(symbols) != 1 or not f.is_polynomial(*symbols) or sympy.degree(f, symbols[0]) != 2:
        return
    (s,) = symbols
    low, high = dict(zip(box.symbols, box.ranges, strict=True)).get(s, (-sympy.oo, sympy.oo))
    for root in sympy.roots(f, s):
        if root.is_real and low < float(root) < high:
            yield s, root


def _at(s: sympy.Symbol, value: sympy.Expr, e: sympy.Expr, search: SignVariables) -> sympy.Expr:
    """The expression with s = ``value``, and with the signs that the other factors provably have there."""
    here = {sigma: proven_sign(sympy.expand(f.xreplace({s: value})), search.box) for f, sigma in search.sigmas.items()}
    there = {sigma: sympy.Integer(v) for sigma, v in here.items() if v}
    return substitute_sign_variables(e.xreplace({s: value, **there}), search)


def _without(f: sympy.Expr, jump: sympy.Expr, e: sympy.Expr, search: SignVariables) -> sympy.Expr:
    """The expression with the largest term of f eliminated by f = 0; UndecidedError if ``jump`` may be infinite."""
    for node in jump.atoms(sympy.Pow, sympy.log, sympy.tan):
        if isinstance(node, sympy.Pow) and node.exp.is_number and node.exp > 0:
            continue
        if not is_bounded(node, search.box):
            raise UndecidedError
    terms = [t for t in sympy.Add.make_args(f) if not t.is_number]
    coefficient, term = max(terms, key=lambda t: (t.count_ops(), str(t))).as_coeff_Mul()
    return substitute_sign_variables(e.subs(term, term - f / coefficient), search)


def _reduced(size: sympy.Expr, search: SignVariables) -> sympy.Expr:
    """A jump multiplied out, with squares of sign variables replaced by one."""
    if size.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        raise UndecidedError
    if _terms(size) > _MOST_TERMS:
        return size
    size = sympy.expand(size)
    signs = set(search.sigmas.values())
    squares = {p: p.base ** (p.exp % 2) for p in size.atoms(sympy.Pow) if p.base in signs and p.exp.is_Integer}
    return sympy.expand(size.xreplace(squares)) if squares else size


def _terms(e: sympy.Expr) -> int:
    """An upper bound of the number of terms of an expression multiplied out, inner ones included."""
    if not e.args:
        return 1
    inner = [_terms(a) for a in e.args]
    if isinstance(e, sympy.Add):
        return sum(inner)
    if isinstance(e, sympy.Pow) and e.exp.is_Integer:
        return min(inner[0], _MOST_TERMS + 1) ** min(abs(int(e.exp)), 100)
    return math.prod(inner)
