"""Parse the text of an expression to sympy, by an allow-list walk over Python's ``ast``; no text is executed."""

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import TypeAlias

import sympy

from pinnkan.problem.coordinates import order_of, split_subscript
from pinnkan.problem.expressions import operators, vector_operators
from pinnkan.problem.expressions.arithmetic import combine, is_real, round_long_numbers, sympy_number
from pinnkan.problem.expressions.constant_sums import has_cancelled, high_precision_sum
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.lexicon import ExpressionError, check_tokens
from pinnkan.problem.expressions.operators import OperatorError
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.expressions.vector_operators import Vector
from pinnkan.problem.notation_hints import foreign_name_hint, operator_hint
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.source import Scalar

_MAX_UNARY = 20  # nested signs and powers without parentheses

Result: TypeAlias = sympy.Expr | Vector


def parse(scalar: Scalar, scope: Scope, report: Report, start: int = 0, end: int | None = None) -> sympy.Expr | None:
    """The sympy expression of characters ``start`` to ``end`` of a value; None after a fault, which is reported."""
    text = scalar.text[start:end]
    report.count_characters(scalar.span, len(text))

    def fail(a: int, b: int, message: str, hint: str = "") -> None:
        report.error_at(scalar.part(start + a, start + b), message, hint)

    reader = _Reader(scope, fail)
    try:
        check_tokens(text)
        result = reader.visit(_tree(text))
        if isinstance(result, sympy.Expr) and not is_real(result):
            raise ExpressionError(0, len(text), "this has no finite real value", "look for a division by zero")
        if isinstance(result, Vector):
            raise ExpressionError(0, len(text), "this is a vector, where a number is needed", "apply div to a gradient")
        if operators.node_count(result) > operators.MAX_NODES:
            raise ExpressionError(0, len(text), f"an expression of more than {operators.MAX_NODES:,} terms and factors")
    except ExpressionError as fault:
        fail(fault.start, fault.end, fault.message, fault.hint)
        return None
    return None if reader.failed else result


def _tree(text: str) -> ast.expr:
    """Python's syntax tree of a text that passed :func:`check`; its column offsets are one too large."""
    flat = "(" + "".join(" " if c.isspace() else c for c in text) + ")"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(flat, mode="eval").body
    except SyntaxError as error:
        at = min(max((error.offset or 1) - 2, 0), len(text) - 1)
        raise ExpressionError(at, at + 1, "this is not an expression") from None
    except (ValueError, OverflowError, RecursionError, MemoryError):
        raise ExpressionError(0, len(text), "an expression that is too deep or too long") from None


