"""A family of levels that only recites what it is told, a check that answers, and a solve with both."""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.problem.registry import load_problem
from pinnkan.problem.statement import Problem
from pinnkan.solver.level_family import ErrorEstimate, LossMinimum
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.verifier import Answer
from pinnkan.verdict.records import Evidence

TOLERANCE = 1e-4
PROBLEM = load_problem("poisson1d")
PROBLEM = replace(PROBLEM, exact=None, solver=replace(PROBLEM.solver, tolerance=TOLERANCE))
SPIKE = HiddenFeature(np.array([0.4]), np.array([1e-5]), 1.0)


@dataclass(frozen=True)
class At:
    """Level ``number`` of the recital, before or at its minimum."""

    number: int
    at_minimum: bool = False


@dataclass(frozen=True)
class Recital:
    """A family whose levels have these ``sizes`` of estimates; the function of level n is the text ``u<n>``."""

    sizes: tuple[float, ...]
    most_levels: int = 9
    changes: tuple[dict, ...] = ()  # of what is measured, per level
    rounding: float = 0.0
    evidence: Evidence = Evidence.CORRECTION
    vain_after: int = 99
    richest: int = 99  # no level beyond it
    initial: str | None = "data"
    forgives: bool = False
    returns_best_level: bool = True
    name: str = "network"
    problem: Problem = PROBLEM
    other: int | None = None  # the level at which it begins again
    fails_at: int | None = None  # what cannot be minimised

    def initial_state(self):
        return At(0)

    def field_of(self, state):
        return self.initial

    def minimise(self, state, number, monitor):
        if state.at_minimum:
            return state, ()
        if state.number == self.fails_at:
            raise SolverError("no step lowers the residual")
        return replace(state, at_minimum=True), (monitor.report_iteration(number, 0, 1.0, 1.0, 0.0),)

    def evaluate_minimum(self, state):
        assert state.at_minimum
        n = state.number
        change = self.changes[n] if n < len(self.changes) else {}
        return replace(LossMinimum(f"u{n}", (2**n,), (3,), 2**n + 3, 9, 4.0**-n, 4.0**-n), **change)

    def estimate(self, state, measured, before):
        assert self.other is not None or len(before.levels) == state.number
        size = self.sizes[state.number]
        return ErrorEstimate(size, f"e{state.number}", self.rounding, evidence=self.evidence)

    def refine(self, state, estimate, against):
        return None if state.number == self.richest else At(state.number + 1)

    def is_feature_negligible(self, measured, missed):
        return self.forgives

    def alternative_start(self, state, monitor):
        return None if self.other is None else At(self.other)

    def stagnation_reason(self, levels):
        return "nothing moves" if len(levels) >= self.vain_after else ""

    def network_description(self, state, outcome):
        return f"{self.name} {state.number}"


class Asked:
    """A check that answers one after the other, then that there is nothing; ``fields``: what it was asked about."""

    def __init__(self, *answers):
        self.answers, self.fields = list(answers), []

    def __call__(self, candidate):
        self.fields.append(candidate.field)
        return (Answer("a check", self.answers.pop(0) if self.answers else None),)

    def missed_features(self, candidate):
        return (Answer("a check", None),)


def solved(family, asked=None, monitor=None, state=None, **leave):
    start = initial_levels_state(family) if state is None else state
    return solve_levels(family, asked or Asked(), monitor or Monitor(None, None), start, **leave)


def unhurried(levels):
    return [replace(level, seconds=0.0) for level in levels]
