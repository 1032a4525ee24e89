"""pinnkan: the shipped problems, the tolerance the only setting, in the environment that runs the benchmark."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from protocol import Run, main

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import pinnkan

TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-8)
#: Shipped problems by the name of the comparison.
PROBLEMS = {
    "poisson": "poisson2d",
    "helmholtz": "helmholtz2d",
    "burgers": "burgers",
    "allen_cahn": "allen_cahn",
    "cavity": "cavity",
    "heat2d_lt": "heat2d_lt",
}


def solver(name: str) -> Callable[[Run], None]:
    """Solves at each tolerance, after a small solve that pays for first calls."""

    def solve(run: Run) -> None:
        pinnkan.solve(pinnkan.load_problem("poisson1d"))
        for tolerance in TOLERANCES:
            run.restart()
            problem = pinnkan.load_problem(name)
            settings = replace(problem.solver, tolerance=tolerance, max_time=3600.0)
            solution = pinnkan.solve(replace(problem, solver=settings))
            verdict = solution.verdict
            said = "converged" if verdict.converged else str(verdict.reason)
            words = f"tolerance {tolerance:.0e}: {said}, estimate {verdict.estimate:.1e}"

            def predict(points: np.ndarray, found: pinnkan.Solution = solution) -> np.ndarray:
                values = found(points)
                return np.stack([values[u] for u in found.problem.unknowns[: len(run.values)]])

            run.report(words, predict)

    return solve


if __name__ == "__main__":
    main({name: solver(file) for name, file in PROBLEMS.items()}, ("pinnkan", "torch", "numpy", "scipy"))
