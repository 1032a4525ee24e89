"""Numbers about the image J v of a function v, in parts: J v has many times as many entries as v."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch

from pinnkan.assembly.coordinate_modes import derivative_matrix
from pinnkan.assembly.integral_rows import IntegralRows
from pinnkan.assembly.tensor_rows import Rows, TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.table import Table
from pinnkan.solver.linear.solver import ROUNDING_UNIT, RowProducts

#: What is added to the diagonal of a Gram matrix, relative to it, so that it is regular where no point weighs.
GRAM_SHIFT = 1e-14
#: Random perturbations of the coefficients from which the rounding of each row is estimated.
ROUNDING_SAMPLES = 8


def image_norm(jacobian: RowProducts, vector: Array) -> float:
    """The norm |J v| of a vector v (free coefficient,)."""
    v, total = _put(jacobian, vector), 0.0
    for block in jacobian.rows:
        if isinstance(block, TensorRows):
            total += block.image_norm_squared(_spread(jacobian, block, v))
        else:
            total += float(block.apply(jacobian.ordering, v).square().sum())
    return total**0.5


def residual_product(jacobian: RowProducts, vector: Array, step: Array) -> float:
    """The scalar product of J v with the residual r + J d that a ``step`` d leaves."""
    v, d, total = _put(jacobian, vector), _put(jacobian, step), 0.0
    for block in jacobian.rows:
        if isinstance(block, TensorRows):
            total += block.residual_product(_spread(jacobian, block, v), _spread(jacobian, block, d))
        else:
            image, moved = (block.apply(jacobian.ordering, x)[..., 0] for x in (v, d))
            total += float(((block.residual[..., 0] + moved) * image).sum())
    return total


def rounding_product(jacobian: RowProducts, coefficients: Array, vector: Array) -> float:
    """Estimate the scalar product of J v with the rounding of J c, for ``coefficients`` c.

    Row by row, from random perturbations of c, so that heavy rows of a side which see nothing of v do not count.
    """
    rounded = (
        ROUNDING_UNIT
        * coefficients[:, None]
        * np.random.default_rng(0).standard_normal((len(coefficients), ROUNDING_SAMPLES))
    )
    together = np.concatenate([vector[:, None], rounded], 1)
    stacks, total = torch.from_numpy(together).to(jacobian.ordering.position.device), 0.0
    for block in jacobian.rows:
        for image in _images(jacobian, block, stacks):
            total += float((image[..., 0].square() * image[..., 1:].square().mean(-1)).sum())
    return total**0.5


def _images(jacobian: RowProducts, block: Rows | IntegralRows, vectors: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield J v of a block of rows (.., vector), in parts of its intervals."""
    if isinstance(block, TensorRows):
        yield from (image for _, image in block.image_parts(_spread(jacobian, block, vectors)))
    else:
        yield block.apply(jacobian.ordering, vectors)


def _put(jacobian: RowProducts, vector: Array) -> torch.Tensor:
    return torch.from_numpy(vector[:, None]).to(jacobian.ordering.position.device)


def _spread(jacobian: RowProducts, block: TensorRows, vectors: torch.Tensor) -> torch.Tensor:
    """All coefficients of the space of a block of rows."""
    return jacobian.ordering.extend_by_zeros(vectors).reshape(*block.space.shape, -1)


def roughness(jacobian: RowProducts, vector: Array) -> float:
    """The share of J v, for the first equation, outside the spline space: |J v - P J v| / |J v|, P the L2 projection.

    Zero in one coordinate, where one more level costs less.
    """
    rows = jacobian.rows[0]
    if not isinstance(rows, TensorRows) or len(rows.tables) == 1:
        return 0.0
    bases = [derivative_matrix(t, 0) * t.weights.sqrt().reshape(-1, 1) for t in rows.tables]
    square, found = rows.project_image(_spread(jacobian, rows, _put(jacobian, vector)), bases)
    smooth = found.cpu().numpy()
    projected = _apply_along_axes([_inverse_gram(_weighted(t)) for t in rows.tables], smooth)
    rough = max(square - float((projected * smooth).sum()), 0.0)
    return float(np.sqrt(rough / square)) if square > 0.0 else 0.0


def _weighted(table: Table) -> scipy.sparse.csr_array:
    """The basis functions of a coordinate at its points, times the roots of the weights: (point, coefficient)."""
    values = (table.values[0] * table.weights.sqrt().unsqueeze(-1)).cpu().numpy()
    columns = np.broadcast_to(table.index.cpu().numpy()[:, None, :], values.shape)
    points = np.arange(values.shape[0] * values.shape[1])
    rows = np.broadcast_to(points.reshape(*values.shape[:2], 1), values.shape)
    entries = (values.ravel(), (rows.ravel(), columns.ravel()))
    return scipy.sparse.coo_array(entries, (len(points), table.count)).tocsr()


def _inverse_gram(basis: scipy.sparse.csr_array) -> Callable[[Array], Array]:
    """The solver of the banded Gram matrix of a basis, shifted to be regular."""
    gram = (basis.T @ basis).tocsc()
    return scipy.sparse.linalg.splu(gram + scipy.sparse.diags_array(GRAM_SHIFT * gram.diagonal(), format="csc")).solve


def _apply_along_axes(maps: Sequence[Callable[[Array], Array]], grid: Array) -> Array:
    """Apply each of the maps of columns along its own coordinate of a grid."""
    for i, apply in enumerate(maps):
        first = np.moveaxis(grid, i, 0)
        moved = apply(np.ascontiguousarray(first.reshape(len(first), -1)))
        grid = np.moveaxis(moved.reshape(len(moved), *first.shape[1:]), 0, i)
    return grid
