"""A deep network judged by a product network: known errors are measured, also where even knots would miss them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import sympy
import torch
from closed_form import ClosedForm

from pinnkan.conditions import sort_conditions
from pinnkan.errors import SolverError
from pinnkan.problem.registry import parse_problem
from pinnkan.solver import solve
from pinnkan.solver.comparison import Comparison
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.system import compile_model

X, T = sympy.symbols("x t")
LAYER = """
name: layer
domain: {x: [0, 1]}
unknowns: [u]
equations: [-0.001*u_xx + u_x = 1]
conditions: [{where: boundary, equation: u = 0}]
solver: {tolerance: 1.0e-3}
"""
TIME = """
name: heat
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
functions: {v: exp(-t)*sin(3*x)}
equations: [u_t = u_xx/10 + dt(v) - dx(dx(v))/10]
conditions: [{where: initial, equation: u = v}, {where: boundary, equation: u = v}]
solver: {tolerance: 1.0e-3}
"""
EXACT = {LAYER: X - sympy.exp(1000 * (X - 1)), TIME: sympy.exp(-T) * sympy.sin(3 * X)}


@dataclass(frozen=True)
class WithSlabs(ClosedForm):
    """A closed form in two slabs."""

    def breaks(self, axis, time=None):
        return np.linspace(0, 1, 3)


@dataclass
class Product:
    """The product solver, with its calls; ``fails`` makes it raise, ``levels`` cuts it short."""

    tolerances: list[float]
    fails: bool = False
    levels: int | None = None

    def __call__(self, model, watch):
        self.tolerances.append(model.problem.solver.tolerance)
        if self.fails:
            raise SolverError("no", "diverged")
        settings = replace(model.problem.solver, max_levels=self.levels)
        return solve.solve_product(replace(model, problem=replace(model.problem, solver=settings)), watch)


def compared(text, deviation, product, limit=60.0):
    problem = parse_problem(text, "t.yaml")
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    field = ClosedForm(EXACT[text] + deviation, tuple(problem.coordinates))
    return Comparison(model, product, limit).compare(field)


def relative(expression, of, points=200_001):
    x = np.linspace(0.0, 1.0, points)
    u, v = (np.asarray(sympy.lambdify(X, f, "numpy")(x)) for f in (expression, of))
    return float(np.sqrt((u**2).mean() / (v**2).mean()))


def test_an_error_inside_a_layer_is_measured():
    bump = sympy.exp(-((1000 * X - 997) ** 2)) / 20
    product = Product([])
    size, lacking = compared(LAYER, bump, product)
    true = relative(bump, EXACT[LAYER])
    assert true < size < 1.1 * true
    x = np.array([[0.9965], [0.997]])
    np.testing.assert_allclose(lacking(x, [(0,)])[:, 0, 0], [-0.05 * np.exp(-0.25), -0.05], rtol=0.1)
    assert product.tolerances == [1e-4]


def test_a_smaller_error_asks_for_a_better_product_network():
    wave = 1e-8 * sympy.sin(4 * X)
    product = Product([])
    size, _ = compared(LAYER, wave, product)
    true = relative(wave, EXACT[LAYER])
    assert true < size < 1.6 * true
    assert product.tolerances[0] == 1e-4 > product.tolerances[-1]


def test_an_error_in_time_is_measured_slab_after_slab():
    wave = sympy.sin(4 * X + T) / 1000
    size, lacking = compared(TIME, wave, Product([]))
    x, t = np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201), indexing="ij")
    true = np.sqrt((np.sin(4 * x + t) ** 2).mean() / ((np.exp(-t) * np.sin(3 * x)) ** 2).mean()) / 1000
    assert size == pytest.approx(true, rel=2e-2)
    assert len(lacking.pieces) > 1
    found = lacking.grid([x[:, 0], t[0]], (0, 0))[..., 0]
    np.testing.assert_allclose(found, -np.sin(4 * x + t) / 1000, atol=1e-6)


@pytest.mark.parametrize(
    "product", [Product([], fails=True), Product([], levels=1)], ids=["it raises", "it does not converge"]
)
def test_without_a_product_network_there_is_nothing_to_compare_with(product):
    assert compared(LAYER, X * (1 - X) / 10, product) is None
    assert compared(LAYER, X, product, limit=0.0) is None
    assert len(product.tolerances) == 1


def test_what_may_be_another_solution_is_not_compared():
    assert compared(TIME, sympy.sin(3 * X), Product([])) is None


def test_without_a_comparison_the_correction_is_the_estimate():
    problem = parse_problem(TIME, "t.yaml")
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    field = WithSlabs(EXACT[TIME] + sympy.sin(4 * X + T) / 1000, (X, T))
    compared, corrected = Comparison(model, Product([]), 60.0), Comparison(model, Product([], fails=True), 60.0)
    one, other = compared.estimate(field)[0], corrected.estimate(field)[0]
    assert compared.decides
    assert not corrected.decides
    assert other == pytest.approx(SAFETY * one, rel=0.05)
