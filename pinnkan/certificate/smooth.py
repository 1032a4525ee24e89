"""Whether a formula is smooth over boxes: what its derivatives do not say where a jump or a bend cancels in them.

The derivative of heaviside(u) is zero but at one value, sqrt(u**2)/u has the derivative zero, and so has a proof that
asks derivatives alone: -u_xx = 1 + 8*heaviside(u - 0.15) was proven to have one solution, and has two. So the formula
itself is replayed in intervals, and every operation on what depends on u is asked for the places where it is not
smooth. Nothing looks at the form of an expression.
"""

from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np

from pinnkan.problem.expressions.enclosure import registers
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape

#: Operations that are smooth everywhere, and those that are where their argument is not zero.
_ENTIRE = {"constant", "add", "multiply", "sin", "cos", "exp", "sinh", "cosh", "tanh", "arctan", "erf"}
_BUT_AT_ZERO = {"abs", "sign", "heaviside"}


def is_smooth(tape: Tape, inputs: Sequence[Interval], moving: Collection[int]) -> bool:
    """Whether all that depends on the ``moving`` inputs (numbers) is smooth over all boxes."""
    found, moved = registers(tape, inputs), set(moving)
    for number, (name, arguments, value) in enumerate(tape.instructions, len(inputs)):
        if moved & set(arguments):
            moved.add(number)
            own = [found[a] for a in arguments]
            if name not in _ENTIRE and not bool(np.all(_where(name, own, value, found[number]))):
                return False
    return True


def _where(name: str, arguments: Sequence[Interval], value: float, result: Interval) -> np.ndarray:
    """The boxes over which an operation is smooth; those on which it is not defined are none."""
    x, is_whole = arguments[0], name == "power" and len(arguments) == 1 and value == int(value)
    if is_whole and value >= 0.0:
        return np.ones(1, dtype=bool)
    if is_whole or name in _BUT_AT_ZERO:
        return np.asarray((x.lo > 0.0) | (x.hi < 0.0))
    if name in ("sqrt", "log", "power"):
        return np.asarray(x.lo > 0.0)
    if name in ("arcsin", "arccos"):
        return np.asarray((x.lo > -1.0) & (x.hi < 1.0))
    if name == "tan":  # its poles give infinite ends
        return np.isfinite(result.lo) & np.isfinite(result.hi)
    if name in ("maximum", "minimum"):
        apart = [(a.lo > b.hi) | (b.lo > a.hi) for a, b in combinations(arguments, 2)]
        return np.asarray(np.logical_and.reduce(apart))
    return np.zeros(1, dtype=bool)
