"""The one decision that is drawn from findings."""

import numpy as np
import pytest

from pinnkan.problem.registry import load_problem
from pinnkan.solver.verify.findings import (
    ErrorAtLeast,
    NeedsKnots,
    Refused,
    Remark,
    decide,
    describe,
    ends_checks,
    refused_for_free_function,
)
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.verdict.records import Reason

SPIKE = HiddenFeature(np.array([0.4]), np.array([1e-5]), 1.0)
FALLS = Refused(Reason.RANK_DEFICIENT, "it falls", 1e-2, must_persist=True)
NO_SOLUTION = Refused(Reason.STALLED, "no solution")


@pytest.mark.parametrize(
    ("findings", "persisted", "reason", "sentence"),
    [
        ((), False, Reason.CONVERGED, ""),
        ((ErrorAtLeast(1e-5),), False, Reason.CONVERGED, ""),
        ((ErrorAtLeast(1e-3),), True, None, ""),
        ((NeedsKnots(SPIKE),), True, None, ""),
        ((NO_SOLUTION,), False, Reason.STALLED, "no solution"),
        ((FALLS,), False, None, ""),
        ((FALLS,), True, Reason.RANK_DEFICIENT, "it falls"),
        ((Remark("contradiction", 1e-5),), False, None, ""),
        ((Remark("contradiction", 1e-5),), True, Reason.CONVERGED, "contradiction"),
        ((Remark("contradiction", 1e-5), NeedsKnots()), True, None, ""),
        ((Remark("contradiction", 1e-5), NO_SOLUTION), False, Reason.STALLED, "no solution"),
    ],
)
def test_findings_decide_whether_to_accept_to_refuse_or_to_go_on(findings, persisted, reason, sentence):
    decision = decide(findings, 1e-4, persisted)
    assert (decision.reason, decision.sentence) == (reason, sentence)


def test_a_decision_says_what_it_rests_on():
    decision = decide([ErrorAtLeast(1e-3, "a switch"), NeedsKnots(SPIKE, error_size=2e-3), FALLS], 1e-4)
    assert decision.feature is SPIKE
    assert decision.axes is None
    assert decision.error_size == 1e-2
    assert decision.undecided.sentence == "a switch"
    assert decision.waiting == (FALLS,)
    assert decide([]).undecided.error_size == 0.0


def test_remarks_and_errors_within_the_tolerance_leave_the_other_checks_to_be_asked():
    assert not ends_checks(Remark("contradiction", 1e-5), 1e-4)
    assert not ends_checks(ErrorAtLeast(1e-5), 1e-4)
    assert all(ends_checks(f, 1e-4) for f in (ErrorAtLeast(1e-3), NeedsKnots(SPIKE), FALLS, NO_SOLUTION))


def test_findings_are_described_for_people():
    problem = load_problem("poisson1d")
    assert describe(None, problem) == ""
    assert describe(NeedsKnots(SPIKE), problem) == "not seen by the points near x = 0.4"
    assert describe(NeedsKnots(error_size=1e-3), problem) == "an error of 1e-03 at least; more knots are needed"
    assert describe(ErrorAtLeast(1e-3, "a switch"), problem) == "an error of 1e-03 at least; a switch"
    assert describe(refused_for_free_function(1e-16), problem).startswith("a function exists")
