"""All checks of a candidate for a solution whose estimated error is below the tolerance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pinnkan.problem.statement import Problem
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.checks import CHECKS, FEATURES, FREE_FUNCTIONS, Check
from pinnkan.solver.verify.findings import (
    Decision,
    ErrorAtLeast,
    Finding,
    NeedsKnots,
    Refused,
    Remark,
    describe,
    ends_checks,
)
from pinnkan.solver.verify.prepared_checks import PreparedChecks
from pinnkan.verdict.records import Level

F = TypeVar("F", bound=Finding | None)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a ``check``, by name, has found; None for nothing."""

    check: str
    finding: Finding | None


NO_ANSWERS: tuple[Answer, ...] = ()  #: of a candidate of which nothing was asked


def findings(answers: Sequence[Answer]) -> tuple[Finding, ...]:
    """The findings among answers."""
    return tuple(a.finding for a in answers if a.finding is not None)


def without_needed_knots(answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """The answers where needs of more knots are known to be negligible."""
    return tuple(Answer(a.check, None) if isinstance(a.finding, NeedsKnots) else a for a in answers)


def record_answers(level: Level, answers: Sequence[Answer], problem: Problem) -> Level:
    """Return the record of a level or slab with the answers of its checks, as texts.

    An error that the estimate of the level contains is nothing.
    """
    found = Decision(findings=findings(answers))
    unseen = "" if found.feature is None else found.feature.words(problem)
    texts = tuple(
        (a.check, "" if _is_contained(a.finding, level.estimate) else describe(a.finding, problem)) for a in answers
    )
    return replace(level, is_settled=not found.waiting, unseen=unseen, answers=texts)


def _is_contained(finding: Finding | None, estimate: float) -> bool:
    return isinstance(finding, ErrorAtLeast) and not finding.sentence and finding.error_size <= estimate


def _with_name(finding: F, check: str) -> F:
    """A finding whose sentence people see, with the name of its ``check``, by which they find it on a page."""
    if not isinstance(finding, Refused | Remark):
        return finding
    return replace(finding, sentence=f"{finding.sentence} [check: {check}]")


@dataclass(frozen=True, eq=False)
class Verifier(PreparedChecks):
    """Asks the table of checks of every candidate, for every family."""

    def __call__(self, candidate: Candidate, checks: Sequence[Check] = CHECKS) -> tuple[Answer, ...]:
        """Ask the checks in order until a finding decides; return all answers."""
        answers: list[Answer] = []
        for check in checks:
            if check.applies(self, candidate):
                found = _with_name(check.run(self, candidate), check.name)
                answers.append(Answer(check.name, found))
                if found is not None and ends_checks(found, candidate.allowed):
                    break
        return tuple(answers)

    def missed_features(self, candidate: Candidate) -> tuple[Answer, ...]:
        """Ask for missed features alone."""
        return self(candidate, (FEATURES,))

    def free_functions(self, candidate: Candidate) -> tuple[Answer, ...]:
        """Ask alone whether a function is free, so that a correction, and rounding in it, may have any size."""
        return (Answer(FREE_FUNCTIONS.name, _with_name(FREE_FUNCTIONS.run(self, candidate), FREE_FUNCTIONS.name)),)

    def narrow_feature_at(self, time: float | None) -> str:
        """Return which narrow feature of the formulas makes slabs about a ``time`` too short, as text; "" for none."""
        return self.feature_check.narrow_feature_near(time)
