"""Networks of layers: jets forward, Jacobian rows or a gradient backward; and initial networks.

Kolmogorov-Arnold networks, the ridge network of the regression and Burgers counts of arXiv:2603.04827 (a linear map,
then splines) and plain perceptrons are of this form.

Axes here: (derivative alpha, point, unit); inside the layers points come last (:mod:`pinnkan.kan.layers.pointwise`).
Coefficients are (out, in, function). Axes between alpha and point are independent runs (seeds).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from pinnkan.kan.layers.jet import Jets, JetSet
from pinnkan.kan.layers.pointwise import Activation, Affine, Layer, LayerTrace
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis, uniform_breaks


@dataclass(frozen=True)
class Network:
    """A sequence of layers."""

    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """The number of trained coefficients of one run."""
        return sum(layer.size for layer in self.layers)

    @property
    def intervals(self) -> int:
        """The number of knot intervals of an edge; 1 without splines."""
        return next((layer.intervals for layer in self.layers if layer.intervals), 1)

    @property
    def outputs(self) -> int:
        """The number of unknowns."""
        return next(layer.outputs for layer in reversed(self.layers) if layer.outputs)

    @property
    def splines(self) -> tuple[Spline, ...]:
        """The spline layers."""
        return tuple(layer for layer in self.layers if isinstance(layer, Spline))

    @property
    def device(self) -> torch.device:
        """The device of the coefficients."""
        return self.layers[-1].flat().device

    def flat(self) -> torch.Tensor:
        """Return all trained coefficients (..., coefficient), layer by layer."""
        return torch.cat([layer.flat() for layer in self.layers if layer.size], -1)

    def with_flat(self, vector: torch.Tensor) -> "Network":
        """Return the network with other coefficients; leading axes of ``vector`` are independent runs."""
        parts = torch.split(vector, [layer.size for layer in self.layers], -1)
        return Network(tuple(layer.with_flat(p) for layer, p in zip(self.layers, parts, strict=True)))

    def halved(self) -> "Network":
        """Return the same function with every knot interval halved."""
        return Network(tuple(layer.halved() for layer in self.layers))

    def to(self, device: torch.device | str) -> "Network":
        """Return the same network on another device."""
        return Network(tuple(layer.to(device) for layer in self.layers))

    def forward(self, jets: JetSet, inputs: torch.Tensor) -> tuple[torch.Tensor, list[LayerTrace]]:
        """Return output jets (alpha, ..., point, unknown) of input jets (alpha, point, in), and all traces."""
        runs = self.layers[-1].flat().ndim - 1
        x, traces = inputs.mT.contiguous(), list[LayerTrace]()
        z: Jets = x.reshape(x.shape[0], *(1,) * runs, *x.shape[1:]).unbind(0)
        for layer in self.layers:
            z, trace = layer.forward(jets, z)
            traces.append(trace)
        return torch.stack(list(z)).mT, traces

    def jacobian(self, traces: Sequence[LayerTrace], adjoint: torch.Tensor) -> torch.Tensor:
        """Return the rows (..., point, coefficient) of ``sum adjoint * output``; adjoint (alpha, ..., point, out)."""
        blocks = []
        along: Jets = adjoint.mT.contiguous().unbind(0)
        for trace, below in self._backward(traces):
            blocks.append(trace.rows(along))
            along = trace.pull(along) if below else along
        return torch.cat(blocks[::-1], -1)

    def gradient(self, traces: Sequence[LayerTrace], adjoint: torch.Tensor) -> torch.Tensor:
        """Return the sum (..., coefficient) of the Jacobian rows over the points, without forming the rows."""
        blocks = []
        along: Jets = adjoint.mT.contiguous().unbind(0)
        for trace, below in self._backward(traces):
            block, along = trace.gradient(along, below)
            blocks.append(block)
        return torch.cat(blocks[::-1], -1)

    def _backward(self, traces: Sequence[LayerTrace]) -> list[tuple[LayerTrace, bool]]:
        """Return the traces from the last to the first trained layer, and whether a trained layer is below each."""
        first = next(n for n, layer in enumerate(self.layers) if layer.size)
        return [(traces[n], n > first) for n in range(len(traces) - 1, first - 1, -1)]


def stack_networks(networks: Sequence[Network]) -> Network:
    """Combine runs of the same architecture and frozen layers into one network with a leading axis."""
    return networks[0].with_flat(torch.stack([n.flat() for n in networks]))


#: Random candidates per direction, of which the one farthest from the others is taken. Heuristic.
CANDIDATES = 50


def random_network(
    widths: Sequence[int], degree: int, intervals: int, spread: float, seed: int, device: str = "cpu"
) -> Network:
    """Return a network of splines on every edge, with tanh between the layers and no bias (arXiv:2603.04827).

    Edges are straight lines of random slope plus smooth noise; units have variance about one third. The lines come from
    the Greville abscissae, so that the start does not depend on the knots. ``spread``: the noise relative to the slope.
    """
    generator = torch.Generator().manual_seed(seed)
    basis = Basis.extended(uniform_breaks(-1.0, 1.0, intervals), degree)
    line = basis.identity_coefficients()
    layers: list[Layer] = []
    for inputs, outputs in pairwise(widths):
        slope = torch.randn((outputs, inputs, 1), generator=generator, dtype=torch.float64)
        slope = slope / (slope.square().sum(1, keepdim=True).sqrt() + 1e-3)
        noise = torch.randn((outputs, inputs, basis.count), generator=generator, dtype=torch.float64)
        layers += [Spline(basis, slope * line + spread / inputs**0.5 * noise), Activation("tanh")]
    return Network(tuple(layers[:-1])).to(device)


def perceptron(widths: Sequence[int], activation: str, seed: int) -> Network:
    """Return a plain network: affine layers with an activation between them, the last without bias.

    Weights and biases are uniform in +-1/sqrt(inputs), torch's default for a linear layer.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int, bound: float) -> torch.Tensor:
        return (2.0 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1.0) * bound

    layers: list[Layer] = []
    for n, (inputs, outputs) in enumerate(pairwise(widths)):
        bound, last = inputs**-0.5, n == len(widths) - 2
        weight, bias = uniform(outputs, inputs, bound=bound), uniform(outputs, bound=bound)
        layers += [Affine(weight, None if last else bias), *([] if last else [Activation(activation)])]
    return Network(tuple(layers))


