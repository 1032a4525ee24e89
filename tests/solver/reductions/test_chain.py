"""The chain of reductions: what it holds for a problem, and that it is undone as a whole."""

import numpy as np

import pinnkan
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.reductions.chain import reduce_problem
from pinnkan.solver.reductions.scaled_unknowns import ScaledUnknowns
from pinnkan.solver.reductions.space_march import SpaceMarch

CARRIED = """
name: carried
domain: {x: [0, 2], y: [0, 1]}
unknowns: [u, v]
equations: [u_x = u_y, "v_x = 1000*u"]
conditions:
  - {where: right, equation: u = 1 + y}
  - {where: right, equation: v = 0}
  - {where: bottom, equation: u = 1}
  - {where: [left, top], equation: none}
"""


def kinds(problem):
    return [type(step).__name__ for step in reduce_problem(problem).steps]


def test_a_plain_problem_has_the_steps_of_its_formulas_and_its_units():
    assert kinds(pinnkan.load_problem("poisson2d")) == ["Reduction", "Reduction", "ScaledUnknowns"]


def test_a_march_along_space_in_units_is_undone_step_by_step():
    problem = parse_problem(CARRIED, "t.yaml")
    part = reduce_problem(problem)
    assert [type(step) for step in part.steps[2:]] == [SpaceMarch, ScaledUnknowns]
    assert part.unscaled_problem is part.steps[2].problem
    assert [c.name for c in part.problem.coordinates] == ["y", "2 - x"]
    axes = tuple(Axis(np.linspace(low, high, 3), 3) for low, high in part.problem.box.ranges)
    space = Space(axes, 2)
    inner = ProductField(((space, np.random.default_rng(0).random(space.shape)),))
    points = np.random.default_rng(1).random((50, 2)) * [2.0, 1.0]
    found = part.restore_field(inner)(points, [(0, 0)])[..., 0]
    turned = np.column_stack([points[:, 1], 2.0 - points[:, 0]])
    np.testing.assert_allclose(found, inner(turned, [(0, 0)])[..., 0] * part.sizes)
