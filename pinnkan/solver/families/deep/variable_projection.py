"""Variable projection: the outer layer is solved exactly within every step of the inner layers.

For given inner layers the outer coefficients c minimise ``|F + J_c c|``; the minimum r depends on the inner ones alone.
Its Jacobian is taken as ``(I - U U^T) J_inner``, where U spans the columns of J_c (Golub and Pereyra 1973; Kaufman
1975). Levenberg-Marquardt then moves the inner coefficients only.
"""

from collections.abc import Callable

import torch

from pinnkan.kan.layers.network import Network
from pinnkan.solver.families.deep.rows import NetworkSystem

#: Singular values of the outer layer below this share of the largest are left out: splines where no unit has values.
LEAST_SINGULAR_RATIO = 1e-11
#: Maximum number of Gauss-Newton steps of the outer layer for nonlinear equations.
OUTER_STEPS = 6


def project_outer_layer(
    system: NetworkSystem, network: Network, is_linear: bool
) -> tuple[torch.Tensor, Callable[[], torch.Tensor], Network]:
    """Return rows with the optimal outer layer, a function for their Jacobian (row, inner), and that network."""
    outer = network.layers[-1].flat()
    network = with_outer(network, torch.zeros_like(outer)) if is_linear else network
    loss = float("inf")
    for _ in range(1 if is_linear else OUTER_STEPS):
        rows, columns = outer_columns(system, network)
        left, values, right = torch.linalg.svd(columns, full_matrices=False)
        seen = values > LEAST_SINGULAR_RATIO * values[0]
        left = left[:, seen]
        if is_linear or float(rows.square().sum()) < 0.999 * loss:
            step = -(right[seen].T @ ((left.T @ rows) / values[seen]))
            network = with_outer(network, network.layers[-1].flat() + step)
            loss = float(rows.square().sum())
        else:
            break
    rows, tangent = system.rows_and_jacobian(network)
    count = len(inner_coefficients(network))

    def jacobian() -> torch.Tensor:
        columns = tangent()[:, :count]
        return columns - left @ (left.T @ columns)

    return rows - left @ (left.T @ rows), jacobian, network


def outer_columns(system: NetworkSystem, network: Network) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows and their derivatives by the outer coefficients (row, coefficient)."""
    u, traces = network.forward(system.jets, system.inputs)
    found = system.linearise(u)
    columns = [traces[-1].rows(adjoint.mT.unbind(0))[pick] for _, pick, adjoint in found]
    return torch.cat([rows for rows, _, _ in found]), torch.cat(columns)


def with_inner(network: Network, vector: torch.Tensor) -> Network:
    """Return the network with other inner coefficients."""
    return network.with_flat(torch.cat([vector, network.layers[-1].flat()]))


def with_outer(network: Network, vector: torch.Tensor) -> Network:
    """Return the network with other outer coefficients."""
    return Network((*network.layers[:-1], network.layers[-1].with_flat(vector)))


def inner_coefficients(network: Network) -> torch.Tensor:
    """Return all coefficients but the outer ones, in one vector."""
    return network.flat()[: -network.layers[-1].size]
