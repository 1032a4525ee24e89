"""What is measured: each problem with its target, a grid that sees its features, and an independent reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from reference import closed_form, systems
from reference.allen_cahn import allen_cahn
from reference.burgers import burgers
from reference.cavity import lid_driven
from reference.error import Grid, allen_cahn_grid, burgers_space_time, gauss, graded_edges, instants, tensor
from reference.ordinary import ordinary
from reference.periodic import korteweg_de_vries, kuramoto_sivashinsky
from reference.periodic_systems import cahn_hilliard, fitzhugh_nagumo, gray_scott, shallow_water

Array = NDArray[np.float64]
#: One array (point,) per coordinate -> (point,), of a system by the names of unknowns.
Reference = Callable[..., Array | Mapping[str, Array]]


@dataclass(frozen=True)
class Target:
    """A true relative L2 error within so many seconds; `tolerance` is the largest decade that reached it (measured)."""

    error: float
    seconds: float
    tolerance: float
    issue: int


@dataclass(frozen=True)
class Case:
    """A problem by name; `grid` makes the points and weights of the error; `source` says what the reference is."""

    name: str
    reference: Reference
    grid: Callable[[], Grid]
    target: Target | tuple[Target, ...] = ()
    source: str = "closed form"


def targets(case: Case) -> tuple[Target, ...]:
    """All targets of a case, none, one or several."""
    return case.target if isinstance(case.target, tuple) else (case.target,)


def box(*ranges: tuple[float, float, int], nodes: int = 6) -> Callable[[], Grid]:
    """Return the maker of a tensor Gauss grid: (low, high, intervals) per coordinate, `nodes` points in each."""
    return lambda: tensor(*(gauss(np.linspace(low, high, n + 1), nodes) for low, high, n in ranges))


def layer(width: float) -> Callable[[], Grid]:
    """Return the maker of a grid on [0, 1] graded towards x = 1 down to half the `width` of the layer."""
    return lambda: gauss(graded_edges(0.0, 1.0, 1.0, width / 2, 0.02), nodes=8)


def at_times(x: tuple[float, float, int], times: tuple[float, ...]) -> Callable[[], Grid]:
    """Return the maker of a Gauss grid in x at the saved `times` of a reference."""
    return lambda: tensor(gauss(np.linspace(x[0], x[1], x[2] + 1)), instants(times))


def along_front(front: Callable[[Array], Array], width: float) -> Callable[[], Grid]:
    """Return the maker of a grid on the unit square, in y graded down to half the `width` of a front y = front(x)."""

    def make() -> Grid:
        x = gauss(np.linspace(0, 1, 41))
        columns = [gauss(graded_edges(0.0, 1.0, float(front(a)), width / 2, 0.05)) for a in x.points[:, 0]]
        points = [
            np.column_stack([np.full(len(c.weights), a), c.points])
            for a, c in zip(x.points[:, 0], columns, strict=True)
        ]
        weights = [w * c.weights for w, c in zip(x.weights, columns, strict=True)]
        return Grid(np.concatenate(points), np.concatenate(weights))

    return make


def cloud(dimension: int, count: int = 20_000) -> Callable[[], Grid]:
    """Return the maker of random points in the unit cube: the error to a per cent, in any number of coordinates."""
    return lambda: Grid(np.random.default_rng(2026).random((count, dimension)), np.full(count, 1.0 / count))


UNIT = (0.0, 1.0, 16)
TENTHS = tuple(round(0.1 * k, 1) for k in range(1, 11))
KDV_TIMES = tuple(round(0.05 * k, 2) for k in range(1, 11))
KS_TIMES = tuple(float(k) for k in range(1, 11))


def named(names: str, of: Callable[..., object], *points: Array) -> Mapping[str, Array]:
    """The unknowns of a system by name, from a function that gives them in order."""
    return dict(zip(names.split(), np.asarray(of(*points)), strict=True))


def saved(names: str, solve: Callable[..., object], times: tuple[float, ...]) -> Reference:
    """Series at saved `times` as a reference."""
    return lambda x, t: named(names, lambda *at: [u(*at) for u in solve(times)], x, t)  # type: ignore[attr-defined]


def in_time(name: str, names: str) -> Reference:
    """A system of ordinary equations as a reference: its first unknowns."""
    count = len(names.split())
    return lambda t: named(names, lambda at: ordinary(name)(at)[:count], t)


def until(end: float, count: int) -> tuple[float, ...]:
    """`count` equal times up to `end`."""
    return tuple(float(t) for t in np.linspace(0.0, end, count + 1)[1:])


def _helmholtz_k20(x: Array, y: Array) -> Array:
    return np.cos(20 * (np.cos(np.pi / 6) * x + np.sin(np.pi / 6) * y))


def _poisson_varying(x: Array, y: Array) -> Array:
    return np.sin(np.pi * x) * np.sin(np.pi * y) / (1 + 0.9 * np.sin(4 * np.pi * x) * np.cos(4 * np.pi * y))


def _heat_multiscale(x: Array, y: Array, t: Array) -> Array:
    rate = 400 * np.pi**2 / (500 * np.pi) ** 2 + 1
    return np.exp(-rate * t) * np.sin(20 * np.pi * x) * np.sin(np.pi * y)


def _turning_front(x: Array, y: Array, t: Array) -> Array:
    a = np.pi / 6
    turned = np.cos(a) * x + np.sin(a) * y, np.cos(a) * y - np.sin(a) * x
    return closed_form.rotating_front(*turned, t, eps=1e-4, spin=np.pi / 4, age=0.5)


def _kuramoto_sivashinsky(x: Array, t: Array) -> Array:
    solution = kuramoto_sivashinsky(
        lambda s: np.cos(s / 16) * (1 + np.sin(s / 16)), (0.0, 32 * np.pi), KS_TIMES, modes=256
    )
    return solution(x, t)


SOLITONS = Target(1e-8, 5, 1e-8, 14)

#: The table of issue 2 first, then the other shipped problems, those of issue 4 that nobody tuned, systems.
CASES = (
    Case("poisson2d", closed_form.sines, box(UNIT, UNIT), (Target(1e-9, 1, 1e-8, 2), Target(1e-12, 1, 1e-12, 4))),
    Case(
        "helmholtz2d",
        lambda x, y: closed_form.sines(x, y, waves=(1, 4)),
        box((-1, 1, 16), (-1, 1, 32)),
        (Target(1e-8, 2, 1e-8, 2), Target(1e-10, 1, 1e-8, 4)),
    ),
    Case(
        "burgers",
        burgers,
        lambda: burgers_space_time(np.linspace(0, 1, 21)),
        (Target(1e-7, 10, 1e-6, 2), Target(1e-8, 2, 1e-7, 4), Target(1e-10, 6, 1e-9, 4)),
        "Cole-Hopf",
    ),
    Case(
        "allen_cahn",
        lambda x, t: allen_cahn((0.01, *TENTHS))(x, t),
        lambda: allen_cahn_grid((0.01, *TENTHS)),
        (Target(1e-5, 15, 1e-5, 2), Target(1e-6, 5, 1e-6, 4), Target(1e-8, 60, 1e-8, 4)),
        "spectral elements, ETDRK4, at saved times",
    ),
    Case(
        "kdv",
        lambda x, t: korteweg_de_vries(KDV_TIMES)(x, t),
        at_times((-1, 1, 100), KDV_TIMES),
        (Target(1e-7, 10, 1e-7, 2), Target(1e-9, 3, 1e-9, 4)),
        "Fourier, ETDRK4, at saved times",
    ),
    Case("poisson3d", closed_form.sines, box(*[(0.0, 1.0, 8)] * 3, nodes=5), Target(1e-6, 20, 1e-4, 2)),
    Case("poisson1d", closed_form.sines, box((0, 1, 64))),
    Case("convection_diffusion", lambda x: closed_form.boundary_layer(x, 0.01), layer(0.01)),
    Case("poisson_mixed", lambda x, y: np.sin(2 * x) * np.cos(y) + x * y, box(UNIT, UNIT)),
    Case("heat1d", lambda x, t: closed_form.heat_mode(x, t, diffusion=0.1), box(UNIT, UNIT)),
    Case(
        "heat2d",
        lambda x, y, t: closed_form.heat_mode(x, y, t, diffusion=0.05),
        box(*[(0.0, 1.0, 8)] * 3, nodes=5),
    ),
    Case("heat_dirichlet", lambda x, t: np.exp(x + t), box(UNIT, UNIT)),
    Case("heat_robin", lambda x, t: np.exp(-t) * np.sin(x + 1), box(UNIT, UNIT)),
    Case("klein_gordon", closed_form.klein_gordon, box(UNIT, (0, 1, 32))),
    Case("poisson_multiscale", closed_form.multiscale, box((0, 1, 48), (0, 1, 48)), Target(1e-10, 5, 1e-9, 4)),
    Case(
        "helmholtz_10_10",
        lambda x, y: closed_form.sines(x, y, waves=(10, 10)),
        box((-1, 1, 48), (-1, 1, 48)),
        Target(1e-9, 10, 1e-6, 4),
    ),
    Case(
        "helmholtz_k100",
        lambda x, y: closed_form.sines(x, y, waves=(10, 10)),
        box((-1, 1, 48), (-1, 1, 48)),
        Target(1e-9, 10, 1e-6, 4),
    ),
    Case(
        "helmholtz_k300",
        lambda x, y: closed_form.sines(x, y, waves=(10, 10)),
        box((-1, 1, 48), (-1, 1, 48)),
        Target(1e-6, 20, 1e-6, 15),
    ),
    Case("poisson_varying", _poisson_varying, box((0, 1, 48), (0, 1, 48)), Target(1e-4, 5, 1e-4, 15)),
    Case(
        "poisson3d_waves",
        lambda x, y, z: closed_form.sines(x, y, z, waves=(8, 8, 8)),
        box(*[(0.0, 1.0, 24)] * 3, nodes=3),
        Target(1e-6, 20, 1e-5, 15),
    ),
    Case(
        "heat_multiscale",
        _heat_multiscale,
        box((0, 1, 60), (0, 1, 8), (0, 5, 8), nodes=4),
        Target(1e-6, 2, 1e-6, 15),
    ),
    Case("helmholtz_k20", _helmholtz_k20, box((0, 1, 24), (0, 1, 24))),
    Case("boundary_layer", lambda x: closed_form.boundary_layer(x, 1e-4), layer(1e-4)),
    Case(
        "burgers_front",
        lambda x, t: closed_form.burgers_front(x, t, 0.005, start=-0.25),
        box((-1, 1, 160), (0, 1, 8)),
    ),
    Case(
        "reaction_front",
        lambda x, t: closed_form.bistable_front(x, t, 0.01, 200, start=0.25),
        box((0, 1, 120), (0, 1, 8)),
    ),
    Case("wave", closed_form.standing_wave, box((0, 1, 8), (0, 20, 60))),
    Case(
        "kuramoto_sivashinsky",
        _kuramoto_sivashinsky,
        at_times((0, 32 * np.pi, 100), KS_TIMES),
        source="Fourier, ETDRK4, at saved times",
    ),
    Case(
        "kdv_two_solitons",
        closed_form.two_solitons,
        box((-1, 2, 100), (0, 1, 10)),
        Target(1e-9, 3, 3e-8, 4),
    ),
    Case(
        "oblique_layer",
        closed_form.oblique_layer,
        along_front(lambda x: 0.5 + np.tan(np.pi / 6) * (x - 0.5), 1e-3),
        Target(1e-5, 30, 1e-5, 4),
    ),
    Case("mixing_layer", closed_form.mixing_layer, along_front(lambda x: 0.15 + np.tan(np.pi / 6) * (x + 0.25), 1e-3)),
    Case(
        "curved_layer",
        lambda x, y: np.tanh((y - 0.2 - 0.3 * x - 0.2 * x**2) / 2e-3) + x * y,
        along_front(lambda x: 0.2 + 0.3 * x + 0.2 * x**2, 2e-3),
    ),
    Case(
        "turning_front",
        _turning_front,
        box((-0.5, 0.5, 32), (-0.5, 0.5, 32), (0, 1, 4), nodes=4),
        Target(1e-4, 300, 1e-4, 4),
    ),
    Case("poisson5d", lambda *x: np.cos(np.pi * np.stack(x)).sum(0), cloud(5), Target(1e-10, 2, 1e-8, 4)),
    Case(
        "poisson10d",
        lambda *x: sum(a * b for a, b in zip(x[::2], x[1::2], strict=True)),
        cloud(10),
        Target(1e-10, 2, 1e-4, 4),
    ),
    Case("product10d", lambda *x: np.sin(np.pi * np.stack(x)).prod(0), cloud(10), Target(1e-6, 2, 1e-4, 4)),
    Case("poisson5d_gaussian", lambda *x: np.exp(-(np.stack(x) ** 2).sum(0) / 2), cloud(5), Target(1e-6, 60, 1e-4, 4)),
    Case("kovasznay", systems.kovasznay, box((-0.5, 1, 16), (-0.5, 1.5, 24)), Target(1e-9, 3, 1e-8, 14)),
    Case("stokes", systems.stokes, box(UNIT, UNIT)),
    Case("elasticity", systems.elasticity, box(UNIT, UNIT), Target(1e-10, 1, 1e-9, 14)),
    Case(
        "cavity",
        lambda x, y: named("u v", lid_driven(100.0), x, y),
        box(UNIT, UNIT),
        Target(1e-6, 30, 1e-6, 14),
        "Galerkin with Legendre polynomials (velocity)",
    ),
    Case("lotka_volterra", in_time("lotka_volterra", "u v"), box((0, 10, 200)), Target(1e-6, 5, 1e-6, 14), "DOP853"),
    Case("lorenz", in_time("lorenz", "u v w"), box((0, 10, 400)), Target(1e-6, 5, 1e-6, 14), "DOP853"),
    Case(
        "robertson",
        in_time("robertson", "a b c"),
        lambda: gauss(np.append(0.0, np.geomspace(1e-5, 40, 200))),
        Target(1e-6, 5, 1e-6, 14),
        "Radau",
    ),
    Case("schroedinger", systems.two_bound_solitons, box((-10, 10, 100), (0, np.pi / 2, 40)), SOLITONS),
    Case("soliton", systems.soliton, box((-15, 15, 100), (0, 2, 30)), SOLITONS),
    Case("harmonic_well", systems.coherent_state, box((-9, 9, 100), (0, 2 * np.pi, 40)), SOLITONS),
    Case(
        "fitzhugh_nagumo",
        saved("u v", fitzhugh_nagumo, until(10, 10)),
        at_times((0, 20, 100), until(10, 10)),
        Target(1e-6, 5, 1e-6, 14),
        "Fourier, ETDRK4, at saved times",
    ),
    Case(
        "gray_scott",
        saved("u v", gray_scott, until(200, 10)),
        at_times((-1, 1, 100), until(200, 10)),
        Target(1e-6, 5, 1e-6, 14),
        "Fourier, ETDRK4, at saved times",
    ),
    Case("acoustics", systems.acoustics, box(UNIT, (0, 2, 32)), Target(1e-8, 10, 1e-8, 14)),
    Case("maxwell", systems.maxwell, box((0, 0.3, 16), (0, 2e-9, 32)), Target(1e-8, 10, 1e-8, 14)),
    Case(
        "shallow_water",
        saved("h q", shallow_water, until(0.5, 10)),
        at_times((0, 1, 60), until(0.5, 10)),
        Target(1e-8, 10, 1e-8, 14),
        "Fourier, Runge-Kutta, at saved times",
    ),
    Case(
        "cahn_hilliard",
        saved("u", cahn_hilliard, until(0.1, 10)),
        at_times((0, 1, 60), until(0.1, 10)),
        Target(1e-6, 5, 1e-6, 14),
        "Fourier, ETDRK4, at saved times (u)",
    ),
)
BY_NAME = {case.name: case for case in CASES}
