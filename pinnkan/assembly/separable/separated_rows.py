"""Least-squares rows of a sum of products, integrated exactly as products of one-dimensional integrals.

For J = sum_t c_t prod_i A_ti (A_ti a function of x_i times a derivative) and u = sum_r prod_i phi_ri,

    mean |J u - f|^2 = sum_tt'rr' c_t c_t' prod_i <A_ti phi_ri, A_t'i phi_r'i> - 2 .. + mean f^2

The derivative by a factor omits its coordinate from the product, a mixed second derivative omits two (Beylkin,
Mohlenkamp 2005, section 4). Distinct A_i are tabulated once per coordinate: two for a Laplacian.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import sympy

from pinnkan.assembly.separable.separated_equation import SeparatedEquation
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.waves import Waves

#: Nodes and weights of each coordinate; on sides, the ends of their own coordinate.
QuadratureRule = tuple[tuple[Array, Array], ...]


def gauss_rule(axes: Sequence[Axis], coordinate: int | None = None, ends: Sequence[int] = ()) -> QuadratureRule:
    """Gauss points of all intervals, weights of a mean; ``ends`` with weight one instead in ``coordinate``."""
    rule = []
    for i, axis in enumerate(axes):
        if i == coordinate:
            rule.append((axis.breaks[[-end for end in ends]], np.ones(len(ends))))
        else:
            rule.append(axis.mean_rule(1))
    return tuple(rule)


class SeparatedRows:
    """Implements :class:`pinnkan.assembly.separable.system.SeparableRows`; ``weight`` multiplies every row.

    By coordinate: ``kinds`` (term): number of its A_i among distinct ones, the identity first; ``gram`` (kind, kind,
    function, function); ``right`` (kind, function, source).
    """

    def __init__(
        self, products: SeparatedEquation, waves: Sequence[Waves], rule: QuadratureRule, weight: float = 1.0
    ) -> None:
        self.constants = np.array([weight * t.constant for t, _ in products.terms])
        self.sources = np.array([weight * s.constant for s in products.sources])
        self.kinds: list[np.ndarray] = []
        self.gram: list[Array] = []
        self.right: list[Array] = []
        own = np.outer(self.sources, self.sources)
        for i, (wave, (x, w)) in enumerate(zip(waves, rule, strict=True)):
            keys = [(t.factors[i], order[i]) for t, order in products.terms]
            distinct = list(dict.fromkeys([(sympy.S.One, 0), *keys]))
            self.kinds.append(np.array([distinct.index(k) for k in keys], dtype=np.int64))
            root = np.sqrt(w)
            orders = {n: _table(wave, tuple(x.tolist()), n) for n in {n for _, n in distinct}}
            values = root * products.factor_values([e for e, _ in distinct], i, x)
            table = np.stack([v[:, None] * orders[n] for v, (_, n) in zip(values, distinct, strict=True)], axis=1)
            right = root * products.factor_values([s.factors[i] for s in products.sources], i, x)
            q, m, n = table.shape
            flat = table.reshape(q, m * n)
            self.gram.append((flat.T @ flat).reshape(m, n, m, n).transpose(0, 2, 1, 3).copy())
            self.right.append((flat.T @ right.T).reshape(m, n, -1))
            own = own * (right @ right.T)
        self.source_square = float(own.sum())
        self._edge_cache: list[tuple[Array, Array, Array, Array] | None] = [None] * len(waves)

    def loss(self, edges: Sequence[Array]) -> float:
        """The mean square of J u - f, with a rounding error relative to the mean square of f."""
        linear = _entrywise_product([self._edge_products(e, i)[2] for i, e in enumerate(edges)]) * self._by_source(
            len(edges[0])
        )
        return self.image_norm_squared(edges) - 2.0 * float(linear.sum()) + self.source_square

    def image_norm_squared(self, edges: Sequence[Array]) -> float:
        """The mean square of J u."""
        inner = _entrywise_product([self._edge_products(e, i)[1] for i, e in enumerate(edges)])
        return float((inner * self._by_pair(len(edges[0]))).sum())

    def edge_normal_equations(self, edges: Sequence[Array], k: int) -> tuple[Array, Array]:
        """J^T J and J^T f by the edges of coordinate ``k``: (term * function, term * function), (term * function)."""
        terms = len(edges[0])
        others = [self._edge_products(e, i) for i, e in enumerate(edges) if i != k]
        inner = _entrywise_product([o[1] for o in others]) * self._by_pair(terms)
        right = _entrywise_product([o[2] for o in others]) * self._by_source(terms)
        return self._edge_normal_equations(k, inner, right)

    def joint_normal_equations(self, edges: Sequence[Array]) -> tuple[Array, Array]:
        """J^T J and J^T (f - J u) by all edges, coordinate by coordinate: (coefficient, coefficient), (coefficient)."""
        terms, d = len(edges[0]), len(edges)
        along = [self._edge_products(e, i) for i, e in enumerate(edges)]
        ends = np.concatenate([[0], np.cumsum([e.size for e in edges])])
        matrix, vector = np.zeros((ends[-1], ends[-1])), np.zeros(ends[-1])
        after, right_after = [np.ones(())], [np.ones(())]
        for _, inner, right, _ in reversed(along):
            after.append(after[-1] * inner)
            right_after.append(right_after[-1] * right)
        after.reverse()
        right_after.reverse()  # [k]: product from k on
        before, right_before = self._by_pair(terms), self._by_source(terms)
        for k in range(d):
            here = slice(ends[k], ends[k + 1])
            own, right = self._edge_normal_equations(k, before * after[k + 1], right_before * right_after[k + 1])
            matrix[here, here] = own
            vector[here] = right - own @ edges[k].ravel()
            between = before
            for m in range(k + 1, d):
                block = self._mixed_block(k, m, between * after[m + 1], along[k][3], along[m][3])
                matrix[here, ends[m] : ends[m + 1]] = block
                matrix[ends[m] : ends[m + 1], here] = block.T
                between = between * along[m][1]
            before, right_before = before * along[k][1], right_before * along[k][2]
        return matrix, vector

    def residual_moments(self, edges: Sequence[Array], test_edges: Sequence[Array], k: int) -> Array:
        """Mean of f - J u times a term ``test_edges`` with each wave as its factor in coordinate ``k``: (function)."""
        terms = len(edges[0])
        sources, images = self.sources, np.repeat(self.constants, terms)
        for i, (edge, one) in enumerate(zip(edges, test_edges, strict=True)):
            if i != k:
                sources = sources * (one @ self.right[i][0])[0]
                images = images * (one @ self._edge_products(edge, i)[3][0])[self.kinds[i], 0].ravel()
        own = self._edge_products(edges[k], k)[3][0][self.kinds[k]]  # (term of J, function, term)
        left = np.einsum("tr,tar->a", images.reshape(len(self.constants), terms), own)
        return np.asarray(self.right[k][0] @ sources - left)

    def _edge_normal_equations(self, k: int, inner: Array, right: Array) -> tuple[Array, Array]:
        """The normal equations of coordinate ``k`` from the products over all other coordinates."""
        gram, size = self.gram[k], len(self.constants)
        m, n, terms = len(gram), gram.shape[-1], len(inner) // size
        hot = np.eye(m)[self.kinds[k]]  # (term of J, kind)
        weights = _grouped(inner, hot).transpose(1, 2, 0, 3).reshape(terms * terms, m * m)
        matrix = (weights @ gram.reshape(m * m, n * n)).reshape(terms, terms, n, n)
        kept = np.tensordot(hot, right.reshape(size, terms, -1), axes=(0, 0))  # (kind, term, source)
        vector = sum(kept[p] @ self.right[k][p].T for p in range(m))
        return matrix.transpose(0, 2, 1, 3).reshape(terms * n, terms * n), np.asarray(vector).ravel()

    def _mixed_block(self, k: int, m: int, rest: Array, left: Array, right: Array) -> Array:
        """The block of J^T J between the edges of two coordinates; ``rest``: the product over all others.

        ``left``, ``right`` (kind, kind, function, term): <A_p B_a, A_q phi_s> of each.
        """
        both = self.kinds[k] * len(right) + self.kinds[m]
        found, place = np.unique(both, return_inverse=True)
        p, q = np.divmod(found, len(right))
        count, terms = len(found), left.shape[-1]
        weights = _grouped(rest, np.eye(count)[place])  # (x, term, term, y)
        a = left[p[:, None], p[None]]  # (x, y, function, s)
        b = right[q[None], q[:, None]]  # (x, y, function, r): <A_q(y) B_b, A_q(x) phi_r>
        weighted = weights.transpose(1, 2, 0, 3)[..., None] * a.transpose(3, 0, 1, 2)[None]  # (r, s, x, y, a)
        flat = weighted.reshape(terms, terms, count * count, -1).transpose(0, 1, 3, 2)
        block = np.matmul(flat, b.transpose(3, 0, 1, 2).reshape(terms, 1, count * count, -1))  # (r, s, a, b)
        return block.transpose(0, 2, 1, 3).reshape(terms * block.shape[2], -1)

    def _edge_products(self, edge: Array, k: int) -> tuple[Array, Array, Array, Array]:
        """The edge, inner products, right-hand sides and images of a coordinate, cached until its edge is replaced.

        <A_ti phi_ri, A_t'i phi_r'i>: (t * r, t' * r'); <A_ti phi_ri, f_si>: (t * r, s).
        """
        seen = self._edge_cache[k]
        if seen is not None and seen[0] is edge:
            return seen
        kinds, terms = self.kinds[k], len(edge)
        images = self.gram[k] @ edge.T  # (kind, kind, function, term)
        small = edge @ images  # (kind, kind, term, term)
        inner = small.transpose(0, 2, 1, 3)[kinds][:, :, kinds].reshape(len(kinds) * terms, len(kinds) * terms)
        right = (edge @ self.right[k])[kinds].reshape(len(kinds) * terms, len(self.sources))
        self._edge_cache[k] = made = (edge, inner, right, images)
        return made

    def _by_pair(self, terms: int) -> Array:
        c = np.repeat(self.constants, terms)
        return np.outer(c, c)

    def _by_source(self, terms: int) -> Array:
        return np.outer(np.repeat(self.constants, terms), self.sources)


@lru_cache(maxsize=512)
def _table(wave: Waves, x: tuple[float, ...], order: int) -> Array:
    """A derivative of waves at points, shared by all equations on the same knots."""
    return wave.matrix(np.array(x), order)


def _grouped(inner: Array, hot: Array) -> Array:
    """Sum over the terms of J of each kind, on both sides: (kind, term, term, kind)."""
    size = len(hot)
    terms = len(inner) // size
    half = (hot.T @ inner.reshape(size, -1)).reshape(-1, terms, size, terms)
    return half.transpose(0, 1, 3, 2) @ hot


def _entrywise_product(parts: Sequence[Array]) -> Array:
    out = parts[0]
    for part in parts[1:]:
        out = out * part
    return out
