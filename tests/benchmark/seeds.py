"""The spread over seeds of the solves in which something is random.

python tests/benchmark/seeds.py             results/tables/seeds.md, .csv: three seeds, some minutes
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

from accuracy import BY_NAME, true_error  # noqa: E402
from tables import write  # noqa: E402

import pinnkan  # noqa: E402  (the paths come first, so that the script runs by its name alone)

#: Problem, network and tolerance: random points beyond three coordinates, random starts of deep networks.
RANDOM = (
    ("poisson5d", "auto", 1e-8),
    ("poisson10d", "auto", 1e-4),
    ("poisson5d_gaussian", "auto", 1e-4),
    ("poisson1d", "deep", 1e-6),
    ("convection_diffusion", "deep", 1e-6),
    ("poisson2d", "deep", 1e-4),
    ("heat1d", "deep", 1e-4),
    ("helmholtz2d", "deep", 1e-4),
)
LIMIT = 60.0
#: A solve makes starts from its seed and the next few: seeds so far apart share none.
APART = 10


@dataclass(frozen=True)
class Row:
    """One problem over all seeds: how many converged, true errors and seconds."""

    problem: str
    network: str
    tolerance: float
    converged: str
    least_error: float
    error: float
    most_error: float
    effectivity: str
    seconds: str


def measured(name: str, network: str, tolerance: float, seeds: int) -> Row:
    """The same solve from every seed."""
    errors, seconds, ratios, converged = [], [], [], 0
    for seed in range(0, APART * seeds, APART):
        problem = pinnkan.load_problem(name)
        settings = replace(problem.solver, tolerance=tolerance, network=network, seed=seed, max_time=LIMIT)
        began = time.perf_counter()
        solution = pinnkan.solve(replace(problem, solver=settings))
        seconds.append(time.perf_counter() - began)
        errors.append(true_error(BY_NAME[name], solution))
        ratios.append(solution.verdict.estimate / errors[-1])
        converged += solution.verdict.converged
    return Row(
        problem=name,
        network=network,
        tolerance=tolerance,
        converged=f"{converged} of {seeds}",
        least_error=min(errors),
        error=median(errors),
        most_error=max(errors),
        effectivity=f"{min(ratios):.1f} to {max(ratios):.1f}",
        seconds=f"{min(seconds):.1f} to {max(seconds):.1f}",
    )


def main() -> None:
    """Measure and write the table, after each problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    pinnkan.solve(pinnkan.load_problem("poisson1d"))
    rows: list[Row] = []
    for name, network, tolerance in RANDOM:
        rows.append(measured(name, network, tolerance, options.seeds))
        print(rows[-1], flush=True)
        command = " ".join(["python tests/benchmark/seeds.py", *sys.argv[1:]])
        write(ROOT / "results" / "tables", "seeds", [asdict(row) for row in rows], command)


if __name__ == "__main__":
    main()
