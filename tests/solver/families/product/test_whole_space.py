"""Where nearly all intervals are marked the space with all of them halved is taken: it has been solved already."""

from dataclasses import replace

import numpy as np
import pytest
from small_models import compiled

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import load_problem
from pinnkan.solver.families.product import levels as module
from pinnkan.solver.families.product.judging import HalvedEstimate
from pinnkan.solver.families.product.start import with_conditions

INTERVALS, DEGREE = 16, 4


def refined(monkeypatch, name, *unmarked):
    """The next space and start of a problem, so many intervals unmarked per coordinate; and those of all halved."""
    problem = load_problem(name)
    model = compiled(replace(problem, solver=replace(problem.solver, tolerance=1e-4)))
    space = Space(tuple(Axis(np.linspace(a, b, INTERVALS + 1), DEGREE) for a, b in problem.box.ranges))
    fine = Space(tuple(a.halved() for a in space.axes))
    start = with_conditions(model, space, np.random.default_rng(0).standard_normal(space.shape))[0]
    error = with_conditions(model, fine, np.random.default_rng(1).standard_normal(fine.shape))[0]
    marks = iter([np.arange(INTERVALS) >= n for n in unmarked])
    monkeypatch.setattr(module, "mark", lambda *_: next(marks))
    estimate = HalvedEstimate(1.0, None, space=fine, correction=error)
    found, after, solved = module.refined(model, module.ProductState(space, start, 1.0), estimate)
    return found, after, solved, fine, space.prolong(start, fine) + error


def test_with_nearly_all_marked_the_whole_is_taken_with_its_correction_and_not_solved_again(monkeypatch):
    found, after, solved, fine, corrected = refined(monkeypatch, "poisson2d", 1, 0)
    assert found.shape == fine.shape
    np.testing.assert_array_equal(after, corrected)
    assert solved


@pytest.mark.parametrize(("unmarked", "share"), [((8, 0), 0.78), ((5, 5), 0.74)])
def test_with_less_marked_only_those_are_halved_and_solved(monkeypatch, unmarked, share):
    found, _, solved, fine, _ = refined(monkeypatch, "poisson2d", *unmarked)
    assert found.size / fine.size == pytest.approx(share, abs=0.01)
    assert [a.intervals for a in found.axes] == [2 * INTERVALS - n for n in unmarked]
    assert not solved


def test_without_the_rule_the_marked_ones_would_be_solved_once_more(monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 1.0)
    found, _, solved, fine, _ = refined(monkeypatch, "poisson2d", 1, 0)
    assert found.size < fine.size
    assert not solved


def test_on_a_line_what_is_not_marked_is_not_halved(monkeypatch):
    """A system there costs nothing, and the knots of a layer pay for every needless one."""
    found, _, solved, _, _ = refined(monkeypatch, "poisson1d", 1)
    assert found.axes[0].intervals == 2 * INTERVALS - 1
    assert not solved