class _Reader:
    """Converts one syntax tree to sympy. It reports each unknown name once and puts a dummy symbol in its place."""

    def __init__(self, scope: Scope, fail: Callable[..., None]) -> None:
        self.scope = scope
        self._unknown: set[str] = set()
        self._fail = fail
        self._depth = 0
        self._borrowed = 0  # nodes inserted by named parameters and functions

    @property
    def failed(self) -> bool:
        """Whether an unknown name was met."""
        return bool(self._unknown)

    def visit(self, node: ast.expr) -> Result:
        """The sympy value of a node. A chain of binary operators is processed by a loop, not by recursion."""
        chain = []
        while isinstance(node, ast.BinOp):
            chain.append(node)
            node = node.left
        self._depth += 1
        if self._depth > 4 * _MAX_UNARY + 80:
            raise _fault(node, "an expression nested too deeply", "name its parts under `functions`")
        result = self._visit_plain(node)
        for outer in reversed(chain):
            right = self.visit(outer.right)
            result = _restore_cancelled(
                outer, self.scope.values, result, right, _guarded(outer, _binary, outer, result, right)
            )
        self._depth -= 1
        return result

    def _visit_plain(self, node: ast.expr) -> Result:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return _number(node)
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
            inner = self.visit(node.operand)
            if isinstance(node.op, ast.UAdd):
                return inner
            return Vector(tuple(-c for c in inner.components)) if isinstance(inner, Vector) else -inner
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node, node.func.id)
        raise _fault(node, f"{type(node).__name__} has no meaning in an expression")

    def _name(self, node: ast.Name) -> Result:
        name, scope = node.id, self.scope
        if name in scope.values:
            scope.used_names.add(name)
            self._borrowed += operators.node_count(scope.values[name])
            if self._borrowed > operators.MAX_NODES:
                raise _fault(node, f"with the functions it uses, more than {operators.MAX_NODES:,} terms and factors")
            return scope.values[name]
        if name == "pi":
            return sympy.pi
        if name in scope.space.coordinates and scope.allows_coordinates:
            return scope.space.coordinate_symbols[scope.space.coordinates.index(name)]
        if scope.is_normal(name) and scope.normal is not None:
            return self._normal(node)
        if scope.allows_unknowns and name in scope.vectors:
            return self._vector(node)
        base, _, subscript = name.rpartition("_")
        if scope.allows_unknowns and name in scope.space.unknowns:
            return scope.space.unknown_symbol(name)
        if scope.allows_unknowns and base in scope.space.unknowns and order_of(subscript, scope.space.coordinates):
            return _guarded(node, scope.space.unknown_symbol, base, subscript)
        return self._unknown_name(node, base, split_subscript(subscript) or [])

    def _normal(self, node: ast.Name) -> sympy.Expr:
        """A component of the outward normal of the current side."""
        space = self.scope.space
        if "n" in space.unknowns:
            message = f"'{node.id}' could be the outward normal or a derivative of the unknown 'n'"
            raise _fault(node, message, f"write d{node.id[2:]}(n) for the derivative, or rename the unknown")
        assert self.scope.normal is not None
        component = self.scope.normal[space.coordinates.index(node.id[2:])]
        return component if isinstance(component, sympy.Expr) else sympy_number(component)

    def _vector(self, node: ast.Name) -> Vector:
        """The vector of unknowns with this name, one component per space coordinate."""
        space, parts = self.scope.space, self.scope.vectors[node.id]
        if len(parts) != len(space.space_axes):
            count = len(space.space_axes)
            message = f"'{node.id}' has {len(parts)} components, where space has {count}"
            raise _fault(node, message, "name its unknowns one by one")
        return Vector(tuple(space.unknown_symbol(part) for part in parts))

    def _unknown_name(self, node: ast.Name, base: str, by: list[str]) -> sympy.Expr:
        name = node.id
        if name not in self._unknown:
            self._fail(
                node.col_offset - 1, node.col_offset - 1 + len(name), *self.scope.unknown_name_message(name, base, by)
            )
        self._unknown.add(name)
        return sympy.Symbol("?")

    def _call(self, node: ast.Call, name: str) -> Result:
        if name in FUNCTIONS:
            return self._function(node, name)
        if self.scope.is_operator(name):
            return self._operator(node, name)
        if name in self.scope.known_names():
            hint = f"write {name}*(...) to multiply"
            if self.scope.allows_unknowns and name in self.scope.space.unknowns:
                hint = f"write {name} alone: a place or a time stands in `where`"
            raise _fault(node.func, f"'{name}' is not a function", hint)
        hint = (
            foreign_name_hint(name)
            or operator_hint(name, self.scope.space.coordinates)
            or did_you_mean(name, [*FUNCTIONS, *self.scope.operator_names()])
        )
        hint = hint or f"known functions: {', '.join(FUNCTIONS)}"
        raise _fault(node.func, f"unknown function '{name}'", hint)

    def _function(self, node: ast.Call, name: str) -> sympy.Expr:
        build, at_number, count = FUNCTIONS[name]
        arguments = [self._scalar(a) for a in node.args]
        if len(arguments) != count if count else len(arguments) < 2:
            wanted = f"{count} argument" if count else "at least 2 arguments"
            commas = "decimals have a dot, factors a *" if len(arguments) > 1 else ""
            raise _fault(node, f"{name} takes {wanted}, here are {len(arguments)}", commas)
        if all(a.is_number for a in arguments):
            value = _guarded(node, lambda: at_number(*(float(a) for a in arguments)))
            return _guarded(node, sympy_number, value)
        result = arguments[0]
        if count:
            return _guarded(node, lambda: round_long_numbers(build(result)))
        for other in arguments[1:]:
            result = build(result, other)
        return result

    def _operator(self, node: ast.Call, name: str) -> Result:
        space = self.scope.space
        if len(node.args) != 1:
            raise _fault(node, f"{name} takes 1 argument, here are {len(node.args)}")
        if not self.scope.allows_coordinates:
            raise _fault(node, f"{name} cannot stand in {self.scope.context}")
        if name == "integral":
            return self._integral(node)
        if name == "div":
            vector = self.visit(node.args[0])
            if not isinstance(vector, Vector):
                raise _fault(node.args[0], "div needs a vector", "write div(k*grad(u))")
            return _guarded(node, vector_operators.divergence, space, vector)
        inner = self._scalar(node.args[0])
        if name == "grad":
            return _guarded(node, vector_operators.gradient, space, inner)
        if name == "lap":
            return _guarded(node, vector_operators.laplacian, space, inner)
        if name == "dn":
            if self.scope.normal is None:
                raise _fault(node, "dn has a meaning only on a side of the domain", "use it in a boundary condition")
            return _guarded(node, vector_operators.normal_derivative, space, inner, self.scope.normal)
        coordinate = name[1:]
        if coordinate not in space.coordinates:
            message = f"{name} needs the coordinate '{coordinate}', which the domain lacks"
            raise _fault(node, message, operator_hint(name, space.coordinates) or self.scope.missing_coordinate_hint())
        return _guarded(node, space.derivative, inner, space.coordinates.index(coordinate))

    def _integral(self, node: ast.Call) -> sympy.Expr:
        integrals = self.scope.integrals
        if integrals is None:
            hint = "it stands in a condition `where: domain`: integral(p) = 0"
            raise _fault(node, f"an integral cannot stand in {self.scope.context}", hint)
        inner = self._scalar(node.args[0])
        if inner.free_symbols & set(integrals):
            raise _fault(node, "an integral inside an integral")
        symbol = sympy.Dummy("integral")
        integrals[symbol] = inner
        return symbol

    def _scalar(self, node: ast.expr) -> sympy.Expr:
        result = self.visit(node)
        if isinstance(result, Vector):
            raise _fault(node, "a vector where a number is needed", "apply div to a gradient")
        return result


