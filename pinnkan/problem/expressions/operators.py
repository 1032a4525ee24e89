"""Derivatives of expressions: the total derivative on jet symbols.

A derivative of an unknown is a symbol (``u_xx``), not a sympy ``Derivative``: ``D_x F = dF/dx + sum_j dF/dj * j_x``
over the jets j in F, where ``j_x`` is the symbol of the next order in x. This is the derivative almost everywhere. An F
that jumps in the domain has a delta function besides (:mod:`pinnkan.problem.expressions.jumps`).
"""

import copy
from collections.abc import Collection, Sequence

import sympy

from pinnkan.problem.coordinates import order_of
from pinnkan.problem.expressions.factors import as_decimals
from pinnkan.problem.expressions.functions import expression_text
from pinnkan.problem.expressions.hidden_jumps import find_hidden_jump
from pinnkan.problem.expressions.jump_planes import find_jump_planes, jump_message
from pinnkan.problem.expressions.jumps import Jump, find_jump, resolve_fixed_switches
from pinnkan.problem.expressions.sign import SymbolRanges
from pinnkan.problem.statement import Jet

MAX_NODES = 20_000  # largest number of nodes of an expression after derivatives (about a second of work)
MAX_WORK = 5 * MAX_NODES  # largest number of nodes of all derivatives of a file before anything cancels
MAX_ORDER = 4  # highest order of a derivative that networks provide


