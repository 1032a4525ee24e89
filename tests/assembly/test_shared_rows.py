"""Rows on cells that are spread over processes, against the same rows in one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from patches import CASES, CPU, coefficients, patch
from teams import team_of

from pinnkan.assembly import shared_rows
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.patch import Patch
from pinnkan.assembly.shared_rows import SharedPatch, SharedRows, equation_patches, split_evenly

SPREAD = [c for c in CASES if c != "one cell"]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(shared_rows, "MIN_SHARED_WEIGHTS", 0)


def shared(case, scale=1.3):
    alone = patch(case)
    return equation_patches([alone.equation], alone.space, alone.tables, [scale])[0]


def same(a, b):
    """Sums of some hundred products in another order."""
    return float((a - b).abs().max()) <= 1e-13 * float(b.abs().max())


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("case", SPREAD)
def test_values_rows_and_their_products_are_those_of_one_process(case, count):
    """Three intervals, so that one of four processes has nothing."""
    alone = patch(case)
    c = coefficients(alone.space)
    moves = [coefficients(alone.space, 1), torch.zeros_like(c)]
    ordering = order_coefficients(alone.space, np.random.default_rng(2).random(alone.space.shape) < 0.3, CPU)
    step = torch.from_numpy(np.random.default_rng(3).standard_normal((ordering.size, 2)))
    with team_of(count):
        ours = shared(case)
        assert isinstance(ours, SharedPatch)
        assert ours.loss(c) == pytest.approx(alone.loss(c), rel=1e-13)
        assert same(ours.residual(c), alone.residual(c))
        ours, theirs = ours.rows(c, moves), alone.tensor_rows(alone.jets(c), moves)
        assert same(ours.weights, theirs.weights)
        assert same(ours.residual, theirs.residual)
        assert same(ours.apply(ordering, step), theirs.apply(ordering, step))
        assert same(ours.transpose(ordering, ours.residual), theirs.transpose(ordering, theirs.residual))


def test_a_scale_by_interval_goes_with_its_cells():
    case = "2-D"
    scale = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64).reshape(3, 1, 1, 1)
    alone = patch(case, scale)
    c = coefficients(alone.space)
    with team_of(2):
        assert same(shared(case, scale).residual(c), alone.residual(c))
        assert not same(shared(case).residual(c), alone.residual(c))


def test_rows_with_other_weights_in_their_place_are_not_those_in_parts():
    alone = patch("2-D")
    c = coefficients(alone.space)
    ordering = order_coefficients(alone.space, np.zeros(alone.space.shape, dtype=bool), CPU)
    with team_of(2) as two:
        rows = shared("2-D").rows(c, [])
        other = replace(rows, weights=2.0 * rows.weights)
        assert isinstance(other, SharedRows)
        before = two.call_count
        expected = 2.0 * rows.distributed.partition.join_parts([rows.weights])[..., 0]
        assert same(other.weights[..., 0], expected)
        assert same(
            other.transpose(ordering, rows.residual), 2.0 * alone.rows(c, []).transpose(ordering, rows.residual)
        )
        assert two.call_count == before


def test_alone_or_with_little_to_do_an_equation_stays_in_one_process(monkeypatch):
    assert type(shared("2-D")) is Patch
    with team_of(2):
        assert type(shared("one cell")) is Patch
        monkeypatch.setattr(shared_rows, "MIN_SHARED_WEIGHTS", 10**6)
        assert type(shared("2-D")) is Patch


@pytest.mark.parametrize(("count", "parts"), [(3, 2), (7, 3), (2, 4), (1, 2), (96, 5)])
def test_ranges_cover_everything_once_and_none_is_empty_or_much_larger(count, parts):
    found = split_evenly(count, parts)
    assert [n for low, high in found for n in range(low, high)] == list(range(count))
    sizes = [high - low for low, high in found]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1
