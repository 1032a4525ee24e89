"""Jets of a layer that is linear in its features, from dense tables of them: the layer of trained knots needs these.

Points before units here: z (alpha, ..., point, in) and jets (alpha, ..., point, out).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pinnkan.kan.layers.jet import Bell, JetSet


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
        slopes = self.jets.stacked_composition(self.bell, self.tables[1:])  # (alpha, ..., point, in, function)
        along = (adjoint @ self.weight.flatten(-2)).unflatten(-1, (inputs, count))
        parts: list[torch.Tensor | None] = [None] * len(self.jets)
        for alpha, beta, rest, factor in self.jets.leibniz_terms:
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
    features = jets.stacked_composition(bell, tables[:-1]).flatten(-2)
    return features @ weight.flatten(-2).mT, FeatureTrace(jets, bell, tables, features, weight)
