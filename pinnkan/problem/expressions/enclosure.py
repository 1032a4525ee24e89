"""Enclosures of expressions and of their first derivatives over many boxes at once.

A tape is evaluated in intervals, together with the derivatives by all inputs (forward differentiation). With the
derivative D over a box the mean value theorem gives a second enclosure of a sum or product f,

    f(c) + sum_i D_i [-r_i, r_i]        (c, r: centre and half-widths of the box),

whose excess over the range falls with the square of the width, that of plain intervals with the width (Moore 1966;
Neumaier 1990, Interval Methods for Systems of Equations, section 2.3). The intersection of both is returned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.problem.expressions import interval
from pinnkan.problem.expressions.interval import Array, Interval
from pinnkan.problem.expressions.tape import Tape

_MARGIN = 1.0 + 1e-14  # covers the rounding of a sum over coordinates


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Enclosures of all outputs and of their gradients over boxes, and both at the centres of the boxes.

    ``value`` and ``centre_value`` are (output, box); ``slope`` and ``centre_slope`` are (output, coordinate, box).
    Derivatives are multiplied by the ``scale`` of their coordinate. Those at a centre are nan where they overflow.
    """

    value: Interval
    slope: Interval
    centre_value: Array
    centre_slope: Array


@dataclass(frozen=True, eq=False, slots=True)
class _Register:
    """A value (box) and its derivatives (coordinate, box), None for a constant."""

    value: Interval
    slope: Interval | None


def enclose(
    tape: Tape, lo: Array, hi: Array, scale: Array, functions: Sequence[tuple[Interval, Interval]] = ()
) -> Enclosure:
    """Enclose the outputs of a tape over the boxes between ``lo`` and ``hi`` (coordinate, box).

    Derivatives are multiplied by ``scale`` (coordinate). A coordinate that ranges over the whole line does so at the
    centres, too. ``functions`` are further inputs after the coordinates: for each its values (2 box), over the boxes
    and then at their centres, and its scaled derivatives (coordinate, 2 box).
    """
    d, n = lo.shape
    with np.errstate(invalid="ignore"):
        middle = np.clip(0.5 * (lo + hi), lo, hi)  # nan where infinite
        radius = np.nan_to_num(np.maximum(hi - middle, middle - lo)) / scale[:, None] * _MARGIN
    low, high = (np.concatenate([end, np.where(np.isnan(middle), end, middle)], 1) for end in (lo, hi))
    registers = []
    for i in range(d):
        unit = (scale[i] * (np.arange(d) == i))[:, None]
        registers.append(_Register(Interval(low[i], high[i]), Interval(unit, unit)))
    registers += [_Register(value, slope) for value, slope in functions]
    with np.errstate(all="ignore"):
        for name, arguments, number in tape.instructions:
            made = _run(name, [registers[a] for a in arguments], number)
            registers.append(_centred(made, radius, n) if name in ("add", "multiply") else made)
    found = [registers[i] for i in tape.outputs]
    value = _stacked([r.value for r in found], (2 * n,))
    slope = _stacked([r.slope or _ZERO for r in found], (d, 2 * n))
    with np.errstate(all="ignore"):
        centre = 0.5 * (value.lo[:, n:] + value.hi[:, n:])
        centre_slope = 0.5 * (slope.lo[..., n:] + slope.hi[..., n:])
        centre_slope = np.where(np.isinf(centre_slope), np.nan, centre_slope)
    value, slope = (Interval(x.lo[..., :n], x.hi[..., :n]) for x in (value, slope))
    return Enclosure(value, slope, centre, centre_slope)


def interval_outputs(tape: Tape, inputs: Sequence[Interval], use_limits: bool = False) -> list[Interval]:
    """The outputs of a tape in plain interval arithmetic; ``use_limits`` as in :func:`interval_registers`."""
    found = interval_registers(tape, inputs, use_limits)
    return [found[i] for i in tape.outputs]


def interval_registers(tape: Tape, inputs: Sequence[Interval], use_limits: bool = False) -> list[Interval]:
    """The inputs and the result of each instruction of a tape, in plain interval arithmetic.

    ``use_limits``: whether polynomials replace 0/0 formulas near their singular points; the result is then no proof.
    """
    found = list(inputs)
    with np.errstate(all="ignore"):
        for name, arguments, number in tape.instructions:
            own = [found[a] for a in arguments]
            if name == "near" and use_limits:
                inside = own[0].magnitude() < number
                found.append(Interval(*(np.where(inside, a, b) for a, b in zip(*map(_ends, own[1:]), strict=True))))
            else:
                found.append(interval.apply_instruction(name, own, number))
    return found


def _ends(x: Interval) -> tuple[Array, Array]:
    return x.lo, x.hi


_ZERO, _HALF, _ONE = interval.point_interval(0.0), interval.point_interval(0.5), interval.point_interval(1.0)
_ERF_SLOPE = Interval(np.asarray(1.1283791670955123), np.asarray(1.1283791670955130))  # 2/sqrt(pi)


def _stacked(parts: Sequence[Interval], shape: tuple[int, ...]) -> Interval:
    ends = ([np.broadcast_to(getattr(p, end), shape) for p in parts] for end in ("lo", "hi"))
    return Interval(*(np.stack(e) if e else np.zeros((0, *shape)) for e in ends))


