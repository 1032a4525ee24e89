"""pinnkan solves partial differential equations written in YAML with Kolmogorov-Arnold networks.

The whole public API, each name loaded at its first use so that ``import pinnkan`` does not import torch:

>>> import pinnkan
>>> problem = pinnkan.load_problem("poisson2d")
>>> solution = pinnkan.solve(problem)  # doctest: +SKIP
>>> u = solution(points)["u"]  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pinnkan.version import __version__

if TYPE_CHECKING:
    from pinnkan.problem.registry import load_problem
    from pinnkan.run.restoring import load_solution
    from pinnkan.run.solving import solve
    from pinnkan.solution import Solution

__all__ = ["Solution", "__version__", "load_problem", "load_solution", "solve"]

_HOMES = {
    "load_problem": "pinnkan.problem.registry",
    "load_solution": "pinnkan.run.restoring",
    "Solution": "pinnkan.solution",
    "solve": "pinnkan.run.solving",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'pinnkan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
