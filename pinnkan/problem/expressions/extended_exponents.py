"""Evaluate a tape in numbers m 2**e with a float64 exponent e, where float64 overflows in between.

For example exp(a)**2/(1 + exp(a))**3 is inf/inf in float64 from a = 355 on, though it is tiny. 1/2 <= |m| < 1, and e is
whole, so products, powers and sums of exponentials overflow only when they are converted back.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ScaledNumber = tuple[Array, Array]  # m and e of m 2**e
Instruction = tuple[str, tuple[int, ...], float]


def evaluate_scaled(code: Sequence[Instruction], values: Sequence[Any], run_float64: Callable[..., Any]) -> list[Array]:
    """All registers of a tape: the inputs, then the result of every instruction.

    ``run_float64`` runs one in float64.
    """
    registers = [_normal(np.asarray(v, dtype=np.float64), np.float64(0.0)) for v in values]
    for name, arguments, value in code:
        registers.append(_run(name, [registers[a] for a in arguments], value, run_float64))
    return [_float(r) for r in registers]


def _normal(m: Any, e: Any) -> ScaledNumber:
    mantissa, shift = np.frexp(m)
    return mantissa, np.where(mantissa == 0.0, 0.0, e + shift)


def _float(number: ScaledNumber) -> Array:
    m, e = number
    return np.ldexp(m, np.clip(e, -5000, 5000).astype(np.int64))


def _run(name: str, args: list[ScaledNumber], value: float, run_float64: Callable[..., Any]) -> ScaledNumber:
    if name == "add":
        return _sum(args)
    if name == "multiply":
        product = args[0]
        for m, e in args[1:]:
            product = _normal(product[0] * m, product[1] + e)
        return product
    if name == "exp":
        return _exp(_float(args[0]))
    if name in ("cosh", "sinh"):
        return _hyperbolic(name, args[0], run_float64)
    if name == "sqrt" or (name == "power" and len(args) == 1):
        return _power(*args[0], 0.5 if name == "sqrt" else value)
    if name == "abs":
        return np.abs(args[0][0]), args[0][1]
    if name == "log":
        return _normal(np.log(args[0][0]) + args[0][1] * np.log(2.0), np.float64(0.0))
    return _normal(np.asarray(run_float64(np, name, [_float(a) for a in args], value)), np.float64(0.0))


def _sum(args: list[ScaledNumber]) -> ScaledNumber:
    exponents = [np.where(m == 0.0, -np.inf, e) for m, e in args]
    top = exponents[0]
    for e in exponents[1:]:
        top = np.maximum(top, e)
    top = np.where(np.isfinite(top), top, 0.0)
    terms = [m * np.exp2(e - top) for (m, _), e in zip(args, exponents, strict=True)]
    return _normal(sum(terms[1:], terms[0]), top)


def _exp(a: Array) -> ScaledNumber:
    bits = a / np.log(2.0)
    whole = np.where(np.isfinite(bits), np.floor(bits), 0.0)
    return _normal(np.exp(a - whole * np.log(2.0)), whole)


def _hyperbolic(name: str, argument: ScaledNumber, run_float64: Callable[..., Any]) -> ScaledNumber:
    """cosh or sinh, (exp(a) +- exp(-a))/2 where float64 overflows, else by ``run_float64``."""
    a = _float(argument)
    (up, high), (down, low) = _exp(a), _exp(-a)
    m, e = _sum([(up, high), (down if name == "cosh" else -down, low)])
    near = np.asarray(run_float64(np, name, [a], 0.0))
    inside = np.isfinite(near)
    return _normal(np.where(inside, near, m / 2), np.where(inside, 0.0, e))


def _power(m: Array, e: Array, n: float) -> ScaledNumber:
    whole = int(n) == n
    exponent = e * n
    bits = np.floor(exponent)
    return _normal(m ** (int(n) if whole else n) * np.exp2(exponent - bits), bits)
