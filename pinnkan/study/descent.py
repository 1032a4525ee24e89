"""Gradient descent in one basis, seen from the other (Table 1 of arXiv:2603.04827), and the kernels that say its rates.

With ``w = A^T u`` the gradients are ``g_u = A g_w``. Descent in the power basis moves u by ``-eta (A A^T)^-1 g_u``, so
it is spline descent preconditioned; descent in the spline basis moves w by ``-eta A^T A g_w``. Every layer has its A.
Neural tangent kernels are ``NTK = J J^T``, J the derivatives by the coefficients, ``J_u = J_w A^T``; as in Theorem 2
the powers are then those of ``(x - t) / h``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.pointwise import Layer
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis
from pinnkan.study.bases.change_of_basis import change_matrix, inverse_matrix
from pinnkan.study.bases.power_relu import PowerRelu, network_in_powers

#: Sum of squares (scalar) and its gradient (coefficient) at a network.
Descend = Callable[[Network], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Path:
    """Losses (step + 1) and the networks at the start and at the end."""

    losses: torch.Tensor
    network: Network


def descend(objective: Descend, network: Network, steps: int, rate: float, other: bool) -> Path:
    """Gradient descent on the network's own coefficients, in its own geometry or in that of the ``other`` basis."""
    metrics = [_metric(layer) if other else None for layer in network.layers]
    losses = []
    for _ in range(steps):
        loss, gradient = objective(network)
        losses.append(loss)
        parts = torch.split(gradient, [layer.size for layer in network.layers])
        moves = [
            g if m is None else (g.reshape(-1, len(m)) @ m).reshape(-1) for g, m in zip(parts, metrics, strict=True)
        ]
        network = network.with_flat(network.flat() - rate * torch.cat(moves))
    losses.append(objective(network)[0])
    return Path(torch.stack(losses), network)


def _metric(layer: Layer) -> torch.Tensor | None:
    """The symmetric matrix (function, function) that turns a gradient into the other basis's direction."""
    basis = layer.basis if isinstance(layer, Spline) else None
    if isinstance(basis, Basis):
        inverse = inverse_matrix(basis)
        return inverse.T @ inverse
    if isinstance(basis, PowerRelu):
        matrix = change_matrix(basis.splines)
        return matrix.T @ matrix
    return None


def added_share(coarse: Basis, fine: Basis, x: torch.Tensor, values: torch.Tensor, other: bool) -> float:
    """Which part of the first step after a refinement is new, from the best coarse fit of ``values`` at ``x``.

    The step is the spline step or, ``other``, the power-ReLU step; the share is that of its squared size (over x) that
    no coarse spline can represent.
    """
    old, new = coarse.dense(x)[0], fine.dense(x)[0]
    residual = old @ torch.linalg.lstsq(old, values.unsqueeze(-1)).solution.squeeze(-1) - values
    step = new.T @ residual
    if other:
        inverse = inverse_matrix(fine)
        step = inverse.T @ (inverse @ step)
    moved = new @ step
    basis, _ = torch.linalg.qr(old)
    rest = moved - basis @ (basis.T @ moved)
    return float(rest.square().sum() / moved.square().sum())


def remaining(kernel: torch.Tensor, values: torch.Tensor, steps: int) -> float:
    """Share of ``values`` (point) that ``steps`` of descent leave, at half the largest stable rate, for a linear model.

    The error is multiplied by ``I - kernel / rho`` at every step.
    """
    powers, modes = torch.linalg.eigh(kernel)
    left = (1.0 - powers / powers[-1]) ** steps * (modes.T @ values)
    return float(left.norm() / values.norm())


@dataclass(frozen=True)
class Kernels:
    """Kernels (point, point) of the same function with spline and with rescaled power-ReLU coefficients."""

    spline: torch.Tensor
    powers: torch.Tensor

    @property
    def ratio(self) -> float:
        """rho(NTK_S) / rho(NTK_R)."""
        return radius(self.spline) / radius(self.powers)


def network_kernels(network: Network, points: torch.Tensor) -> Kernels:
    """Kernels of a network of splines on uniform knots at ``points`` (point, coordinate)."""
    return Kernels(_kernel(network, points), _kernel(network_in_powers(network), points))


def layer_kernels(splines: Basis, x: torch.Tensor) -> Kernels:
    """Kernels of a single edge at ``x`` (point)."""
    spline, powers = splines.dense(x)[0], PowerRelu.of(splines).dense(x)[0] / _step(splines) ** splines.degree
    return Kernels(spline @ spline.T, powers @ powers.T)


def radius(kernel: torch.Tensor) -> float:
    """Largest eigenvalue of a symmetric matrix."""
    return float(torch.linalg.eigvalsh(kernel)[-1])


def _kernel(network: Network, points: torch.Tensor) -> torch.Tensor:
    jets = JetSet([(0,) * points.shape[1]])
    u, traces = network.forward(jets, points.unsqueeze(0))
    scales = [points.new_full((layer.size,), _scale(layer)) for layer in network.layers]
    rows = network.jacobian(traces, torch.ones_like(u)) * torch.cat(scales)
    return rows @ rows.T


def _scale(layer: Layer) -> float:
    """How much the rows by a layer's coefficients grow when its powers are those of (x - t) / h."""
    if isinstance(layer, Spline) and isinstance(layer.basis, PowerRelu):
        return _step(layer.basis.splines) ** -layer.basis.degree
    return 1.0


def _step(splines: Basis) -> float:
    return float(splines.breaks[1] - splines.breaks[0])
