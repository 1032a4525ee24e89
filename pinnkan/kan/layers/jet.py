"""Jets: sets of derivatives, and their rules for products and compositions.

A jet holds D^alpha f for all alpha of a downward-closed set of multi-indices, along its first axis. Tables per set
follow from two recurrences:

* Leibniz: ``D^alpha(f g) = sum_{beta <= alpha} C(alpha, beta) D^beta f D^{alpha-beta} g``.
* Faa di Bruno: ``D^alpha(b(z)) = sum_k b^(k)(z) B_{alpha,k}(z)`` with the partial Bell polynomials
  ``B_{beta+e_i,k} = sum_{gamma <= beta} C(beta, gamma) B_{gamma,k-1} D^{beta-gamma+e_i} z``, which is Leibniz applied
  to ``D^beta(b'(z) D_i z)`` (Constantine and Savits 1996 give the closed form).
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import product
from math import comb, prod

import torch

MultiIndex = tuple[int, ...]
#: One array per alpha, stacked only where an operation needs one array.
Jets = Sequence[torch.Tensor]
#: Partial Bell polynomials B_{alpha,k} as ``[alpha][k]``, None where zero.
Bell = list[list[torch.Tensor | None]]


class JetSet:
    """A downward-closed set of multi-indices, sorted by total order; the first is zero."""

    def __init__(self, indices: Iterable[MultiIndex]) -> None:
        closed = {below for index in indices for below in product(*(range(n + 1) for n in index))}
        if not closed:
            raise ValueError("a jet needs at least one multi-index")
        self.indices: tuple[MultiIndex, ...] = tuple(sorted(closed, key=lambda i: (sum(i), tuple(-n for n in i))))
        self.position: dict[MultiIndex, int] = {index: n for n, index in enumerate(self.indices)}
        self.dimension = len(self.indices[0])
        self.order = max(sum(index) for index in self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    @cached_property
    def leibniz_terms(self) -> tuple[tuple[int, int, int, float], ...]:
        """The terms (alpha, beta, alpha - beta, C(alpha, beta)) of the product rule, as positions."""
        terms = []
        for a, alpha in enumerate(self.indices):
            for b, beta in enumerate(self.indices):
                if all(m <= n for m, n in zip(beta, alpha, strict=True)):
                    rest = tuple(n - m for m, n in zip(beta, alpha, strict=True))
                    weight = prod(comb(n, m) for m, n in zip(beta, alpha, strict=True))
                    terms.append((a, b, self.position[rest], float(weight)))
        return tuple(terms)

    @cached_property
    def bell_recurrence(self) -> tuple[tuple[tuple[int, int, float], ...], ...]:
        """For each alpha = beta + e_i > 0, i its first positive axis: (gamma, beta - gamma + e_i, C(beta, gamma))."""
        table: list[tuple[tuple[int, int, float], ...]] = [()]
        for alpha in self.indices[1:]:
            axis = next(i for i, n in enumerate(alpha) if n)
            beta = tuple(n - (i == axis) for i, n in enumerate(alpha))
            terms = []
            for gamma in product(*(range(n + 1) for n in beta)):
                rest = tuple(a - g for a, g in zip(alpha, gamma, strict=True))
                weight = prod(comb(n, m) for m, n in zip(gamma, beta, strict=True))
                terms.append((self.position[gamma], self.position[rest], float(weight)))
            table.append(tuple(terms))
        return tuple(table)

    def bell_polynomials(self, z: torch.Tensor | Jets) -> Bell:
        """Return B_{alpha,k} of the jet ``z`` (alpha, ...) as ``[alpha][k]``, k = 0..|alpha|; None where zero."""
        rows: Bell = [[z[0].new_ones(()).expand(z[0].shape)]]
        for alpha, terms in enumerate(self.bell_recurrence[1:], start=1):
            row: list[torch.Tensor | None] = [None] * (sum(self.indices[alpha]) + 1)
            for gamma, rest, weight in terms:
                for k, lower in enumerate(rows[gamma], start=1):
                    if lower is not None:
                        term = lower * z[rest] if gamma else z[rest]
                        term = weight * term if weight != 1.0 else term
                        known = row[k]
                        row[k] = term if known is None else known + term
            rows.append(row)
        return rows

    def stacked_composition(self, bell: Bell, outer: torch.Tensor | Jets) -> torch.Tensor:
        """Return :meth:`composed` as one array (alpha, ...)."""
        return torch.stack(self.composition(bell, outer))

    def composition(self, bell: Bell, outer: torch.Tensor | Jets) -> list[torch.Tensor]:
        """Return the jet of b(z) from the Bell polynomials of z and ``outer[k] = b^(k)(z)``, k = 0..order.

        ``outer`` may have trailing axes that z lacks (one per function b), and may omit trailing zeros.
        """
        extra = outer[0].ndim - bell[0][0].ndim if bell[0][0] is not None else 0
        out = [outer[0]]
        for row in bell[1:]:
            total = None
            for factor, value in zip(row, outer, strict=False):
                if factor is not None:
                    factor = factor.reshape(factor.shape + (1,) * extra) if extra else factor
                    total = factor * value if total is None else total.addcmul_(factor, value)
            out.append(torch.zeros_like(outer[0]) if total is None else total)
        return out

    def product_adjoint(self, g: torch.Tensor | Jets, adjoint: torch.Tensor | Jets) -> list[torch.Tensor]:
        """Apply the transpose of ``f -> f g`` (Leibniz) to ``adjoint`` (alpha, ...); g is broadcast against it."""
        parts: list[torch.Tensor | None] = [None] * len(self)
        for alpha, beta, rest, weight in self.leibniz_terms:
            known = parts[beta]
            if known is None:  # alpha = beta, of weight one: lower orders come first
                parts[beta] = adjoint[alpha] * g[rest]
            else:
                known.addcmul_(adjoint[alpha], g[rest], value=weight)
        return [p for p in parts if p is not None]
