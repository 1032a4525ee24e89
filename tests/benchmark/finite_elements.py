"""Measures pinnkan beside quartic finite elements and writes results/tables/finite_elements.md and .csv: ten minutes.

    OMP_NUM_THREADS=1 python tests/benchmark/finite_elements.py

Both solve the same problem one after the other, so that the same machine in the same state does both: the elements on
finer and finer meshes, pinnkan at its tolerances. The errors are true: relative L2, the elements' by quadrature on
their own mesh, pinnkan's on the grid of tests/benchmark/cases.py. convection_diffusion is one-dimensional; the elements
take two of it across.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

from accuracy import solve, tolerances  # noqa: E402
from cases import BY_NAME  # noqa: E402
from reference import adapted_elements, finite_elements, moving_elements  # noqa: E402
from reference.finite_elements import Result  # noqa: E402
from tables import write  # noqa: E402

import pinnkan  # noqa: E402  (the paths come first, so that the script runs by its name alone)

#: Seconds below which a solve is repeated, for then a hiccup of the machine shows.
SHORT = 5.0
#: Seconds for one solve of pinnkan: the target of a front that turns.
LIMIT = 300.0
#: Unknowns beyond which no further mesh is made.
MOST = 200_000


@dataclass(frozen=True)
class Row:
    """One solve: unknowns of the elements, parameters of pinnkan; true relative L2 error; seconds."""

    problem: str
    method: str
    unknowns: int
    error: float
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; the table is written after each solve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=list(ELEMENTS), default=list(ELEMENTS))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "tables", help="folder of the tables")
    options = parser.parse_args(arguments)
    command = " ".join(
        ["python tests/benchmark/finite_elements.py", *(sys.argv[1:] if arguments is None else arguments)]
    )
    pinnkan.solve(pinnkan.load_problem("poisson1d"))
    rows: list[dict[str, object]] = []
    for name in options.only:
        for row in chain(ELEMENTS[name](), own(name)):
            rows.append(asdict(row) | {"problem": name})
            print(f"{name:20} {row.method:44} {row.unknowns:8} {row.error:8.1e} {row.seconds:8.2f} s", flush=True)
            write(options.out, "finite_elements", rows, command)
    return 0


def own(name: str) -> Iterator[Row]:
    """pinnkan at the tolerances of the case, until one is missed."""
    for tolerance in tolerances(BY_NAME[name]):
        found = solve(BY_NAME[name], "auto", tolerance, LIMIT)
        if found.seconds < SHORT:
            again = solve(BY_NAME[name], "auto", tolerance, LIMIT)
            found = min(found, again, key=lambda r: r.seconds)
        missed = "" if found.verdict == "converged" else f" ({found.verdict})"
        yield Row(name, f"pinnkan, tolerance {tolerance:.0e}{missed}", found.parameters, found.error, found.seconds)
        if missed:
            return


def faster(method: str, make: Callable[[], Result]) -> Row:
    """The faster of two solves if they are short."""
    found = make()
    if found.seconds < SHORT:
        found = replace(found, seconds=min(found.seconds, make().seconds))
    return Row("", method, found.unknowns, found.error, found.seconds)


def even_squares(make: Callable[[int], Result], *counts: int) -> Callable[[], Iterator[Row]]:
    """Q4 on even meshes, so many elements to the shorter side."""
    return lambda: (faster(f"Q4, even, {n} to a side", partial(make, n)) for n in counts)


def boundary_layer() -> Iterator[Row]:
    """Q4 graded to the layer of convection_diffusion."""
    for ratio in (2.0, 1.5, 1.2):
        yield faster(f"Q4, graded by hand, ratio {ratio:g}", partial(finite_elements.convection_layer, ratio=ratio))


def oblique_layer() -> Iterator[Row]:
    """P4 for a layer askew: adapted by its own indicator, graded to the known line, fitted to it."""
    problem = finite_elements.oblique()
    passes = (list(adapted_elements.adapted(problem, MOST)) for _ in range(2))
    for one, two in list(zip(*passes, strict=True))[-4:]:
        yield Row("", "P4, adapts itself", one.unknowns, one.error, min(one.seconds, two.seconds))
    for finest, reach in ((8.0, 4.0), (4.0, 5.0), (2.0, 6.0)):
        make = partial(finite_elements.oblique_layer, finest=finest, reach=reach)
        yield faster(f"P4, graded by hand to {finest:g} widths", make)
    for shape in ((8, 1e-3, 1.5), (8, 5e-4, 1.4), (16, 2.5e-4, 1.15)):
        yield faster("P4, fitted to the layer by hand", partial(adapted_elements.fitted, problem, *shape))


def turning_front() -> Iterator[Row]:
    """P4 and Radau collocation: an even mesh, and one refined wherever the front passes."""
    moving = moving_elements.turning()
    for halvings, steps in ((5, 20), (6, 40)):
        mesh = partial(moving_elements.even_mesh, halvings)
        yield faster(f"P4, even, {steps} steps", partial(moving_elements.march, moving, mesh, steps))
    for finest, reach, steps in ((0.05, 0.06, 20), (0.03, 0.08, 30), (0.016, 0.1, 50)):
        mesh = partial(moving_elements.path_mesh, moving, finest, reach)
        method = f"P4, refined by hand where the front passes, {steps} steps"
        yield faster(method, partial(moving_elements.march, moving, mesh, steps))


ELEMENTS: dict[str, Callable[[], Iterator[Row]]] = {
    "poisson2d": even_squares(finite_elements.poisson, 8, 16, 32),
    "helmholtz2d": even_squares(lambda n: finite_elements.helmholtz((n, 4 * n)), 12, 24, 48),
    "poisson_multiscale": even_squares(finite_elements.poisson_multiscale, 48, 64, 96),
    "poisson_varying": even_squares(finite_elements.poisson_varying, 64, 96, 128),
    "convection_diffusion": boundary_layer,
    "oblique_layer": oblique_layer,
    "turning_front": turning_front,
}

if __name__ == "__main__":
    sys.exit(main())
