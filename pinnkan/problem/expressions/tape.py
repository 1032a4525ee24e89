"""Evaluate sympy expressions on arrays by a list of instructions, without generating code.

An expression is converted once to instructions, with shared subexpressions computed once. They run on numpy arrays or
on torch tensors, according to the namespace given.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.problem.expressions import extended_exponents, functions

_UNARY: dict[Any, str] = {
    sympy.sin: "sin", sympy.cos: "cos", sympy.tan: "tan",
    sympy.asin: "arcsin", sympy.acos: "arccos", sympy.atan: "arctan",
    sympy.sinh: "sinh", sympy.cosh: "cosh", sympy.tanh: "tanh",
    functions.HyperbolicSine: "sinh", functions.HyperbolicCosine: "cosh", functions.HyperbolicTangent: "tanh",
    sympy.exp: "exp", sympy.log: "log", sympy.erf: "erf",
    functions.Magnitude: "abs", functions.Signum: "sign", functions.UnitStep: "heaviside",
}  # fmt: skip


class Tape:
    """Instructions that compute several expressions of the same symbols.

    Args:
        expressions: what to compute; every free symbol must be among ``symbols``.
        symbols: the inputs, in the order in which :meth:`__call__` takes their values.

    Raises ValueError: an expression holds a symbol or a function that has no instruction.
    """

    def __init__(self, expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]) -> None:
        self.input_count = len(symbols)
        self._slots: dict[sympy.Basic, int] = {symbol: i for i, symbol in enumerate(symbols)}
        self._code: list[tuple[str, tuple[int, ...], float]] = []
        self.outputs = tuple(self._emit(e) for e in expressions)

    @property
    def instructions(self) -> Sequence[tuple[str, tuple[int, ...], float]]:
        """(name, registers of the arguments, number) of each; registers are the inputs, then one per instruction."""
        return self._code

    @classmethod
    def from_instructions(
        cls, input_count: int, instructions: Sequence[Sequence[Any]], outputs: Sequence[int]
    ) -> "Tape":
        """The tape with ``input_count`` inputs, these :attr:`instructions`, and the result registers ``outputs``."""
        tape = cls([], [])
        tape.input_count, tape.outputs = input_count, tuple(outputs)
        tape._code = [(name, tuple(arguments), value) for name, arguments, value in instructions]
        return tape

    def first_output(self) -> "Tape":
        """The tape of the first output alone."""
        count = max(self.outputs[0] - self.input_count + 1, 0)
        return Tape.from_instructions(self.input_count, self._code[:count], self.outputs[:1])

    def _emit(self, e: sympy.Basic) -> int:
        slot = self._slots.get(e)
        if slot is not None:
            return slot
        if e.is_Number or e.is_NumberSymbol:
            return self._append(e, "constant", (), float(e))
        if isinstance(e, sympy.Add | sympy.Mul):
            name = "add" if isinstance(e, sympy.Add) else "multiply"
            return self._append(e, name, tuple(self._emit(a) for a in e.args))
        if isinstance(e, sympy.Pow):
            return self._emit_power(e)
        if isinstance(e, functions.Larger | functions.Smaller):
            name = "maximum" if isinstance(e, functions.Larger) else "minimum"
            return self._append(e, name, tuple(self._emit(a) for a in e.args))
        if isinstance(e, functions.LimitFunction):
            return self._emit_continued(e)
        if isinstance(e, sympy.cot):  # sympy turns tan(x + pi/2) into it
            return self._append(e, "power", (self._emit(sympy.tan(e.args[0])),), -1.0)
        name_or_none = _UNARY.get(e.func)
        if name_or_none is None:
            raise ValueError(f"no instruction for {e}")
        return self._append(e, name_or_none, (self._emit(e.args[0]),))

    def _emit_power(self, e: sympy.Pow) -> int:
        base, exponent = e.args
        if base is sympy.E:
            return self._append(e, "exp", (self._emit(exponent),))
        if exponent == sympy.Rational(1, 2):
            return self._append(e, "sqrt", (self._emit(base),))
        if exponent.is_Number:
            return self._append(e, "power", (self._emit(base),), float(exponent))
        return self._append(e, "power", (self._emit(base), self._emit(exponent)))

    def _emit_continued(self, e: functions.LimitFunction) -> int:
        """The formula, then for each of its singular points the polynomial near it, by Horner's rule."""
        found = self._emit(e.original_formula())
        for near in e.polynomials:
            distance = self._emit(e.args[0] - near.centre)
            value, *lower = (self._put("constant", (), a) for a in reversed(near.coefficients))
            for a in lower:
                value = self._put("add", (a, self._put("multiply", (distance, value))))
            found = self._put("near", (distance, value, found), near.radius)
        self._slots[e] = found
        return found

    def _append(self, e: sympy.Basic, name: str, arguments: tuple[int, ...], value: float = 0.0) -> int:
        self._slots[e] = self._put(name, arguments, value)
        return self._slots[e]

    def _put(self, name: str, arguments: tuple[int, ...], value: float = 0.0) -> int:
        self._code.append((name, arguments, value))
        return self.input_count + len(self._code) - 1

    def __call__(self, values: Sequence[Any], namespace: Any = np) -> list[Any]:
        """The expressions at ``values`` (one array per symbol, broadcastable); results broadcast and may be scalars.

        ``namespace`` is numpy, or torch for tensors. Invalid operations silently give nan or inf. Where only an
        intermediate value overflows, the result is computed again with extended exponents.
        """
        results = self.evaluate_once(values, namespace)
        with np.errstate(all="ignore"):
            may_overflow = any(name in ("exp", "cosh", "sinh") for name, _, _ in self._code)
            if may_overflow and not all(namespace.isfinite(_array(namespace, r)).all() for r in results):
                inputs = [np.asarray(v.detach().cpu() if hasattr(v, "detach") else v) for v in values]
                again = extended_exponents.evaluate_scaled(self._code, inputs, _run)
                results = [_filled(namespace, r, again[i]) for r, i in zip(results, self.outputs, strict=True)]
        return results

    def evaluate_once(self, values: Sequence[Any], namespace: Any = np) -> list[Any]:
        """The expressions at ``values``, which may be complex, without the second evaluation on overflow."""
        registers: list[Any] = list(values)
        with np.errstate(all="ignore"):
            for name, arguments, value in self._code:
                registers.append(_run(namespace, name, [registers[a] for a in arguments], value))
        return [registers[i] for i in self.outputs]


