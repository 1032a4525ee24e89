"""``pinnkan.solve``: the solver's result as a solution."""

from __future__ import annotations

from collections.abc import Callable

from pinnkan.errors import ResourceError, UsageError
from pinnkan.problem.statement import Problem
from pinnkan.run.solution import Solution
from pinnkan.verdict import Iteration, Level

Progress = Callable[[Level | Iteration], None]


def solve(problem: Problem, *, device: str = "cpu", progress: Progress | None = None) -> Solution:
    """Solves ``problem`` to its tolerance on ``device`` (``cpu`` or ``cuda``), with the verdict of the command.

    ``progress`` is called with each record as it is made.

    Raises:
        SolverError: the iteration diverged and left no usable state.
        ResourceError: the device is absent, or memory ran out.
    """
    _require(device)
    from pinnkan.solver.solve import solve as solve_problem

    try:
        result = solve_problem(problem, device=device, progress=progress)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error):  # torch has no class of its own for this
            message = f"out of memory: {error}; ask for a larger tolerance or fewer levels"
            raise ResourceError(message) from error
        raise
    return Solution(
        problem=problem,
        field=result.field,
        error=result.error,
        verdict=result.verdict,
        levels=tuple(result.levels),
        history=tuple(result.history),
        seconds=result.seconds,
        network=result.network,
    )


def _require(device: str) -> None:
    if device == "cpu":
        return
    if device.split(":")[0] != "cuda":
        raise UsageError(f"unknown device {device!r}: choose cpu or cuda")
    import torch

    if not torch.cuda.is_available():
        raise ResourceError(
            "no CUDA device was found (is a GPU present, and is torch built for CUDA?); --device cpu works everywhere"
        )
