"""Whether a formula is smooth over boxes, also where a jump or kink cancels in its derivatives.

The derivatives of heaviside(u) and sqrt(u**2)/u vanish almost everywhere, so a proof from derivatives alone would find
one solution of -u_xx = 1 + 8*heaviside(u - 0.15), which has two. So the formula is evaluated in intervals, and every
operation that depends on u is checked for points where it is not smooth.
"""

from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np

from pinnkan.problem.expressions.enclosure import interval_registers
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape

#: Operations that are smooth everywhere, and those that are smooth where their argument is not zero.
_ENTIRE = {"constant", "add", "multiply", "sin", "cos", "exp", "sinh", "cosh", "tanh", "arctan", "erf"}
_BUT_AT_ZERO = {"abs", "sign", "heaviside"}


def is_smooth(tape: Tape, inputs: Sequence[Interval], varying_inputs: Collection[int]) -> bool:
    """Whether all operations that depend on the inputs with numbers ``varying_inputs`` are smooth over all boxes."""
    found, moved = interval_registers(tape, inputs), set(varying_inputs)
    for number, (name, arguments, value) in enumerate(tape.instructions, len(inputs)):
        if moved & set(arguments):
            moved.add(number)
            own = [found[a] for a in arguments]
            if name not in _ENTIRE and not bool(np.all(_where(name, own, value, found[number]))):
                return False
    return True


def _where(name: str, arguments: Sequence[Interval], value: float, result: Interval) -> np.ndarray:
    """Whether an operation is smooth, by box; false where it is not defined."""
    x, is_whole = arguments[0], name == "power" and len(arguments) == 1 and value == int(value)
    if is_whole and value >= 0.0:
        return np.ones(1, dtype=bool)
    if is_whole or name in _BUT_AT_ZERO:
        return np.asarray((x.lo > 0.0) | (x.hi < 0.0))
    if name in ("sqrt", "log", "power"):
        return np.asarray(x.lo > 0.0)
    if name in ("arcsin", "arccos"):
        return np.asarray((x.lo > -1.0) & (x.hi < 1.0))
    if name == "tan":  # poles give infinite ends
        return np.isfinite(result.lo) & np.isfinite(result.hi)
    if name in ("maximum", "minimum"):
        apart = [(a.lo > b.hi) | (b.lo > a.hi) for a, b in combinations(arguments, 2)]
        return np.asarray(np.logical_and.reduce(apart))
    return np.zeros(1, dtype=bool)
