"""The problems of the comparison: points, weights and true values, made once and left in a file for every peer.

The truth never comes from pinnkan but from tests/reference: closed forms, Cole-Hopf, spectral methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from case import Array, at_times_in_the_plane, box
from reference import closed_form
from reference.allen_cahn import allen_cahn
from reference.burgers import burgers
from reference.cavity import lid_driven
from reference.error import Grid, allen_cahn_grid, burgers_space_time
from reference.heat_long_time import heat2d_lt

#: Times at which marches are compared.
TENTHS = (0.01, *(n / 10 for n in range(1, 11)))
SECONDS = tuple(float(n) for n in range(1, 9))


@dataclass(frozen=True)
class Compared:
    """`values` of the points' coordinates gives (component, point); `source` says where they come from."""

    title: str
    grid: Callable[[], Grid]
    values: Callable[..., Array]
    source: str


SQUARE = (0.0, 1.0, 6)
COMPARED: dict[str, Compared] = {
    "poisson": Compared(
        "Poisson, sin(pi x) sin(pi y)", box((0.0, 1.0, 16), (0.0, 1.0, 16)), closed_form.sines, "closed form"
    ),
    "helmholtz": Compared(
        "Helmholtz, k = 1, one wave by four on [-1, 1]^2",
        box((-1, 1, 12), (-1, 1, 24)),
        lambda x, y: closed_form.sines(x, y, waves=(1, 4)),
        "closed form",
    ),
    "burgers": Compared(
        "Burgers, nu = 0.01/pi", lambda: burgers_space_time(np.linspace(0, 1, 11)), burgers, "Cole-Hopf"
    ),
    "allen_cahn": Compared(
        "Allen-Cahn, D = 1e-4, periodic",
        lambda: allen_cahn_grid(TENTHS),
        lambda x, t: allen_cahn(TENTHS)(x, t),
        "spectral elements and ETDRK4",
    ),
    "cavity": Compared(
        "Lid-driven cavity, Re 100, lid 16 x^2 (1 - x)^2",
        box(SQUARE, SQUARE),
        lambda x, y: np.stack(lid_driven(100.0, 40)(x, y)),
        "Galerkin with Legendre polynomials, good to about 2e-8; velocity",
    ),
    "heat2d_lt": Compared(
        "Heat2d-LT of PINNacle, to t = 8", at_times_in_the_plane(SQUARE, SECONDS), heat2d_lt, "sine series and ETDRK4"
    ),
}


def grid_file(folder: Path, name: str) -> Path:
    """The file of a problem, made where it is not there: points, values (component, point), weights."""
    path, compared = folder / f"{name}.npz", COMPARED[name]
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        grid = compared.grid()
        values = compared.values(*grid.points.T).reshape(-1, len(grid.weights))
        np.savez(path, points=grid.points, values=values, weights=grid.weights)
    return path
