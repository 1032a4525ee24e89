"""A layer of edges at points that do not move: the jets of its functions there are worked out once, in matrices.

What is left of an evaluation is a product of these with the coefficients, all runs at once, whose cost goes with the
number of functions: coarse levels cost less.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch

from pinnkan.kan.layers.jet import Jets, JetSet
from pinnkan.kan.layers.pieces import LayerBasis
from pinnkan.kan.layers.pointwise import LayerTrace
from pinnkan.kan.layers.spline_layer import Spline

#: For every alpha, which functions (column) of all inputs are not zero everywhere, and their jets (point, column).
Tables = tuple[tuple[torch.Tensor, torch.Tensor], ...]


@lru_cache(maxsize=2)
def tables_of(basis: LayerBasis, jets: JetSet, inputs: torch.Tensor, points: int) -> list[Tables]:
    """For every piece of so many points, from the jets of the inputs (alpha, point, in); worked out once."""
    return [_tables(basis, jets, piece) for piece in inputs.split(points, 1)]


def _tables(basis: LayerBasis, jets: JetSet, inputs: torch.Tensor) -> Tables:
    bell = jets.bell_polynomials(inputs.unbind(0))
    features = [f.flatten(-2) for f in jets.composed(bell, basis.dense(inputs[0], jets.order))]
    columns = [f.abs().amax(0).nonzero().squeeze(-1) for f in features]
    return tuple((c, f[:, c]) for c, f in zip(columns, features, strict=True))


@dataclass(frozen=True)
class Known(Spline):
    """Edges with their tables at the points of the jets that come in; nothing below them is trained."""

    tables: Tables = ()

    def forward(self, jets: JetSet, z: Jets) -> tuple[Jets, LayerTrace]:
        out = self.weight.shape[:-2]
        flat = self.weight.flatten(-2).flatten(0, -2)
        y = [(flat[:, columns] @ table.T).unflatten(0, out) for columns, table in self.tables]
        return y, KnownTrace(self, jets, z)


@dataclass(frozen=True)
class KnownTrace:
    """The layer and the input jets."""

    layer: Known
    jets: JetSet
    z: Jets

    def pull(self, adjoint: Jets) -> Jets:
        return self._moving().pull(adjoint)

    def rows(self, adjoint: Jets) -> torch.Tensor:
        return self._moving().rows(adjoint)

    def gradient(self, adjoint: Jets, below: bool) -> tuple[torch.Tensor, Jets]:
        weight = self.layer.weight
        found = weight.new_zeros(weight.shape[:-2].numel(), weight.shape[-2:].numel())
        for a, (columns, table) in zip(adjoint, self.layer.tables, strict=True):
            found.index_add_(1, columns, a.flatten(0, -2) @ table)
        return found.view(*weight.shape[:-3], -1), self.pull(adjoint) if below else ()

    def _moving(self) -> LayerTrace:
        """Of the same layer at points that could be any."""
        return Spline(self.layer.basis, self.layer.weight).forward(self.jets, self.z)[1]
