"""Layers of a network, each with its jets forward and its adjoints backward: linear maps, activations, splines.

A layer maps jets z (alpha, ..., point, in) to jets (alpha, ..., point, out). From adjoints lambda of its output it
gives those of its input, and the derivatives by its own coefficients of ``sum_alpha,o lambda_o^alpha D^alpha y_o``: at
each point (rows of a Jacobian), or summed over the points (a gradient). Nothing is differentiated by a tape.

Axes between alpha and point are independent runs (seeds), which the coefficients then lead with too; one run has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from pinnkan.kan.jet import JetSet
from pinnkan.kan.layer_basis import LayerBasis
from pinnkan.kan.network import tanh_derivatives

Bell = list[list[torch.Tensor | None]]


class LayerTrace(Protocol):
    """What a layer remembers of a forward pass, for the way back."""

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        """Adjoints (alpha, ..., point, in) of the input from those (alpha, ..., point, out) of the output."""
        ...

    def rows(self, adjoint: torch.Tensor) -> torch.Tensor:
        """Derivatives (..., point, coefficient) by the layer's coefficients, point by point."""
        ...

    def gradient(self, adjoint: torch.Tensor) -> torch.Tensor:
        """Derivatives (..., coefficient), summed over the points."""
        ...


class Layer(Protocol):
    """A layer with ``size`` trained coefficients."""

    @property
    def size(self) -> int:
        """Number of trained coefficients of one run."""
        ...

    def flat(self) -> torch.Tensor:
        """The trained coefficients (..., size)."""
        ...

    def with_flat(self, vector: torch.Tensor) -> Layer:
        """The same layer with other coefficients (..., size), whose leading axes are runs."""
        ...

    def halved(self) -> Layer:
        """The same function with twice the knot intervals, where there are knots."""
        ...

    def to(self, device: torch.device | str) -> Layer:
        """The same layer on another device."""
        ...

    def forward(self, jets: JetSet, z: torch.Tensor) -> tuple[torch.Tensor, LayerTrace]:
        """Output jets and trace."""
        ...


