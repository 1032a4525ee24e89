"""Records of systems have one estimate and one error for each unknown and vector, and the worst of them above."""

import pytest
from systems import LOTKA_VOLTERRA, kovasznay

import pinnkan
from pinnkan.problem.registry import parse_problem


def test_levels_of_a_steady_system():
    last = pinnkan.solve(kovasznay()).levels[-1]
    assert len(last.estimates) == len(last.true_errors) == 2
    assert max(last.estimates) == pytest.approx(last.estimate)
    assert max(last.true_errors) == last.true_error
    assert all(e > 0.8 * t for e, t in zip(last.estimates, last.true_errors, strict=True))


def test_slabs_of_a_system_without_exact():
    levels = pinnkan.solve(parse_problem(LOTKA_VOLTERRA.encode(), "f.yaml")).levels
    assert all(len(x.estimates) == 2 and max(x.estimates) == x.estimate and x.true_errors == () for x in levels)


def test_a_single_unknown_has_no_parts():
    last = pinnkan.solve(pinnkan.load_problem("poisson1d")).levels[-1]
    assert last.estimates == last.true_errors == ()
