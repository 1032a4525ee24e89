"""Where the parts of a problem stand in its file, for the messages of checks."""

from __future__ import annotations

from dataclasses import dataclass

from pinnkan.problem.source import Span


@dataclass(frozen=True)
class ProblemSpans:
    """Spans of unknowns and equations in their order, of all conditions, of exact solutions and solver settings."""

    unknowns: tuple[Span, ...]
    equations: tuple[Span, ...]
    conditions: Span
    exact: dict[str, Span]
    solver: dict[str, Span]
