from dataclasses import replace

import pytest

from pinnkan.problem.registry import load_problem
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