def _centred(made: _Register, radius: Array, n: int) -> _Register:
    """Intersect the values over the boxes (the first ``n`` columns) with the mean value form."""
    value, slope = made.value, made.slope
    if slope is None or np.ndim(value.lo) == 0:
        return made
    steep = np.broadcast_to(slope.magnitude(), (len(radius), 2 * n))[:, :n]
    reach = np.where(radius > 0.0, steep * radius, 0.0).sum(0) * _MARGIN
    low, high = np.nextafter(value.lo[n:] - reach, -np.inf), np.nextafter(value.hi[n:] + reach, np.inf)
    close = np.fmax(value.lo[:n], low), np.fmin(value.hi[:n], high)  # fmax, fmin ignore nan
    lo, hi = np.concatenate([close[0], value.lo[n:]]), np.concatenate([close[1], value.hi[n:]])
    return _Register(Interval(lo, hi), slope)


def _run(name: str, arguments: Sequence[_Register], number: float) -> _Register:
    if name in _PAIRWISE:
        total = arguments[0]
        for other in arguments[1:]:
            total = _PAIRWISE[name](total, other)
        return total
    if name == "near":
        distance, near, beyond = arguments
        inside = distance.value.magnitude() < number
        return _either(inside, near, beyond)
    value = interval.apply_instruction(name, [a.value for a in arguments], number)
    if all(a.slope is None for a in arguments):
        return _Register(value, None)
    if name == "power" and len(arguments) == 2:
        base, exponent = arguments
        by_base = _times(base.slope, value * exponent.value / base.value)
        return _Register(value, _plus(by_base, _times(exponent.slope, value * interval.log(base.value))))
    x = arguments[0].value
    if name == "power":
        rate = interval.point_interval(number) * interval.power(x, number - 1.0)
        return _Register(value, _times(arguments[0].slope, rate))
    rate = _RATES[name](x, value)
    return _Register(value, _times(arguments[0].slope, rate))


def _sum(a: _Register, b: _Register) -> _Register:
    return _Register(a.value + b.value, _plus(a.slope, b.slope))


def _product(a: _Register, b: _Register) -> _Register:
    return _Register(a.value * b.value, _plus(_times(a.slope, b.value), _times(b.slope, a.value)))


def _larger(a: _Register, b: _Register) -> _Register:
    return _chosen(interval.maximum(a.value, b.value), a.value.lo >= b.value.hi, b.value.lo >= a.value.hi, a, b)


def _smaller(a: _Register, b: _Register) -> _Register:
    return _chosen(interval.minimum(a.value, b.value), a.value.hi <= b.value.lo, b.value.hi <= a.value.lo, a, b)


def _chosen(value: Interval, first: np.ndarray, second: np.ndarray, a: _Register, b: _Register) -> _Register:
    """A register with the derivatives of the argument that max or min takes, their hull where it may be either."""
    if a.slope is None and b.slope is None:
        return _Register(value, None)
    left, right = a.slope or _ZERO, b.slope or _ZERO
    both = np.minimum(left.lo, right.lo), np.maximum(left.hi, right.hi)
    lo = np.where(first, left.lo, np.where(second, right.lo, both[0]))
    return _Register(value, Interval(lo, np.where(first, left.hi, np.where(second, right.hi, both[1]))))


def _either(first: np.ndarray, a: _Register, b: _Register) -> _Register:
    """The register that equals ``a`` on the boxes ``first`` and ``b`` on all others."""
    pairs = (a.value, b.value), (a.slope or _ZERO, b.slope or _ZERO)
    return _Register(*(Interval(np.where(first, p.lo, q.lo), np.where(first, p.hi, q.hi)) for p, q in pairs))


def _plus(a: Interval | None, b: Interval | None) -> Interval | None:
    if a is None or b is None:
        return a or b
    return a + b


def _times(slope: Interval | None, rate: Interval) -> Interval | None:
    return None if slope is None else slope * rate


def _jump(x: Interval) -> Interval:
    """The derivative of sign or heaviside: zero on one side of the jump, the whole line across it."""
    across = (x.lo <= 0.0) & (x.hi >= 0.0)
    return Interval(np.where(across, -np.inf, 0.0), np.where(across, np.inf, 0.0))


_PAIRWISE: dict[str, Callable[[_Register, _Register], _Register]] = {
    "add": _sum,
    "multiply": _product,
    "maximum": _larger,
    "minimum": _smaller,
}

#: Derivatives of the functions of one argument x, from x and the value y.
_RATES: dict[str, Callable[[Interval, Interval], Interval]] = {
    "sin": lambda x, y: interval.cos(x),
    "cos": lambda x, y: -interval.sin(x),
    "tan": lambda x, y: _ONE + interval.power(y, 2.0),
    "arcsin": lambda x, y: interval.sqrt(_ONE - interval.power(x, 2.0)).reciprocal(),
    "arccos": lambda x, y: -interval.sqrt(_ONE - interval.power(x, 2.0)).reciprocal(),
    "arctan": lambda x, y: (_ONE + interval.power(x, 2.0)).reciprocal(),
    "sinh": lambda x, y: interval.cosh(x),
    "cosh": lambda x, y: interval.sinh(x),
    "tanh": lambda x, y: interval.power(interval.cosh(x), 2.0).reciprocal(),
    "exp": lambda x, y: y,
    "log": lambda x, y: Interval(np.maximum(x.lo, 0.0), x.hi).reciprocal(),
    "sqrt": lambda x, y: _HALF * y.reciprocal(),
    "erf": lambda x, y: _ERF_SLOPE * interval.exp(-interval.power(x, 2.0)),
    "abs": lambda x, y: interval.sign(x),
    "sign": lambda x, y: _jump(x),
    "heaviside": lambda x, y: _jump(x),
}
