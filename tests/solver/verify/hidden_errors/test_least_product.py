"""A product of all coordinates that an estimate in few coordinates does not see."""

from dataclasses import replace

import numpy as np
import pytest
from many_problems import VARIANTS, block_levels, model_of, reached, stated

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.findings import decide
from pinnkan.solver.verify.hidden_errors.least_product import hidden_product_size, least_product_residual
from pinnkan.solver.verify.verifier import Verifier, findings

K2 = "(18*pi**2 - 1e-2)"
RESONANT = "x1 + sin(2*pi*x1)*sin(3*pi*x2)*sin(pi*x3)*sin(2*pi*x4)"


def helmholtz(k2, solver="tolerance: 1e-4"):
    return stated(f"lap(u) + {k2}*u = lap(v) + {k2}*v", RESONANT, solver=solver)


def two(points, orders):
    return np.full((len(points), 1, len(orders)), 2.0)


def test_what_is_hidden_is_the_residual_over_the_least_one_relative_to_the_function():
    assert hidden_product_size(model_of(helmholtz(K2)), two, 1e-3, 1e-2) == pytest.approx(0.05)


def test_the_least_residual_is_the_gap_to_the_resonance_whatever_the_conditions_say():
    assert least_product_residual(model_of(helmholtz(K2))) == pytest.approx(1e-2, rel=0.05)
    assert least_product_residual(model_of(helmholtz("(18.5*pi**2)"))) == pytest.approx(0.5 * np.pi**2, rel=1e-2)


def test_a_nonlinear_problem_and_several_unknowns_are_not_asked():
    assert least_product_residual(model_of(VARIANTS["nonlinear"])) is None
    linear = model_of(helmholtz(K2))
    assert least_product_residual(replace(linear, problem=replace(linear.problem, unknowns=("u", "v")))) is None


@pytest.mark.parametrize(("k2", "speaks"), [(K2, True), ("(18.5*pi**2)", False)])
def test_it_speaks_against_blocks_near_a_resonance_only(k2, speaks):
    model = model_of(stated(f"lap(u) + {k2}*u = {k2}*v", "x1 + x2"))
    field = reached(block_levels(model.problem), 1).field
    candidate = Candidate(field, model.problem.domain, 1e-12, allowed=8e-5, heldout_rms=1e-5)
    against = decide(findings(Verifier(model)(candidate)), candidate.allowed)
    assert bool(against.findings) == speaks
    assert not findings(Verifier(model)(replace(candidate, heldout_rms=0.0)))
    if speaks:
        assert against.error_size > 8e-5
        assert against.reason is None


def test_blocks_that_miss_a_resonant_product_do_not_pass_for_a_solution():
    problem = helmholtz(K2, "tolerance: 1e-4, network: product")
    level = reached(block_levels(problem), 1).levels[-1]
    assert level.true_error > 0.3
    assert level.estimate > level.true_error


@pytest.mark.parametrize(
    ("sides", "k2", "gap"),
    [
        ("{x1: [0, 2*pi], x2: [0, 2*pi], x3: [0, 2*pi], x4: [0, 2*pi], periodic: [x1, x2, x3, x4]}", "17.001", 1e-3),
        ("{x1: [0, 1], x2: [0, 1], x3: [0, 1], x4: [0, 1]}", "(18*pi**2 + 1e-4)", 1e-4),
    ],
)
def test_waves_of_which_the_symbol_is_least_are_looked_at(sides: str, k2: str, gap: float) -> None:
    given = "" if "periodic" in sides else "conditions: [{where: boundary, equation: u = 0}]\n"
    text = f"name: a\ndomain: {sides}\nunknowns: [u]\nequations: ['lap(u) + {k2}*u = 1']\n{given}"
    assert least_product_residual(model_of(parse_problem(text, "t.yaml"))) == pytest.approx(gap, rel=1e-2)
