"""How much of what the equations make of a function is finer than the functions themselves."""

from __future__ import annotations

import numpy as np
import torch

from pinnkan.assembly.one_coordinate import dense
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.solver.linear.solver import LinearSolver


def roughness(equations: LinearSolver, image: torch.Tensor) -> float:
    """The share of J v, of the first equation, that no function of the space itself can be; zero on a line.

    There one more level costs less than to ask.
    """
    rows = equations.rows[0]
    if not isinstance(rows, TensorRows) or len(rows.tables) == 1:
        return 0.0
    whole = image.cpu().numpy()
    smooth = whole
    for i, table in enumerate(rows.tables):
        basis = np.linalg.qr((dense(table, 0) * table.weights.sqrt().reshape(-1, 1)).cpu().numpy())[0]
        moved = np.moveaxis(smooth, (2 * i, 2 * i + 1), (0, 1))
        flat = moved.reshape(len(basis), -1)
        smooth = np.moveaxis((basis @ (basis.T @ flat)).reshape(moved.shape), (0, 1), (2 * i, 2 * i + 1))
    size = float(np.linalg.norm(whole))
    return float(np.linalg.norm(whole - smooth)) / size if size > 0.0 else 0.0
