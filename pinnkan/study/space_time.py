"""Experiments on an equation in x and t: points, terms, contenders and the error on a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.kan.field import Array
from pinnkan.kan.layers.architectures import perceptron, random_network, spread_directions
from pinnkan.kan.layers.inputs import Inputs
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network, stacked
from pinnkan.kan.layers.pointwise import Activation, Affine
from pinnkan.study.bases.rewritten import network_in_powers
from pinnkan.study.chunked import Chunked
from pinnkan.study.task import Residual, StudyNetwork, Term

#: Degree of the edges, and their noise at the start relative to their slope.
DEGREE, SPREAD = 3, 0.1
VALUE = JetSet([(0, 0)])


@dataclass(frozen=True)
class SpaceTimeEquation:
    """Coordinates x and t as the network sees them, the jets that the residuals need, and the true solution (t, x)."""

    inputs: Inputs
    jets: JetSet
    x: Array
    t: Array
    exact: Array

    def term(self, name: str, points: Array, residual: Residual, weight: float = 1.0, attention: float = 0.0) -> Term:
        """A mean square at ``points`` (point, coordinate)."""
        return Term(name, self.inputs.jets(self.jets, torch.from_numpy(points)), residual, weight, 1, attention)

    def on_grid(self, network: StudyNetwork) -> torch.Tensor:
        """u (..., t, x) of every run on the grid of the true solution."""
        points = torch.from_numpy(grid(self.x, self.t))
        u, _ = network.forward(VALUE, self.inputs.jets(VALUE, points))
        return u[0, ..., 0].unflatten(-1, self.exact.shape)

    def error(self, network: StudyNetwork) -> torch.Tensor:
        """Relative L2 error (...) on that grid."""
        exact = torch.from_numpy(self.exact)
        return (self.on_grid(network) - exact).square().sum((-2, -1)).sqrt() / exact.norm()


def grid(x: Array, t: Array) -> Array:
    """Points (t * x, coordinate), x fastest."""
    mesh = np.meshgrid(x, t)
    return np.stack([m.ravel() for m in mesh], 1)


Start = Callable[[Sequence[int]], StudyNetwork]


def splines(widths: Sequence[int], intervals: int, powers: bool = False) -> Start:
    """B-spline networks with tanh before every layer but the first, or the same functions in powers of ReLU."""

    def network(seed: int) -> Network:
        found = random_network(tuple(widths), DEGREE, intervals, SPREAD, seed)
        return network_in_powers(found) if powers else found

    return _stacked(network)


def ridges(widths: Sequence[int], intervals: int, powers: bool = False) -> Start:
    """A linear first layer, then splines (or powers of ReLU), tanh before each of these; all layers trained."""

    def network(seed: int) -> Network:
        edges = random_network(tuple(widths[1:]), DEGREE, intervals, SPREAD, seed)
        found = Network((Affine(spread_directions(widths[0], widths[1])), Activation("tanh"), *edges.layers))
        return network_in_powers(found) if powers else found

    return _stacked(network)


def perceptrons(widths: Sequence[int]) -> Start:
    """Plain networks with tanh."""
    return _stacked(lambda seed: perceptron(tuple(widths), "tanh", seed))


def _stacked(network: Callable[[int], Network]) -> Start:
    return lambda seeds: Chunked(stacked([network(seed) for seed in seeds]))
