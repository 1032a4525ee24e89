"""The checks of meaning: what a file says, well-formed as it is, that cannot be solved or is likely a slip."""

from __future__ import annotations

from dataclasses import dataclass

from pinnkan.problem.conditions import Placed
from pinnkan.problem.names import Domain
from pinnkan.problem.operators import JetSpace
from pinnkan.problem.report import Report, Text
from pinnkan.problem.source import Span
from pinnkan.problem.statement import Problem

NO_TEXT = Text("", "")


@dataclass(frozen=True)
class Places:
    """Where the parts of a problem stand in its file."""

    equations: list[Span]
    conditions: Span
    exact: dict[str, Span]
    solver: dict[str, Span]


def check(
    problem: Problem, domain: Domain, space: JetSpace, placed: list[Placed], places: Places, report: Report
) -> None:
    """Report every fault and warning of meaning."""
