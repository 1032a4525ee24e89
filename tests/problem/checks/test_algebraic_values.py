"""Values at the start that equations without derivatives give: found, told where there are several, held to."""

import numpy as np
import pytest

from pinnkan import solve
from pinnkan.problem.checks.algebraic_values import (
    initial_algebraic_system,
    initial_contradiction,
    several_algebraic_values,
)
from pinnkan.problem.registry import parse_problem

PAIR = """
name: pair
domain: {{{domain}}}
unknowns: [v, w, q]
equations: ["v_t = {rate}", "w + q = v", "{product}"]
conditions: [{{where: initial, equation: "v = {start}"}}{more}]
solver: {{tolerance: 1e-3}}
output: {{pictures: false, vtk: false, report: false}}
"""


def pair(product="w*q = 0.1", start="1", domain="t: [0, 1]", rate="1", more=""):
    text = PAIR.format(product=product, start=start, domain=domain, rate=rate, more=more)
    return parse_problem(text, "t.yaml")


def test_a_pair_has_the_roots_of_a_quadratic_equation():
    root = 0.5 + np.sqrt(0.15)
    found = initial_algebraic_system(pair()).roots(np.array([0.0]))
    np.testing.assert_allclose(np.sort(found, axis=0), [[1.0 - root] * 2, [root] * 2], rtol=1e-12)


def test_positive_roots_come_first():
    """Of h*o = 1e-4 and h = o - 0.5, as in a buffer, concentrations and not their negatives."""
    found = initial_algebraic_system(pair("w*q = -1e-4", "0.5")).roots(np.array([0.0]))
    assert (found[0] > 0.0).any()
    assert [bool((r < 0.0).any()) for r in found] == sorted(bool((r < 0.0).any()) for r in found)


def test_a_root_is_followed_through_space():
    at = initial_algebraic_system(
        pair(start="1 + x", domain="x: [0, 1], t: [0, 1]", more=", {where: boundary, equation: none}")
    )
    x = np.linspace(0.0, 1.0, 7)
    w, q = at.follow_root(np.column_stack([x, np.zeros(7)])).T
    np.testing.assert_allclose(w + q, 1.0 + x, rtol=1e-12)
    np.testing.assert_allclose(w * q, np.full(7, 0.1), rtol=1e-12)
    assert (np.diff(np.maximum(w, q)) > 0.0).all()


@pytest.mark.parametrize(("product", "start"), [("w*q = 1", "1"), ("w**2 + q**2 = 0.1", "1")])
def test_what_has_no_root_has_none(product, start):
    assert not len(initial_algebraic_system(pair(product, start)).roots(np.array([0.0])))
    assert initial_algebraic_system(pair(product, start)).follow_root(np.zeros((3, 1))) is None


@pytest.mark.parametrize("given", ["w = 0.2", "q = 0.3"])
def test_what_a_condition_gives_is_not_sought(given):
    assert initial_algebraic_system(pair(more=f', {{where: initial, equation: "{given}"}}')) is None


@pytest.mark.parametrize(("product", "several"), [("w*q = 0.1", True), ("w - q = 0.1", False), ("w**3 = q", False)])
def test_pairs_of_roots_are_told(product, several):
    assert ("would do as well" in several_algebraic_values(pair(product))) == several


def test_terms_that_overflow_make_no_root():
    """Squares of exp(360) are infinite, and beside these 1e144 is little: w = 9.303 would have done as well."""
    diode = pair("q = 1e-12*(exp(w/0.02585) - 1)", start="0")
    np.testing.assert_allclose(initial_algebraic_system(diode).roots(np.array([0.0])), [[0.0, 0.0]], atol=1e-15)
    assert several_algebraic_values(diode) == ""


@pytest.mark.parametrize(
    ("more", "contradicts"),
    [("", False), (', {where: initial, equation: "w = 0.5"}, {where: initial, equation: "q = 0.6"}', True),
     (', {where: initial, equation: "w = 0.5"}, {where: initial, equation: "q = 0.5"}', False)],
)  # fmt: skip
def test_values_that_contradict_an_equation_are_told(more, contradicts):
    assert ("contradicts `w + q = v`" in initial_contradiction(pair("w*q = 0.25", more=more))) == contradicts


@pytest.mark.parametrize(
    ("w", "contradicts"), [("0.5", True), ("0.9", True), ("0.5 + sqrt(0.15)", False), ("0.5 - sqrt(0.15)", False)]
)
def test_one_of_a_pair_may_be_given_against_the_equations(w, contradicts):
    """Of w + q = 1 and w*q = 0.1 each holds with some q, both with the roots only."""
    given = f', {{where: initial, equation: "w = {w}"}}'
    assert ("contradicts" in initial_contradiction(pair("w*q = 0.1", more=given))) == contradicts


FADING = """
name: fading
domain: {{{domain}}}
unknowns: [a]
equations: ["{equation}"]
conditions: [{conditions}]
solver: {{tolerance: 1.0e-4}}
output: {{pictures: false, vtk: false, report: false}}
"""


def fading(equation, *given, domain="t: [0, 1]", sides=""):
    conditions = ", ".join(f'{{where: initial, equation: "{g}"}}' for g in given) + sides
    return parse_problem(FADING.format(domain=domain, equation=equation, conditions=conditions), "t.yaml")