def _filled(xp: Any, value: Any, again: NDArray[np.float64]) -> Any:
    """``value``, with ``again`` in its non-finite entries."""
    value = _array(xp, value)
    other = again if xp is np else xp.as_tensor(again, dtype=value.dtype, device=value.device)
    return xp.where(xp.isfinite(value), value, other)


def _run(xp: Any, name: str, args: list[Any], value: float) -> Any:
    if name == "constant":
        return value
    if name in ("add", "multiply"):
        total, *others = sorted(args, key=_extent)
        for other in others:
            total = total + other if name == "add" else total * other
        return total
    if name == "power":
        if len(args) == 2:
            return _array(xp, args[0]) ** args[1]
        whole = int(value) == value
        return _array(xp, args[0]) ** (int(value) if whole else value)
    if name in ("maximum", "minimum"):
        result = _array(xp, args[0])
        for other in args[1:]:
            result = getattr(xp, name)(result, _array(xp, other))
        return result
    if name == "near":
        distance, near, beyond = (_array(xp, a) for a in args)
        return xp.where(xp.abs(distance) < value, near, beyond)
    if name == "heaviside":
        x = _array(xp, args[0])
        return 0.5 * (xp.sign(x) + 1.0)
    if name == "erf" and xp is np:
        from scipy.special import erf

        return erf(args[0])
    function: Callable[[Any], Any] = getattr(xp, name)
    return function(_array(xp, args[0]))


def _extent(value: Any) -> tuple[int, ...]:
    """Sort key that puts small arrays first, equal shapes together: partial sums stay small as long as possible."""
    shape = tuple(getattr(value, "shape", ()))
    return (prod(shape), *shape)


def _array(xp: Any, value: Any) -> Any:
    """A Python number as an array of the namespace; arrays as they are."""
    if isinstance(value, int | float):
        return np.float64(value) if xp is np else xp.tensor(value, dtype=xp.float64)
    return value
