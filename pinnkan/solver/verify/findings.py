"""What checks find at a candidate for a solution, and the one decision that is drawn from their findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

from pinnkan.kan.axis import Axis
from pinnkan.problem.statement import Problem
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.verdict.records import Reason


@dataclass(frozen=True, eq=False)
class NeedsKnots:
    """More knots are needed: at a ``feature``, on finer ``axes``, or, with neither, where the estimate says.

    ``error_size``: the relative error that the missing knots make at least.
    """

    feature: HiddenFeature | None = None
    axes: tuple[Axis, ...] | None = None
    error_size: float = 0.0


@dataclass(frozen=True, eq=False)
class ErrorAtLeast:
    """The relative error is at least ``error_size``; ``sentence``: what equations leave undecided within it."""

    error_size: float
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class Refused:
    """The candidate is no solution, or not the only one, for a ``reason`` with its ``sentence``.

    ``must_persist``: it counts only if it persists on finer knots; until then the error is at least ``error_size``.
    ``is_newly_resolved``: it concerns a function that these knots are the first to resolve.
    """

    reason: Reason
    sentence: str
    error_size: float = inf
    must_persist: bool = False
    is_newly_resolved: bool = False


@dataclass(frozen=True, eq=False)
class Remark:
    """A ``sentence`` that is said beside the verdict if it persists on finer knots; the error is at least this size."""

    sentence: str
    error_size: float = 0.0


Finding = NeedsKnots | ErrorAtLeast | Refused | Remark


def ends_checks(finding: Finding, allowed: float) -> bool:
    """Whether a finding decides by itself, so that no further checks are asked; ``allowed``: the largest error."""
    return not isinstance(finding, Remark | ErrorAtLeast) or finding.error_size > allowed


def refused_for_free_function(share: float, description: str = "") -> Refused:
    """A function may be added whose residual is a ``share`` of its terms; ``description``: text on it."""
    sentence = f"a function{description} exists whose residual is {share:.0e} of its terms"
    return Refused(Reason.RANK_DEFICIENT, f"{sentence}: it may be added almost freely")


@dataclass(frozen=True, eq=False)
class Decision:
    """What to do with a candidate: end for a ``reason`` (CONVERGED: accept it), or go on where that is None.

    ``sentence``: why, or what is said beside the verdict; ``findings``: on which it rests.
    """

    reason: Reason | None = None
    sentence: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def feature(self) -> HiddenFeature | None:
        """The feature between the points that needs knots."""
        return next((f.feature for f in self.findings if isinstance(f, NeedsKnots) and f.feature is not None), None)

    @property
    def axes(self) -> tuple[Axis, ...] | None:
        """The finer axes that are needed."""
        return next((f.axes for f in self.findings if isinstance(f, NeedsKnots) and f.axes is not None), None)

    @property
    def error_size(self) -> float:
        """The relative error that the findings show at least."""
        return max((f.error_size for f in self.findings), default=0.0)

    @cached_property
    def undecided(self) -> ErrorAtLeast:
        """The error within which equations leave something undecided; of size zero without one."""
        return next((f for f in self.findings if isinstance(f, ErrorAtLeast) and f.sentence), ErrorAtLeast(0.0))

    @property
    def waiting(self) -> tuple[Refused | Remark, ...]:
        """The findings that count only if they persist on finer knots."""
        return tuple(f for f in self.findings if isinstance(f, Remark) or (isinstance(f, Refused) and f.must_persist))


def describe(finding: Finding | None, problem: Problem) -> str:
    """Describe a finding for people; "" for none."""
    if finding is None:
        return ""
    if isinstance(finding, NeedsKnots):
        least = f"an error of {finding.error_size:.0e} at least; " if finding.error_size > 0.0 else ""
        where = "more knots are needed" if finding.feature is None else finding.feature.words(problem)
        return least + where
    if isinstance(finding, ErrorAtLeast):
        return "; ".join(filter(None, (f"an error of {finding.error_size:.0e} at least", finding.sentence)))
    return finding.sentence


def decide(findings: Sequence[Finding], allowed: float = inf, has_persisted: bool = False) -> Decision:
    """Draw the decision from the findings on a candidate whose estimated error is small enough.

    ``allowed``: the largest relative error; ``has_persisted``: whether findings that must persist have done so.
    """
    kept = tuple(findings)
    counting = [f for f in kept if isinstance(f, Refused) and (has_persisted or not f.must_persist)]
    if counting:
        return Decision(counting[0].reason, counting[0].sentence, kept)
    remarks = [f for f in kept if isinstance(f, Remark)]
    is_open = any(isinstance(f, NeedsKnots | Refused) or f.error_size > allowed for f in kept)
    if is_open or (remarks and not has_persisted):
        return Decision(findings=kept)
    return Decision(Reason.CONVERGED, "; ".join(f.sentence for f in remarks), kept)
