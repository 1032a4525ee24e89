"""The outer layer of a network projected out: at its best in every step, and the gradient of what is left."""

import pytest
import torch
from many_problems import bell, model_of

from pinnkan.kan.layers.network import random_network
from pinnkan.solver.families.blocks.levels import enriched_sum, first_space
from pinnkan.solver.families.deep.composition import CompositionLevels
from pinnkan.solver.families.deep.variable_projection import (
    inner_coefficients,
    outer_columns,
    project_outer_layer,
    with_inner,
)


@pytest.fixture(scope="module")
def small():
    """The rows of a composition of one hidden unit, and this network."""
    model = model_of(bell())
    network = random_network((5, 1, 1), 5, 2, 0.1, 0)
    return CompositionLevels(model, enriched_sum(first_space(model, None)), None, "").make_system(
        150, 0, network
    ), network


def test_the_outer_layer_is_at_its_best_in_every_step(small):
    system, network = small
    rows, _, best = project_outer_layer(system, network, True)
    again, outer = outer_columns(system, best)
    torch.testing.assert_close(again, rows, rtol=0, atol=1e-8)
    assert float((outer.T @ rows).norm()) < 1e-8 * float(outer.norm() * rows.norm())
    assert float((outer.T @ outer_columns(system, network)[0]).norm()) > 1.0  # not so before


def test_the_projected_jacobian_gives_the_gradient_of_the_projected_loss(small):
    system, network = small
    rows, jacobian, _ = project_outer_layer(system, network, True)
    gradient = 2.0 * jacobian().T @ rows
    direction = torch.randn(len(gradient), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    step = 1e-6 * direction
    losses = [
        float(project_outer_layer(system, with_inner(network, inner_coefficients(network) + s), True)[0].square().sum())
        for s in (step, -step)
    ]
    slope = float(gradient @ direction)
    assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(slope, rel=1e-4)
    unprojected, tangent = system.rows_and_jacobian(network)
    plain = 2.0 * tangent()[:, : len(gradient)].T @ unprojected
    assert abs(float(plain @ direction) - slope) > 0.1 * abs(slope)  # without projection it is another one
