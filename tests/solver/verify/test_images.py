"""What rows make of a function: the share of it that is no function of the space."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_models import model_of

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.coordinate_modes import derivative_matrix, flatten_grid
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear.solver import ROUNDING_UNIT, RowProducts
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.images import residual_product, roughness, rounding_product

TEXT = """
name: t
domain:
  x: [0, 1]
  y: [0, 1]{periodic}
unknowns: [u]
equations:
  - {equation}
conditions:
  - where: {sides}
    equation: u = 0
"""
SQUARE = {"periodic": "", "sides": "boundary"}
ROUND = {"periodic": "\n  periodic: [x]", "sides": "[bottom, top]"}


def seen_of(model, intervals):
    box = zip(model.problem.box.ranges, model.problem.box.periodic, intervals, strict=True)
    space = Space(tuple(Axis(np.linspace(a, b, n + 1) ** 2, 4, p) for (a, b), p, n in box))
    zero, fixed = zero_conditions(model.conditions, space)
    equations = System(model, space).linear_solver(zero, fixed)
    return RowProducts(equations.rows, equations.ordering)


def rough_by_qr(seen, vector, power=0.5):
    """The same by orthonormal bases of full matrices; ``power`` of the weights: a half is right."""
    rows = seen.rows[0]
    image = flatten_grid(rows.apply(seen.ordering, torch.from_numpy(vector[:, None]))[..., 0]).numpy()
    smooth = image
    for axis, table in enumerate(rows.tables):
        matrix = derivative_matrix(table, 0).numpy() * table.weights.numpy().reshape(-1, 1) ** power
        basis = np.linalg.qr(matrix)[0]
        smooth = np.moveaxis(np.tensordot(basis.T, smooth, axes=(1, axis)), 0, axis)
    return float(np.sqrt(max(1.0 - np.square(smooth).sum() / np.square(image).sum(), 0.0)))


@pytest.mark.parametrize("equation", ["-lap(u) = 1", "-lap(u) + 40*sin(3*y)*u = 1"])
@pytest.mark.parametrize("where", [SQUARE, ROUND])
def test_roughness_is_what_a_projection_leaves(equation, where):
    seen = seen_of(model_of(TEXT.format(equation=equation, **where)), (6, 9))
    vector = np.random.default_rng(1).standard_normal(seen.ordering.size)
    found = roughness(seen, vector)
    assert found == pytest.approx(rough_by_qr(seen, vector), rel=1e-6)
    assert found != pytest.approx(rough_by_qr(seen, vector, 0.0), rel=1e-3)


def test_a_function_of_the_space_is_not_rough():
    """u itself lies in the space, its second derivatives do not."""
    rough = []
    for equation in ("u = 1", "-lap(u) = 1"):
        seen = seen_of(model_of(TEXT.format(equation=equation, **SQUARE)), (6, 9))
        rough.append(roughness(seen, np.random.default_rng(1).standard_normal(seen.ordering.size)))
    assert rough[0] < 1e-6
    assert rough[1] > 0.1


def test_what_a_step_leaves_in_rows_that_are_written_out_is_their_product():
    """|(r + J d) . J v| of a matrix of two rows."""
    matrix, residual = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64), torch.tensor([[5.0], [-7.0]])
    rows = SimpleNamespace(residual=residual.double(), apply=lambda ordering, x: matrix @ x)
    seen = SimpleNamespace(rows=[rows], ordering=SimpleNamespace(position=torch.zeros(2)))
    v, d = np.array([2.0, 0.5]), np.array([-1.0, 4.0])
    expected = (residual[:, 0].numpy() + matrix.numpy() @ d) @ (matrix.numpy() @ v)
    assert residual_product(seen, v, d) == pytest.approx(expected)
    assert expected < 0.0


@pytest.mark.parametrize("weight", [0.0, 1e3])
def test_rounding_counts_where_the_vector_is_seen(weight):
    """By the matrix; a coefficient 1e3 times as large is rounded where the vector is not seen."""
    seen = seen_of(model_of(TEXT.format(equation="-lap(u) + u = 1", **SQUARE)), (5, 4))
    matrix = np.concatenate([i.reshape(-1, seen.ordering.size).numpy() for i in seen.apply(np.eye(seen.ordering.size))])
    rng = np.random.default_rng(2)
    coefficients, vector = (rng.standard_normal(seen.ordering.size) for _ in range(2))
    coefficients[0] *= 1.0 + weight
    vector[np.abs(matrix.T @ matrix)[0] > 0.0] *= 0.0 if weight else 1.0
    each = ROUNDING_UNIT * np.sqrt(((matrix * coefficients) ** 2).sum(1))
    assert rounding_product(seen, coefficients, vector) == pytest.approx(
        np.linalg.norm(each * (matrix @ vector)), rel=0.5
    )
    if weight:
        assert np.linalg.norm(each) * np.linalg.norm(matrix @ vector) > 10.0 * np.linalg.norm(each * (matrix @ vector))
