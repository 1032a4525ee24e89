"""Solutions known in closed form, in the shape a solver hands over: they let output be tested without a solver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import sympy

from pinnkan.domain.box import Box
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.settings import SolverSettings
from pinnkan.problem.statement import Condition, Equation, Jet, Problem, Quantity, Side, WholeDomain
from pinnkan.solution import Solution
from pinnkan.solver.estimate.quantities import evaluate_quantities
from pinnkan.solver.monitor import Monitor
from pinnkan.verdict.records import Iteration, Level
from pinnkan.verdict.verdict import Verdict

X, Y, Z, T = sympy.symbols("x y z t")
PI = sympy.pi
COORDINATES = {
    "line": (X,), "plane": (X, Y), "box": (X, Y, Z), "front": (X, T), "pool": (X, Y, T), "flow": (X, Y), "orbit": (T,),
    "vortex": (X, Y, T), "wave": (X, T), "jet": (X, Y, Z),
}  # fmt: skip
#: Those with several unknowns.
UNKNOWNS = {
    "flow": ("u", "v", "p"), "orbit": ("a", "b"), "vortex": ("p", "u", "v"), "wave": ("re", "im"),
    "jet": ("u", "v", "w"),
}  # fmt: skip
VECTORS = {
    "flow": {"velocity": ("u", "v")}, "vortex": {"velocity": ("u", "v")}, "wave": {"psi": ("re", "im")},
    "jet": {"velocity": ("u", "v", "w")},
}  # fmt: skip
EXACT = {
    "line": sympy.sin(3 * PI * X) * sympy.exp(X),
    "plane": sympy.sin(PI * X) * sympy.sin(4 * PI * Y),
    "box": sympy.cos(PI * X / 2) * sympy.cos(PI * Y / 2) * sympy.sin(3 * PI * Z),
    "front": -sympy.tanh((X - T / 2) * 50),
    "pool": sympy.exp(-20 * ((X - T) ** 2 + Y**2)),
    "flow": (sympy.sin(PI * X) * sympy.cos(PI * Y), -sympy.cos(PI * X) * sympy.sin(PI * Y), X * Y),
    "orbit": (sympy.cos(5 * T), sympy.sin(5 * T)),
    "vortex": (X + T, -Y * sympy.exp(-T), X * sympy.exp(-T)),
    "wave": (sympy.cos(3 * X - T) * sympy.exp(-(X**2)), sympy.sin(3 * X - T) * sympy.exp(-(X**2))),
    "jet": (Z * (1 - Z), X * Y, sympy.sin(PI * X)),
}
RANGES = {"x": (-1.0, 1.0), "y": (-1.0, 1.0), "z": (0.0, 1.0), "t": (0.0, 1.0)}
#: The size of the pretended error, relative to a wave that vanishes on the boundary.
ERROR = 1e-6


class _Closed:
    """A field that is ``scale`` times expressions; knots gather at a front moving with time where there is time."""

    expressions: tuple[sympy.Expr, ...]
    coordinates: tuple[sympy.Symbol, ...]
    scale: float | Array
    reached: float = 1.0

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        return np.stack([self._values(list(points.T), order) for order in orders], -1)

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        return self._values(np.meshgrid(*axes, indexing="ij"), order)

    def _values(self, at: Sequence[Array], order: tuple[int, ...]) -> Array:
        found = Tape([self._derivative(e, order) for e in self.expressions], self.coordinates)(at)
        return self.scale * np.stack([np.broadcast_to(value, at[0].shape) for value in found], -1)

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        return [self.grid(axes, order) for order in orders]

    def breaks(self, axis: int, time: float | None = None) -> Array:
        symbol = self.coordinates[axis]
        low, high = RANGES[symbol.name]
        if symbol is T:
            slabs = np.array([0.0, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0])
            return slabs[slabs <= self.reached]
        if time is None or Y in self.coordinates:
            return np.linspace(low, high, 9)
        near = np.round(16 * time / 2) / 16 + np.array([-2, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2]) / 8
        return np.unique(np.concatenate([np.linspace(low, high, 9), near]))

    def _derivative(self, result: sympy.Expr, order: tuple[int, ...]) -> sympy.Expr:
        for symbol, count in zip(self.coordinates, order, strict=True):
            result = sympy.diff(result, symbol, count)
        return result


@dataclass(frozen=True)
class ClosedForm(_Closed):
    """Of any expressions."""

    expressions: tuple[sympy.Expr, ...]
    coordinates: tuple[sympy.Symbol, ...]
    scale: float = 1.0
    reached: float = 1.0


@dataclass(frozen=True)
class Known(_Closed):
    """The solution of a kind above, or its pretended error: what can be stored."""

    kind: str
    is_error: bool
    scale: Array  # a single number
    reached: float = 1.0

    @property
    def expressions(self) -> tuple[sympy.Expr, ...]:
        """One for each unknown."""
        return wave(self.kind) if self.is_error else exact_of(self.kind)

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        """Of the kind."""
        return COORDINATES[self.kind]


def exact_of(kind: str) -> tuple[sympy.Expr, ...]:
    """One expression per unknown."""
    exact = EXACT[kind]
    return exact if isinstance(exact, tuple) else (exact,)


def wave(kind: str) -> tuple[sympy.Expr, ...]:
    """An error that vanishes on the lower ends, as conditions built into the function make it."""
    return (sympy.prod([sympy.sin(PI * (c - RANGES[c.name][0]) * 0.9) for c in COORDINATES[kind]]),) * len(
        exact_of(kind)
    )


def problem(kind: str, tolerance: float = 1e-4) -> Problem:
    """``lap(u) = its value`` (or ``u_t - lap(u) = ...``) of each unknown with ``exact``, on the ranges above."""
    coordinates = COORDINATES[kind]
    dimension = len(coordinates)
    unknowns = UNKNOWNS.get(kind, ("u",))
    exact = dict(zip(unknowns, exact_of(kind), strict=True))
    space = [i for i, c in enumerate(coordinates) if c is not T]
    equations = []
    for index, (unknown, value) in enumerate(exact.items()):
        jets, residual = {}, sympy.Integer(0)
        for axis in range(dimension):
            order = tuple((2 if axis in space else 1) * (i == axis) for i in range(dimension))
            symbol = sympy.Symbol(f"{unknown}_" + coordinates[axis].name * max(order))
            jets[symbol] = Jet(index, order)
            residual += symbol - sympy.diff(value, coordinates[axis], max(order))
        equations.append(Equation(residual, jets, " + ".join(map(str, jets)) + " = f"))
    sides = [Condition(Side(a, e), None, "auto", "boundary") for a in space for e in (0, 1)]
    text = f"name: {kind}\n# a problem known in closed form\nsolver:\n  tolerance: {tolerance}\n"
    return Problem(
        name=kind, about="a test of the output", coordinates=coordinates,
        domain=Box(tuple(RANGES[c.name] for c in coordinates), (False,) * dimension),
        time_axis=dimension - 1 if T in coordinates else None, unknowns=unknowns, equations=tuple(equations),
        conditions=tuple(sides), exact=exact, solver=SolverSettings(tolerance=tolerance), source=text,
        vectors=VECTORS.get(kind, {}),
    )  # fmt: skip


def with_mean(kind: str) -> Solution:
    """The solution with a quantity ``mean``, the integral of the last unknown over space."""
    solution = solved(kind)
    stated = replace(solution.problem, quantities={"mean": _mean_of(kind)})
    read = evaluate_quantities(stated, solution.field, solution.error, solution.times())
    return replace(solution, problem=stated, quantities=read)


def _mean_of(kind: str) -> Quantity:
    name, dimension = UNKNOWNS.get(kind, ("u",))[-1], len(COORDINATES[kind])
    symbol = sympy.Symbol(name)
    equation = Equation(symbol, {symbol: Jet(len(exact_of(kind)) - 1, (0,) * dimension)}, name)
    return Quantity("integral", ((WholeDomain(), equation),))


def levels(kind: str) -> tuple[Level, ...]:
    """Records of a plausible run: knots halved three times, or six slabs."""
    dimension = len(COORDINATES[kind])
    if T not in COORDINATES[kind]:
        return tuple(
            Level(
                number=n, intervals=(2**n,) * dimension, degree=(7,) * dimension, parameters=(2**n + 7) ** dimension,
                points=(2**n * 6) ** dimension, loss=10.0 ** (-4 * n), heldout=2 * 10.0 ** (-4 * n),
                estimate=10.0 ** (-2 * n), seconds=0.05 * 4**n, iterations=1, true_error=0.3 * 10.0 ** (-2 * n),
            )
            for n in range(1, 4)
        )  # fmt: skip
    slabs = [0.0, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0]
    return tuple(
        Level(
            number=n + 1, intervals=(16 + n,) * (dimension - 1) + (1,), degree=(7,) * dimension,
            parameters=400 + 20 * n, points=2000, loss=1e-12, heldout=2e-12,
            estimate=2e-7 * (n + 1), seconds=0.2 * (n + 1), iterations=3, time=(a, b), true_error=4e-8 * (n + 1),
        )
        for n, (a, b) in enumerate(pairwise(slabs))
    )  # fmt: skip


def history(kind: str) -> tuple[Iteration, ...]:
    """Three steps per level."""
    return tuple(
        Iteration(level=level.number, iteration=i, loss=10.0 ** (-4 * i), step=10.0**-i, damping=0.0, seconds=0.1 * i)
        for level in levels(kind)
        for i in range(1, 4)
    )


def solved(kind: str, converged: bool = True, of: Problem | None = None) -> Solution:
    """The solution a solver would hand over; off by a factor ``1 + 1e-7``."""
    records = levels(kind)
    estimate = records[-1].estimate
    verdict = Verdict(True, 1e-4, estimate, "", "correction", "The estimated error is below the tolerance.")
    if not converged:
        verdict = Verdict(
            False, 1e-9, estimate, "max_levels", "correction",
            f"The estimated error {estimate:.1e} is above the tolerance 1.0e-09 after the last level allowed.",
            "Allow 2 more levels: the error falls 100 times per level.",
        )  # fmt: skip
    return Solution(
        problem=of or problem(kind), field=Known(kind, False, np.array(1 + 1e-7)),
        error=Known(kind, True, np.array(ERROR)), verdict=verdict, levels=records, history=history(kind),
        seconds=records[-1].seconds, network="product: one block on all coordinates, because there are at most three",
    )  # fmt: skip


def solver(converged: bool = True) -> Callable[..., Solution]:
    """What takes the place of ``solving.solve_monitored``."""

    def solve(problem: Problem, monitor: Monitor, device: str = "cpu") -> Solution:
        solution = solved(problem.name, converged, problem)
        for record in (*solution.history, *solution.levels):
            if monitor.progress is not None:
                monitor.progress(record)
        return solution

    return solve


#: Problem files of the same names.
LINE = """\
name: line
domain:
  x: [-1, 1]
unknowns: [u]
equations:
  - u_xx = ((1 - 9*pi**2)*sin(3*pi*x) + 6*pi*cos(3*pi*x))*exp(x)
conditions:
  - where: boundary
    equation: u = 0
exact:
  u: sin(3*pi*x)*exp(x)
"""
FRONT = """\
name: front   # moves to the right
domain:
  x: [-1, 1]
  t: [0, 1]
functions:
  s: tanh(50*(x - t/2))
unknowns: [u]
equations:
  - u_t = u_xx + (1 - s**2)*(25 - 5000*s)
conditions:
  - where: initial
    equation: u = -s
  - where: boundary
    equation: u = -s
exact:
  u: -s
"""
