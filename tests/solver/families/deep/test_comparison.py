"""A deep network judged by a product network: known errors are measured, also where even knots would miss them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import sympy
import torch
from closed_form import ClosedForm

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.errors import SolverError
from pinnkan.problem.registry import parse_problem
from pinnkan.solver import driver as solve
from pinnkan.solver.families.deep.comparison import Comparison
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.verify.hidden_errors.feature_check import FeatureCheck
from pinnkan.verdict.records import Evidence, Reason

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
NONLINEAR = TIME.replace("u_t = ", "u_t = v**3 - u**3 + ")
LAYER_KNOTS = [0.0, 0.3, 0.305, 0.3075, 0.31, 0.3125, 0.315, 0.32, 1.0]
EXACT = {
    NONLINEAR: sympy.exp(-T) * sympy.sin(3 * X),
    LAYER: X - sympy.exp(1000 * (X - 1)),
    TIME: sympy.exp(-T) * sympy.sin(3 * X),
}


@dataclass(frozen=True)
class WithSlabs(ClosedForm):
    """A closed form in two slabs."""

    def breaks(self, axis, time=None):
        return np.linspace(0, 1, 3)


@dataclass(frozen=True)
class Graded(ClosedForm):
    """A closed form with knots of its own."""

    knots: tuple[float, ...] = (0.0, 1.0)

    def breaks(self, axis, time=None):
        return np.array(self.knots)


@dataclass
class Product:
    """The product solver, with its calls; ``fails`` makes it raise, ``levels`` cuts it short."""

    tolerances: list[float]
    fails: bool = False
    levels: int | None = None

    def __call__(self, model, monitor):
        self.tolerances.append(model.problem.solver.tolerance)
        if self.fails:
            raise SolverError("no", Reason.DIVERGED)
        settings = replace(model.problem.solver, max_levels=self.levels)
        return solve.solve_product(replace(model, problem=replace(model.problem, solver=settings)), monitor)


def model_of(text):
    problem = parse_problem(text, "t.yaml")
    return compile_model(problem, sort_conditions(problem), torch.device("cpu"))


def closed(text, deviation):
    return ClosedForm((EXACT[text] + deviation,), tuple(model_of(text).problem.coordinates))


def compared(text, deviation, product, limit=60.0):
    return Comparison(model_of(text), product, Monitor(limit, None)).compare(closed(text, deviation))


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


def known(own, seconds=0.0, clock=None):
    """A product solver that hands over the exact solution, said to have an error of ``own``; it takes ``seconds``."""

    def solved(model, monitor):
        outcome = solve.solve_product(model, Monitor(None, None))
        if clock is not None:
            clock._start -= seconds
        calls.append(model.problem)
        return replace(outcome, levels=(*outcome.levels[:-1], replace(outcome.levels[-1], estimate=own)))

    calls = []
    return solved, calls


def test_the_estimate_is_the_distance_plus_the_error_of_the_product_network():
    wave = sympy.sin(4 * X) / 1000
    product, _ = known(5e-5)
    size, _ = compared(LAYER, wave, product)
    assert size - 5e-5 == pytest.approx(relative(wave, EXACT[LAYER]), rel=1e-2)


@pytest.mark.parametrize(("seconds", "solves"), [(100.0, 1), (0.0, 2)])
def test_all_solves_together_stay_within_the_time_that_is_left(seconds, solves):
    late = Monitor(1e3, None, spent=950.0)
    product, calls = known(1e-4, seconds, late.clock)
    size, _ = Comparison(model_of(LAYER), product, late).compare(closed(LAYER, 1e-9 * X))
    assert size > 1e-4  # what is said of the product network
    assert len(calls) == solves


def test_a_file_with_exact_has_no_better_judge():
    product, calls = known(1e-6)
    problem = replace(model_of(LAYER).problem, exact={"u": sympy.Integer(7)})
    assert Comparison(replace(model_of(LAYER), problem=problem), product, Monitor(60.0, None)).compare(closed(LAYER, X))
    assert calls[0].exact is None


def test_a_bump_between_the_knots_of_both_is_seen_where_one_looks():
    bump = sympy.exp(-((2000 * X - 620) ** 2)) / 20
    model = model_of(LAYER)
    comparison, field = Comparison(model, Product([]), Monitor(60.0, None)), closed(LAYER, bump)
    true = relative(bump, EXACT[LAYER])
    assert true > model.problem.solver.tolerance
    missed = FeatureCheck(model).examine(field, model.problem.domain, 0.0)
    assert missed.place[0] == pytest.approx(0.31, abs=1e-3)
    assert not comparison.is_feature_negligible(field, missed)
    assert comparison.compare(field, missed)[0] == pytest.approx(true, rel=0.1)
    assert comparison.is_feature_negligible(closed(LAYER, X / 10_000), missed)


def test_knots_of_the_field_count_too():
    """A bump that both the halved knots of the product network and a coarse field would pass over."""
    bump = sympy.exp(-((2000 * X - 620) ** 2)) / 20
    comparison = Comparison(model_of(LAYER), Product([]), Monitor(60.0, None))
    x, t = LAYER_KNOTS, tuple(model_of(LAYER).problem.coordinates)
    near = Graded((EXACT[LAYER] + bump,), t, knots=tuple(x))
    assert comparison.compare(near)[0] == pytest.approx(relative(bump, EXACT[LAYER]), rel=0.1)


def test_what_may_be_another_solution_is_not_compared_and_what_is_not_finite_neither():
    assert compared(NONLINEAR, sympy.sin(3 * X), Product([])) is None
    assert compared(TIME, sympy.sin(3 * X), Product([]))[0] > 0.5  # a linear problem has one solution
    with np.errstate(invalid="ignore", divide="ignore"):
        assert compared(TIME, 0 * X / sympy.sign(X - 2) + sympy.log(X - 2), Product([])) is None


def test_without_a_comparison_the_correction_is_the_estimate():
    field = WithSlabs((EXACT[TIME] + sympy.sin(4 * X + T) / 1000,), (X, T))
    compared, corrected = (Comparison(model_of(TIME), p, Monitor(60.0, None)) for p in (Product([]), Product([], True)))
    one, other = compared.estimate(field), corrected.estimate(field)
    assert one.evidence == Evidence.COMPARISON
    assert other.evidence == Evidence.CORRECTION
    assert other.size == pytest.approx(SAFETY * one.size, rel=0.05)
