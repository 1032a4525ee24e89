"""A network of layers: jets forward, Jacobian rows or a gradient backward.

Kolmogorov-Arnold networks, the ridge network of the regression and Burgers counts of arXiv:2603.04827 (a linear map,
then splines) and plain perceptrons are of this form; :mod:`pinnkan.kan.layers.architectures` makes them.

Axes here: (derivative alpha, point, unit); inside the layers points come last (:mod:`pinnkan.kan.layers.pointwise`).
Coefficients (out, in, function). Axes between alpha and point are independent runs (seeds).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pinnkan.kan.layers.jet import Jets, JetSet
from pinnkan.kan.layers.pointwise import Layer, LayerTrace
from pinnkan.kan.layers.spline_layer import Spline


@dataclass(frozen=True)
class Network:
    """Layers in a row."""

    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Trained coefficients of one run."""
        return sum(layer.size for layer in self.layers)

    @property
    def intervals(self) -> int:
        """Knot intervals of an edge; 1 without splines."""
        return next((layer.intervals for layer in self.layers if layer.intervals), 1)

    @property
    def outputs(self) -> int:
        """Number of unknowns."""
        return next(layer.outputs for layer in reversed(self.layers) if layer.outputs)

    @property
    def splines(self) -> tuple[Spline, ...]:
        """The layers of edges."""
        return tuple(layer for layer in self.layers if isinstance(layer, Spline))

    @property
    def device(self) -> torch.device:
        """Where the coefficients are."""
        return self.layers[-1].flat().device

    def flat(self) -> torch.Tensor:
        """All trained coefficients (..., coefficient), layer by layer."""
        return torch.cat([layer.flat() for layer in self.layers if layer.size], -1)

    def with_flat(self, vector: torch.Tensor) -> "Network":
        """The same network with other coefficients; leading axes of ``vector`` are independent runs."""
        parts = torch.split(vector, [layer.size for layer in self.layers], -1)
        return Network(tuple(layer.with_flat(p) for layer, p in zip(self.layers, parts, strict=True)))

    def halved(self) -> "Network":
        """Every knot interval halved; the same function, exactly."""
        return Network(tuple(layer.halved() for layer in self.layers))

    def to(self, device: torch.device | str) -> "Network":
        """The same network on another device."""
        return Network(tuple(layer.to(device) for layer in self.layers))

    def forward(self, jets: JetSet, inputs: torch.Tensor) -> tuple[torch.Tensor, list[LayerTrace]]:
        """Jets (alpha, ..., point, unknown) of the outputs from those of the inputs (alpha, point, in), and traces."""
        runs = self.layers[-1].flat().ndim - 1
        x, traces = inputs.mT.contiguous(), list[LayerTrace]()
        z: Jets = x.reshape(x.shape[0], *(1,) * runs, *x.shape[1:]).unbind(0)
        for layer in self.layers:
            z, trace = layer.forward(jets, z)
            traces.append(trace)
        return torch.stack(list(z)).mT, traces

    def jacobian(self, traces: Sequence[LayerTrace], adjoint: torch.Tensor) -> torch.Tensor:
        """Rows (..., point, coefficient): derivatives of ``adjoint`` (alpha, ..., point, out) times output, summed."""
        blocks = []
        along: Jets = adjoint.mT.contiguous().unbind(0)
        for trace, below in self._backward(traces):
            blocks.append(trace.rows(along))
            along = trace.pull(along) if below else along
        return torch.cat(blocks[::-1], -1)

    def gradient(self, traces: Sequence[LayerTrace], adjoint: torch.Tensor) -> torch.Tensor:
        """The sum (..., coefficient) of the rows over the points, without the rows."""
        blocks = []
        along: Jets = adjoint.mT.contiguous().unbind(0)
        for trace, below in self._backward(traces):
            block, along = trace.gradient(along, below)
            blocks.append(block)
        return torch.cat(blocks[::-1], -1)

    def _backward(self, traces: Sequence[LayerTrace]) -> list[tuple[LayerTrace, bool]]:
        """Traces from the last to the first, and whether a layer below has coefficients; the layers below end it."""
        first = next(n for n, layer in enumerate(self.layers) if layer.size)
        return [(traces[n], n > first) for n in range(len(traces) - 1, first - 1, -1)]


def stacked(networks: Sequence[Network]) -> Network:
    """Runs of the same architecture (and the same frozen layers) as one network with a leading axis."""
    return networks[0].with_flat(torch.stack([n.flat() for n in networks]))
