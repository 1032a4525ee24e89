"""Problems in time, plain in space: pulses, switches, long vibrations, steps; by scipy or in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import erf

from adversaries.adversary import AgainError, Array, Draw, Stated


def modes(d: Draw) -> Stated:
    """One wave sin(n pi x) with an amplitude that scipy integrates: pulses, switches, long vibrations, growth."""
    n, end = d.one([1, 2, 3]), d.log(0.1, 40)
    wave, kind = d.chance(0.5), d.one(["pulse", "switch", "none", "resonant", "spike"])
    place, width = d.even(0.1 * end, 0.9 * end), float(f"{end * d.log(1e-3, 0.05):.3g}")
    speed = d.log(0.01, 1)
    free = n * np.pi * np.sqrt(speed)
    source = {
        "pulse": f"exp(-((t - {place!r})/{width!r})**2)", "spike": f"50*exp(-((t - {place!r})/{0.1 * width!r})**2)",
        "switch": f"heaviside(t - {place!r})", "none": "0", "resonant": f"cos({free:.6g}*t)",
    }[kind]  # fmt: skip
    at, begun = _of_t(source), d.one([0.0, 1.0])
    begun = 1.0 if kind == "none" else begun
    unit, rate = free**2, 0.0 if wave or d.chance(0.7) else float(f"{free**2 * d.even(0.2, 1.5):.3g}")

    def right(t: float, y: Array) -> list[float]:
        return [y[1], -unit * y[0] + at(t)] if wave else [(rate - unit) * y[0] + at(t), 0.0]

    ends = sorted({0.0, end, *[x for x in (place - 8 * width, place, place + 8 * width) if 0 < x < end]})
    pieces, y = [], [begun, 0.0]
    for a, b in pairwise(ends):
        method = "DOP853" if wave or unit * (b - a) < 50 else "Radau"
        step = max(width, (b - a) / 2000) if kind in ("pulse", "spike") else (b - a) / 5
        found = solve_ivp(right, (a, b), y, method, rtol=1e-11, atol=1e-13, dense_output=True, max_step=step)
        if not found.success:
            raise AgainError
        pieces.append(found.sol)
        y = found.y[:, -1]

    def truth(points: Sequence[Array]) -> Array:
        x, t = points
        flat = np.clip(t.ravel(), 0.0, end)
        index = np.clip(np.searchsorted(ends, flat, "right") - 1, 0, len(pieces) - 1)
        amplitude = np.empty(len(flat))
        for i, piece in enumerate(pieces):
            some = index == i
            if some.any():
                amplitude[some] = piece(flat[some])[0]
        return amplitude.reshape(t.shape) * np.sin(n * np.pi * x)

    left = "u_tt" if wave else f"u_t - {rate!r}*u"
    conditions = [("initial", f"u = {begun!r}*sin({n}*pi*x)"), ("boundary", "u = 0")]
    conditions += [("initial", "u_t = 0")] if wave else []
    return Stated(
        "wave, one mode" if wave else "heat, one mode", {"x": (0.0, 1.0), "t": (0.0, end)},
        f"{left} - {speed!r}*u_xx = ({source})*sin({n}*pi*x)", conditions, truth, "constant", f"{kind} in time",
        spots={"t": ((place, width), (place, 0.1 * width))},
    )  # fmt: skip


def _of_t(source: str) -> Callable[[float], float]:
    names = {"heaviside": lambda x: np.heaviside(x, 0.5), "exp": np.exp, "cos": np.cos}
    return lambda t: float(eval(source, names | {"t": t}))


def step_data(d: Draw) -> Stated:
    """A block as initial data of a heat equation, by its mirror images."""
    low, high, diffusion = d.even(0.1, 0.5), d.even(0.55, 0.9), d.log(0.01, 1)
    end = float(f"{d.log(0.05, 1) / diffusion:.3g}")

    def block(x: Array, width: Array) -> Array:
        return 0.5 * (erf((x - low) / width) - erf((x - high) / width))

    def truth(points: Sequence[Array]) -> Array:
        x, width = points[0], np.sqrt(np.maximum(4 * diffusion * points[1], 1e-300))
        return sum(block(x + 2 * k, width) - block(2 * k - x, width) for k in range(-6, 7))

    data = f"heaviside(x - {low!r}) - heaviside(x - {high!r})"
    conditions = [("initial", f"u = {data}"), ("boundary", "u = 0")]
    spots = {"x": ((low, 0.01), (high, 0.01)), "t": ((0.0, 0.001 * end), (0.0, 0.03 * end))}
    return Stated("heat", {"x": (0.0, 1.0), "t": (0.0, end)}, f"u_t = {diffusion!r}*u_xx", conditions, truth,
                  feature="step data", spots=spots, tolerances=(-4, -2))  # fmt: skip


def travelling(d: Draw) -> Stated:
    """Transport of a step, a kink or a smooth bump from the inflow, along characteristics."""
    speed, place, end = d.log(0.3, 3), d.even(0.2, 0.6), d.log(0.2, 1)
    kind = d.one(["step", "kink", "bump"])
    text = {"step": "heaviside(S)", "kink": "abs(S)", "bump": "exp(-(S/0.05)**2)"}[kind]
    at: Callable[[Array], Array] = {
        "step": lambda s: np.heaviside(s, 0.5), "kink": np.abs, "bump": lambda s: np.exp(-((s / 0.05) ** 2)),
    }[kind]  # fmt: skip
    conditions = [
        ("initial", "u = " + text.replace("S", f"(x - {place!r})")),
        ("left", "u = " + text.replace("S", f"(-{speed!r}*t - {place!r})")),
        ("right", "none"),
    ]
    return Stated("transport", {"x": (0.0, 1.0), "t": (0.0, end)}, f"u_t + {speed!r}*u_x = 0", conditions,
                  lambda points: at(points[0] - speed * points[1] - place), feature=f"travelling {kind}",
                  tolerances=(-4, -2))  # fmt: skip


def kicked(d: Draw) -> Stated:
    """A heat equation whose reaction has a pulse in time, which multiplies u by exp of its area; in closed form."""
    end, rate, area = d.log(0.2, 5), d.log(1e-3, 0.1), d.sign() * d.log(0.1, 4)
    place, width = d.even(0.1 * end, 0.9 * end), float(f"{end * d.log(1e-4, 0.03):.3g}")
    height = float(f"{area / (width * np.sqrt(np.pi)):.4g}")

    def truth(points: Sequence[Array]) -> Array:
        x, t = points
        grown = 0.5 * height * width * np.sqrt(np.pi) * (erf((t - place) / width) + erf(place / width))
        return np.sin(np.pi * x) * np.exp(grown - rate * np.pi**2 * t)

    conditions = [("initial", "u = sin(pi*x)"), ("boundary", "u = 0")]
    equation = f"u_t = {rate!r}*u_xx + {height!r}*exp(-((t - {place!r})/{width!r})**2)*u"
    return Stated("kicked heat", {"x": (0.0, 1.0), "t": (0.0, end)}, equation, conditions, truth, "pulse in time",
                  "pulse in time", spots={"t": ((place, width),)})  # fmt: skip


IN_TIME = (kicked, modes, modes, modes, step_data, travelling)
