"""Modes of one coordinate against closed forms: sines where u = 0, and where u' = 0 is a row."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import prepared, square

from pinnkan.assembly import coordinate_modes
from pinnkan.assembly.coordinate_modes import modes
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table

SPACE = Space((Axis(np.linspace(0, 1, 13), 7), Axis(np.linspace(0, 1, 13), 7)))


def modes_of(top, coordinate):
    system, start, fixed = prepared(square("lap(u) = 0", top), SPACE)
    rows = [p.rows(torch.from_numpy(start), []) for p in system.patches]
    free = torch.from_numpy(~fixed[..., 0].all(axis=1 - coordinate))
    found = modes(rows, 0, coordinate, free)
    values = torch.from_numpy(SPACE.axes[coordinate].matrix(np.linspace(0, 1, 50)))[:, free] @ found.vectors
    return found, values.flip(1)


def error(values, wanted):
    """Of the four slowest modes, up to their signs."""
    return float(np.abs(np.abs(values.numpy()[:, :4]) - np.abs(np.sqrt(2) * wanted)).max())


def test_modes_between_zero_values_are_sines():
    found, values = modes_of("u = 0", 0)
    x, k = np.linspace(0, 1, 50)[:, None], np.arange(1, 5)
    assert error(values, np.sin(k * np.pi * x)) < 1e-5
    assert error(values, np.sin((k - 0.5) * np.pi * x)) > 0.1
    assert found.off_diagonal_share < 0.2
    assert torch.allclose(found.vectors @ found.inverse, torch.eye(len(found.vectors), dtype=torch.float64), atol=1e-8)


def test_modes_know_a_slope_that_is_a_row():
    """u_y = 0 at the top, weighed as a row: sines of odd quarter waves, but for what the weight leaves of the slope."""
    _, values = modes_of("u_y = 0", 1)
    y, k = np.linspace(0, 1, 50)[:, None], np.arange(1, 5)
    assert error(values, np.sin((k - 0.5) * np.pi * y)) < 1e-2
    assert error(values, np.sin(k * np.pi * y)) > 0.1


def test_modes_of_even_weights_are_worked_out_once_and_are_those_of_uneven_ones(monkeypatch):
    """A highest derivative that weighs the same everywhere has the modes of any other that hardly does not."""
    system, start, fixed = prepared(square("lap(u) = 0", "u = 0"), SPACE)
    rows = [p.rows(torch.from_numpy(start), []) for p in system.patches]
    free = torch.from_numpy(~fixed[..., 0].all(axis=1))
    even = modes(rows, 0, 0, free)
    louder = [replace(r, weights=3.0 * r.weights) for r in rows]
    assert modes(louder, 0, 0, free) is even
    found = []
    for slope in (1e-9, 2.0):
        factor = 1.0 + slope * rows[0].tables[0].nodes
        uneven = [replace(r, weights=r.weights * factor.reshape(*factor.shape, 1, 1, 1)) for r in rows]
        assert (modes(uneven, 0, 0, free) is even) == (slope < 1.0)
        monkeypatch.setattr(coordinate_modes, "UNIFORM_SHARE", 0.0)
        found.append(modes(uneven, 0, 0, free).vectors.abs())
        monkeypatch.undo()
    assert torch.allclose(found[0], even.vectors.abs(), rtol=0, atol=1e-5)
    assert not torch.allclose(found[1], even.vectors.abs(), rtol=0, atol=0.1)


def test_waves_around_a_circle_are_diagonal_though_a_constant_has_no_slope():
    """What rounding leaves of its slope is no share of anything: 0.6 had been said of five intervals."""
    axis = Axis(np.linspace(0.0, 1.0, 6), 6, True)
    table, free = gauss_table(axis, 6, 2, torch.device("cpu")), torch.ones(axis.count, dtype=torch.bool)
    seen = table.weights.reshape(-1, 1).sqrt() * coordinate_modes.derivative_matrix(table, 2)
    vectors, _ = coordinate_modes._singular(axis, seen, free)
    assert coordinate_modes._off_diagonal_share(table, (0, 1, 2), vectors, free) < 1e-6
    turned = vectors @ torch.linalg.qr(torch.ones(5, 5, dtype=torch.float64) + torch.eye(5, dtype=torch.float64))[0]
    assert coordinate_modes._off_diagonal_share(table, (0, 1, 2), turned, free) > 0.1


@pytest.mark.parametrize("periodic", [False, True])
def test_rows_of_some_intervals_at_once_have_the_same_products_as_all(monkeypatch, periodic):
    monkeypatch.setattr(coordinate_modes, "QR_INTERVALS", 3)
    axis = Axis(np.linspace(0.0, 1.0, 12) ** 1.5, 4, periodic)
    table = gauss_table(axis, 5, 1, torch.device("cpu"))
    found, whole = coordinate_modes._compressed(table, table.values[1]), coordinate_modes.derivative_matrix(table, 1)
    assert torch.allclose(found.T @ found, whole.T @ whole, rtol=1e-12, atol=1e-9)
    assert len(found) < len(whole)
    free = torch.arange(axis.count) > 1
    vectors = torch.from_numpy(np.random.default_rng(0).standard_normal((axis.count - 2, 4)))
    assert torch.allclose(
        coordinate_modes.function_derivatives(table, 1, vectors, free), whole[:, free] @ vectors, atol=1e-10
    )
