"""Where a steady solve begins: the conditions carried inside, and what slopes say of an unknown that no value holds."""

import numpy as np
import pytest
from scipy.integrate import solve_bvp
from small_models import model_of

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.product.start import initial_space, smooth_start

INSIDE = """
name: inside
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["lap(u) = EQUATION"]
conditions: [{where: boundary, equation: u = 1 + x - 2*y}]
"""


def test_a_nonlinear_problem_begins_with_its_conditions_carried_inside():
    model = model_of(INSIDE.replace("EQUATION", "u**3"))
    space = initial_space(model, 8, 3)
    values = space.evaluate_grid(smooth_start(model, space), [np.array([0.2, 0.7]), np.array([0.4])], (0, 0))
    assert values.ravel() == pytest.approx([0.4, 0.9], abs=1e-9)


@pytest.mark.parametrize("equation", ["20*sqrt(abs(u + 3))", "log(u + 3)"])
def test_an_equation_without_a_slope_at_zero_is_solved(equation):
    shifted = INSIDE.replace("EQUATION", equation).replace("u + 3", "u").replace("1 + x", "4 + x")
    assert pinnkan.solve(parse_problem(shifted, "t.yaml")).verdict.converged


HELD_BY_SLOPES = """
name: held
domain: {x: [0, 1]}
unknowns: [T]
equations: ['-T_xx = 3*exp(-1/T)']
conditions:
  - {where: left, equation: T_x = 0}
  - {where: right, equation: 'T_x + 2*(T - 1) = 0'}
solver: {tolerance: 1e-6}
"""


def test_an_unknown_that_no_value_holds_begins_where_slopes_say_that_it_is():
    """At zero exp(-1/T) is not finite: the solve ended there."""
    solution = pinnkan.solve(parse_problem(HELD_BY_SLOPES.encode(), "held.yaml"))
    assert solution.verdict.converged, solution.verdict.sentence
    x = np.linspace(0.0, 1.0, 41)
    true = solve_bvp(
        lambda x, y: [y[1], -3 * np.exp(-1 / y[0])],
        lambda a, b: [a[1], b[1] + 2 * (b[0] - 1)],
        x,
        [1 + 0 * x, 0 * x],
        tol=1e-9,
    )
    assert np.allclose(np.ravel(solution(x[:, None])["T"]), true.sol(x)[0], rtol=1e-6)
