"""Initial data are represented as well as what sees their derivatives needs them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from reference.periodic_systems import cahn_hilliard
from scipy.integrate import solve_ivp

import pinnkan
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.clock import Clock, OutOfTimeError
from pinnkan.assembly.model import compile_model
from pinnkan.errors import SolverError
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.product import initial_data
from pinnkan.solver.families.product.initial_data import data_derivative_order, first_slab_start
from pinnkan.solver.families.product.slabs import ProductSlabs

FLOW = """
name: flow
domain: {x: [0, 1], y: [0, 1], t: [0, 1], periodic: [x, y]}
unknowns: [u, v, p]
equations: [u_t + p_x = lap(u), v_t + p_y = lap(v), u_x + v_y = 0]
conditions:
  - {where: initial, equation: "u = sin(2*pi*y)"}
  - {where: initial, equation: "v = 0"}
"""


def modelled(problem):
    return compile_model(problem, sort_conditions(problem), torch.device("cpu"))


def seen(problem):
    return data_derivative_order(modelled(problem))


def test_a_potential_sees_second_derivatives_and_a_pressure_none():
    assert seen(pinnkan.load_problem("cahn_hilliard")) == 2
    assert seen(parse_problem(FLOW.encode(), "flow.yaml")) == 0
    assert seen(pinnkan.load_problem("heat1d")) == 0


def test_narrow_intervals_do_not_make_what_wide_neighbours_leave_on_them_count_for_more():
    """With the width of each interval itself knots went in without end, until two were equal."""
    start = first_slab_start(modelled(pinnkan.load_problem("cahn_hilliard")), (8, 8), 8, 1e-7)
    assert start.axes[0].intervals < 60


def test_data_that_jump_where_no_formula_shows_it_are_refused_before_knots_coincide():
    text = "name: a\ndomain: {x: [0, 1], t: [0, 1]}\nunknowns: [u]\nequations: [u_t = u_xx]\nconditions:\n"
    text += "  - {where: initial, equation: 'u = atan(1/(x - 0.3))'}\n  - {where: boundary, equation: u_x = 0}\n"
    model = modelled(parse_problem(text.encode(), "a.yaml"))
    with pytest.raises(SolverError, match="jump or bend where no formula shows it; state the place"):
        first_slab_start(model, (8, 8), 8, 1e-8)


def test_initial_data_are_represented_within_the_time_limit():
    model = modelled(pinnkan.load_problem("cahn_hilliard"))
    with pytest.raises(OutOfTimeError):
        first_slab_start(replace(model, clock=Clock(1.0, spent=10.0)), (8, 8), 8, 1e-7)
    assert first_slab_start(replace(model, clock=Clock(60.0)), (8, 8), 8, 1e-3).axes


@pytest.mark.slow
def test_cahn_hilliards_equation_is_solved_at_a_small_tolerance():
    problem = pinnkan.load_problem("cahn_hilliard")
    solution = pinnkan.solve(replace(problem, solver=replace(problem.solver, tolerance=1e-6)))
    assert solution.verdict.converged, solution.verdict.sentence
    x = np.linspace(0, 1, 201)
    u = solution(np.column_stack([x, np.full(201, 0.1)]))["u"]
    exact = cahn_hilliard((0.1,))[0](x, 0.1)
    assert np.linalg.norm(u - exact) < 1e-6 * np.linalg.norm(exact)


@pytest.mark.parametrize("unit", [1.0, 1e-5])
def test_a_rate_at_the_first_time_is_represented_as_well_as_a_value(unit):
    """From u = 0 all of the solution is made of its rate; on the first knots two thirds of it were lost."""
    text = "name: a\ndomain: {x: [-20, 20], t: [0, 5]}\nunknowns: [u]\nequations: [u_tt = u_xx]\nconditions:\n"
    text += "  - {where: initial, equation: u = 0}\n  - {where: boundary, equation: u = 0}\n"
    for rate in ("exp(-x**2)", "0"):
        given = text + f"  - {{where: initial, equation: 'u_t = {unit:f}*{rate}'}}\n"
        start = first_slab_start(modelled(parse_problem(given.encode(), "a.yaml")), (8, 8), 8, 1e-6)
        assert (start.axes[0].intervals == 8) == (rate == "0")
        x = np.linspace(-3, 3, 101)
        value = start.axes[0].matrix(x) @ start.traces[1][..., 0]
        assert np.abs(value / np.abs(value).max(initial=1e-300) - (rate != "0") * np.exp(-(x**2))).max() < 1e-6


HEAT = """
name: heat
domain: {x: [0, 1], y: [0, 1], z: [0, 1], t: [0, 1]}
unknowns: [u]
equations: [u_t = lap(u)]
conditions:
  - {where: initial, equation: "u = FORMULA"}
  - {where: boundary, equation: "u = 0"}
