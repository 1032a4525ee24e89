"""What a search has left is bounded: nothing of waves, all of pulses, and of a slab only what lies there."""

import numpy as np
import pytest

from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.narrow_features import find_narrow_features
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.estimate.unresolved_features import unresolved_boxes
from pinnkan.verdict.records import Reason

TEXT = """
name: unsearched
domain: {t: [0, 1]}
unknowns: [v]
equations: ["v_t = SOURCE"]
conditions: [{where: initial, equation: v = 0}]
"""
MANY = "exp(-(sin(3000*t)/1e-8)**2)"  # 955 pulses


def stated(source):
    return parse_problem(TEXT.replace("SOURCE", source), "t.yaml")


def left_of(source):
    problem = stated(source)
    boxes = find_narrow_features(formulas(problem), problem.coordinates, problem.box.ranges).undecided_boxes
    return problem, unresolved_boxes(problem, boxes)


def test_what_may_hide_is_no_less_than_the_pulses_that_were_not_followed():
    problem, left = left_of(f"1 + 1e8*{MANY}")
    size, place = left[0].bound_missed_mean(problem.domain, np.zeros((1, 1)))
    assert 0.1 < size < 20.0  # all of them: 1e8*1e-8*sqrt(pi)
    assert abs(np.sin(3000 * place[0])) < 1e-6
    assert (
        left[0].bound_missed_mean(problem.domain.time_part(2e-4, 9e-4), np.zeros((1, 1)))[0] == 0.0
    )  # between two of them


def test_nothing_hides_in_waves_nor_where_every_box_is_done():
    problem, left = left_of("sin(1/(t + 1e-6))")
    assert left[0].bound_missed_mean(problem.domain, np.zeros((1, 1)))[0] < 5e-5
    assert left_of("exp(-(sin(20*t)/1e-4)**2)")[1] == {}


@pytest.mark.parametrize(("height", "reason"), [("1e8", Reason.UNDERSAMPLED), ("1e-9", Reason.CONVERGED)])
def test_more_pulses_than_can_be_followed_are_refused_where_they_count(height, reason):
    text = TEXT.replace("v_t = SOURCE", f"-v_tt = 1 + {height}*{MANY}").replace("initial", "boundary")
    verdict = solve(
        parse_problem(text.replace("t:", "x:").replace("_tt", "_xx").replace("*t)", "*x)"), "t.yaml")
    ).verdict
    assert verdict.reason == reason
    assert (reason == Reason.CONVERGED) or "formulas hold too much that is narrow" in verdict.sentence
