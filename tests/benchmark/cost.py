"""Measures what a solve costs against knot intervals, degree and dimension: results/figures/cost.png, tables/cost.*.

    python tests/benchmark/cost.py        two minutes

Intervals and degree: one level of the product network on a cube of two and three coordinates, with its estimate in the
halved intervals. Dimension: a whole solve to 1e-6, of a sum of functions of one coordinate, and of a chain in which
each coordinate is coupled to the next; up to three coordinates by the full tensor product, beyond by blocks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

from tables import write  # noqa: E402

import pinnkan  # noqa: E402  (the paths come first, so that the script runs by its name alone)
from pinnkan.problem.registry import parse_problem  # noqa: E402
from pinnkan.problem.statement import Problem  # noqa: E402

INTERVALS = {2: (1, 2, 4, 8, 16, 32), 3: (1, 2, 3, 4, 6)}
DEGREES = {2: (4, 5, 6, 8, 10, 12), 3: (4, 5, 6, 7, 8)}
#: Degree while the intervals vary, and intervals while the degree does.
FIXED_DEGREE, FIXED_INTERVALS = 6, {2: 8, 3: 3}
DIMENSIONS = {"sum": (1, 2, 3, 4, 5, 7, 10, 14, 20), "chain": (2, 3, 4, 5, 7, 10, 14)}


@dataclass(frozen=True)
class Cost:
    """One solve: against what it was measured, of which problem, at which value; what it took and what it reached."""

    against: str
    problem: str
    value: int
    parameters: int
    seconds: float
    cpu_seconds: float
    error: float
    estimate: float
    verdict: str


def cube(dimension: int, chain: bool, solver: str) -> Problem:
    """Poisson's equation on the unit cube with a known solution."""
    names = [f"x{i + 1}" for i in range(dimension)]
    terms = [f"cos(pi*{c})" for c in names]
    if chain:
        terms += [f"sin({a}*{b})" for a, b in pairwise(names)]
    lines = ["name: cube", "domain:", *(f"  {c}: [0, 1]" for c in names), "functions:", f"  v: {' + '.join(terms)}"]
    lines += ["unknowns: [u]", "equations:", "  - lap(u) = lap(v)", "conditions:", "  - where: boundary"]
    lines += ["    equation: u = v", "exact:", "  u: v", f"solver: {{{solver}}}"]
    return parse_problem("\n".join(lines) + "\n", "cube.yaml")


def measured(against: str, value: int, dimension: int, chain: bool, solver: str) -> Cost:
    """Solve once."""
    problem = cube(dimension, chain, solver)
    began, cpu = time.perf_counter(), time.process_time()
    solution = pinnkan.solve(problem)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    name = f"{'chain' if chain else 'sum'} in {dimension}" if against != "dimension" else "chain" if chain else "sum"
    error, verdict = solution.true_error, solution.verdict
    row = Cost(
        against, name, value, solution.parameters, seconds, cpu, error, verdict.estimate, verdict.reason or "met"
    )
    print(f"{against:10} {row.problem:12} {value:3}  {row.parameters:6} coefficients  error {error:8.1e}  {cpu:6.2f} s",
          flush=True)  # fmt: skip
    return row


def measurements() -> Iterator[Cost]:
    """All of them, the small first."""
    measured("warm up", 0, 2, True, "tolerance: 1e-4")
    measured("warm up", 0, 4, True, "tolerance: 1e-4")
    one = "tolerance: 1e-12, max_levels: 1"
    for dimension in (2, 3):
        for n in INTERVALS[dimension]:
            yield measured("intervals", n, dimension, True, f"{one}, degree: {FIXED_DEGREE}, knots: {n}")
        for p in DEGREES[dimension]:
            knots = FIXED_INTERVALS[dimension]
            yield measured("degree", p, dimension, True, f"{one}, degree: {p}, knots: {knots}")
    for kind, dimensions in DIMENSIONS.items():
        for dimension in dimensions:
            yield measured("dimension", dimension, dimension, kind == "chain", "tolerance: 1e-6, max_time: 60")


def draw(rows: Sequence[Cost], path: Path) -> None:
    """Error against CPU seconds for intervals and degree; seconds and coefficients against dimension."""
    from pinnkan.export.style import BLUE, GREEN, ORANGE, figure

    colours = {"chain in 2": BLUE, "chain in 3": ORANGE, "sum": BLUE, "chain": GREEN}
    with figure(path, 12.5, 4.0) as drawing:
        panels = drawing.subplots(1, 3)
        for panel, against in zip(panels, ("intervals", "degree", "dimension"), strict=True):
            chosen = [r for r in rows if r.against == against]
            for name in dict.fromkeys(r.problem for r in chosen):
                part = [r for r in chosen if r.problem == name]
                if against == "dimension":
                    panel.loglog([r.value for r in part], [r.cpu_seconds for r in part], "o-", color=colours[name],
                                 label=f"{name}: seconds")  # fmt: skip
                    panel.loglog([r.value for r in part], [r.parameters / 1000 for r in part], "x:", lw=1.0,
                                 color=colours[name], label=f"{name}: coefficients / 1000")  # fmt: skip
                else:
                    panel.loglog([r.cpu_seconds for r in part], [r.error for r in part], "o-", color=colours[name],
                                 label=name.replace("chain in", "coordinates:"))  # fmt: skip
                    for r in part:
                        panel.annotate(str(r.value), (r.cpu_seconds, r.error), (3, 3), textcoords="offset points",
                                       fontsize=7)  # fmt: skip
            panel.legend(fontsize=8)
            panel.minorticks_off()
            if against == "dimension":
                panel.axvline(3.5, color="0.7", lw=0.8)
                panel.set(xlabel="coordinates; from the line on, blocks", ylabel="CPU seconds")
                panel.set_xticks([1, 2, 3, 5, 10, 20], ["1", "2", "3", "5", "10", "20"])
                panel.set_title("a solve to 1e-6", loc="left")
            else:
                panel.set(xlabel="CPU seconds of a level", ylabel="true relative error")
                panel.set_title(
                    f"numbers: {'intervals per coordinate' if against == 'intervals' else 'degree'}", loc="left"
                )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the table after each solve, draw at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of `tables` and `figures`")
    options = parser.parse_args(arguments)
    rows: list[Cost] = []
    for row in measurements():
        rows.append(row)
        write(options.out / "tables", "cost", [asdict(r) for r in rows], "python tests/benchmark/cost.py")
    (options.out / "figures").mkdir(parents=True, exist_ok=True)
    draw(rows, options.out / "figures" / "cost.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
