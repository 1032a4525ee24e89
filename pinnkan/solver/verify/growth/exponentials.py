"""Solutions exp(s t + i k . x') v exp(l x) of linearised equations with coefficients frozen at points.

For s and k along the sides, l and v solve a polynomial eigenvalue problem (Tisseur and Meerbergen 2001).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pinnkan.kan.field import Array, Complex
from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.symbol import FrozenEquations, determinant, symbol

#: An exponent larger than this times the typical one is infinite: the equation lacks a derivative across.
INFINITE_RATIO = 1e4
#: A point, in units of the typical exponent, that is taken to be no exponent, so that P(c) is regular.
REGULAR_POINT = 0.87 + 0.71j


@dataclass(frozen=True, eq=False)
class Exponentials:
    """Exponential solutions across ``axis`` of ``equations`` frozen at points.

    ``wave_numbers``: a wave number for each coordinate of space, that of ``axis`` is not read; ``sizes``: of the
    unknowns.
    """

    equations: FrozenEquations
    axis: int
    wave_numbers: Sequence[float]
    sizes: Array

    def solve_eigenproblems(self, point_indices: np.ndarray, rates: Array) -> tuple[Complex, Complex, Complex]:
        """Return exponents l (case, number), vectors (case, unknown, number), and states (case, row, number).

        States: vectors with derivatives across, in units of a typical exponent. Decaying exponents come first, infinite
        ones last. A case is a point ``point_indices`` with a rate. l = c (w - 1) / (w + 1) avoids singular leading
        coefficients.
        """
        powers = self._powers(point_indices, rates)
        degree, size = len(powers) - 1, powers.shape[-1]
        scale = REGULAR_POINT * self._typical_modulus(point_indices, rates)
        in_w = np.zeros_like(powers)
        for b, factors in enumerate(_cayley_coefficients(degree)):
            in_w += factors[:, None, None, None] * powers[b] * (scale**b)[:, None, None]
        companion = np.zeros((len(point_indices), degree * size, degree * size), dtype=np.complex128)
        companion[:, : (degree - 1) * size, size:] = np.eye((degree - 1) * size)
        companion[:, (degree - 1) * size :] = -np.linalg.solve(in_w[-1], np.concatenate(list(in_w[:-1]), -1))
        w, basis = np.linalg.eig(companion)
        far = np.abs(w + 1.0) < 1.0 / INFINITE_RATIO
        exponents = np.where(far, np.inf, scale[:, None] * (w - 1.0) / np.where(far, 1.0, w + 1.0))
        order = np.argsort(np.where(far, 2, exponents.real >= 0.0), 1, kind="stable")
        exponents, vectors = (
            np.take_along_axis(exponents, order, 1),
            np.take_along_axis(basis[:, :size], order[:, None], 2),
        )
        units = np.where(np.isfinite(exponents), exponents, 0.0)[:, None] / np.abs(scale)[:, None, None]
        basis = np.concatenate([units**b * vectors for b in range(degree)], 1)
        return exponents, self.sizes[:, None] * vectors, basis

    def _typical_modulus(self, at: np.ndarray, rates: Array) -> Array:
        """The geometric mean of the moduli of exponents neither zero nor infinite, else 1: (case,)."""
        part = [(jets, w[at]) for jets, w in self.equations]
        found = determinant(
            symbol(part, len(self.sizes), lambda j: (j.order[self.axis], j.order[-1]), self.tangential_factor)
        )
        degree = max((a for a, _ in found), default=0)
        values = np.zeros((degree + 1, len(at)), dtype=np.complex128)
        for (a, b), (value, _) in found.items():
            values[a] += value * rates**b
        there = np.abs(values) > 0.0
        first, last = np.argmax(there, 0), degree - np.argmax(there[::-1], 0)
        lowest, highest = (np.abs(values[k, np.arange(len(at))]) for k in (first, last))
        with np.errstate(all="ignore"):
            mean = (lowest / highest) ** (1.0 / (last - first))
        return np.where((last > first) & np.isfinite(mean) & (mean > 0.0), mean, 1.0)

    def _powers(self, at: np.ndarray, rates: Array) -> Complex:
        """The matrix polynomial in l, equations and unknowns of size one: (power, case, equation, unknown)."""
        degree = max(jet.order[self.axis] for jets, _ in self.equations for jet in jets)
        out = np.zeros((degree + 1, len(at), len(self.equations), len(self.sizes)), dtype=np.complex128)
        for i, (jets, weights) in enumerate(self.equations):
            for k, jet in enumerate(jets):
                factor = self.tangential_factor(jet) * rates ** jet.order[-1] * self.sizes[jet.unknown]
                out[jet.order[self.axis], :, i, jet.unknown] += weights[at, k] * factor
        size = np.abs(out).max((0, 3))[..., None]
        return np.asarray(out / np.where(size > 0.0, size, 1.0))

    def tangential_factor(self, jet: Jet) -> complex:
        """The factor (i k)^order of a jet, over the coordinates along the sides."""
        out = 1.0 + 0.0j
        for i, (k, n) in enumerate(zip(self.wave_numbers, jet.order, strict=False)):
            out *= (1j * k) ** n if i != self.axis else 1.0
        return out


@lru_cache(maxsize=8)
def _cayley_coefficients(degree: int) -> Array:
    """The coefficients of (w - 1)^b (w + 1)^(degree - b), by rising powers of w: (b, power)."""
    both = [(np.poly1d([1.0, -1.0]) ** b * np.poly1d([1.0, 1.0]) ** (degree - b)).coeffs for b in range(degree + 1)]
    return np.array(both)[:, ::-1]
