"""The checks of meaning: what a file says, well-formed as it is, that cannot be solved or is likely a slip."""

from __future__ import annotations

import numpy as np

from pinnkan.problem.checks import coverage, exact, values
from pinnkan.problem.conditions import Placed, ProblemSpans
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.names import DomainSection
from pinnkan.problem.report import Report
from pinnkan.problem.statement import Point, Problem


@np.errstate(all="ignore")  # infinite values are looked for, and reported with their place
def check(
    problem: Problem, domain: DomainSection, space: JetSpace, placed: list[Placed], spans: ProblemSpans, report: Report
) -> list[Point]:
    """Report every fault and warning of meaning: first of what is given where, then of the values.

    Returns:
        The points at which conditions disagree.
    """
    coverage.check(problem, domain, placed, spans, report)
    values.check_finite(problem, placed, spans, report)
    if report.failed:
        return []
    disagreements = values.check_corners(problem, placed, report)
    values.check_seams(problem, placed, report)
    exact.check_exact(problem, space, placed, spans, report)
    return disagreements
