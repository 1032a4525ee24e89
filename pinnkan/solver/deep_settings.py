"""What the user may leave open in a deep solve, and the rules that fill it in."""

from __future__ import annotations

from dataclasses import dataclass

from pinnkan.problem.statement import Problem
from pinnkan.residual import CompiledEquation


@dataclass(frozen=True)
class DeepSettings:
    """The settings of a solve, the user's or those of :func:`choose_settings`."""

    hidden: tuple[int, ...]
    degree: int
    knots: int
    slabs: int
    max_levels: int
    max_time: float


def choose_settings(problem: Problem) -> DeepSettings:
    """The user's settings, completed.

    Two hidden layers of five (measured against one of eight: Klein-Gordon's first slab overfits the latter, held-out
    loss 1e-2 to 1e-4), quintic edges or two degrees above the order of the equation, four intervals.
    """
    s = problem.solver
    order = max(jet.total for e in problem.equations for jet in e.jets.values())
    return DeepSettings(
        hidden=s.hidden if s.hidden is not None else (5, 5),
        degree=s.degree if s.degree is not None else max(5, order + 2),
        knots=s.knots if s.knots is not None else 4,
        slabs=s.time_slabs if s.time_slabs is not None and problem.time_axis is not None else choose_slabs(problem),
        max_levels=s.max_levels if s.max_levels is not None else 4,
        max_time=s.max_time if s.max_time is not None else 300.0,
    )


def choose_slabs(problem: Problem) -> int:
    """Two for linear equations, four of second order in time, eight for the other nonlinear ones; one without time.

    Heuristic, measured at the coarsest level as error in CPU seconds: heat2d 4e-4 in 16 (2 slabs), 1e-3 in 47 (8);
    Klein-Gordon 1e-3 in 28 (4), 2e-2 in 36 (8); Burgers 6e-3 in 11 (4), 4e-4 in 21 (8).
    """
    time = problem.time_axis
    if time is None:
        return 1
    equations = [CompiledEquation(e, problem.coordinates) for e in problem.equations]
    if all(e.is_linear for e in equations):
        return 2
    return 4 if max(jet.order[time] for e in equations for jet in e.jets) > 1 else 8
