"""Several intervals of a coordinate taken as one: the same functions at the same points."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from patches import CPU

from pinnkan.assembly.normal_matrix.grouped_tables import GROUP_INTERVALS, group_table
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import gauss_table


def values_at(table, coefficients):
    """A function at the points of all intervals, order first."""
    local = coefficients[table.index]
    return torch.einsum("kipf,if->kip", table.values, local).flatten(1)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("intervals", [2, 3, 4, 9, 12])
def test_a_function_and_the_transpose_are_those_of_single_intervals(intervals, periodic):
    table = gauss_table(Axis(np.linspace(0.0, 1.0, intervals + 1) ** 1.3, 3, periodic), 4, 2, CPU)
    some = torch.from_numpy(np.random.default_rng(0).standard_normal(table.count))
    by_group = group_table(table)
    assert by_group.size == min(GROUP_INTERVALS, intervals)
    there = values_at(by_group.table, by_group.expand(some, 0))
    single = values_at(table, some)
    assert torch.allclose(there[:, : single.shape[1]], single, rtol=1e-13, atol=1e-13)
    assert not there[:, single.shape[1] :].any()
    # <places some, other> = <some, places^T other>
    other = torch.from_numpy(np.random.default_rng(1).standard_normal(by_group.table.count))
    spread, back = by_group.expand(some, 0) @ other, some @ by_group.expand_transpose(other, 0, table.count)
    assert abs(spread - back) < 1e-12
    moved = values_at(by_group.table, by_group.expand(some.roll(1), 0))
    assert not torch.allclose(moved[:, : single.shape[1]], single, rtol=1e-3)


def test_points_of_intervals_go_with_them_and_are_filled_up():
    by_group = group_table(gauss_table(Axis(np.linspace(0.0, 1.0, 10), 3), 4, 0, CPU))
    weights = torch.arange(72.0).reshape(2, 9, 4)
    found = by_group.group_points(weights, 1)
    assert found.shape == (2, 3, 4 * GROUP_INTERVALS)
    assert torch.equal(found.flatten(1)[:, :36], weights.flatten(1))
    assert not found.flatten(1)[:, 36:].any()
    assert by_group.group_points(weights[:, :1, :1], 1).shape == (2, 1, 1)


def test_intervals_that_begin_at_uneven_places_stay_single():
    table = gauss_table(Axis(np.linspace(0.0, 1.0, 10), 3), 4, 0, CPU)
    index = table.index.clone()
    index[5:] += 1
    assert group_table(replace(table, index=index, count=table.count + 1)).size == 1
    assert group_table(table).size == GROUP_INTERVALS


def test_groups_may_begin_anywhere():
    """Two squares at opposite corners of a plane are one box, whose intervals are no neighbours."""
    whole = gauss_table(Axis(np.linspace(0.0, 1.0, 16), 3), 4, 1, CPU)
    table = whole.part(torch.tensor([0, 1, 2, 3, 10, 11, 12, 13, 14]))
    by_group, some = group_table(table), torch.from_numpy(np.random.default_rng(0).standard_normal(whole.count))
    assert by_group.size == GROUP_INTERVALS
    there, single = values_at(by_group.table, by_group.expand(some, 0)), values_at(table, some)
    assert torch.allclose(there[:, : single.shape[1]], single, rtol=1e-13, atol=1e-13)
    assert not there[:, single.shape[1] :].any()
    other = torch.from_numpy(np.random.default_rng(1).standard_normal(by_group.table.count))
    back = by_group.expand_transpose(other, 0, whole.count)
    assert by_group.expand(some, 0) @ other == pytest.approx(float(some @ back))
    uneven = whole.part(torch.tensor([0, 1, 2, 10, 11, 12, 13, 14]))
    assert group_table(uneven).size == 1
