"""The triangular factor R of a banded J = Q R by orthogonal transformations of groups of rows, one after the other.

R has the small singular values that J^T J loses to rounding. Rows with the same first coefficient are put beneath the
triangle of the coefficients that they share, and reflected into it (Bjorck 1996, section 6.3). Q is not kept: R^T R
replaces the factor of J^T J, and refinement with the residual follows (corrected seminormal equations).
"""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.ordering import Ordering
from pinnkan.kan.field import Array


def banded_qr_factor(
    cells: Sequence[CellRows], ordering: Ordering, scale: Array, identity_multiple: float, width: int
) -> Array:
    """Return R^T of J with columns times ``scale`` (free coefficient), as a band (diagonal, column).

    ``identity_multiple``: multiple of the identity put under J. ``width``: largest distance of free coefficients of a
    cell.
    """
    parts: list[tuple[np.ndarray, Array]] = [_entries(c, ordering, scale, width) for c in cells]
    if identity_multiple > 0.0:
        parts.append((np.arange(ordering.size), np.eye(1, width + 1).repeat(ordering.size, 0) * identity_multiple))
    first, entries = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    order = np.argsort(first, kind="stable")
    first, entries = first[order], entries[order]
    starts = np.flatnonzero(np.diff(first, prepend=-1)).tolist()
    # rows of R from the diagonal on, and zeros after the last
    triangle: Array = np.zeros((ordering.size + width, width + 1))
    row, column = np.triu_indices(width + 1)
    window = np.zeros((width + 1, width + 1))
    for start, end in zip(starts, [*starts[1:], len(first)], strict=True):
        own = triangle[int(first[start]) :][: width + 1]
        window[row, column] = own[row, column - row]
        found = np.asarray(np.linalg.qr(np.concatenate([window, entries[start:end]]), mode="r"))
        own[row, column - row] = found[row, column]
    return np.ascontiguousarray(triangle[: ordering.size].T)


def _entries(cells: CellRows, ordering: Ordering, scale: Array, width: int) -> tuple[np.ndarray, Array]:
    """Return the first free coefficient of each row, (row), and its entries from there on, (row, width + 1)."""
    position, jacobian = ordering.position[cells.index].cpu().numpy(), cells.jacobian.cpu().numpy()
    seen = (position >= 0) & jacobian.any(1)  # (cell, column); unknowns that an equation does not have are zero
    some = seen.any(1)
    position, seen, jacobian = position[some], seen[some], jacobian[some]
    first = np.where(seen, position, ordering.size).min(1)
    weighed = jacobian * np.where(seen, scale[position], 0.0)[:, None]
    out = np.zeros((*jacobian.shape[:2], width + 1))
    for cell, (place, there) in enumerate(zip(position - first[:, None], seen, strict=True)):
        np.add.at(out[cell].T, place[there], weighed[cell].T[there])  # two columns may be one coefficient
    return first.repeat(out.shape[1]), out.reshape(-1, width + 1)
