"""The quick part of the adversaries: none is `converged` and wrong; all of them: tests/benchmark/adversaries.py."""

import numpy as np
import pytest
from benchmark.adversaries import measured
from benchmark.adversaries_table import HIGHEST, LOWEST

from adversaries.adversary import Adversary, Draw
from adversaries.draw import draw, quadrature
from adversaries.in_time import kicked
from adversaries.rough import homogenised, plucked
from adversaries.special import growth, interface, layered, resonance

#: Solved in less than half a second each: 1-D, 2-D, in time; smooth, jumping, vanishing, large and tiny coefficients,
#: fast oscillations, kinks and layers, ODEs, conditions too few or contradictory.
QUICK = (5, 7, 8, 10, 11, 14, 15, 17, 22, 24, 25, 28, 30, 35, 252, 253, 255, 257, 258, 264)


@pytest.mark.parametrize("number", QUICK)
def test_no_adversary_is_converged_and_wrong(number):
    row = measured(draw(number))
    assert not row.is_wrong
    assert row.verdict != "crash"
    if np.isfinite(row.effectivity):
        assert LOWEST <= row.effectivity <= HIGHEST


def test_without_the_check_of_stability_one_is_converged_and_wrong(monkeypatch):
    from pinnkan.solver.families.product import level_estimate
    from pinnkan.solver.verify.verifier import Verifier

    near = resonance(Draw([0]))
    text = near.text("near", ["tolerance: 1e-4"])
    adversary = Adversary(0, near.kind, "", "", "", "right", text, near.truth, ((),))
    assert not measured(adversary).is_wrong
    monkeypatch.setattr(Verifier, "__call__", lambda *_: ())
    monkeypatch.setattr(level_estimate, "RESOLVED_RATIO", 2.0)  # a look with more knots finds it as well
    assert measured(adversary).is_wrong


def test_an_adversary_is_a_function_of_its_number():
    assert draw(5).text == draw(5).text
    assert draw(5).text != draw(6).text
    drawn = [draw(n) for n in (0, 2, 3, 4, 5, 7, 8, 10, 11)]
    assert len({a.kind for a in drawn}) > 6
    assert {"right", "too few", "contradictory", "ill-posed"} <= {a.conditions for a in drawn}


def residual(truth, equation, points, h):
    """``equation(u, u_x, u_xx)`` by central differences."""
    below, at, above = (truth([points + k * h]) for k in (-1, 0, 1))
    return equation(at, (above - below) / (2 * h), (above - 2 * at + below) / h**2)


@pytest.mark.parametrize("seed", range(3))
def test_closed_forms_satisfy_their_equations(seed):
    x = np.linspace(0.05, 0.95, 19)
    stated = interface(Draw([seed]))
    k1, rest = stated.equation[5:].split(" + ")
    k2 = float(k1) + float(rest.split("*")[0])
    place, f = float(stated.equation.split("x - ")[1].split(")")[0]), float(stated.equation.split("= ")[1])
    away = x[np.abs(x - place) > 0.01]
    k = np.where(away > place, k2, float(k1))
    left = residual(stated.truth, lambda u, p, q: -k * q - f, away, 1e-4)
    np.testing.assert_allclose(left, 0.0, atol=1e-4 * max(1.0, k2, float(k1)))


def test_a_truth_that_is_off_by_a_thousandth_is_noticed():
    adversary = draw(5)
    _, weights = quadrature(adversary, [(0.0, 1.0)], [np.array([0.0, 1.0])])
    assert weights.sum() == pytest.approx(1.0)
    row = measured(adversary)
    moved = type(adversary)(**{**adversary.__dict__, "truth": lambda p: 1.01 * adversary.truth(p)})
    assert row.error < 2 * row.tolerance < measured(moved).error


@pytest.mark.parametrize("make", [resonance, growth, layered, homogenised, plucked, kicked])
def test_truths_are_finite_and_of_the_shape_of_their_points(make):
    stated = make(Draw([3]))
    points = np.meshgrid(*[np.linspace(a, b, 7) for a, b in stated.ranges.values()], indexing="ij", sparse=True)
    values = stated.truth(points)
    assert values.shape == (7,) * len(points)
    assert np.isfinite(values).all()
