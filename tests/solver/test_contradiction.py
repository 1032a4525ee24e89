"""Equations and conditions that contradict each other in time: small in every slab, refused all the same."""

import pytest

import pinnkan
from pinnkan.solver.contradiction import LASTING_SLABS, contradiction
from pinnkan.verdict.records import Reason

HEAT = pinnkan.load_problem("heat1d")
ENDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def test_what_stands_in_a_row_of_slabs_is_a_contradiction_since_the_first_of_them():
    assert contradiction((0.0, 1.0, 2.0, 0.0, 3.0, 4.0), ENDS, is_complete=False).size == 0.0
    found = contradiction((9.0, 0.0, 1.0, 2.0, 3.0, 0.0), ENDS, is_complete=False)
    assert (found.size, found.start_time) == (6.0, 0.2)
    assert found.words(HEAT).startswith("from t = 0.2 on a residual that hides 6e+00")
    assert contradiction((1.0,) * (LASTING_SLABS - 1), ENDS, is_complete=False).words(HEAT) == ""
    assert contradiction((1.0,) * (LASTING_SLABS - 1), ENDS, is_complete=True).size == LASTING_SLABS - 1
    assert contradiction((), ENDS, is_complete=False).size == 0.0


def heat(integral, right="u_x = 0", left="u_x = 0", tolerance=1e-4, source="0"):
    """Heat between two sides, with its integral given."""
    conditions = [("initial", "u = 1 + cos(pi*x)"), ("left", left), ("right", right), ("domain", integral)]
    domain = {"x": (0, 1), "t": (0, 1)}
    return pinnkan.Problem(
        domain=domain, unknowns=["u"], equations=[f"u_t = u_xx + {source}"], conditions=conditions,
        solver={"tolerance": tolerance},
    )  # fmt: skip


@pytest.mark.parametrize(
    "problem",
    [
        heat("integral(u) = 1 + 1e-3*t"),
        heat("integral(u) = 1 + max(t - 0.5, 0)/100"),
        heat("integral(u) = 1", "u_x = 1e-2"),
    ],
)
def test_heat_that_is_more_than_the_sides_let_in_is_no_solution(problem):
    verdict = pinnkan.solve(problem).verdict
    assert verdict.reason == Reason.STALLED
    assert "contradict each other" in verdict.sentence


def test_heat_that_is_as_much_as_the_sides_let_in_is_solved():
    solution = pinnkan.solve(heat("integral(u) = 1 + t/50", "u_x = 0.02"))
    assert solution.verdict.converged
    assert solution.verdict.beside == ""


def test_a_contradiction_below_the_tolerance_is_said_beside_the_verdict():
    verdict = pinnkan.solve(heat("integral(u) = 1 + 2e-3*t", tolerance=1e-2)).verdict
    assert verdict.converged
    assert verdict.beside.startswith("from t = 0 on a residual")
    assert verdict.estimate > 1e-3


@pytest.mark.parametrize(("slope", "is_true"), [("3", False), ("pi", True)])
def test_a_slope_too_many_where_both_ends_are_held_shows_whether_it_is_true(slope, is_true):
    """It was fulfilled in a kink beside the side, and 1e-2 of the field was wrong."""
    given = ("left", f"u_x = {slope}*exp(-0.1*pi**2*t)")
    conditions = [("initial", "u = sin(pi*x)"), (["left", "right"], "u = 0"), given]
    domain = {"x": (0, 1), "t": (0, 1)}
    problem = pinnkan.Problem(domain=domain, unknowns=["u"], equations=["u_t = 0.1*u_xx"], conditions=conditions)
    assert pinnkan.solve(problem).verdict.converged == is_true


def test_waves_that_no_slab_holds_hide_no_contradiction():
    """On far finer knots the residual falls to a small part: the contradiction, which was taken for nothing."""
    source = "0.4*cos(100*pi*x)*cos(3*t)"
    verdict = pinnkan.solve(heat("integral(u) = 1 + 3e-2*t", tolerance=1e-3, source=source)).verdict
    assert verdict.reason == Reason.STALLED
    assert "contradict each other" in verdict.sentence
