"""Neural tangent kernels of one function in the two bases: ``NTK = J J^T``, J the derivatives by the coefficients.

With spline coefficients u and power-ReLU coefficients ``w = A^T u`` of one layer, ``J_u = J_w A^T``. As in Theorem 2 of
arXiv:2603.04827 the powers are those of ``(x - t) / h``.
"""

from dataclasses import dataclass

import torch

from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.pointwise import Layer
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis
from pinnkan.study.bases.power_relu import PowerRelu
from pinnkan.study.bases.rewritten import network_in_powers


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
