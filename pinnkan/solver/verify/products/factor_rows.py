"""Linearised rows for a product of functions of one coordinate each, as rows for one factor.

The other factors are fixed, ``held[i]`` (function, unknown), and their rows compressed. The free factors of several
products are columns side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from pinnkan.assembly.coordinate_modes import derivative_matrix
from pinnkan.assembly.integral_rows import IntegralPatch, PointValuePatch
from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, Field
from pinnkan.problem.units.term_sizes import jet_sizes
from pinnkan.solver.estimate.correction import jets_on_patch
from pinnkan.solver.linear.system import System

#: Steps of inverse iteration for the smallest singular value, and vectors in it.
STEPS, BLOCK = 4, 2
#: Relative difference of weights that counts as rounding.
WEIGHT_ROUNDING = 1e-15


@dataclass(frozen=True, eq=False)
class FactorRows:
    """Linearised rows of a patch on its grid.

    ``weights`` (node, .., jet); ``orders`` and ``unknowns`` by jet; ``tables``: by coordinate and order of derivative
    (node, function); ``residual`` (node, ..). ``node_ratios``: by coordinate, the ratios of the weights at its nodes to
    those at its first one, None where these differ in more than a factor. ``half_wave_square``: the sum over jets of
    the mean squared term of half a wave of size one across the box, zero for conditions.
    """

    weights: Array
    node_ratios: tuple[Array | None, ...]
    orders: tuple[tuple[int, ...], ...]
    unknowns: tuple[int, ...]
    tables: tuple[tuple[Array, ...], ...]
    half_wave_square: float
    residual: Array

    def compress(self, products: Sequence[Sequence[Array]], free_axis: int) -> tuple[Array, Array]:
        """Return rows (node, row, product * jet) with the norm of all rows, a triangle per node of ``free_axis``.

        And their squares (node, product * jet), summed over rows.
        """
        rows = qr_triangle(_side_by_side(self, products, free_axis))
        return self.extend_to_nodes(rows, (rows**2).sum(1), free_axis)

    def extend_to_nodes(self, rows: Array, squares: Array, free_axis: int) -> tuple[Array, Array]:
        """Return rows and squares at all nodes from those at the first, where nodes differ by factors."""
        alike = self.node_ratios[free_axis]
        return (rows, squares) if alike is None else (alike[:, None, None] * rows, alike[:, None] ** 2 * squares)

    def stack_rows(self, rows: Array) -> Array:
        """The rows (node, row, unknown * function) of the free factor, one under the other."""
        return rows.reshape(-1, rows.shape[-1])


class IntegralFactorRows(FactorRows):
    """The rows of an integral: a single row, the sum over all nodes."""

    def compress(self, products: Sequence[Sequence[Array]], free_axis: int) -> tuple[Array, Array]:
        """See :class:`FactorRows`."""
        rows = _side_by_side(self, products, free_axis)
        return self.extend_to_nodes(rows.sum(1, keepdims=True), (rows**2).sum(1), free_axis)

    def stack_rows(self, rows: Array) -> Array:
        """See :class:`FactorRows`."""
        return rows.sum((0, 1))[None]


def linearise_patches(
    model: Model, system: System, field: Field | None, error: Field | None = None
) -> tuple[FactorRows, ...]:
    """Linearise every patch at a field (None: zero) plus its ``error``, with the roots of quadrature weights."""
    out = []
    lengths = model.problem.box.lengths / np.pi
    for k, placed in enumerate(system.patches):
        patch = placed.integral_patch if isinstance(placed, PointValuePatch) else placed
        at = jets_on_patch(field, patch) if error is None else jets_on_patch(field, patch) + jets_on_patch(error, patch)
        residual, weights = patch.equation.linearise(patch.points, at)
        residual, weights = residual * patch.root_weight, weights * patch.root_weight.unsqueeze(-1)
        shape = [t.nodes.numel() for t in patch.tables]
        jets = patch.equation.jets
        tables = tuple(tuple(derivative_matrix(t, o).cpu().numpy() for o in range(len(t.values))) for t in patch.tables)
        grid = weights.reshape(*shape, len(jets)).cpu().numpy()
        mean = (grid**2).reshape(-1, len(jets)).sum(0) / patch.volume
        free = float((mean * jet_sizes(jets, lengths) ** 2).sum()) if k < len(model.equations) else 0.0
        kind = IntegralFactorRows if isinstance(patch, IntegralPatch) else FactorRows
        alike = tuple(_node_ratios(grid, i) for i in range(len(shape)))
        of = tuple(j.order for j in jets), tuple(j.unknown for j in jets)
        out.append(kind(grid, alike, *of, tables, free, residual.reshape(shape).cpu().numpy()))
    return tuple(out)


def _node_ratios(weights: Array, coordinate: int) -> Array | None:
    """The ratios of weights (node, .., jet) to those at the first node of a coordinate; None if they are no factors."""
    rows = np.moveaxis(weights, coordinate, 0).reshape(weights.shape[coordinate], -1)
    first = rows[0]
    most = int(np.abs(first).argmax())
    if not np.isfinite(rows).all() or first[most] == 0.0:
        return None
    factors = rows[:, most] / first[most]
    return factors if (np.abs(rows - factors[:, None] * first) <= WEIGHT_ROUNDING * np.abs(rows)).all() else None


def _fixed_factors(block: FactorRows, factors: Sequence[Array], free_axis: int) -> Array:
    """Weights times the derivatives of the fixed factors: (node of ``free_axis``, nodes of the others, jet).

    At the first node of ``free_axis`` only, where all nodes differ by factors.
    """
    out = np.moveaxis(block.weights, free_axis, 0)
    out = out if block.node_ratios[free_axis] is None else out[:1]
    others = [i for i in range(len(factors)) if i != free_axis]
    for place, i in enumerate(others):
        pairs = zip(block.orders, block.unknowns, strict=True)
        derivatives = np.stack([block.tables[i][order[i]] @ factors[i][:, u] for order, u in pairs], -1)
        out = out * derivatives.reshape([1] * (1 + place) + [-1] + [1] * (len(others) - 1 - place) + [out.shape[-1]])
    return out.reshape(len(out), -1, out.shape[-1])


def _side_by_side(block: FactorRows, products: Sequence[Sequence[Array]], free_axis: int) -> Array:
    return np.concatenate([_fixed_factors(block, held, free_axis) for held in products], -1)


def qr_triangle(matrix: Array) -> Array:
    """R of the QR factorisation of a matrix, or of each of a stack."""
    return np.asarray(np.linalg.qr(matrix, mode="r"))


def compressed_rows(
    block: FactorRows, products: Sequence[Sequence[Array]], free_axis: int, unknowns: int
) -> tuple[Array, Array]:
    """Return rows (row, product * unknown * function) for the free factors, and the squares of ``sliced``."""
    factor, squares = block.compress(products, free_axis)
    count, jets = block.tables[free_axis][0].shape[1], len(block.orders)
    out = np.zeros((*factor.shape[:2], len(products) * unknowns * count))
    for k in range(len(products) * jets):
        order, u = block.orders[k % jets][free_axis], k // jets * unknowns + block.unknowns[k % jets]
        out[..., u * count : (u + 1) * count] += factor[..., k, None] * block.tables[free_axis][order][:, None]
    return block.stack_rows(out), squares


def squared_terms(block: FactorRows, squares: Array, free_axis: int, factors: Array) -> float:
    """The sum of the squared terms of ``factors`` (.., function) of size one, and of half a wave."""
    total, jets = block.half_wave_square, len(block.orders)
    own = np.split(squares, squares.shape[1] // jets, 1)
    for size, factor in zip(own, np.split(factors, len(own)), strict=True):
        pairs = zip(block.orders, block.unknowns, strict=True)
        values = np.stack([block.tables[free_axis][order[free_axis]] @ factor[u] for order, u in pairs], -1)
        total += float((size * values**2).sum())
    return total


def smallest_singular_vector(matrix: Array, root: Array) -> tuple[Array, float]:
    """Return the vector with |C v| = 1 and least |A v|, and that, by inverse iteration; C is ``root``.

    The triangle of A is accurate column by column, where A C^-1 has errors of its largest singular value.
    """
    factor = qr_triangle(matrix)
    if factor.shape[0] < factor.shape[1] or (np.diag(factor) == 0.0).any():
        return np.zeros(matrix.shape[1]), 0.0
    vectors = np.random.default_rng(0).standard_normal((matrix.shape[1], BLOCK))
    for _ in range(STEPS):
        image = _solve_triangular(factor, root.T @ (root @ vectors), transposed=True)
        vectors = _solve_triangular(factor, image)
        vectors = _solve_triangular(root, np.linalg.qr(root @ vectors)[0])
    residual = matrix @ vectors
    turn = np.linalg.eigh(residual.T @ residual)[1]
    vector = vectors @ turn[:, 0]
    return vector, float(np.linalg.norm(matrix @ vector) / np.linalg.norm(root @ vector))


def _solve_triangular(triangle: Array, right: Array, transposed: bool = False) -> Array:
    """Solve with an upper triangle by LAPACK: for small systems the overhead of scipy exceeds the solve."""
    return np.asarray(scipy.linalg.lapack.dtrtrs(triangle.T, right, lower=1, trans=int(not transposed))[0])
