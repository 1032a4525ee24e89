"""What exists for some values of an unknown is asked at those that conditions give, else at others."""

import numpy as np
import pytest

from pinnkan import solve
from pinnkan.errors import ProblemError
from pinnkan.problem.registry import parse_problem

TEXT = """
name: bounded
domain: {{{domain}}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{conditions}]
solver: {{tolerance: 1e-6}}
"""


def read(equation, domain="t: [0, 1]", **conditions):
    """A problem with conditions by place: ``initial="u = 0"``."""
    given = ", ".join(f'{{where: {at}, equation: "{e}"}}' for at, es in conditions.items() for e in es.split(";"))
    return parse_problem(TEXT.format(equation=equation, domain=domain, conditions=given), "t.yaml")


def steady(equation, left, right):
    return read(equation, "x: [0, 1]", left=left, right=right)


@pytest.mark.parametrize(
    "equation",
    ["u_t = (1 - u**2)**1.5", "u_t = -asin(u)", "u_t = acos(u) - 1", "u_t = log(1 - u**2)", "u_t = sqrt(u*(1 - u))",
     "u_t = log(u/(1 - u))", "u_t = sqrt(1/u - 1)", "u_t = sqrt(0.3 - u**2)", "u_t = 1/sqrt((u - 0.45)*(0.55 - u))"],
)  # fmt: skip
def test_what_exists_for_bounded_values_is_asked_at_what_is_given(equation: str) -> None:
    """u = 11 had been tried, however small u is at the start."""
    assert read(equation, initial="u = 0.5").equations


@pytest.mark.parametrize(
    ("equation", "conditions"),
    [
        ("u_xx = -0.5*(1 - u_x**2)**1.5", ("u = 0", "u = 0")),
        ("dx(sqrt(u - 300)*u_x) = -5", ("u = 310", "u = 320")),
        ("u_xx = sqrt((u - 300)*(340 - u))", ("u_x = u - 310", "u_x = 0")),
        ("u_xx = log(u/(1 - u)) + x*log(x)", ("u_x = 0", "u_x = 0")),
        ("u_xx = u", ("u = 0.1", "u_x = asin(u)")),
    ],
)
def test_where_nothing_is_given_values_of_all_sizes_are_tried(equation: str, conditions: tuple[str, str]) -> None:
    assert steady(equation, *conditions).equations


@pytest.mark.parametrize(
    ("equation", "start", "words"),
    [
        ("u_t = sqrt(1 - u**2)", "u = 2", "at t = 0 with the values given there: sqrt(1 - u**2) where 1 - u**2 = -3"),
        ("u_tt = sqrt(1 - u_t**2)", "u = 0;u_t = 1.5", "where 1 - u_t**2 = -1.25"),
        ("u_t = log(-1 - u**2)", "u = 2", "at t = 0: log(-u**2 - 1)"),
        ("u_t = asin(u) + sqrt(t - 0.5)", "u = 0.5", "at t = 0: sqrt(t - 0.5) where t - 0.5 = -0.5"),
    ],
)
def test_what_exists_for_no_value_or_not_for_that_given_is_refused(equation: str, start: str, words: str) -> None:
    with pytest.raises(ProblemError) as refused:
        read(equation, initial=start)
    assert words in str(refused.value)


def test_a_value_given_on_a_side_counts_there() -> None:
    with pytest.raises(ProblemError, match=r"at x = 0 with the values given there: sqrt\(1 - u\) where 1 - u = -1"):
        steady("u_xx = sqrt(1 - u)", "u = 2", "u = 0")
    with pytest.raises(ProblemError, match=r"asin\(u\) where u = 1.25341"):
        read("u_t = u_xx - asin(u)", "x: [0, 1], t: [0, 1]", initial="u = 3*sin(pi*x)", left="u = 0", right="u = 0")


@pytest.mark.parametrize(
    ("equation", "start"),
    [("u_t = -sqrt(1 - u**2) - 0.1", "u = 1"), ("u_t = -log(u)", "u = 0"), ("u_t = 1/u", "u = 0")],
)
def test_values_at_the_edge_of_what_exists_are_no_fault(equation: str, start: str) -> None:
    assert read(equation, initial=start).equations


def test_data_that_rounding_leaves_below_zero_are_no_fault() -> None:
    """sin(pi*x) is 1.2e-16 at x = 1, its opposite below zero."""
    assert read("u_t = u_xx + sqrt(u)", "x: [0, 1], t: [0, 1]", initial="u = sin(pi*x)*cos(pi*x)**2", left="u = 0",
                right="u = -1e-17").equations  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "exact"),
    [
        (read("u_t = (1 - u**2)**1.5", initial="u = 0"), lambda t: t / np.sqrt(1 + t**2)),
        (read("u_t = sqrt(u*(1 - u))", initial="u = 0.2"), lambda t: np.sin(t / 2 + np.arcsin(np.sqrt(0.2))) ** 2),
        (
            steady("dx(u_x/sqrt(1 - u_x**2)) = -1", "u = 0", "u_x = 0"),
            lambda x: np.sqrt(2.0) - np.sqrt(1 + (1 - x) ** 2),
        ),
    ],
)
def test_a_relativistic_push_and_other_bounded_ones_are_solved(problem, exact) -> None:
    solution, at = solve(problem), np.linspace(0.0, 1.0, 41)
    assert solution.verdict.converged
    assert np.abs(solution(at[:, None])["u"] - exact(at)).max() < 1e-6
