"""pinnkan solves partial differential equations written in YAML with Kolmogorov-Arnold networks.

The whole public API, each name loaded at its first use so that ``import pinnkan`` does not import torch:

>>> import pinnkan
>>> problem = pinnkan.load_problem("poisson2d", tolerance=1e-6)     # a path, a shipped name, or the text itself
>>> problem = pinnkan.Problem(domain={"x": (0, 1)}, unknowns=["u"], equations=["-u_xx = 1"],
...                           conditions=[("boundary", "u = 0")])   # the same in Python
>>> solution = pinnkan.solve(problem)
>>> solution.verdict.converged
True
>>> u = solution([[0.5]])["u"]                    # points: (n, coordinates); u: (n,)
>>> u_x = solution.derivative("u_x", [[0.5]])
>>> figure = solution.plot()                      # also to_pyvista(), to_xarray()

What cannot be is a ``pinnkan.PinnkanError``: a ``ProblemError`` carries every fault with its place in ``.faults``, a
``UsageError`` says what a call asks for that does not exist.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pinnkan.version import __version__

if TYPE_CHECKING:
    from pinnkan.errors import PinnkanError, ProblemError, UsageError
    from pinnkan.problem.python_statement import problem_of as Problem  # noqa: N812 (its name for users)
    from pinnkan.problem.registry import load_problem
    from pinnkan.run.checkpoint import load_solution
    from pinnkan.run.solving import certify, solve
    from pinnkan.solution import Solution

__all__ = [
    "PinnkanError",
    "Problem",
    "ProblemError",
    "Solution",
    "UsageError",
    "__version__",
    "certify",
    "load_problem",
    "load_solution",
    "solve",
]

_HOMES = {
    "PinnkanError": "pinnkan.errors",
    "Problem": "pinnkan.problem.python_statement:problem_of",
    "ProblemError": "pinnkan.errors",
    "UsageError": "pinnkan.errors",
    "certify": "pinnkan.run.solving",
    "load_problem": "pinnkan.problem.registry",
    "load_solution": "pinnkan.run.checkpoint",
    "Solution": "pinnkan.solution",
    "solve": "pinnkan.run.solving",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, _, inside = _HOMES[name].partition(":")
        return getattr(import_module(module), inside or name)
    # with its object a traceback says which name was meant
    raise AttributeError(f"module 'pinnkan' has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted(__all__)
