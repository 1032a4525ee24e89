"""Networks to start from: splines on every edge, the plain perceptron, ridges in fixed directions."""

from collections.abc import Sequence
from itertools import pairwise

import torch

from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.pointwise import Activation, Affine, Layer
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis, uniform_breaks

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
