"""A network of layers: jets forward, Jacobian rows or a gradient backward; and networks to start from.

Kolmogorov-Arnold networks, the ridge network of the regression and Burgers counts of arXiv:2603.04827 (a linear map,
then splines) and plain perceptrons are of this form.

Axes here: (derivative alpha, point, unit); inside the layers points come last (:mod:`pinnkan.kan.layers.pointwise`).
Coefficients (out, in, function). Axes between alpha and point are independent runs (seeds).
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


#: Candidates per direction among which the one farthest from the others is taken.
CANDIDATES = 50


def random_network(
    widths: Sequence[int], degree: int, intervals: int, spread: float, seed: int, device: str = "cpu"
) -> Network:
    """Splines on every edge, no base function and no bias (arXiv:2603.04827), with tanh between the layers.

    Edges are straight lines of random slope plus smooth noise, units of variance about one third. The lines come from
    the Greville abscissae, so that the start does not depend on the knots; ``spread`` is the noise relative to the
    slope.
    """
    generator = torch.Generator().manual_seed(seed)
    basis = Basis.extended(uniform_breaks(-1.0, 1.0, intervals), degree)
    line = basis.identity()
    layers: list[Layer] = []
    for inputs, outputs in pairwise(widths):
        slope = torch.randn((outputs, inputs, 1), generator=generator, dtype=torch.float64)
        slope = slope / (slope.square().sum(1, keepdim=True).sqrt() + 1e-3)
        noise = torch.randn((outputs, inputs, basis.count), generator=generator, dtype=torch.float64)
        layers += [Spline(basis, slope * line + spread / inputs**0.5 * noise), Activation("tanh")]
    return Network(tuple(layers[:-1])).to(device)


def perceptron(widths: Sequence[int], activation: str, seed: int) -> Network:
    """A plain network: affine layers with an activation between them, the last without bias.

    Weights and biases are uniform in +-1/sqrt(inputs), torch's default start of a linear layer.
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
    """``directions`` (unit, input) that stay, and one layer of splines, zero at first: linear in its coefficients."""
    basis = Basis.extended(uniform_breaks(-1.0, 1.0, intervals), degree)
    weight = directions.new_zeros((outputs, len(directions), basis.count))
    return Network((Affine(directions, trained=False), Spline(basis, weight)))


def spread_directions(inputs: int, count: int, seed: int = 0) -> torch.Tensor:
    """``count`` directions (unit, input) as different as can be, the axes among them.

    Their absolute values sum to one, so that a ridge of them maps [-1, 1]^inputs to [-1, 1]. In the plane: equal
    angles. Else each next one is the random candidate that is farthest, in angle, from those before.
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