def frozen_ridge(directions: torch.Tensor, outputs: int, degree: int, intervals: int) -> Network:
    """Return fixed ``directions`` (unit, input) and one layer of splines, zero at first: linear in coefficients."""
    basis = Basis.extended(uniform_breaks(-1.0, 1.0, intervals), degree)
    weight = directions.new_zeros((outputs, len(directions), basis.count))
    return Network((Affine(directions, trained=False), Spline(basis, weight)))


def spread_directions(inputs: int, count: int, seed: int = 0) -> torch.Tensor:
    """Return ``count`` well-separated directions (unit, input), the axes among them, whose absolute values sum to one.

    A ridge then maps [-1, 1]^inputs to [-1, 1]. In the plane: equal angles. Else each next one is the random candidate
    with the largest angle to those before.
    """
    if inputs == 2:
        angles = torch.arange(count, dtype=torch.float64) * torch.pi / count
        found = torch.stack([angles.cos(), angles.sin()], 1)
    else:
        generator = torch.Generator().manual_seed(seed)
        found = torch.eye(inputs, dtype=torch.float64)[:count]
        while len(found) < count:
            trial = torch.randn((CANDIDATES, inputs), generator=generator, dtype=torch.float64)
            trial = trial / trial.norm(dim=1, keepdim=True)
            best = (trial @ found.T).abs().amax(1).argmin()
            found = torch.cat([found, trial[best : best + 1]])
    return found / found.abs().sum(1, keepdim=True)
