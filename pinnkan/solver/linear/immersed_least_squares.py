"""What least-squares problems have in common whose domain lies in the box of their splines: all solved by a factor."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.equation import where_not_finite
from pinnkan.assembly.immersed_points import SplinePoints
from pinnkan.assembly.immersed_rows import ImmersedPatch
from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import Ordering
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space


class ImmersedLeastSquares:
    """The rows of a ``model`` in a ``space`` at points of its domain alone, whose measure is ``measure``."""

    model: Model
    space: Space
    measure: float

    #: A direct solve leaves no remainder.
    iteration_error = 0.0
    #: The rounding error of the residual is not estimated.
    residual_rounding = 0.0

    @property
    def row_patches(self) -> Sequence[ImmersedPatch]:
        """All rows, by equation and condition."""
        raise NotImplementedError

    def loss(self, coefficients: Array) -> float:
        """Return the sum of the squares of all weighted rows."""
        raise NotImplementedError

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return sum(int((p.places.weights > 0).sum()) for p in self.row_patches)

    def mean_square(self, coefficients: Array) -> float:
        """Return the loss over the measure of the domain."""
        return self.loss(coefficients) / self.measure

    def where_not_finite(self, coefficients: Array) -> str:
        """Describe the first point at which an equation or its derivatives are not finite."""
        looked = ((p.equation, p.points, p.jets(coefficients)) for p in self.row_patches)
        return where_not_finite(self.model.problem, looked)

    def chord_step(self, coefficients: Array, fixed: np.ndarray) -> None:
        """None: the rows take most of the time of a step, so that a kept factor would save little."""

    def cell_widths(self, points: SplinePoints) -> Array:
        """The widths of the cells of points over the degrees: (.. or 1, coordinate); points may lack time."""
        axes = enumerate(self.space.axes[: points.cells.shape[-1]])
        return np.stack([np.diff(a.breaks)[points.cells[..., i]] / a.degree for i, a in axes], -1)

    def all_coefficients(self, ordering: Ordering, free: Array) -> Array:
        """All coefficients of a function, given the free ones; fixed ones are zero."""
        out = np.zeros(self.space.shape)
        out.reshape(-1)[ordering.free.numpy()] = free
        return out