"""


def test_in_space_initial_data_have_as_many_knots_as_they_need_not_twice_as_many(monkeypatch):
    model = modelled(
        parse_problem(HEAT.replace("FORMULA", "exp(-10*((x - 0.4)**2 + (y - 0.5)**2) - (z/3)**2)"), "h.yaml")
    )
    found = first_slab_start(model, (8, 5), 3, 1e-5)
    counts = [a.intervals for a in found.axes]
    assert counts[0] > counts[2]
    assert all(np.ptp(np.diff(a.breaks)) < 0.5 * np.diff(a.breaks).mean() for a in found.axes)
    space, fine = found.spaces(found.axes)
    assert fine.norm(found.errors[0])[0] < 0.1 * 1e-5 * space.norm(found.traces[0])[0]
    monkeypatch.setattr(initial_data, "HALVED_COORDINATES", 3)
    halved = [a.intervals for a in first_slab_start(model, (8, 5), 3, 1e-5).axes]
    assert np.prod(halved) > 1.2 * np.prod(counts)


def test_in_space_too_knots_go_where_a_narrow_spot_is():
    model = modelled(parse_problem(HEAT.replace("FORMULA", "exp(-((x - 0.5)/0.02)**2)*y*z"), "h.yaml"))
    widths = np.diff(first_slab_start(model, (8, 5), 3, 1e-2).axes[0].breaks)
    assert widths.max() > 3.0 * widths.min()


def test_no_pass_asks_more_of_initial_data_than_they_are_known_to():
    """To 1e-19 a sine got 52293 intervals, and there was no memory for more."""
    text = "name: a\ndomain: {x: [0, 1], t: [0, 1]}\nunknowns: [u]\nequations: [u_t = u_xx]\nconditions:\n"
    text += "  - {where: initial, equation: u = sin(pi*x)}\n  - {where: boundary, equation: u = 0}\n"
    family = ProductSlabs(modelled(parse_problem(text.encode(), "a.yaml")), (8, 8), 8, 4)
    fewer, known, none_left = (family.initial_aim(local).start.axes[0].intervals for local in (1e-4, 3e-14, 1e-25))
    assert fewer < known == none_left


@pytest.mark.parametrize(
    ("equations", "rates", "start"),
    [
        (["h_t = 0.1 - 0.05*sqrt(h)"], lambda t, y: [0.1 - 0.05 * np.sqrt(abs(y[0]))], [0.0]),
        (
            ["h_t = 0.2 - sqrt(h)", "k_t = sqrt(h) - k**0.5"],
            lambda t, y: [0.2 - np.sqrt(abs(y[0])), np.sqrt(abs(y[0])) - np.sqrt(abs(y[1]))],
            [0.0, 1.0],
        ),
    ],
)
def test_a_tank_is_filled_from_empty(equations, rates, start):
    """The slope of a root is infinite at the start, where the first guess had stayed; no step was finite."""
    names = "hk"[: len(start)]
    text = f"name: tank\ndomain: {{t: [0, 10]}}\nunknowns: [{', '.join(names)}]\nequations: {equations}\nconditions:\n"
    text += "".join(f"- {{where: initial, equation: {n} = {v}}}\n" for n, v in zip(names, start, strict=True))
    solution = pinnkan.solve(parse_problem(text.replace("'", '"') + "solver: {tolerance: 1e-4}\n", "tank.yaml"))
    assert solution.verdict.converged
    t = np.linspace(0.0, 10.0, 101)
    true = solve_ivp(rates, (0.0, 10.0), start, method="Radau", rtol=1e-9, atol=1e-12, t_eval=t).y
    for name, values in zip(names, true, strict=True):
        assert np.linalg.norm(solution(t)[name] - values) < 1e-4 * np.linalg.norm(values)


@pytest.mark.parametrize(("data", "most"), [("0.2*cos(pi*x) + 0.1*cos(3*pi*x)", 16), ("0.2*cos(pi*x)**3", 16)])
def test_what_wide_intervals_leave_on_narrow_ones_asks_for_no_narrower_ones(data, most):
    """Of steepness between narrow intervals that wide ones five away had made: without end, and data said to jump."""
    text = "name: a\ndomain: {x: [0, 1], t: [0, 0.2]}\nunknowns: [u, mu]\nequations:\n"
    text += "  - u_t = mu_xx\n  - mu = u**3 - u - 0.01*u_xx\nconditions:\n"
    text += f"  - {{where: initial, equation: u = {data}}}\n"
    text += "".join(f"  - {{where: boundary, equation: dn({name}) = 0}}\n" for name in ("u", "mu"))
    begun = first_slab_start(modelled(parse_problem(text.encode(), "a.yaml")), (8, 8), 8, 1e-4)
    assert begun.axes[0].intervals <= most
