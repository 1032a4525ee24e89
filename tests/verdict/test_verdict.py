"""The verdict on synthetic records: each reason, its sentence and its remedy."""

import math
from dataclasses import replace

import pytest
from records import levels

from pinnkan.verdict.records import Evidence, Reason
from pinnkan.verdict.verdict import HELDOUT_RATIO, judge


def test_an_estimate_below_the_tolerance_is_convergence():
    verdict = judge(levels(1e-3, 1e-5), 1e-4, "")
    assert verdict.converged
    assert (verdict.reason, verdict.remedy, verdict.estimate) == ("", "", 1e-5)
    assert verdict.sentence.startswith("Converged:")
    assert "1.0e-05" in verdict.sentence
    assert "1e-04" in verdict.sentence


def test_an_estimate_above_the_tolerance_is_not():
    verdict = judge(levels(1e-1, 1e-3), 1e-4, "")
    assert (verdict.converged, verdict.reason) == (False, "max_levels")


def test_the_loss_does_not_convince():
    assert not judge(levels(1e-1, 1e-3, loss=1e-30, heldout=1e-30), 1e-4, "").converged
    assert judge(levels(1e-1, 1e-5, loss=1e30, heldout=1e30), 1e-4, "").converged


@pytest.mark.parametrize("reason", [r for r in Reason if r])
def test_a_reason_of_the_solver_is_never_overruled_and_has_a_sentence_and_a_remedy(reason):
    verdict = judge(levels(1e-3, 1e-5), 1e-4, reason, "at t = 3")
    assert not verdict.converged
    assert verdict.reason == reason
    assert "(at t = 3)" in verdict.sentence
    assert verdict.remedy.endswith(".")


@pytest.mark.parametrize("estimate", [math.nan, math.inf])
def test_an_estimate_that_is_not_finite_is_not_finite(estimate):
    verdict = judge(levels(1e-3, estimate), 1e-4, "")
    assert (verdict.converged, verdict.reason) == (False, "not_finite")


def test_a_run_without_levels_is_diverged_unless_it_says_otherwise():
    assert judge([], 1e-4, "").reason == "diverged"
    assert judge([], 1e-4, "max_time").reason == "max_time"
    assert judge([], 1e-4, "").estimate == math.inf


def test_a_held_out_residual_out_of_proportion_is_undersampled():
    high = 1.01 * HELDOUT_RATIO**2 * 1e-12
    assert judge(levels(1e-3, 1e-5, heldout=high), 1e-4, "").reason == "undersampled"
    assert judge(levels(1e-3, 1e-5, heldout=0.98 * high), 1e-4, "").converged
    assert judge(levels(1e-3, 0.99e-6, heldout=high), 1e-4, "").converged  # two decades of margin
    seen = [replace(level, corrected=1e-12) for level in levels(1e-3, 1e-5, loss=1e-20, heldout=1e-12)]
    assert judge(seen, 1e-4, "").converged  # the correction has looked there


def test_evidence_that_does_not_rest_on_the_residual_does_not_ask_it():
    other = Evidence.COMPARISON
    found = judge(levels(1e-3, 1e-5, heldout=1e3, evidence=other), 1e-4, "")
    assert found.converged
    assert found.evidence == other
    assert not judge(levels(1e-3, 1e-3, heldout=1e3, evidence=other), 1e-4, "").converged
    assert not judge(levels(1e-3, 1e-5, heldout=1e3, evidence=Evidence.FALL), 1e-4, "").converged


def test_slabs_are_judged_together_and_levels_by_the_last():
    good, bad = levels(1e-5, 2e-5, slabs=True)
    bad = replace(bad, heldout=1e-9, loss=1e-12)
    assert judge([replace(good, heldout=1e-9), bad], 1e-4, "").reason == "undersampled"
    assert judge([replace(good, loss=1e-9, heldout=1e-9), bad], 1e-4, "").converged
    first, last = levels(1e-3, 1e-5)
    assert judge([replace(first, heldout=1.0), last], 1e-4, "").converged
    tiny = replace(last, estimate=1e-7, loss=1e-12)  # a margin of a thousand
    for heldout, reason in ((1e-8, ""), (1e-3, "undersampled")):
        assert judge([first, replace(tiny, heldout=heldout)], 1e-4, "").reason == reason
    assert judge([first, replace(tiny, estimate=1e-14, loss=0.0, heldout=1e-30)], 1e-4, "").converged  # rounding


def test_a_residual_that_no_longer_falls_is_stalled():
    standing = levels(1e-2, 1e-2, 1e-2, loss=0.5, heldout=0.5)
    assert judge(standing, 1e-4, "").reason == "stalled"
    assert judge(standing[1:], 1e-4, "").reason == "max_levels"  # two levels are too few to say so
    falling = [replace(x, loss=0.5**x.number) for x in standing]
    assert judge(falling, 1e-4, "").reason == "max_levels"


def test_a_slab_with_a_feature_left_unseen_is_undersampled():
    first, last = levels(1e-5, 1e-5, slabs=True)
    verdict = judge([replace(first, unseen="not seen by the points near x = 0.4"), last], 1e-4, "")
    assert verdict.reason == "undersampled"
    assert "x = 0.4" in verdict.sentence
    assert judge([replace(first, note="a note"), last], 1e-4, "").converged
    first, last = levels(1e-3, 1e-5)
    assert judge([replace(first, unseen="not seen by the points near x = 0.4"), last], 1e-4, "").converged


def test_a_solution_that_exact_contradicts_is_not_converged():
    verdict = judge(levels(1e-3, 1e-5, true_error=0.3), 1e-4, "")
    assert (verdict.converged, verdict.reason) == (False, "contradicted")
    assert "3.0e-01" in verdict.sentence
    assert judge(levels(1e-3, 1e-5, true_error=1.9e-4), 1e-4, "").converged
    assert judge(levels(1e-3, 1e-5, true_error=None), 1e-4, "").converged


def test_what_is_not_determined_has_no_finite_error():
    verdict = judge(levels(1e-3, 1e-9), 1e-4, "rank_deficient")
    assert verdict.estimate == math.inf
    assert "not known" in verdict.sentence
    assert judge(levels(1e-3, 1e-9), 1e-4, "max_time").estimate == 1e-9
    assert judge(levels(1e-3, 1e-9, is_resolved=False), 1e-4, "max_time").estimate == math.inf


def test_the_evidence_of_slabs_names_the_slabs():
    assert "slabs" in judge(levels(1e-5, 1e-5, slabs=True), 1e-4, "max_time").evidence
    assert "slabs" not in judge(levels(1e-5), 1e-4, "").evidence


def test_digits_are_not_claimed_where_the_residual_has_never_fallen():
    few = replace(levels(1e-2)[0], estimate=1e-2)
    standing = [replace(few, number=i, loss=loss) for i, loss in enumerate((1.0, 0.98, 0.97))]
    assert judge(standing, 1e-4, Reason.MAX_TIME).estimate == math.inf
    falling = [*standing[:2], replace(standing[2], loss=0.1)]
    assert judge(falling, 1e-4, Reason.MAX_TIME).estimate == 1e-2
    assert judge(standing, 1e-1, Reason.CONVERGED).converged
    large = [replace(x, estimate=0.4) for x in standing]
    assert judge(large, 1e-4, Reason.MAX_TIME).estimate == 0.4
    assert judge(standing, 1e-4, Reason.BELOW_ROUNDING).estimate == 1e-2