@dataclass(frozen=True)
class Affine:
    """``y = W z + b``: ``weight`` (..., out, in), ``bias`` (..., out) or None; no coefficients if not ``trained``."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None
    trained: bool = True

    @property
    def size(self) -> int:
        outputs, inputs = self.weight.shape[-2:]
        return outputs * (inputs + (self.bias is not None)) if self.trained else 0

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

    def halved(self) -> Affine:
        return self

    def to(self, device: torch.device | str) -> Affine:
        return Affine(self.weight.to(device), None if self.bias is None else self.bias.to(device), self.trained)

    def forward(self, jets: JetSet, z: torch.Tensor) -> tuple[torch.Tensor, AffineTrace]:
        y = z @ self.weight.mT
        if self.bias is not None:
            y = torch.cat([y[:1] + self.bias.unsqueeze(-2), y[1:]])
        return y, AffineTrace(self, z)


@dataclass(frozen=True)
class AffineTrace:
    """The layer and its input jets."""

    layer: Affine
    z: torch.Tensor

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        return adjoint @ self.layer.weight

    def rows(self, adjoint: torch.Tensor) -> torch.Tensor:
        return self._with_bias(torch.einsum("a...po,a...pi->...poi", adjoint, self.z).flatten(-2), adjoint[0])

    def gradient(self, adjoint: torch.Tensor) -> torch.Tensor:
        weight = torch.einsum("a...po,a...pi->...oi", adjoint, self.z).flatten(-2)
        return self._with_bias(weight, adjoint[0].sum(-2))

    def _with_bias(self, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        if not self.layer.trained:
            return weight[..., :0]
        return weight if self.layer.bias is None else torch.cat([weight, bias], -1)


@dataclass(frozen=True)
class Activation:
    """One function applied to every unit: ``tanh``, which keeps it inside knots on [-1, 1], or ``relu``."""

    name: str

    @property
    def size(self) -> int:
        return 0

    def flat(self) -> torch.Tensor:
        return torch.zeros(0, dtype=torch.float64)

    def with_flat(self, vector: torch.Tensor) -> Activation:
        return self

    def halved(self) -> Activation:
        return self

    def to(self, device: torch.device | str) -> Activation:
        return self

    def forward(self, jets: JetSet, z: torch.Tensor) -> tuple[torch.Tensor, ActivationTrace]:
        outer = torch.stack(ACTIVATIONS[self.name](z[0], jets.order + 1))
        bell = jets.bell_polynomials(z)
        return jets.compose(bell, outer), ActivationTrace(jets, bell, outer)


@dataclass(frozen=True)
class ActivationTrace:
    """Bell polynomials of z and the derivatives (k, ..., point, unit) of the activation there."""

    jets: JetSet
    bell: Bell
    outer: torch.Tensor

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        return self.jets.multiply_adjoint(self.jets.compose(self.bell, self.outer[1:]), adjoint)

    def rows(self, adjoint: torch.Tensor) -> torch.Tensor:
        return adjoint[0, ..., :0]

    def gradient(self, adjoint: torch.Tensor) -> torch.Tensor:
        return adjoint[0, ..., 0, :0]


def _tanh(z: torch.Tensor, order: int) -> list[torch.Tensor]:
    return tanh_derivatives(torch.tanh(z), order)


def _relu(z: torch.Tensor, order: int) -> list[torch.Tensor]:
    step, zero = (z > 0.0).to(z.dtype), torch.zeros_like(z)
    return [z * step, step, *(zero for _ in range(order - 1))][: order + 1]


#: Derivatives 0..order of every activation.
ACTIVATIONS: dict[str, Callable[[torch.Tensor, int], list[torch.Tensor]]] = {"tanh": _tanh, "relu": _relu}


@dataclass(frozen=True, eq=False)
class Spline:
    """``y_o = sum_i,c W[o,i,c] b_c(z_i)``: the layer of arXiv:2603.04827; ``weight`` (..., out, in, function).

    The b_c are splines, or powers of ReLU.
    """

    basis: LayerBasis
    weight: torch.Tensor

    @property
    def size(self) -> int:
        outputs, inputs, count = self.weight.shape[-3:]
        return outputs * inputs * count

    def flat(self) -> torch.Tensor:
        return self.weight.flatten(-3)

    def with_flat(self, vector: torch.Tensor) -> Spline:
        return replace(self, weight=vector.unflatten(-1, self.weight.shape[-3:]))

    def halved(self) -> Spline:
        fine = self.basis.halved()
        return Spline(fine, self.basis.prolong(self.weight, fine))

    def to(self, device: torch.device | str) -> Spline:
        return Spline(self.basis.to(device), self.weight.to(device))

    def forward(self, jets: JetSet, z: torch.Tensor) -> tuple[torch.Tensor, FeatureTrace]:
        tables = self.basis.dense(z[0], jets.order + 1)
        return features_forward(jets, z, tables, self.weight)


@dataclass(frozen=True)
class FeatureTrace:
    """A layer linear in its features: Bell polynomials, tables (k, ..., point, in, function), their jets, weights."""

    jets: JetSet
    bell: Bell
    tables: torch.Tensor
    features: torch.Tensor  # (alpha, ..., point, in * function)
    weight: torch.Tensor

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        inputs, count = self.weight.shape[-2:]
        slopes = self.jets.compose(self.bell, self.tables[1:])  # (alpha, ..., point, in, function)
        along = (adjoint @ self.weight.flatten(-2)).unflatten(-1, (inputs, count))
        parts: list[torch.Tensor | None] = [None] * len(self.jets)
        for alpha, beta, rest, factor in self.jets.leibniz:
            term = factor * torch.linalg.vecdot(slopes[rest], along[alpha])
            known = parts[beta]
            parts[beta] = term if known is None else known + term
        return torch.stack([p for p in parts if p is not None])

    def rows(self, adjoint: torch.Tensor) -> torch.Tensor:
        return torch.einsum("a...po,a...pk->...pok", adjoint, self.features).flatten(-2)

    def gradient(self, adjoint: torch.Tensor) -> torch.Tensor:
        return torch.einsum("a...po,a...pk->...ok", adjoint, self.features).flatten(-2)


def features_forward(
    jets: JetSet, z: torch.Tensor, tables: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, FeatureTrace]:
    """Jets and trace of ``sum_i,c W[o,i,c] f_c(z_i)`` from the tables (k, ..., point, in, function) of f and f^(k)."""
    bell = jets.bell_polynomials(z)
    features = jets.compose(bell, tables[:-1]).flatten(-2)
    return features @ weight.flatten(-2).mT, FeatureTrace(jets, bell, tables, features, weight)
