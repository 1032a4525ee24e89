"""The systems that are measured, with their references: flows, waves, reactions, ordinary equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from case import UNIT, Array, Case, Reference, Target, at_times, at_times_in_the_plane, box, inside, until
from reference import systems
from reference.cavity import lid_driven
from reference.error import Grid, gauss, graded_edges
from reference.hare_lynx import hare_lynx
from reference.heated_cavity import heated_cavity
from reference.modes import limit_cycle, orr_sommerfeld
from reference.ordinary import ordinary
from reference.periodic_plane import fitzhugh_nagumo2d, gray_scott2d
from reference.periodic_systems import cahn_hilliard, fitzhugh_nagumo, gray_scott, shallow_water


def named(names: str, of: Callable[..., object], *points: Array) -> Mapping[str, Array]:
    """The unknowns of a system by name, from a function that gives them in order."""
    return dict(zip(names.split(), np.asarray(of(*points)), strict=True))


def saved(names: str, solve: Callable[..., object], times: tuple[float, ...]) -> Reference:
    """Series at saved `times` as a reference."""
    return lambda x, t: named(names, lambda *at: [u(*at) for u in solve(times)], x, t)  # type: ignore[attr-defined]


def saved_in_the_plane(names: str, solve: Callable[..., Callable[..., object]], times: tuple[float, ...]) -> Reference:
    """Series in the plane at saved `times` as a reference."""
    return lambda x, y, t: named(names, solve(times), x, y, t)


def in_time(name: str, names: str) -> Reference:
    """A system of ordinary equations as a reference: its first unknowns."""
    count = len(names.split())
    return lambda t: named(names, lambda at: ordinary(name)(at)[:count], t)


def van_der_pol_grid() -> Grid:
    """A grid that is dense at the two jumps, down to a tenth of their width."""
    edges = [
        graded_edges(low, high, jump, 1e-4, 20.0)
        for low, high, jump in ((0.0, 1200.0, 807.0862), (1200.0, 2000.0, 1614.2860))
    ]
    return gauss(np.unique(np.concatenate(edges)))


SOLITONS = Target(1e-8, 5, 1e-8, 14)


SYSTEMS = (
    Case("hare_lynx", hare_lynx, box((1900, 1920, 40)), (), "Runge-Kutta and least squares"),
    Case("limit_cycle", limit_cycle, box((0, 1, 64)), (), "Runge-Kutta"),
    Case("orr_sommerfeld", orr_sommerfeld, box((-1, 1, 64)), (), "Chebyshev"),
    Case("kovasznay", systems.kovasznay, box((-0.5, 1, 16), (-0.5, 1.5, 24)), Target(1e-9, 3, 1e-8, 14)),
    Case("stokes", systems.stokes, box(UNIT, UNIT)),
    Case("elasticity", systems.elasticity, box(UNIT, UNIT), Target(1e-10, 1, 1e-9, 14)),
    Case("cantilever", systems.cantilever, box((0, 4, 16), (-0.5, 0.5, 8))),
    Case(
        "kirsch",
        systems.kirsch,
        inside(box((-1, 1, 24), (-1, 1, 24)), lambda x, y: np.hypot(x, y) > 0.25),
        Target(1e-8, 10, 1e-8, 47),
    ),
    Case(
        "cavity",
        lambda x, y: named("u v", lid_driven(100.0, 44), x, y),
        box(UNIT, UNIT),
        Target(1e-6, 30, 1e-6, 14),
        "Galerkin with Legendre polynomials (velocity)",
    ),
    *(
        Case(
            f"cavity_re{reynolds}",
            lambda x, y, at=(float(reynolds), number): named("u v", lid_driven(*at), x, y),
            box(UNIT, UNIT),
            Target(1e-5, 120, tolerance, 14),
            "Galerkin with Legendre polynomials (velocity)",
        )
        for reynolds, number, tolerance in ((400, 48, 1e-4), (1000, 48, 1e-5))
    ),
    Case(
        "heated_cavity",
        lambda x, y: heated_cavity(1e4, 40)(x, y),
        box(UNIT, UNIT),
        source="Galerkin with Legendre polynomials (velocity, temperature)",
    ),
    Case(
        "cavity_corners",
        lambda x, y: named("u v", lid_driven(100.0, 34, "parabola"), x, y),
        box(UNIT, UNIT),
        Target(1e-5, 15, 1e-4, 14),
        "Galerkin with Legendre polynomials and corner functions (velocity)",
    ),
    Case(
        "taylor_green",
        systems.taylor_green,
        box((0, 2 * np.pi, 8), (0, 2 * np.pi, 8), (0, 1, 4)),
        Target(1e-7, 30, 1e-7, 14),
    ),
    Case("beltrami", systems.beltrami, box(*[(-1.0, 1.0, 2)] * 3, (0.0, 1.0, 20)), Target(1e-4, 300, 1e-4, 14)),
    Case("lotka_volterra", in_time("lotka_volterra", "u v"), box((0, 10, 200)), Target(1e-6, 5, 1e-6, 14), "DOP853"),
    Case("lorenz", in_time("lorenz", "u v w"), box((0, 10, 400)), Target(1e-6, 5, 1e-6, 14), "DOP853"),
    Case(
        "robertson",
        in_time("robertson", "a b c"),
        lambda: gauss(np.append(0.0, np.geomspace(1e-5, 40, 200))),
        Target(1e-6, 5, 1e-6, 14),
        "Radau",
    ),
    Case("van_der_pol", lambda t: ordinary("van_der_pol")(t)[0], van_der_pol_grid, Target(1e-4, 30, 1e-4, 14), "Radau"),
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
    *(
        Case(
            name,
            saved_in_the_plane("u v", solve, until(end, 5)),
            at_times_in_the_plane(interval, until(end, 5)),
            Target(1e-4, 120, 1e-4, 14),
            "Fourier, ETDRK4, at saved times",
        )
        for name, solve, interval, end in (
            ("fitzhugh_nagumo2d", fitzhugh_nagumo2d, (-10, 10, 12), 5),
            ("gray_scott2d", gray_scott2d, (-1, 1, 12), 25),
        )
    ),
    Case("acoustics", systems.acoustics, box(UNIT, (0, 2, 32)), Target(1e-8, 10, 1e-8, 14)),
    Case("maxwell", systems.maxwell, box((0, 0.3, 16), (0, 2e-9, 32)), Target(1e-8, 10, 1e-8, 14)),
    Case("maxwell_cavity", systems.maxwell_cavity, box(*[(0.0, 1.0, 8)] * 3), Target(1e-8, 10, 1e-7, 14)),
    Case(
        "shallow_water",
        saved("h q", shallow_water, until(0.5, 10)),
        at_times((0, 1, 60), until(0.5, 10)),
        Target(1e-8, 10, 1e-7, 14),
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
