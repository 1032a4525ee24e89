"""The coarse space: exact on its own functions, nothing beyond, whatever the coordinates."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from operators import NAMES, jacobian_of, operator

import pinnkan.solver.linear.coarse_space as coarse_space_module
from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.ordering import Ordering
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear.coarse_space import CoarseSpaceInverse, coarse_space
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.predicted_work import factor_work


@pytest.mark.parametrize("name", NAMES)
def test_what_the_coarse_knots_hold_is_solved_for(name, monkeypatch):
    monkeypatch.setattr(
        coarse_space_module, "FINE_PER_COARSE", 100
    )  # the rows at all of their points: then it is exact
    rows, ordering = operator(name)
    coarse = coarse_space(rows[0].space)
    inverse = CoarseSpaceInverse(rows, ordering)
    jacobian = jacobian_of(rows, ordering)
    gram = jacobian.T @ jacobian
    free = (ordering.position < 0).numpy().reshape(rows[0].space.shape)
    some = np.random.default_rng(0).standard_normal(coarse.shape)
    function = coarse.prolong(some, rows[0].space)
    function[free] = 0.0
    held = torch.from_numpy(function.reshape(-1, 1))[ordering.free]
    made = inverse(gram @ inverse(held))
    assert float((made - inverse(held)).abs().max() / made.abs().max()) < 1e-6
    assert float((inverse(gram @ held + 1.0) - inverse(gram @ held)).abs().max()) > 0.0


def test_fewer_points_hardly_change_it(monkeypatch):
    """Every third knot, two points of each fine interval instead of more: smooth weights lose nothing."""
    monkeypatch.setattr(coarse_space_module, "COARSE_POINTS", 6)
    rows, _ = operator("varying")
    fine, low = rows[0].space.axes
    space = Space((fine, Axis(low.breaks[::3], low.degree)))
    few = coarse_space_module._coarse_rows(rows[0], space)
    monkeypatch.setattr(coarse_space_module, "FINE_PER_COARSE", 100)
    every = coarse_space_module._coarse_rows(rows[0], space)
    some = torch.from_numpy(np.random.default_rng(0).standard_normal((*space.shape, 1)))
    first, second = (float((some * MatrixFree([r])(some)).sum()) for r in (few, every))
    assert few.weights.numel() < every.weights.numel()
    assert first == pytest.approx(second, rel=0.02)


def test_fine_intervals_of_one_coarse_interval_are_taken_as_one(monkeypatch):
    """Where they are as many in all, of an uneven number they stay apart: the same matrix."""
    rows, _ = operator("varying")
    fine, low = rows[0].space.axes
    assert low.intervals == 9
    space = Space((fine, Axis(low.breaks[::3], low.degree)))
    merged = coarse_space_module._coarse_rows(rows[0], space)
    uneven = Space((fine, Axis(np.delete(low.breaks, 1), low.degree)))
    assert coarse_space_module._fine_per_coarse(coarse_space_module._coarse_rows(rows[0], uneven).tables[1]) == 1
    monkeypatch.setattr(coarse_space_module, "_fine_per_coarse", lambda table: 1)
    apart = coarse_space_module._coarse_rows(rows[0], space)
    assert 3 * merged.tables[1].nodes.shape[0] == apart.tables[1].nodes.shape[0]
    some = torch.from_numpy(np.random.default_rng(0).standard_normal((*space.shape, 1)))
    first, second = (MatrixFree([r])(some) for r in (merged, apart))
    assert float((first - second).abs().max()) < 1e-12 * float(first.abs().max())
    assert float((first - 1.01 * second).abs().max()) > 1e-3 * float(first.abs().max())


def test_the_coarse_space_is_nested_and_cheap():
    axes = (Axis(np.sort(np.random.default_rng(0).random(101)), 8), Axis(np.linspace(0, 1, 71), 8, True))
    fine = Space(axes)
    coarse = coarse_space(fine)
    assert all(set(a.breaks) <= set(b.breaks) for a, b in zip(coarse.axes, axes, strict=True))
    assert factor_work(coarse) <= coarse_space_module.MAX_COARSE_WORK < factor_work(fine)
    assert coarse.axes[1].intervals >= 9  # round a circle no function meets itself


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_that_is_known_is_taken_where_it_is_of_the_same_functions(name, monkeypatch):
    """Of a space with no fewer coefficients, knots that are all there, and what conditions fix fixed."""
    rows, ordering = operator(name)
    first = CoarseSpaceInverse(rows, ordering)
    right = torch.from_numpy(np.random.default_rng(0).standard_normal((ordering.size, 2)))
    own, known = first(right), first.factored_space
    with monkeypatch.context() as m:
        m.setattr(coarse_space_module, "NormalEquations", lambda *_: pytest.fail("a factor was made"))
        assert torch.equal(CoarseSpaceInverse(rows, ordering, known)(right), own)
    fine = rows[0].space
    moved = [replace(a, breaks=np.concatenate([a.breaks[:1], a.breaks[1:-1] + 1e-3, a.breaks[-1:]])) for a in fine.axes]
    for other in (replace(known.space, axes=coarser(moved)), replace(known.space, unknowns=3), fine):
        assert not replace(known, space=other).is_nested_in(fine, ordering)
    ends = known.ordering.position.clone()
    ends[known.ordering.free[-1]] = -1
    assert not replace(known, ordering=Ordering(ends, known.ordering.free[:-1])).is_nested_in(fine, ordering)
    made = []
    monkeypatch.setattr(coarse_space_module, "NormalEquations", lambda *of: made.append(of) or NormalEquations(*of))
    fewer = replace(known, space=Space((), 1))
    assert torch.equal(CoarseSpaceInverse(rows, ordering, fewer)(right), own)
    assert len(made) == 1


def coarser(axes):
    """Every second knot."""
    return tuple(replace(a, breaks=a.breaks[np.unique([*range(0, len(a.breaks), 2), len(a.breaks) - 1])]) for a in axes)