@pytest.mark.parametrize(
    ("equation", "given", "contradicts"),
    [
        ("t*a_t + a = 1", ["a = 0"], True),  # all solutions are 1 + c/t
        ("t*a_t + a = 1", ["a = 1"], False),
        ("sin(3*t)*a_t + a = cos(t)", ["a = 0.9"], True),
        ("t**2*a_tt + t*a_t - a = 0", ["a = 1", "a_t = 0"], True),  # t and 1/t
        ("t**2*a_tt + t*a_t - a = 0", ["a = 0", "a_t = 1"], False),
        ("t*a_tt + a_t + t*a = 0", ["a = 1", "a_t = 0"], False),  # Bessel's J0
        ("t*a_tt = 1", ["a = 1", "a_t = 0"], False),  # t*log(t)
        ("sqrt(t)*a_t + a = 1", ["a = 0"], False),  # 1 - exp(-2*sqrt(t))
        ("a*a_t = 1", ["a = 0"], False),  # sqrt(2*t)
        ("exp(-1/t)*a_t + a = 1", ["a = 0"], True),  # faster than any power
        ("(1 + t)*a_t + a = 1", ["a = 0"], False),
    ],
)
def test_values_to_which_fading_derivatives_leave_no_choice_are_told(equation, given, contradicts):
    assert ("contradicts" in initial_contradiction(fading(equation, *given))) == contradicts


def test_they_are_told_wherever_they_are_and_beside_the_verdict():
    """`t*a_t + a = 1` from zero was converged without a word, its condition without effect."""
    plane = {"domain": "x: [0, 1], t: [0, 1]", "sides": ", {where: boundary, equation: none}"}
    wrong = fading("t*a_t + a = 1 + x", "a = 1 + x + x*(x - 1)**2", **plane)
    assert "contradicts" in initial_contradiction(wrong)
    assert initial_contradiction(fading("t*a_t + a = 1 + x", "a = 1 + x", **plane)) == ""
    assert "contradicts `t*a_t + a = 1`" in solve(fading("t*a_t + a = 1", "a = 0")).verdict.beside
    refused = solve(fading("t**2*a_tt + t*a_t - a = 0", "a = 1", "a_t = 0")).verdict
    assert not refused.converged
    assert "contradicts" in refused.sentence


def test_the_first_moments_of_a_pair_are_right():
    """They had been 0.1 off until 1e-7, and the largest q of all times was 1.01 instead of 0.887."""
    solution = solve(pair(rate="w - q"))
    t = np.array([0.0, 1e-9, 1e-7, 1e-3, 1.0])[:, None]
    v, w, q = (solution(t)[name] for name in "vwq")
    assert solution.verdict.converged
    assert "w = 0.1127, q = 0.8873 are taken" in solution.verdict.beside
    np.testing.assert_allclose(w + q, v, atol=1e-5)
    np.testing.assert_allclose(w * q, np.full(5, 0.1), atol=1e-5)


@pytest.mark.parametrize(("w", "q", "converges"), [("0.9", "0.1", True), ("0.5", "0.5", False)])
def test_a_verdict_says_what_is_given_against_an_equation(w, q, converges):
    """Where it is solved for all that, and where it is not: from w = q no step leads to a root."""
    given = f', {{where: initial, equation: "w = {w}"}}, {{where: initial, equation: "q = {q}"}}'
    verdict = solve(pair("w*q = 0.1", rate="w - q", more=given)).verdict
    assert verdict.converged == converges
    assert "what is given at t = 0 contradicts `w*q = 0.1`" in verdict.sentence


def decaying(equation):
    """v = exp(-t), and what an equation makes of it."""
    text = f"""
name: decaying
domain: {{t: [0, 2]}}
unknowns: [v, w]
equations: ["v_t = -v", "{equation}"]
conditions: [{{where: initial, equation: "v = 1"}}]
solver: {{tolerance: 1e-4}}
"""
    solution = solve(parse_problem(text, "t.yaml"))
    t = np.linspace(0.0, 2.0, 9)
    assert solution.verdict.converged
    return np.exp(-t), solution(t[:, None])["w"]


@pytest.mark.parametrize(
    ("equation", "exact"),
    [
        ("log(w) = -v", lambda v: np.exp(-v)),
        ("1/w = 1 + v", lambda v: 1.0 / (1.0 + v)),
        ("v/w = 1 + v", lambda v: v / (1.0 + v)),
        ("log(w) = 0.5*log(v) - 1", lambda v: np.sqrt(v) / np.e),
    ],
)
def test_an_unknown_that_may_not_be_zero_begins_with_its_root(equation, exact):
    """Each had been refused: no size of w fits log(w) better than another, and it had been 1e-32 or 1e-91."""
    v, w = decaying(equation)
    np.testing.assert_allclose(w, exact(v), rtol=2e-4)


def test_an_acid_is_titrated_through_neutral_water():
    """Neutral for 1e-7 of the time, where oh- grows from 1e-14 to 1: had been refused."""
    text = """
name: titration
domain: {t: [0, 2]}
unknowns: [c, h, o, p]
equations: ["c_t = -1", "h*o = 1e-14", "h - o = c", "p = -log(h)/log(10)"]
conditions: [{where: initial, equation: "c = 1"}]
solver: {tolerance: 1e-4}
"""
    solution = solve(parse_problem(text, "t.yaml"))
    t = np.array([0.0, 0.5, 0.999, 0.999999, 1.0, 1.000001, 1.001, 1.5, 2.0])
    c = 1.0 - t
    root = np.sqrt(c**2 + 4e-14)
    h = np.where(c > 0.0, 0.5 * (c + root), 2e-14 / (root - c))
    assert solution.verdict.converged
    np.testing.assert_allclose(solution(t[:, None])["p"], -np.log10(h), atol=1e-3)
