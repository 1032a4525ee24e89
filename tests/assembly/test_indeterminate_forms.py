"""Limits where formulas are 0/0: of values that both sides come to, of slopes that are bounded, and of nothing else."""

import numpy as np
import pytest
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve

TEXT = """
name: t
domain: {{{domain}}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: boundary, equation: u = 0}}]
solver: {{tolerance: 1.0e-4}}
"""


def compiled(equation, domain="x: [0, 1]"):
    problem = parse_problem(TEXT.format(equation=equation, domain=domain), "t.yaml")
    return CompiledEquation(problem.equations[0], problem.coordinates)


def at(equation, **values):
    """F and the slopes by name where the derivatives have these values, the others zero."""
    jets = torch.zeros((1, len(equation.jets)), dtype=torch.float64)
    names = [str(s) for s in equation.symbols]
    for name, value in values.items():
        jets[0, names.index(name)] = value
    f, slopes = equation.linearise(torch.full((1, 1), 0.3, dtype=torch.float64), jets)
    value = equation.grid_value([torch.full((1,), 0.3, dtype=torch.float64)], list(jets.unbind(-1)))
    assert torch.equal(value, f) or bool(value.isnan() & f.isnan())
    return float(f[0]), dict(zip(names, slopes[0].tolist(), strict=True))


@pytest.mark.parametrize("power", [0.75, 0.5, 0.1])
def test_friction_with_a_power_has_a_slope_where_nothing_moves(power):
    f, slopes = at(compiled(f"-u_xx + abs(u)**{power}*u = 1"), u=0.0)
    assert f == -1.0
    assert slopes == {"u": 0.0, "u_xx": -1.0}


def test_cooling_beside_a_temperature_is_known_at_that_temperature():
    f, slopes = at(compiled("-u_xx + abs(u - 20)**0.25*(u - 20) = 0"), u=20.0)
    assert f == 0.0
    assert 0.0 <= slopes["u"] < 0.02


def test_a_p_laplacian_is_zero_where_nothing_changes_and_has_no_slope():
    equation = compiled("-div(sqrt(dx(u)**2 + dy(u)**2)*grad(u)) = 1", "x: [0, 1], y: [0, 1]")
    jets = torch.zeros((2, len(equation.jets)), dtype=torch.float64)
    jets[1] = 0.5
    f, slopes = equation.linearise(torch.full((2, 2), 0.3, dtype=torch.float64), jets)
    assert f[0] == -1.0
    assert not slopes[0].any()
    assert float(f[1]) == pytest.approx(-1.0 - np.sqrt(2.0))
    assert bool(slopes[1].isfinite().all())


def test_a_length_has_bounded_slopes_whose_mean_is_taken():
    equation = compiled("-lap(u) + sqrt(dx(u)**2 + dy(u)**2) = 1", "x: [0, 1], y: [0, 1]")
    jets = torch.zeros((1, len(equation.jets)), dtype=torch.float64)
    _, slopes = equation.linearise(torch.full((1, 2), 0.3, dtype=torch.float64), jets)
    assert sorted(slopes[0].tolist()) == [-1.0, -1.0, 0.0, 0.0]


@pytest.mark.parametrize("term", ["sqrt(u)", "log(u)", "1/u", "u*log(u)"])
def test_what_is_without_bound_stays_so(term):
    _, slopes = at(compiled(f"-u_xx + {term} = 1"), u=0.0)
    assert not np.isfinite(slopes["u"])


def test_a_value_that_differs_from_side_to_side_stays_undefined():
    f, _ = at(compiled("-u_xx + abs(u)/u = 1"), u=0.0)
    assert np.isnan(f)


def test_only_roots_logarithms_and_quotients_of_unknowns_are_asked():
    assert not compiled("-dx(sqrt(1 + x)*dx(u)) = 1")._may_be_undefined
    assert not compiled("-u_xx + u**3 + exp(u) = 1")._may_be_undefined
    assert compiled("-u_xx + abs(u)**0.5*u = 1")._may_be_undefined


@pytest.mark.parametrize("power", [0.5, 0.75])
def test_a_source_that_is_slowed_by_a_power_is_solved_from_rest(power):
    text = TEXT.format(domain="x: [0, 1]", equation=f"-u_xx + 30*abs(u)**{power}*u = pi**2*v + 30*abs(v)**{power}*v")
    found = solve(parse_problem(text.replace("equations", "functions: {v: sin(pi*x)}\nequations"), "t.yaml"))
    assert found.verdict.converged
    assert found.field(np.array([[0.5]]), [(0,)])[0, 0, 0] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("sides", ["0", "v"])
def test_a_p_laplacian_is_solved_from_rest_and_from_rounding_beside_it(sides):
    flux = "div(sqrt(dx({0})**2 + dy({0})**2)*grad({0}))"
    text = TEXT.format(domain="x: [0, 1], y: [0, 1]", equation=f"-{flux.format('u')} = -{flux.format('v')}")
    text = text.replace("equations", "functions: {v: sin(pi*x)*sin(pi*y)*exp(x)}\nequations").replace(
        "= 0", f"= {sides}"
    )
    found = solve(parse_problem(text, "t.yaml"))
    assert found.verdict.converged
    assert found.field(np.array([[0.5, 0.5]]), [(0, 0)])[0, 0, 0] == pytest.approx(np.exp(0.5), rel=1e-4)
