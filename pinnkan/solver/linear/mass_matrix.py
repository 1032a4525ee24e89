"""The mass matrix of a space, and L2 norms of functions."""

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse
import torch

from pinnkan.assembly.device import is_host
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.linear.diagonalisation import apply_along


class MassMatrix:
    """The mass matrix on vectors of the ``free`` coefficients of a space, with ``weights`` of its unknowns."""

    def __init__(self, space: Space, free: np.ndarray, weights: Array) -> None:
        self.space, self.free, self.weights = space, free, weights
        self.axis_matrices = [_axis_mass_matrix(axis) for axis in space.axes]

    def __call__(self, vectors: Array) -> Array:
        """Return the matrix times ``vectors`` (free coefficient, vector)."""
        out = np.zeros((self.space.size, vectors.shape[1]))
        out[self.free] = vectors
        out = out.reshape(*self.space.shape, -1)
        for i, factor in enumerate(self.axis_matrices):
            moved = np.moveaxis(out, i, 0)
            out = np.moveaxis((factor @ moved.reshape(len(moved), -1)).reshape(moved.shape), 0, i)
        return (out * self.weights[:, None]).reshape(self.space.size, -1)[self.free]

    def norms(self, vectors: Array) -> Array:
        """The L2 norms of functions (free coefficient, vector)."""
        return np.asarray(np.sqrt(np.maximum((vectors * self(vectors)).sum(0), 0.0)))


class DeviceNorms:
    """L2 norms by a mass matrix, computed on a given device."""

    def __init__(self, mass: MassMatrix, device: torch.device) -> None:
        self._mass, self._is_host = mass, is_host(device)
        if not self._is_host:
            self._free, self._weights = (
                torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in (mass.free, mass.weights[:, None])
            )
            self._axis_matrices = [torch.from_numpy(f.toarray()).to(device) for f in mass.axis_matrices]

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        """The norms of functions (free coefficient, vector)."""
        if self._is_host:
            return torch.from_numpy(self._mass.norms(vectors.numpy()))
        space = self._mass.space
        whole = vectors.new_zeros((space.size, vectors.shape[1])).index_copy_(0, self._free, vectors)
        whole = whole.reshape(*space.shape, -1)
        for i, factor in enumerate(self._axis_matrices):
            whole = apply_along(factor, whole, i)
        images = (whole * self._weights).reshape(space.size, -1)[self._free]
        return (vectors * images).sum(0).clamp_min(0.0).sqrt()


class FunctionSizes:
    """The size of functions (free coefficient, rhs): the largest over the right-hand sides.

    The L2 norm of one unknown: conjugate gradients move coefficients near corners, a thousand times as much as the
    function. Of several unknowns the largest coefficient, since norms hide a small pressure beside a velocity.
    """

    def __init__(self, space: Space, free: torch.Tensor) -> None:
        alone = space.unknowns == 1
        self._norms = DeviceNorms(MassMatrix(space, free.cpu().numpy(), np.ones(1)), free.device) if alone else None

    def __call__(self, *functions: torch.Tensor) -> list[float]:
        """Return the size of each of ``functions``."""
        if self._norms is None:
            return [float(f.abs().max()) for f in functions]
        norms = self._norms(torch.cat(functions, 1)).reshape(len(functions), -1)
        return [float(n) for n in norms.amax(1)]


@lru_cache(maxsize=16)
def _axis_mass_matrix(axis: Axis) -> Any:
    """The sparse mass matrix of a coordinate."""
    nodes, weights = composite_gauss_rule(axis.breaks, axis.degree + 1)
    table = scipy.sparse.csr_array(axis.sampling_matrix(nodes))
    return table.T @ (table * weights[:, None])
