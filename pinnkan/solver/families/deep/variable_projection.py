"""Variable projection: the outer layer of a deep network solved exactly inside every step of the inner layers.

For given inner layers the outer coefficients c minimise ``|F + J_c c|``; what is left, r, depends on the inner ones
alone. Its Jacobian is taken as ``(I - U U^T) J_inner`` with U spanning the columns of J_c (Golub and Pereyra 1973;
Kaufman 1975). Levenberg-Marquardt then moves the inner coefficients only.
"""

from collections.abc import Callable

import torch

from pinnkan.kan.layers.network import Network
from pinnkan.solver.families.deep.rows import NetworkSystem

#: Directions of the outer layer that the rows see less than this, relative to the best seen, stay zero: splines where
#: no unit is.
CUT = 1e-11
#: Gauss-Newton steps of the outer layer for nonlinear equations, until they gain less than a thousandth.
OUTER_STEPS = 6


def projected(
    system: NetworkSystem, network: Network, is_linear: bool
) -> tuple[torch.Tensor, Callable[[], torch.Tensor], Network]:
    """Rows with the outer layer at its best, a function that gives their Jacobian (row, inner), and that network."""
    outer = network.layers[-1].flat()
    network = with_outer(network, torch.zeros_like(outer)) if is_linear else network
    loss = float("inf")
    for _ in range(1 if is_linear else OUTER_STEPS):
        rows, columns = outer_columns(system, network)
        left, values, right = torch.linalg.svd(columns, full_matrices=False)
        seen = values > CUT * values[0]
        left = left[:, seen]
        if is_linear or float(rows.square().sum()) < 0.999 * loss:
            step = -(right[seen].T @ ((left.T @ rows) / values[seen]))
            network = with_outer(network, network.layers[-1].flat() + step)
            loss = float(rows.square().sum())
        else:
            break
    rows, tangent = system.evaluate(network)
    count = len(inner(network))

    def jacobian() -> torch.Tensor:
        columns = tangent()[:, :count]
        return columns - left @ (left.T @ columns)

    return rows - left @ (left.T @ rows), jacobian, network


def outer_columns(system: NetworkSystem, network: Network) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows, and their derivatives by the coefficients of the outer layer: (row, coefficient)."""
    u, traces = network.forward(system.jets, system.inputs)
    found = system.linearise(u)
    columns = [traces[-1].rows(adjoint.mT.unbind(0))[pick] for _, pick, adjoint in found]
    return torch.cat([rows for rows, _, _ in found]), torch.cat(columns)


def with_inner(network: Network, vector: torch.Tensor) -> Network:
    """The network with other inner coefficients."""
    return network.with_flat(torch.cat([vector, network.layers[-1].flat()]))


def with_outer(network: Network, vector: torch.Tensor) -> Network:
    """The network with other coefficients of the outer layer."""
    return Network((*network.layers[:-1], network.layers[-1].with_flat(vector)))


def inner(network: Network) -> torch.Tensor:
    """All coefficients but the outer ones, in one vector."""
    return network.flat()[: -network.layers[-1].size]
