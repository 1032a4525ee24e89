"""Networks that contenders start from, by seed, and how these work through their points: in pieces, for the cache.

Measured: the perceptron [3,16,16,1] with five seeds takes 9.5 ms per seed in pieces of 8192 points, 6.4 in pieces of
512, 15 in pieces of 32, where the calls cost more than the numbers. More runs want smaller pieces, narrow layers larger
ones.

The points do not move: the jets of the splines of a first layer there are worked out once, in matrices. What is left
of an evaluation is a product of these with the coefficients, all runs at once, whose cost goes with the number of
functions: coarse levels cost less. Powers of ReLU go by way of the splines, which do not cancel.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from pinnkan.kan.layers.jet import Jets, JetSet
from pinnkan.kan.layers.network import Network, perceptron, random_network, spread_directions, stack_networks
from pinnkan.kan.layers.pieces import LayerBasis
from pinnkan.kan.layers.pointwise import Activation, Affine, LayerTrace
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.study.bases.change_of_basis import inverse_matrix
from pinnkan.study.bases.power_relu import PowerRelu, network_in_powers
from pinnkan.study.task import StudyNetwork

#: For every alpha, which splines (column) of all inputs are not zero everywhere, and their jets (point, column).
Tables = tuple[tuple[torch.Tensor, torch.Tensor], ...]


@lru_cache(maxsize=2)
def tables_of(basis: LayerBasis, jets: JetSet, inputs: torch.Tensor, points: int) -> list[Tables]:
    """For every piece of so many points, from the jets of the inputs (alpha, point, in); worked out once."""
    splines = basis.splines if isinstance(basis, PowerRelu) else basis
    return [_tables(splines, jets, piece) for piece in inputs.split(points, 1)]


def _tables(splines: LayerBasis, jets: JetSet, inputs: torch.Tensor) -> Tables:
    precise = inputs.double()
    bell = jets.bell_polynomials(precise.unbind(0))
    features = [f.flatten(-2) for f in jets.composition(bell, splines.dense(precise[0], jets.order))]
    columns = [f.abs().amax(0).nonzero().squeeze(-1) for f in features]
    return tuple((c, f[:, c].to(inputs.dtype)) for c, f in zip(columns, features, strict=True))


@lru_cache(maxsize=2)
def from_powers(basis: PowerRelu) -> torch.Tensor:
    """Splines by powers of ReLU (power, spline), for rows of coefficients; worked out once."""
    return inverse_matrix(basis.splines)


@dataclass(frozen=True)
class Known(Spline):
    """Edges with their tables at the points of the jets that come in; nothing below them is trained."""

    tables: Tables = ()

    def forward(self, jets: JetSet, z: Jets) -> tuple[Jets, LayerTrace]:
        out = self.weight.shape[:-2]
        weight = self.weight @ from_powers(self.basis) if isinstance(self.basis, PowerRelu) else self.weight
        flat = weight.to(z[0].dtype).flatten(-2).flatten(0, -2)
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

    def gradient(self, adjoint: Jets, needs_input_adjoint: bool) -> tuple[torch.Tensor, Jets]:
        weight = self.layer.weight
        found = weight.new_zeros(weight.shape[:-2].numel(), weight.shape[-2:].numel())
        for a, (columns, table) in zip(adjoint, self.layer.tables, strict=True):
            found.index_add_(1, columns, (a.flatten(0, -2) @ table).to(weight.dtype))
        found, basis = found.view(weight.shape), self.layer.basis
        found = found @ from_powers(basis).T if isinstance(basis, PowerRelu) else found
        return found.flatten(-3), self.pull(adjoint) if needs_input_adjoint else ()

    def _moving(self) -> LayerTrace:
        """Of the same layer at points that could be any."""
        return Spline(self.layer.basis, self.layer.weight).forward(self.jets, self.z)[1]


#: Jets of a layer in a piece: two megabytes.
PIECE = 2**18


@dataclass(frozen=True)
class Chunked:
    """The same function as ``network``, and the same derivatives."""

    network: Network

    @property
    def parameters(self) -> int:
        """Trained coefficients of one run."""
        return self.network.parameters

    def flat(self) -> torch.Tensor:
        """All trained coefficients (..., coefficient)."""
        return self.network.flat()

    def with_flat(self, vector: torch.Tensor) -> "Chunked":
        """The same network with other coefficients."""
        return Chunked(self.network.with_flat(vector))

    def halved(self) -> "Chunked":
        """Every knot interval halved."""
        return Chunked(self.network.halved())

    def forward(self, jets: JetSet, inputs: torch.Tensor) -> tuple[torch.Tensor, list[Any]]:
        """Jets (alpha, ..., point, unknown) from those of the inputs (alpha, point, in), and traces by piece.

        The inputs are the same at every step of a training: what edges of a first layer need there is kept.
        """
        points, (first, *others) = self._points(jets), self.network.layers
        parts = []
        for n, piece in enumerate(inputs.split(points, 1)):
            if isinstance(first, Spline):
                tables = tables_of(first.basis, jets, inputs, points)[n]
                parts.append(Network((Known(first.basis, first.weight, tables), *others)).forward(jets, piece))
            else:
                parts.append(self.network.forward(jets, piece))
        return torch.cat([u for u, _ in parts], -2), [(u.shape[-2], traces) for u, traces in parts]

    def jacobian(self, traces: list[Any], adjoint: torch.Tensor) -> torch.Tensor:
        """Rows (..., point, coefficient)."""
        return torch.cat([self.network.jacobian(t, a) for t, a in self._pieces(traces, adjoint)], -2)

    def gradient(self, traces: list[Any], adjoint: torch.Tensor) -> torch.Tensor:
        """The sum of the rows over the points."""
        parts = [self.network.gradient(t, a) for t, a in self._pieces(traces, adjoint)]
        return torch.stack(parts).sum(0)

    def _pieces(self, traces: list[Any], adjoint: torch.Tensor) -> Iterator[tuple[list[Any], torch.Tensor]]:
        parts = adjoint.split([points for points, _ in traces], -2)
        return ((piece, part) for (_, piece), part in zip(traces, parts, strict=True))

    def _points(self, jets: JetSet) -> int:
        """Points of a piece."""
        runs = self.flat().numel() // self.parameters
        widest = max(layer.outputs for layer in self.network.layers)
        return max(1, PIECE // (runs * len(jets) * widest))


#: Degree of the edges, and their noise at the start relative to their slope.
DEGREE, SPREAD = 3, 0.1

Start = Callable[[Sequence[int]], StudyNetwork]


def splines(widths: Sequence[int], intervals: int, powers: bool = False) -> Start:
    """B-spline networks with tanh before every layer but the first, or the same functions in powers of ReLU."""

    def network(seed: int) -> Network:
        found = random_network(tuple(widths), DEGREE, intervals, SPREAD, seed)
        return network_in_powers(found) if powers else found

    return stacked_runs(network)


def ridges(widths: Sequence[int], intervals: int, powers: bool = False) -> Start:
    """A linear first layer, then splines (or powers of ReLU), tanh before each of these; all layers trained."""

    def network(seed: int) -> Network:
        edges = random_network(tuple(widths[1:]), DEGREE, intervals, SPREAD, seed)
        found = Network((Affine(spread_directions(widths[0], widths[1])), Activation("tanh"), *edges.layers))
        return network_in_powers(found) if powers else found

    return stacked_runs(network)


def perceptrons(widths: Sequence[int]) -> Start:
    """Plain networks with tanh."""
    return stacked_runs(lambda seed: perceptron(tuple(widths), "tanh", seed))


def stacked_runs(network: Callable[[int], Network]) -> Start:
    """The networks of all seeds together."""
    return lambda seeds: Chunked(stack_networks([network(seed) for seed in seeds]))
