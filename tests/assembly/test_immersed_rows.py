"""Rows in turned coordinates: how much an operator and the conditions beside it weigh."""

import numpy as np
import pytest
import torch

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import rotated_coordinates
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.fitted.system import ImmersedSystem

TEXT = """
name: poisson
domain:
  x: [0, 1]
  y: [0, 1]
unknowns: [u]
equations:
  - -3*lap(u) = 1
conditions:
  - where: boundary
    equation: 2*u = 1
"""
#: Degree and the widths of the cells, (s, r).
DEGREE, WIDTHS = 4, (0.1, 0.5)


@pytest.fixture(scope="module")
def patches():
    problem = parse_problem(TEXT, "t.yaml")
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    turned = rotated_coordinates(np.radians(60), problem.box.ranges, 0.0)
    ends = [np.floor(a / w) * w for (a, _), w in zip(turned.covering_ranges(problem.box.ranges), WIDTHS, strict=True)]
    counts = [
        int(np.ceil((b - a) / w))
        for (_, b), a, w in zip(turned.covering_ranges(problem.box.ranges), ends, WIDTHS, strict=True)
    ]
    axes = tuple(Axis(a + w * np.arange(n + 1), DEGREE) for a, w, n in zip(ends, WIDTHS, counts, strict=True))
    return [p for p, _ in ImmersedSystem(model, Space(axes), turned, problem.domain).patches]


def test_the_size_of_an_operator_is_that_on_functions_as_wide_as_a_cell_per_degree(patches):
    s, r = (w / DEGREE for w in WIDTHS)
    inside = patches[0]
    size = inside.operator_size(np.array([[s, r]]))
    np.testing.assert_allclose(size, 3 / s**2 + 3 / r**2, rtol=1e-12)  # the Laplacian of turned coordinates


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_values_on_a_side_weigh_as_much_as_the_operator_in_its_cells(side, patches):
    s, r = (w / DEGREE for w in WIDTHS)
    across, along = (0.5, np.sqrt(0.75)) if side in (1, 2) else (np.sqrt(0.75), 0.5)  # 60 degrees to x, and to y
    patch = patches[side]
    used = torch.from_numpy(patch.places.weights) > 0
    weight = patch.root_weight[used] / torch.from_numpy(patch.places.weights).sqrt()[used]
    np.testing.assert_allclose(weight, (3 / s**2 + 3 / r**2) / 2 / np.sqrt(across / s + along / r), rtol=1e-10)


def test_rows_are_zero_where_the_equation_has_the_value_it_has_to(patches):
    patch = patches[0]
    c = np.random.default_rng(0).standard_normal(patch.places.space.shape)
    sought = (patch.residual(c) / patch.root_weight.unsqueeze(-1)).nan_to_num()
    assert patch.residual(c).abs().max() > 1.0
    assert patch.residual(c, sought).abs().max() < 1e-9 * patch.residual(c).abs().max()
    met, free = patch.rows(c, torch.cat([sought, 0 * sought], -1), 2).residual.unbind(-1)
    assert float(free.norm()) == pytest.approx(float(patch.residual(c).norm()))
    assert met.norm() < 1e-9 * free.norm()