class OperatorError(Exception):
    """An operator cannot be applied; the message says why and ``hint`` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


class JumpError(OperatorError):
    """The differentiated expression jumps in the domain; ``description`` says which part of it, and at which place."""

    def __init__(self, description: str, hint: str) -> None:
        self.description = description
        super().__init__(f"this differentiates a jump: {description}", hint)


class JetSpace:
    """The symbols of all derivatives of the unknowns in the given coordinates, made on demand.

    Args:
        coordinates: names, in the order x, y, z (or x1, x2, ..), t.
        unknowns: names.
        ranges: the ends of the coordinates; empty where they are not bounded.
        periodic_axes: those of coordinates on a circle.
        numbers: names of constants that are found with the unknowns; as jets they follow these, without derivatives.
    """

    def __init__(
        self,
        coordinates: Sequence[str],
        unknowns: Sequence[str],
        ranges: Sequence[tuple[float, float]] = (),
        periodic_axes: Collection[int] = (),
        numbers: Sequence[str] = (),
    ) -> None:
        self.coordinates = tuple(coordinates)
        self.unknowns = tuple(unknowns)
        self.numbers = tuple(numbers)
        self.coordinate_symbols = tuple(sympy.Symbol(c) for c in coordinates)
        self.box = SymbolRanges(self.coordinate_symbols[: len(ranges)], tuple(ranges))
        self._jets: dict[sympy.Symbol, Jet] = {}
        self._work = {"nodes": 0}  # shared with the copies
        self._allows_deltas = False
        self.periodic_axes = frozenset(periodic_axes)
        self.deltas: dict[sympy.Symbol, tuple[int, float, JumpError]] = {}
        self._lower_side: dict[sympy.Symbol, sympy.Symbol] = {}

    def on_side(self, axis: int, end: int) -> "JetSpace":
        """A space with the same symbols, for derivatives on the side where coordinate ``axis`` is at that end."""
        side = copy.copy(self)
        side.box = self.box.on_side(axis, end) if self.box.symbols else self.box
        return side

    def with_jump_deltas(self, allow_deltas: bool = True) -> "JetSpace":
        """A space with the same symbols in which a jump across a plane is differentiated to a delta function."""
        equation = copy.copy(self)
        equation._allows_deltas = allow_deltas
        return equation

    def deltas_of(self, expression: sympy.Expr) -> dict[sympy.Symbol, tuple[int, float, JumpError]]:
        """The delta functions in an expression: axis, position, and the error to raise where it is not allowed."""
        return {s: self.deltas[s] for s in sorted(expression.free_symbols & set(self.deltas), key=str)}

    def lower_side_symbol(self, symbol: sympy.Symbol) -> sympy.Symbol:
        """The symbol of the same derivative on the lower side of a plane across which it may jump."""
        found = sympy.Symbol(f"{symbol.name}|below")
        self._lower_side[found] = symbol
        return found

    def upper_side_symbol(self, symbol: sympy.Symbol) -> sympy.Symbol:
        """The inverse of :meth:`without_space_derivatives`."""
        return self._lower_side[symbol]

    def lower_side_jets(self, expression: sympy.Expr) -> dict[sympy.Symbol, Jet]:
        """The symbols of the lower side in an expression, each with its jet."""
        return {
            s: self._jets[self._lower_side[s]] for s in sorted(expression.free_symbols & set(self._lower_side), key=str)
        }

    @property
    def space_axes(self) -> tuple[int, ...]:
        """The axes that are not time."""
        return tuple(i for i, c in enumerate(self.coordinates) if c != "t")

    def jet_symbol(self, jet: Jet) -> sympy.Symbol:
        """The symbol of a derivative: ``u``, or e.g. ``u_xxt``. Raises OperatorError: the order is above MAX_ORDER."""
        if jet.total_order > MAX_ORDER:
            raise OperatorError(
                f"a derivative of order {jet.total_order}; {MAX_ORDER} is the highest",
                "more need a system of equations",
            )
        subscript = "".join(c * n for c, n in zip(self.coordinates, jet.order, strict=True))
        name = (self.unknowns + self.numbers)[jet.unknown]
        symbol = sympy.Symbol(name + ("_" + subscript if subscript else ""))
        self._jets[symbol] = jet
        return symbol

    def unknown_symbol(self, name: str, subscript: str = "") -> sympy.Symbol:
        """The symbol of an unknown, differentiated by the coordinates in the subscript, which may be in any order."""
        order = order_of(subscript, self.coordinates) or (0,) * len(self.coordinates)
        return self.jet_symbol(Jet(self.unknowns.index(name), order))

    def number_symbols(self) -> dict[str, sympy.Symbol]:
        """The symbols of the numbers by name."""
        none, first = (0,) * len(self.coordinates), len(self.unknowns)
        return {name: self.jet_symbol(Jet(first + k, none)) for k, name in enumerate(self.numbers)}

    def is_number(self, jet: Jet) -> bool:
        """Whether a jet is a number that is found with the unknowns."""
        return jet.unknown >= len(self.unknowns)

    def jets_of(self, expression: sympy.Basic) -> dict[sympy.Symbol, Jet]:
        """The jet symbols in an expression, each with its jet, sorted by unknown and order."""
        found = [(self._jets[s], s) for s in expression.free_symbols if s in self._jets]
        return {s: j for j, s in sorted(found, key=lambda p: (p[0].unknown, p[0].total_order, p[0].order))}

    def derivative(self, expression: sympy.Expr, axis: int) -> sympy.Expr:
        """The total derivative of an expression by coordinate ``axis``.

        Raises:
            JumpError: the expression jumps in the domain, or may, across a surface that is not parallel to the axis;
                in a space from :meth:`joining` only where that is no plane of the coordinate.
            OperatorError: the result would be too large, or its order too high.
        """
        for _, _, error in self.deltas_of(expression).values():
            raise error
        self._spend(expression)
        jump = find_jump(expression, self.box, lambda f: self._depends(f, axis))
        found = self._derivative(resolve_fixed_switches(expression, self.box), axis)
        if jump is not None:
            return found + self._concentrated(expression, axis, jump)
        self._refuse_hidden(expression, found, axis)
        return found

    def _refuse_hidden(self, expression: sympy.Expr, derivative: sympy.Expr, axis: int) -> None:
        """Raise JumpError where an expression jumps though its formula shows no jump, see :func:`find_hidden_jump`."""
        closed = axis in self.periodic_axes and self.coordinate_symbols[axis] in expression.free_symbols
        powers = (not p.exp.is_Integer for p in expression.atoms(sympy.Pow))
        if not self.box.symbols or not (closed or expression.has(sympy.Function) or any(powers)):
            return
        ranges = self.box.side or self.box.ranges
        if ranges[axis][0] == ranges[axis][1]:  # the derivative is normal to the side
            return
        jets = self.jets_of(sympy.Tuple(expression, derivative))  # terms may cancel in one
        place = find_hidden_jump(expression, derivative, axis, self.coordinate_symbols, jets, ranges, closed)
        if place is not None:
            name, what = self.coordinates[axis], expression_text(as_decimals(expression))
            if closed and place == ranges[axis][1]:
                hint = f"on a circle what is differentiated by {name} has to be the same at both ends"
                raise JumpError(f"{what} is another at {name} = {ranges[axis][0]:g} than at {place:g}", hint)
            hint = "its derivative is a delta function, never dropped: smooth it, or write it with heaviside or abs"
            raise JumpError(f"{what} jumps, as near {name} = {place:.6g}", hint)

    def _concentrated(self, expression: sympy.Expr, axis: int, jump: Jump) -> sympy.Expr:
        """The delta functions in the derivative of a jump, [e] delta(x - c) each, with own symbols for the lower side.

        Raises JumpError: the jump is not across planes of the coordinate, or they cannot be solved for.
        """
        error = JumpError(*jump_message(jump, set(self._jets)))
        if not self._allows_deltas or self.coordinates[axis] == "t":
            raise error
        joints = find_jump_planes(expression, self.box, lambda f: self._depends(f, axis), self.coordinate_symbols[axis])
        total = sympy.S.Zero
        for joint in joints or ():
            delta = sympy.Symbol(f"delta({self.coordinates[axis]} = {joint.position!r})")
            self.deltas[delta] = axis, joint.position, error
            lower = {s: self.lower_side_symbol(s) for s in joint.below.free_symbols if s in self._jets}
            total += delta * (joint.above - joint.below.xreplace(lower))
        if not joints:
            raise error
        return total

    def regular_derivative(self, expression: sympy.Expr, axis: int) -> sympy.Expr:
        """The total derivative without delta functions: wherever the expression does not jump."""
        self._spend(expression)
        return self._derivative(resolve_fixed_switches(expression, self.box), axis)

    def _spend(self, expression: sympy.Expr) -> None:
        self._work["nodes"] += _derivative_size(expression, {})[1]
        if self._work["nodes"] > MAX_WORK:
            raise OperatorError("too much to differentiate: the expressions are too large", "simplify them first")

    def _derivative(self, expression: sympy.Expr, axis: int) -> sympy.Expr:
        result = self._derive(expression, axis, {})
        if node_count(result) > MAX_NODES:
            message = f"the derivative has more than {MAX_NODES:,} terms and factors"
            raise OperatorError(message, "simplify the expression first")
        return result

    def _depends(self, expression: sympy.Expr, axis: int) -> bool:
        varying = {s for s, jet in self._jets.items() if not self.is_number(jet)}
        return any(s == self.coordinate_symbols[axis] or s in varying for s in expression.free_symbols)

    def _derive(self, e: sympy.Expr, axis: int, known: dict[sympy.Expr, sympy.Expr]) -> sympy.Expr:
        if e in known:
            return known[e]
        if not e.args:
            result = self._derive_symbol(e, axis)
        else:
            inner = [self._derive(a, axis, known) for a in e.args]
            if isinstance(e, sympy.Add):
                result = sympy.Add(*inner)
            elif isinstance(e, sympy.Mul):
                terms = [(i, d) for i, d in enumerate(inner) if d is not sympy.S.Zero]
                result = sympy.Add(*(sympy.Mul(*e.args[:i], d, *e.args[i + 1 :]) for i, d in terms))
            elif isinstance(e, sympy.Pow):
                result = _derive_power(e, inner[0], inner[1])
            else:
                used = [(i, d) for i, d in enumerate(inner) if d is not sympy.S.Zero]
                result = sympy.Add(*(sympy.Mul(e.fdiff(i + 1), d) for i, d in used))
        known[e] = result
        return result

    def _derive_symbol(self, e: sympy.Expr, axis: int) -> sympy.Expr:
        jet = self._jets.get(e)
        if jet is None or self.is_number(jet):
            return sympy.S.One if e == self.coordinate_symbols[axis] else sympy.S.Zero
        raised = tuple(n + (i == axis) for i, n in enumerate(jet.order))
        return self.jet_symbol(Jet(jet.unknown, raised))


def _derive_power(e: sympy.Expr, base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    b, n = e.args
    result = sympy.S.Zero
    if base is not sympy.S.Zero:
        result = sympy.Mul(n, sympy.Pow(b, n - 1), base)
    if exponent is not sympy.S.Zero:
        result += sympy.Mul(e, sympy.log(b), exponent)
    return result


def node_count(expression: sympy.Expr) -> int:
    """The number of nodes of the expression's tree."""
    return _derivative_size(expression, {})[0]


def _derivative_size(e: sympy.Expr, known: dict[sympy.Expr, tuple[int, int]]) -> tuple[int, int]:
    """The number of nodes of an expression, and a bound for those of its derivative before anything cancels."""
    if e in known:
        return known[e]
    parts = [_derivative_size(a, known) for a in e.args]
    nodes = 1 + sum(p[0] for p in parts)
    if not parts:
        derived = 1
    elif isinstance(e, sympy.Add):
        derived = 1 + sum(p[1] for p in parts)
    else:
        derived = 1 + sum(nodes + p[1] for a, p in zip(e.args, parts, strict=True) if a.free_symbols)
    known[e] = (nodes, derived)
    return known[e]
