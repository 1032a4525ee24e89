"""Linearised rows of a product of functions, in one factor at a time: those of the other coordinates are compressed.

Each unknown has factors of its own: ``held[i]`` is (function, unknown). Several products whose other factors are held
have their last factors side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from pinnkan.assembly.integral_rows import IntegralPatch, ValuePatch
from pinnkan.assembly.model import Model
from pinnkan.assembly.one_coordinate import dense
from pinnkan.kan.field import Array, Field
from pinnkan.solver.estimate.correction import jets_of
from pinnkan.solver.linear.system import System

#: Steps of inverse iteration for the smallest singular value, and vectors in it.
STEPS, BLOCK = 4, 2


@dataclass(frozen=True, eq=False)
class SlicedRows:
    """Linearised rows of a patch on its grid.

    ``weights`` (node, .., jet), ``orders`` and ``unknowns`` by jet; ``tables``: by coordinate and order of derivative
    (node, function); ``free``: mean squared term of each jet for half a wave of size one across the box, the share of
    the equation in what any function is made of (zero for a condition).
    """

    weights: Array
    orders: tuple[tuple[int, ...], ...]
    unknowns: tuple[int, ...]
    tables: tuple[tuple[Array, ...], ...]
    free: float

    def sliced(self, products: Sequence[Sequence[Array]], last: int) -> Array:
        """Rows (node of the last, row, product * jet) with the norm of all rows: a triangle per node."""
        return triangle(_side_by_side(self, products, last))

    def summed(self, rows: Array) -> Array:
        """The rows (node, row, unknown * function) of the last factor one under the other."""
        return rows.reshape(-1, rows.shape[-1])


class IntegralSlices(SlicedRows):
    """The same of an integral: all rows are one, their sum."""

    def sliced(self, products: Sequence[Sequence[Array]], last: int) -> Array:
        """See :class:`SlicedRows`."""
        return _side_by_side(self, products, last).sum(1, keepdims=True)

    def summed(self, rows: Array) -> Array:
        """See :class:`SlicedRows`."""
        return rows.sum((0, 1))[None]


def linearised(model: Model, system: System, field: Field) -> tuple[SlicedRows, ...]:
    """The rows of every patch, linearised at the field, weighted by the roots of their quadrature weights."""
    out = []
    lengths = model.problem.box.lengths
    for k, placed in enumerate(system.patches):
        patch = placed.whole if isinstance(placed, ValuePatch) else placed
        weights = patch.equation.linearise(patch.points, jets_of(field, patch))[1] * patch.root_weight.unsqueeze(-1)
        shape = [t.nodes.numel() for t in patch.tables]
        jets = patch.equation.jets
        tables = tuple(tuple(dense(t, o).cpu().numpy() for o in range(len(t.values))) for t in patch.tables)
        grid = weights.reshape(*shape, len(jets)).cpu().numpy()
        waves = [float(np.prod((np.pi / lengths) ** np.array(j.order))) for j in jets]
        mean = (grid**2).reshape(-1, len(jets)).sum(0) / patch.volume
        free = float((mean * np.square(waves)).sum()) if k < len(model.equations) else 0.0
        kind = IntegralSlices if isinstance(patch, IntegralPatch) else SlicedRows
        out.append(kind(grid, tuple(j.order for j in jets), tuple(j.unknown for j in jets), tables, free))
    return tuple(out)


def _factors(block: SlicedRows, held: Sequence[Array], last: int) -> Array:
    """Weights times the derivatives of the held factors: (node of the last, nodes of the others, jet)."""
    out = np.moveaxis(block.weights, last, 0)
    others = [i for i in range(len(held)) if i != last]
    for place, i in enumerate(others):
        pairs = zip(block.orders, block.unknowns, strict=True)
        derivatives = np.stack([block.tables[i][order[i]] @ held[i][:, u] for order, u in pairs], -1)
        out = out * derivatives.reshape([1] * (1 + place) + [-1] + [1] * (len(others) - 1 - place) + [out.shape[-1]])
    return out.reshape(len(out), -1, out.shape[-1])


def _side_by_side(block: SlicedRows, products: Sequence[Sequence[Array]], last: int) -> Array:
    return np.concatenate([_factors(block, held, last) for held in products], -1)


def triangle(matrix: Array) -> Array:
    """R of the QR factorisation of a matrix, or of each of a stack."""
    return np.asarray(np.linalg.qr(matrix, mode="r"))


def compressed(block: SlicedRows, products: Sequence[Sequence[Array]], last: int, unknowns: int) -> Array:
    """Rows (row, product * unknown * function) in the last factors with the norm of all rows: a triangle per node."""
    factor = block.sliced(products, last)
    count, jets = block.tables[last][0].shape[1], len(block.orders)
    out = np.zeros((*factor.shape[:2], len(products) * unknowns * count))
    for k in range(len(products) * jets):
        order, u = block.orders[k % jets][last], k // jets * unknowns + block.unknowns[k % jets]
        out[..., u * count : (u + 1) * count] += factor[..., k, None] * block.tables[last][order][:, None]
    return block.summed(out)


def terms(block: SlicedRows, products: Sequence[Sequence[Array]], last: int, factors: Array) -> float:
    """Sum of the squares of the terms of functions of size one, and of half a wave; ``factors`` (.., function)."""
    total = block.free
    for held, factor in zip(products, np.split(factors, len(products)), strict=True):
        size = (_factors(block, held, last) ** 2).sum(1)  # (node, jet)
        pairs = zip(block.orders, block.unknowns, strict=True)
        values = np.stack([block.tables[last][order[last]] @ factor[u] for order, u in pairs], -1)
        total += float((size * values**2).sum())
    return total


def smallest(matrix: Array, root: Array) -> tuple[Array, float]:
    """The vector of |C v| = 1 with the least |A v|, and that: inverse iteration with the triangle of A.

    The triangle is as accurate as each column by itself, where A C^-1 would have the errors of its largest singular
    value, that of the narrowest knots.
    """
    factor = triangle(matrix)
    if factor.shape[0] < factor.shape[1] or (np.diag(factor) == 0.0).any():
        return np.zeros(matrix.shape[1]), 0.0
    vectors = np.random.default_rng(0).standard_normal((matrix.shape[1], BLOCK))
    for _ in range(STEPS):
        image = scipy.linalg.solve_triangular(factor, root.T @ (root @ vectors), trans="T")
        vectors = scipy.linalg.solve_triangular(factor, image)
        vectors = scipy.linalg.solve_triangular(root, np.linalg.qr(root @ vectors)[0])
    residual = matrix @ vectors
    turn = np.linalg.eigh(residual.T @ residual)[1]
    vector = vectors @ turn[:, 0]
    return vector, float(np.linalg.norm(matrix @ vector) / np.linalg.norm(root @ vector))