def _fault(node: ast.expr, message: str, hint: str = "") -> ExpressionError:
    return ExpressionError(node.col_offset - 1, (node.end_col_offset or node.col_offset + 1) - 1, message, hint)


def _guarded(node: ast.expr, build: Callable[..., Result], *arguments: object) -> Result:
    """Call ``build``; convert arithmetic and operator errors to an ExpressionError at ``node``."""
    try:
        return build(*arguments)
    except OperatorError as error:
        raise _fault(node, str(error), error.hint) from None
    except ZeroDivisionError:
        raise _fault(node, "a division by zero") from None
    except (OverflowError, ValueError, TypeError):
        hint = "float64 ends at 1.8e308; roots and logarithms need positive numbers"
        raise _fault(node, "this has no finite real value", hint) from None


def _number(node: ast.Constant) -> sympy.Expr:
    try:
        return sympy_number(node.value)
    except (OverflowError, ValueError):
        raise _fault(node, "a number that float64 cannot hold", "the largest is about 1.8e308") from None


def _restore_cancelled(
    node: ast.BinOp, values: Mapping[str, sympy.Expr], left: Result, right: Result, result: Result
) -> Result:
    """The result of ``left op right``: ``result``, or the high-precision value where two numbers cancel."""
    if not isinstance(node.op, ast.Add | ast.Sub) or isinstance(result, Vector) or not result.is_number:
        return result
    if isinstance(left, Vector) or isinstance(right, Vector) or not has_cancelled(result, left, right):
        return result
    value = high_precision_sum(node, values)
    return result if value is None else _guarded(node, sympy_number, value)


def _binary(node: ast.BinOp, left: Result, right: Result) -> Result:
    """The result of ``left op right``. Vectors can be added to each other, multiplied and divided by numbers."""
    op = type(node.op)
    if op not in (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow):
        raise _fault(node, f"the operator {op.__name__} has no meaning here")
    if isinstance(left, Vector) and isinstance(right, Vector):
        if op not in (ast.Add, ast.Sub):
            raise _fault(node, "two vectors can only be added", "div(k*grad(u)) is the product a diffusion needs")
        return Vector(tuple(combine(op, a, b) for a, b in zip(left.components, right.components, strict=True)))
    if isinstance(left, Vector) and isinstance(right, sympy.Expr) and op in (ast.Mult, ast.Div):
        return Vector(tuple(combine(op, a, right) for a in left.components))
    if isinstance(right, Vector) and isinstance(left, sympy.Expr) and op is ast.Mult:
        return Vector(tuple(combine(op, left, b) for b in right.components))
    if isinstance(left, Vector) or isinstance(right, Vector):
        raise _fault(node, "a vector and a number cannot be combined this way", "apply div to a gradient")
    return combine(op, left, right)
