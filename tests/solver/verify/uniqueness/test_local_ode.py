"""Where other solutions depart from one, and where its right-hand side is as steep and none do."""

import numpy as np
import pytest
import sympy
from small_models import model_of

import pinnkan
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.uniqueness.local_ode import LocalOde

TEXT = """
name: departures
domain: {{{domain}}}
unknowns: [{unknowns}]
equations: [{equations}]
conditions: [{conditions}]
"""
X, T = sympy.symbols("x t", real=True)


def said(equations, solutions, domain="t: [0, 2]", error=0.0):
    """What is said of known functions, an error of so much beside them."""
    names = [e.split("_t")[0] for e in equations]
    at_start = [f'{{where: initial, equation: "{u}{rate} = 0.5"}}' for u in names for rate in ("", "_t")]
    given = [c for c in at_start if "_t " not in c or "_tt" in equations[0]]
    given += ["{where: boundary, equation: none}"] if "x" in domain else []
    text = TEXT.format(
        domain=domain,
        unknowns=", ".join(names),
        conditions=", ".join(given),
        equations=", ".join(f'"{e}"' for e in equations),
    )
    model = model_of(text)
    own = (X, T) if "x" in domain else (T,)

    def field(points, orders):
        out = np.zeros((len(points), len(solutions), len(orders)))
        for u, solution in enumerate(solutions):
            for k, order in enumerate(orders):
                value = sympy.sympify(solution, {"x": X, "t": T, **{f: FUNCTIONS[f][0] for f in ("abs", "max")}})
                for x, n in zip(own, order, strict=True):
                    value = sympy.diff(value, x, n)
                with np.errstate(all="ignore"):
                    out[:, u, k] = np.nan_to_num(Tape([value], own)(list(points.T))[0])
        return out

    def off(points, orders):
        return np.array([[error * (not any(o)) for o in orders]] * len(solutions))[None] + np.zeros((len(points), 1, 1))

    return LocalOde(model).objection(field, model.problem.domain, off)


@pytest.mark.parametrize(
    ("equations", "solutions"),
    [
        (["u_t = 2*sqrt(abs(u))"], ["(t - 1)*abs(t - 1)"]),
        (["u_t = 2*sqrt(abs(u))"], ["1e-9 - max(1 - t, 0)**2"]),  # at rest, but for its error
        (["u_t = 3*abs(u)**(2/3)"], ["(t - 1)**3"]),
        (["u_t = sqrt(max(u, 0))"], ["0"]),
        (["u_tt = sqrt(abs(u))"], ["t**4/144"]),
        (["u_t = v", "v_t = sqrt(abs(u))"], ["t**4/144", "t**3/36"]),
        (["u_t = sqrt(abs(1 - u**2))"], ["-cos(t)"]),
    ],
)
def test_others_depart_where_a_solution_rests_or_leaves_slowly(equations, solutions):
    assert "other solutions depart" in said(equations, solutions, error=1e-9)


@pytest.mark.parametrize(
    ("equations", "solutions"),
    [
        (["u_t = 1 + sqrt(abs(u))"], ["t - 1"]),
        (["u_t = 0.03 + sqrt(abs(u))"], ["(t - 1)*abs(t - 1)"]),
        (["u_t = -sqrt(max(u, 0))"], ["max(1 - t, 0)**2/4"]),  # a tank that runs empty
        (["u_t = -sign(u)*abs(u)**(1/3)"], ["max(1 - t, 0)**1.5"]),
        (["u_t = sqrt(u)"], ["(t/2 + 0.01)**2"]),
        (["u_t = abs(u)*u"], ["0"]),
        (["u_t = max(u, 0)**1.5 - u"], ["t - 1"]),
        (["u_t = -u*log(abs(u))"], ["t - 1"]),
        (["u_t = 1/(u + 2)"], ["t"]),
        (["u_tt = 1 + sqrt(abs(u))"], ["t**2/2"]),
        (["a_t = -1", "b_t = sqrt(abs(a))"], ["1 - t", "0"]),
    ],
)
def test_none_depart_where_it_passes_or_what_is_beside_it_comes_closer(equations, solutions):
    assert said(equations, solutions, error=1e-6) == ""


def test_in_space_it_is_the_reaction_that_is_asked():
    both = {"domain": "x: [0, 1], t: [0, 1]", "error": 1e-6}
    assert "other solutions depart" in said(["u_t = u_xx + sqrt(abs(u))"], ["0"], **both)
    assert said(["u_t = u_xx + sqrt(abs(u))"], ["x - t/2"], **both) != ""  # u = 0 and u_xx = 0
    assert said(["u_t = u_xx + sqrt(abs(u))"], ["(x - t)**2 - x/2"], **both) == ""
    assert said(["u_t = 1.5*sqrt(abs(u))*u_xx + 0.75*u_x**2/sqrt(abs(u))"], ["(x - t)**2"], **both) == ""


SOLVED = """
name: solved
domain: {{t: [0, 2]}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: initial, equation: u = -1}}]
solver: {{tolerance: 1.0e-3}}
"""


@pytest.mark.parametrize(("equation", "is_held"), [("u_t = 2*sqrt(abs(u))", False), ("u_t = 1 + 2*sqrt(abs(u))", True)])
def test_a_verdict_says_that_others_depart(equation, is_held):
    """It had gone on at once, and nothing was said of the others."""
    verdict = pinnkan.solve(parse_problem(SOLVED.format(equation=equation), "t.yaml")).verdict
    assert verdict.converged == is_held
    departs = any(f"other solutions depart at t = {time}" in verdict.sentence for time in ("0.99", "1:"))
    assert departs != is_held


def test_steady_problems_are_not_asked():
    """The last of their coordinates is no time."""
    model = model_of(
        """
name: steady
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["-lap(u) = 1 + sqrt(abs(u))"]
conditions: [{where: boundary, equation: u = 0}]
"""
    )
    assert LocalOde(model).objection(None, model.problem.domain, None) == ""


@pytest.mark.parametrize(("equation", "is_asked"), [("u_t = sin(t) - u**3", False), ("u_t = sqrt(abs(u))", True)])
def test_what_depends_on_the_solution_by_polynomials_alone_is_not_looked_at(equation, is_asked, monkeypatch):
    asked = []
    monkeypatch.setattr(LocalOde, "_unbounded_states", lambda *_: asked.append(1) or (np.zeros((0, 3)), np.ones(3)))
    assert said([equation], ["1 + t"]) == ""
    assert bool(asked) == is_asked


FLAT = """
name: flat
domain: {{t: [0, 2]}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: initial, equation: "u = {start}"}}]
"""


@pytest.mark.parametrize(
    ("equation", "start", "departs"),
    [
        ("(t - 1)**3*u_t = 2*u", "1", True),  # c*exp(-1/(t - 1)**2) after t = 1, any c
        ("((t - 1)**3 + 1e-12)*u_t = 2*u", "1", True),
        ("t**2*u_t = u - t + t**2", "0", True),
        ("t**2*u_t = t + t**2 - u", "0", False),  # the same backwards: what is beside it comes to it
        ("(1 + t)*u_t = 1e5*(t - u) + 1 + t", "0", False),
    ],
)
def test_what_grows_from_nothing_where_the_highest_derivative_has_no_weight_is_refused(equation, start, departs):
    """It is zero with all derivatives there, and no polynomial on the knots of the first slab that sees it."""
    verdict = pinnkan.solve(parse_problem(FLAT.format(equation=equation, start=start), "t.yaml")).verdict
    assert verdict.converged != departs
    assert ("as exp(-1/t) does from zero" in verdict.sentence) == departs
