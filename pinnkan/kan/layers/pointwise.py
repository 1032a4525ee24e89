"""The protocol of a layer, with jets forward and adjoints backward; linear maps and activations.

A layer maps jets z to jets y, each a list over alpha of (..., in, point) and (..., out, point). Points come last, the
long axis, and alphas are not stacked, which would take a third of the time of a plain network. From adjoints lambda of
its output a layer computes those of its input, and the derivatives of ``sum_alpha,o lambda_o^alpha D^alpha y_o`` by its
own coefficients: at each point (rows of a Jacobian), or summed over the points (a gradient).

Axes between alpha and point are independent runs (seeds), which are leading axes of the coefficients; one run has none.

Work at points has the precision of the incoming jets; coefficients and their gradients keep their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Protocol

import numpy as np
import torch

from pinnkan.kan.layers.jet import Jets, JetSet


class LayerTrace(Protocol):
    """What a layer stores in a forward pass for the backward pass."""

    def pull(self, adjoint: Jets) -> Jets:
        """Return adjoints (..., in, point) of the input from those (..., out, point) of the output, for every alpha."""

    def rows(self, adjoint: Jets) -> torch.Tensor:
        """Return derivatives (..., point, coefficient) by the coefficients of the layer, point by point."""

    def gradient(self, adjoint: Jets, needs_input_adjoint: bool) -> tuple[torch.Tensor, Jets]:
        """Return :meth:`rows` over points (.., coefficient); :meth:`pull` if ``needs_input_adjoint``, else ()."""


class Layer(Protocol):
    """A layer with ``size`` trained coefficients; the defaults are those of one without coefficients and knots."""

    @property
    def size(self) -> int:
        """The number of trained coefficients of one run."""
        return 0

    @property
    def outputs(self) -> int:
        """The number of output units; 0 if it equals that of the inputs."""
        return 0

    @property
    def intervals(self) -> int:
        """The number of knot intervals of an edge; 0 without knots."""
        return 0

    def flat(self) -> torch.Tensor:
        """Return the trained coefficients (..., size)."""
        return torch.zeros(0, dtype=torch.float64)

    def with_flat(self, vector: torch.Tensor) -> Layer:
        """Return the layer with other coefficients (..., size), whose leading axes are runs."""
        return self

    def halved(self) -> Layer:
        """Return the same function with twice the knot intervals; without knots, the layer itself."""
        return self

    def to(self, device: torch.device | str) -> Layer:
        """Return the same layer on another device."""
        return self

    def forward(self, jets: JetSet, z: Jets) -> tuple[Jets, LayerTrace]:
        """Return the output jets and the trace."""


@dataclass(frozen=True)
class Affine(Layer):
    """``y = W z + b``: ``weight`` (..., out, in), ``bias`` (..., out) or None; no coefficients if not ``trained``."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None
    trained: bool = True

    @property
    def size(self) -> int:
        outputs, inputs = self.weight.shape[-2:]
        return outputs * (inputs + (self.bias is not None)) if self.trained else 0

    @property
    def outputs(self) -> int:
        return self.weight.shape[-2]

    def flat(self) -> torch.Tensor:
        if not self.trained:
            return self.weight.new_zeros((*self.weight.shape[:-2], 0))
        weight = self.weight.flatten(-2)
        return weight if self.bias is None else torch.cat([weight, self.bias], -1)

    def with_flat(self, vector: torch.Tensor) -> Affine:
        if not self.trained:
            return self
        outputs, inputs = self.weight.shape[-2:]
        weight = vector[..., : outputs * inputs].unflatten(-1, (outputs, inputs))
        return Affine(weight, None if self.bias is None else vector[..., outputs * inputs :])

    def to(self, device: torch.device | str) -> Affine:
        return Affine(self.weight.to(device), None if self.bias is None else self.bias.to(device), self.trained)

    def forward(self, jets: JetSet, z: Jets) -> tuple[Jets, AffineTrace]:
        weight = self.weight.to(z[0].dtype)
        y = [weight @ along for along in z]
        if self.bias is not None:
            y[0] += self.bias.unsqueeze(-1)
        return y, AffineTrace(self, z)


