"""The true error against ``exact``: of the worst unknown, in the weights of the points, and only where it is known."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from closed_form import ClosedForm
from deep_problems import T, burgers
from deep_problems import X as X_T

from pinnkan.problem.registry import load_problem
from pinnkan.solver.estimate.norms import Samples, samples_at, squared_error_and_size, true_errors

X, Y = sympy.symbols("x y")
EXACT = {"u": sympy.sin(sympy.pi * X) * Y, "v": sympy.Integer(2)}


def stated(exact=EXACT):
    return replace(load_problem("poisson2d"), coordinates=(X, Y), unknowns=("u", "v"), exact=exact)


def samples(u=1.0, v=2.0):
    """``u`` times the exact first unknown, and ``v``, at Gauss points of the unit square."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    x, w = 0.5 * (nodes + 1.0), 0.5 * weights
    first = u * np.outer(np.sin(np.pi * x), x)
    return Samples([x[:, None], x[None, :]], np.outer(w, w), np.stack([first, np.full_like(first, v)], -1))


def test_the_squares_are_those_of_the_integrals():
    error, exact = squared_error_and_size(stated(), samples(u=1.1, v=2.5))
    assert exact == pytest.approx([1 / 6, 4.0], rel=1e-12)  # of sin(pi x)^2 y^2 and of 4 over the square
    assert error == pytest.approx([0.01 / 6, 0.25], rel=1e-12)


@pytest.mark.parametrize(("u", "v", "expected"), [(1.0, 2.0, 0.0), (1.1, 2.0, 0.1), (1.1, 2.5, 0.25), (1.1, 1.9, 0.1)])
def test_the_worst_unknown_counts(u, v, expected):
    assert max(true_errors(stated(), samples(u, v))) == pytest.approx(expected, abs=1e-12)


def test_points_count_by_their_weights():
    """An error on half of the points that weigh nothing is none; with equal weights it is one."""
    x, values = np.linspace(0.0, 1.0, 10), np.full((10, 2), 2.0)
    values[5:, 1] = 4.0
    problem = stated({"u": sympy.Integer(2), "v": sympy.Integer(2)})
    weights = np.where(np.arange(10) < 5, 0.2, 0.0)
    assert max(true_errors(problem, Samples([x, x], weights, values))) == 0.0
    assert max(true_errors(problem, Samples([x, x], np.full(10, 0.1), values))) == pytest.approx(0.5**0.5)


@pytest.mark.parametrize("exact", [None, {"u": EXACT["u"]}])
def test_without_an_exact_for_every_unknown_there_is_none(exact):
    assert true_errors(stated(exact), samples()) == ()
    assert len(true_errors(stated(), samples())) > 0


def test_the_true_error_of_a_function_twice_as_large_is_one_at_any_points():
    problem = burgers()
    points = problem.domain.sample(500, lambda *shape: np.random.default_rng(0).random(shape))
    exact = problem.exact["u"]
    for factor, error in ((1.0, 0.0), (2.0, 1.0), (0.5, 0.5)):
        samples = samples_at(ClosedForm((factor * exact,), (X_T, T)), points)
        assert samples.weights.sum() == pytest.approx(1.0)
        assert max(true_errors(problem, samples)) == pytest.approx(error)
