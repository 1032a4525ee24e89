"""Exponential time differencing, fourth order, for v' = rates v + N(v) with diagonal rates.

Cox & Matthews, J. Comput. Phys. 176 (2002), eq. (26)-(29); the coefficients as means over a circle in the complex plane
so that nothing cancels, Kassam & Trefethen, SIAM J. Sci. Comput. 26 (2005), section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Modes = NDArray[Any]  # float64 or complex128, (mode,)

# Points on the circle of radius 1: the mean of an entire function over 64 of them is exact to rounding.
CIRCLE = 64


@dataclass(frozen=True)
class Step:
    """The six coefficients of one step length, each (mode,)."""

    whole: Modes
    half: Modes
    stage: Modes
    first: Modes
    middle: Modes
    last: Modes


def step_of(rates: Modes, length: float) -> Step:
    """Return the coefficients for steps of `length`: exp, and the phi functions of z = length * rates."""
    circle = np.exp(2j * np.pi * (np.arange(CIRCLE) + 0.5) / CIRCLE)
    z = length * rates[:, None] + circle  # (mode, circle)

    def mean(f: NDArray[np.complex128]) -> Modes:
        average = length * f.mean(axis=1)
        return average if np.iscomplexobj(rates) else average.real

    return Step(
        whole=np.exp(length * rates),
        half=np.exp(length * rates / 2),
        stage=mean((np.exp(z / 2) - 1) / z),
        first=mean((-4 - z + np.exp(z) * (4 - 3 * z + z**2)) / z**3),
        middle=mean(2 * (2 + z + np.exp(z) * (z - 2)) / z**3),
        last=mean((-4 - 3 * z - z**2 + np.exp(z) * (4 - z)) / z**3),
    )


def advance(step: Step, nonlinear: Callable[[Modes], Modes], v: Modes) -> Modes:
    """Return v one step later."""
    at_v = nonlinear(v)
    a = step.half * v + step.stage * at_v
    at_a = nonlinear(a)
    b = step.half * v + step.stage * at_a
    at_b = nonlinear(b)
    at_c = nonlinear(step.half * a + step.stage * (2 * at_b - at_v))
    return step.whole * v + step.first * at_v + step.middle * (at_a + at_b) + step.last * at_c


def march(
    rates: Modes, nonlinear: Callable[[Modes], Modes], start: Modes, stops: Sequence[float], longest: float
) -> Modes:
    """Return the states (stop, mode) at the times `stops`, from 0, in equal steps <= `longest` between them."""
    if stops[0] < 0 or np.any(np.diff(stops) <= 0):
        raise ValueError(f"times must increase from 0 or later: {stops}")
    states, v, now = [], start, 0.0
    for stop in stops:
        count = int(np.ceil((stop - now) / longest * (1 - 1e-12)))
        if count > 0:
            step = step_of(rates, (stop - now) / count)
            for _ in range(count):
                v = advance(step, nonlinear, v)
        states.append(v)
        now = stop
    return np.array(states)
