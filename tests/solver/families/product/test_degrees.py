from dataclasses import replace

import numpy as np
import pytest

from pinnkan.problem.registry import load_problem, parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product.degrees import degree_in_space, degree_of


@pytest.mark.parametrize(
    ("name", "degrees"),
    [
        ("taylor_green", [10, 10, 12, 14, 14]),
        ("maxwell_cavity", [6, 7, 9, 10, 10]),
        ("heat2d", [6] * 5),
        ("wave", [6] * 5),
        ("heat3d", [8] * 5),
        ("wave3d", [8] * 5),
    ],
)
def test_systems_in_the_plane_and_waves_in_space_have_degrees_of_their_own(name, degrees):
    problem = load_problem(name)
    asked = [replace(problem, solver=replace(problem.solver, tolerance=t)) for t in (1e-2, 1e-5, 1e-6, 1e-7, 1e-9)]
    assert [degree_in_space(each, 6) for each in asked] == degrees


@pytest.mark.parametrize(("name", "degrees"), [("cavity", [8, 8, 10, 10]), ("poisson2d", [10, 10, 10, 10])])
def test_systems_at_rest_in_the_plane_have_lower_degrees_for_few_digits(name, degrees):
    problem = load_problem(name)
    asked = [replace(problem, solver=replace(problem.solver, tolerance=t)) for t in (1e-2, 1e-4, 1e-5, 1e-9)]
    assert [degree_of(each, 2) for each in asked] == degrees
    assert degree_of(replace(problem, solver=replace(problem.solver, degree=5)), 2) == 5


SOUND = """
name: sound
domain: {x: [0, 1], y: [0, 1], z: [0, 1], t: [0, 1], periodic: [x, y, z]}
unknowns: [p, u, v, w]
vectors: {vel: [u, v, w]}
equations: [p_t + div(vel) = 0, u_t + p_x = 0, v_t + p_y = 0, w_t + p_z = 0]
conditions:
  - {where: initial, equation: "p = cos(2*pi*x)*cos(2*pi*y)"}
  - {where: initial, equation: u = 0}
  - {where: initial, equation: v = 0}
  - {where: initial, equation: w = 0}
solver: {tolerance: 1.0e-2}
"""


def test_systems_around_circles_in_space_have_as_few_degrees_as_digits_allow():
    problem = parse_problem(SOUND, "t.yaml")
    asked = [replace(problem, solver=replace(problem.solver, tolerance=t)) for t in (1e-2, 1e-4, 1e-5, 1e-9)]
    assert [degree_in_space(each, 5) for each in asked] == [5, 7, 8, 9]


@pytest.mark.slow
def test_sound_around_circles_in_space_is_carried_to_the_end():
    """With degree 10 on eleven intervals each a twentieth of the time was reached in 60 s."""
    solution = solve(parse_problem(SOUND, "t.yaml"))
    assert solution.verdict.converged
    x = np.random.default_rng(0).random((200, 4))
    omega = 2.0 * np.pi * np.sqrt(2.0)
    exact = np.cos(2.0 * np.pi * x[:, 0]) * np.cos(2.0 * np.pi * x[:, 1]) * np.cos(omega * x[:, 3])
    found = solution.field(x, [(0,) * 4])[:, 0, 0]
    assert np.linalg.norm(found - exact) < 2.0 * solution.verdict.estimate * np.linalg.norm(exact)