@dataclass(frozen=True)
class AffineTrace:
    """The layer and its input jets."""

    layer: Affine
    z: Jets

    def pull(self, adjoint: Jets) -> Jets:
        weight = self.layer.weight.to(adjoint[0].dtype)
        return [weight.mT @ along for along in adjoint]

    def rows(self, adjoint: Jets) -> torch.Tensor:
        pairs = zip(adjoint, self.z, strict=True)
        weight = sum((a.mT.unsqueeze(-1) * z.mT.unsqueeze(-2) for a, z in pairs), adjoint[0].new_zeros(()))
        return self._with_bias(weight.flatten(-2), adjoint[0].mT)

    def gradient(self, adjoint: Jets, needs_input_adjoint: bool) -> tuple[torch.Tensor, Jets]:
        weight = sum((a @ z.mT for a, z in zip(adjoint, self.z, strict=True)), adjoint[0].new_zeros(()))
        found = self._with_bias(weight.flatten(-2), adjoint[0].sum(-1)).to(self.layer.weight.dtype)
        return found, self.pull(adjoint) if needs_input_adjoint else ()

    def _with_bias(self, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        if not self.layer.trained:
            return weight[..., :0]
        return weight if self.layer.bias is None else torch.cat([weight, bias], -1)


@dataclass(frozen=True)
class Activation(Layer):
    """One function applied to every unit: ``tanh``, which keeps it inside knots on [-1, 1], or ``relu``."""

    name: str

    def forward(self, jets: JetSet, z: Jets) -> tuple[Jets, ActivationTrace]:
        value, slopes = ACTIVATIONS[self.name]
        y = value(z[0])
        return jets.composition(jets.bell_polynomials(z), slopes(y, jets.order)), ActivationTrace(self.name, jets, z, y)


@dataclass(frozen=True)
class ActivationTrace:
    """The jets z and the value y (..., unit, point) of the activation there, from which its derivatives follow."""

    name: str
    jets: JetSet
    z: Jets
    y: torch.Tensor

    def pull(self, adjoint: Jets) -> Jets:
        slopes = ACTIVATIONS[self.name][1](self.y, self.jets.order + 1)[1:]
        return self.jets.product_adjoint(self.jets.composition(self.jets.bell_polynomials(self.z), slopes), adjoint)

    def rows(self, adjoint: Jets) -> torch.Tensor:
        return adjoint[0].mT[..., :0]

    def gradient(self, adjoint: Jets, needs_input_adjoint: bool) -> tuple[torch.Tensor, Jets]:
        return adjoint[0][..., 0, :0], self.pull(adjoint) if needs_input_adjoint else ()


def _tanh(z: torch.Tensor) -> torch.Tensor:
    """Return tanh, on the CPU by numpy, which takes a fifth of the time of torch."""
    numbers = z.device.type == "cpu" and not z.requires_grad
    return torch.from_numpy(np.tanh(z.numpy())) if numbers else torch.tanh(z)


def _tanh_slopes(y: torch.Tensor, order: int) -> list[torch.Tensor]:
    """Return y = tanh z and its derivatives up to ``order``, from tanh' = 1 - y^2 by Leibniz."""
    out = [y]
    for n in range(order):
        pairs = [((1 + (2 * j < n)) * comb(n, j), out[j], out[n - j]) for j in range(n // 2 + 1)]
        times, a, b = pairs[0]
        total = torch.addcmul(y.new_ones(()), y, y, value=-1.0) if n == 0 else (a * b).mul_(-times)
        for times, a, b in pairs[1:]:
            total.addcmul_(a, b, value=-times)
        out.append(total)
    return out


#: An activation, and its derivatives 0..order from its value; trailing ones that are zero for all z may be omitted.
ACTIVATIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[torch.Tensor, int], list[torch.Tensor]]]]
ACTIVATIONS = {
    "tanh": (_tanh, _tanh_slopes),
    "relu": (torch.relu, lambda y, order: [y, (y > 0.0).to(y.dtype)][: order + 1]),
}
