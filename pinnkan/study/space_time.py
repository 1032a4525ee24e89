"""Experiments on an equation in x and t: points, terms and the error on a grid."""

from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.kan.field import Array
from pinnkan.kan.layers.inputs import Inputs
from pinnkan.kan.layers.jet import JetSet
from pinnkan.study.task import Residual, StudyNetwork, Term

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
