"""What the points do not see: telling places of formulas, the witness, knots put where it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.kan.axis import Axis
from pinnkan.problem.registry import load_problem, parse_problem
from pinnkan.problem.telling import telling_points
from pinnkan.solver.driver import solve
from pinnkan.solver.verify import verify as module
from pinnkan.solver.verify.hidden_features import Missed, Witness, with_knots

TEXT = """
name: hidden
domain:
  x: [0, 1]
unknowns: [u]
equations:
  - u_xx = {source}
conditions:
  - where: boundary
    equation: u = 0
"""


def stated(source):
    return parse_problem(TEXT.format(source=source), "t.yaml")


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("exp(-((x - 0.41237)/1e-6)**2)", 0.41237),
        ("tanh((x - 0.3)*1e7)", 0.3),
        ("heaviside(x - 0.7123)", 0.7123),
        ("1/(1 + ((x - 0.123)/1e-5)**2)", 0.123),
        ("abs(x**2 - 0.25)", 0.5),
        ("max(x, 0.77)", 0.77),
        ("1/cosh((x - 0.6)*1e5)", 0.6),
    ],
)
def test_the_place_of_a_narrow_feature_is_read_from_its_formula(source, place):
    points = telling_points(stated(source))
    assert np.abs(points[:, 0] - place).min() < 1e-9
    assert len(points) <= 3


@pytest.mark.parametrize("source", ["sin(40*x)", "x**3 + x", "0"])
def test_smooth_formulas_tell_of_nothing(source):
    assert len(telling_points(stated(source))) == 0


def test_places_in_the_plane_and_on_a_side_are_found():
    text = TEXT.replace("x: [0, 1]", "x: [0, 1]\n  y: [0, 2]").replace("where: boundary", "where: [left, right, top]")
    text = text.replace("u_xx", "lap(u)") + "  - where: bottom\n    equation: u = exp(-((x - 0.33)/1e-4)**2 - y**2)\n"
    problem = parse_problem(text.format(source="exp(-((x - 0.2)/1e-3)**2 - ((y - 1.3)/1e-3)**2)"), "t.yaml")
    points = telling_points(problem)
    assert np.abs(points - [0.2, 1.3]).max(1).min() < 1e-8
    assert np.abs(points[:, 0] - 0.33).min() < 1e-8


def test_the_witness_finds_what_the_rows_do_not_and_keeps_silent_otherwise():
    problem = load_problem("poisson1d")
    result = solve(problem)
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    assert Witness(model).examine(result.field, problem.ranges, result.levels[-1].loss) is None
    spike = stated("-pi**2*sin(pi*x) + 1e3*exp(-((x - 0.4)/1e-5)**2)")
    model = compile_model(spike, sort_conditions(spike), torch.device("cpu"))
    missed = Witness(model).examine(result.field, problem.ranges, result.levels[-1].loss)
    assert missed.place[0] == pytest.approx(0.4, abs=1e-9)
    assert 1e-6 < missed.width[0] < 1e-4
    assert "x = 0.4" in missed.words(problem)


def test_a_difference_that_does_not_matter_is_no_concern():
    problem = load_problem("poisson1d")
    result = solve(problem)
    faint = stated("-pi**2*sin(pi*x) + 1e-6*exp(-((x - 0.4)/1e-2)**2)")
    model = compile_model(faint, sort_conditions(faint), torch.device("cpu"))
    assert Witness(model).examine(result.field, problem.ranges, result.levels[-1].loss) is None


def test_knots_are_halved_down_to_the_feature_and_only_there():
    missed = Missed(np.array([0.4]), np.array([1e-3]), 1.0)
    (axis,) = with_knots([Axis(np.linspace(0, 1, 5), 4)], missed)
    width = np.diff(axis.breaks)
    at = np.searchsorted(axis.breaks, 0.4) - 1
    assert width[at] <= 4e-3
    assert width[-1] == 0.25
    assert len(axis.breaks) < 40


def test_without_the_witness_a_spike_would_be_missed(monkeypatch):
    text = (load_problem("poisson1d").source).replace(
        "-u_xx = pi**2*sin(pi*x)", "-u_xx = pi**2*sin(pi*x) + 4e6*exp(-((x - 0.41237)/1e-6)**2)"
    )
    problem = replace(parse_problem(text[: text.index("exact")], "t.yaml"), exact=None)
    at = np.array([[0.41237]])
    true = np.sin(np.pi * 0.41237) + 4 * np.sqrt(np.pi) * 0.41237 * (1 - 0.41237)
    seeing = solve(problem)
    assert seeing.verdict.converged
    assert seeing.field(at, [(0,)])[0, 0, 0] == pytest.approx(true, rel=1e-4)
    monkeypatch.setattr(module.Witness, "examine", lambda *_: None)
    blind = solve(problem)
    assert blind.verdict.converged
    assert abs(blind.field(at, [(0,)])[0, 0, 0] - true) > 0.5
