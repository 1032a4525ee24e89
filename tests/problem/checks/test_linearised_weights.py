"""Assignments of equations to unknowns, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from pinnkan.problem.checks.linearised_system import assign_equations


@pytest.mark.parametrize("seed", range(60))
def test_the_sum_of_orders_is_the_largest_and_the_offsets_are_dual_to_it(seed: int) -> None:
    generator = np.random.default_rng(seed)
    size = int(generator.integers(1, 8))
    orders = generator.integers(-1, 4, (size, size))
    found = assign_equations(orders)
    cost = np.where(orders < 0, 1000, -orders)
    rows, columns = linear_sum_assignment(cost)
    best = int(cost[rows, columns].sum())
    assert (found is None) == (best > 500)
    if found is not None:
        assert found.system_order == -best == sum(found.unknown_offsets) - sum(found.equation_offsets)
        differences = np.array([[found.principal_order(i, j) for j in range(size)] for i in range(size)])
        assert np.all(differences[orders >= 0] >= orders[orders >= 0])


def test_stokes_flow_has_the_weights_of_the_textbook() -> None:
    found = assign_equations(np.array([[2, -1, 1], [-1, 2, 1], [1, 1, -1]]))
    assert found is not None
    assert (found.system_order, found.unknown_offsets, found.equation_offsets) == (4, (2, 2, 1), (0, 0, 1))
