"""Where nearly all intervals are marked the space with all of them halved is taken: it has been solved already."""

from dataclasses import replace

import numpy as np
import pytest
from small_models import compiled

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import load_problem, parse_problem
from pinnkan.solver.families.product import enriched_correction
from pinnkan.solver.families.product import levels as module
from pinnkan.solver.families.product.enriched_correction import HalvedEstimate
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.candidate import SpacePair

INTERVALS, DEGREE = 16, 4


def refined(monkeypatch, name, *unmarked, losses=(1.0, 1.0), size=1.0):
    """The next space and start of a problem, so many intervals unmarked per coordinate; and those of all halved.

    ``losses``: before and after the correction, of a relative ``size``; ``name``: of a shipped problem, or its text.
    """
    problem = parse_problem(name, "t.yaml") if "\n" in name else load_problem(name)
    model = compiled(replace(problem, solver=replace(problem.solver, tolerance=1e-4)))
    space = Space(tuple(Axis(np.linspace(a, b, INTERVALS + 1), DEGREE) for a, b in problem.box.ranges))
    fine = space.halved()
    start = with_conditions(model, space, np.random.default_rng(0).standard_normal(space.shape))[0]
    error = with_conditions(model, fine, np.random.default_rng(1).standard_normal(fine.shape))[0]
    marks = [np.arange(INTERVALS) >= n for n in unmarked]
    monkeypatch.setattr(module, "mark_by_maximum", lambda *_: marks)
    spaces = SpacePair(space, start, fine, None, losses)
    estimate = HalvedEstimate(size, None, 0.0, spaces, space=fine, correction=error, system=System(model, fine))
    found, after, solved = module.choose_refinement(
        model, module.ProductState(space, start, 1.0, system=System(model, space)), estimate
    )
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
    monkeypatch.setattr(module, "NEARLY_ALL_HALVED", 1.0)
    found, _, solved, fine, _ = refined(monkeypatch, "poisson2d", 1, 0)
    assert found.size < fine.size
    assert not solved


def test_on_a_line_what_is_not_marked_is_not_halved(monkeypatch):
    """A system there costs nothing, and the knots of a layer pay for every needless one."""
    found, _, solved, _, _ = refined(monkeypatch, "poisson1d", 1)
    assert found.axes[0].intervals == 2 * INTERVALS - 1
    assert not solved


@pytest.mark.parametrize(("least", "after", "taken"), [(0.0, 1e-8, True), (0.0, 1.1e-8, False), (1e12, 1e-8, False)])
def test_what_will_do_and_is_large_is_taken_as_it_is_solved_whatever_is_marked(monkeypatch, least, after, taken):
    """A residual 1e4 times smaller makes the error 1e-4, the tolerance."""
    monkeypatch.setattr(enriched_correction, "EXPENSIVE_WORK", least)
    found, _, solved, fine, _ = refined(monkeypatch, "poisson2d", 8, 0, losses=(1.0, after))
    assert (solved, found.shape == fine.shape) == (taken, taken)


NONLINEAR = """
name: nonlinear
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["-lap(u) + u**3 = 1"]
conditions: [{where: boundary, equation: u = 0}]
"""


@pytest.mark.parametrize(("size", "is_whole"), [(1.1e-4, False), (1.0, True)])
def test_where_no_interval_counts_as_few_are_halved_as_will_do(monkeypatch, size, is_whole):
    """Of an error a tenth above the tolerance, on a nonlinear problem, whose correction is no solution yet."""
    found, _, solved, fine, _ = refined(
        monkeypatch, NONLINEAR, INTERVALS, INTERVALS, losses=(1.0, 1e-4), size=size
    )  # fmt: skip
    assert (found.shape == fine.shape) == is_whole
    assert sum(a.intervals for a in found.axes) > 2 * INTERVALS
    assert not solved
