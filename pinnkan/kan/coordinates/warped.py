"""Coordinates rotated by an angle and shifted by a spline, in which an oblique, curved or moving front is straight.

With n = (cos a, sin a), m = (-sin a, cos a) and a spline c of r (and of time),

    r = m . x,    s = n . x - c(r, t),    t = t,

so that a front along n . x = c(m . x, t) is the line s = 0. Derivatives follow from D_xi = D_s at fixed r and t, and
the commuting operators

    D_r|xi = D_r - c_r D_s,    D_t|xi = D_t - c_t D_s,

whose powers are computed once per order, as polynomials in the derivatives of c.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import comb

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field, evaluate_by_slab, evaluate_on_grid, slab_index
from pinnkan.kan.product import Space, sum_terms

MultiIndex = tuple[int, ...]
#: A product of derivatives of c: the sorted multi-indices (r[, t]) of its factors.
Monomial = tuple[MultiIndex, ...]
#: The least and most sampling intervals per coordinate: an oblique front needs fine samples along both. Heuristic.
MIN_SAMPLE_INTERVALS, MAX_SAMPLE_INTERVALS = 16, 150


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The map from (x, y[, t]) to (s, r[, t]).

    ``angle``: the angle of n with the x-axis; ``warp``: the spline space of c on (r) or (r, t); ``warp_coefficients``:
    its coefficients (r, [t,] 1).
    """

    angle: float
    warp: Space
    warp_coefficients: Array

    @property
    def normal(self) -> Array:
        """n, the unit vector across the front."""
        return np.array([np.cos(self.angle), np.sin(self.angle)])

    @property
    def tangent(self) -> Array:
        """m, the unit vector along the front."""
        return np.array([-np.sin(self.angle), np.cos(self.angle)])

    @property
    def parameters(self) -> int:
        """The number of trained parameters: the angle and the coefficients of c."""
        return 1 + self.warp_coefficients.size

    def __str__(self) -> str:
        """Return the angle of the front and the size of the spline c in words."""
        degrees = np.degrees(self.angle) - 90.0
        text = f"front at {degrees:.3f} degrees"
        return text if self.is_straight else f"{text}, bent by a spline of {self.warp_coefficients.size} coefficients"

    def warp_derivatives(self, points: Array, orders: Sequence[MultiIndex]) -> Array:
        """Return derivatives of c at points (point, (r[, t])): (point, order)."""
        return self.warp.evaluate(self.warp_coefficients, points, orders)[:, 0]

    def forward(self, points: Array) -> Array:
        """Map (x, y[, t]) to (s, r[, t]); both (point, coordinate)."""
        out = np.array(points, dtype=np.float64)
        out[:, 1] = points[:, :2] @ self.tangent
        out[:, 0] = points[:, :2] @ self.normal - self.warp_derivatives(out[:, 1:], [(0,) * (out.shape[1] - 1)])[:, 0]
        return out

    def inverse(self, points: Array) -> Array:
        """Map (s, r[, t]) to (x, y[, t]); both (point, coordinate)."""
        out = np.array(points, dtype=np.float64)
        across = points[:, 0] + self.warp_derivatives(points[:, 1:], [(0,) * (points.shape[1] - 1)])[:, 0]
        out[:, :2] = across[:, None] * self.normal + points[:, 1:2] * self.tangent
        return out

    def inverse_grid(self, axes: Sequence[Array]) -> Array:
        """Apply :meth:`inverse` to the tensor grid of axes of (s, r[, t]); returns (s, r[, t], coordinate)."""
        along = np.meshgrid(*axes[1:], indexing="ij")
        c = self.warp_derivatives(np.stack([a.ravel() for a in along], -1), [(0,) * len(along)]).reshape(along[0].shape)
        across = axes[0].reshape(-1, *(1,) * len(along)) + c
        out = np.empty((*across.shape, len(axes)))
        out[..., :2] = across[..., None] * self.normal + along[0][..., None] * self.tangent
        for i, other in enumerate(along[1:], 2):
            out[..., i] = other
        return out

    def chain_rule(
        self, points: Array, orders: Sequence[MultiIndex]
    ) -> tuple[list[MultiIndex], dict[tuple[int, int], Array]]:
        """Return the chain rule at points (point, (r[, t])), for any s: D^alpha_x f = sum_beta T[alpha, beta] D^beta f.

        Returns the multi-indices beta in (s, r[, t]), and the nonzero T (point), by the positions of alpha and beta.
        """
        terms = [self._expanded(tuple(order)) for order in orders]
        betas = sorted({beta for term in terms for beta, _ in term})
        needed = sorted({i for term in terms for _, monomials in term for m in monomials for i in m})
        table = dict(zip(needed, self.warp_derivatives(points, needed).T, strict=True)) if needed else {}
        out: dict[tuple[int, int], Array] = {}
        for a, term in enumerate(terms):
            for beta, monomials in term:
                total = np.zeros(len(points))
                for monomial, weight in monomials.items():
                    total += weight * np.prod([table[index] for index in monomial], 0)
                if total.any():
                    out[a, betas.index(beta)] = total
        return betas, out

    def _expanded(self, alpha: MultiIndex) -> list[tuple[MultiIndex, dict[Monomial, float]]]:
        """Return D^alpha_x as derivatives in (s, r[, t]): D_x = n_x D_xi - n_y D_r, D_y = n_y D_xi + n_x D_r."""
        (nx, ny), (mx, my) = self.normal, self.tangent
        i, j, rest = alpha[0], alpha[1], alpha[2:]
        total: dict[MultiIndex, dict[Monomial, float]] = {}
        for k in range(i + 1):
            for n in range(j + 1):
                weight = comb(i, k) * comb(j, n) * nx**k * mx ** (i - k) * ny**n * my ** (j - n)
                for beta, monomials in expand_operator_powers((i + j - k - n, *rest)).items():
                    there = total.setdefault((beta[0] + k + n, *beta[1:]), {})
                    for monomial, factor in monomials.items():
                        there[monomial] = there.get(monomial, 0.0) + weight * factor
        return list(total.items())

    def covering_ranges(
        self, ranges: Sequence[tuple[float, float]], samples: int = 65
    ) -> tuple[tuple[float, float], ...]:
        """Return ranges of (s, r[, t]) that cover the box ``ranges`` of (x, y[, t]), from samples of its sides."""
        along = [np.linspace(0.0, 1.0, samples if i < 2 else 9) for i in range(len(ranges))]
        grids = np.stack([g.ravel() for g in np.meshgrid(*along, indexing="ij")], -1)
        sides = grids[((grids[:, :2] == 0.0) | (grids[:, :2] == 1.0)).any(1)]
        low, high = np.array(ranges).T
        mapped = self.forward(low + (high - low) * sides)
        out = [(float(column.min()), float(column.max())) for column in mapped.T]
        margin = 1e-9 if self.is_straight else 1e-2
        slack = margin * (out[0][1] - out[0][0])
        out[0] = (out[0][0] - slack, out[0][1] + slack)
        return tuple(out)

    @property
    def is_straight(self) -> bool:
        """Whether c is linear in each argument, so that extremes are at corners."""
        return all(a.degree == 1 and a.intervals == 1 for a in self.warp.axes)

    def with_warp(self, warp: Space, warp_coefficients: Array) -> "Coordinates":
        """Return the same rotation with another spline c."""
        return replace(self, warp=warp, warp_coefficients=warp_coefficients)


@lru_cache(maxsize=256)
def expand_operator_powers(orders: MultiIndex) -> dict[MultiIndex, dict[Monomial, float]]:
    """Expand powers of D_r|xi (and D_t|xi): beta in (s, r[, t]) -> polynomial in the derivatives of c."""
    size = len(orders)
    total: dict[MultiIndex, dict[Monomial, float]] = {(0,) * (size + 1): {(): 1.0}}
    for axis, count in enumerate(orders):
        for _ in range(count):
            total = _differentiated(total, axis, size)
    return total


def _differentiated(
    operator: dict[MultiIndex, dict[Monomial, float]], axis: int, size: int
) -> dict[MultiIndex, dict[Monomial, float]]:
    unit = tuple(int(i == axis) for i in range(size))
    out: dict[MultiIndex, dict[Monomial, float]] = {}

    def add(beta: MultiIndex, monomial: Monomial, weight: float) -> None:
        there = out.setdefault(beta, {})
        key = tuple(sorted(monomial))
        there[key] = there.get(key, 0.0) + weight

    for beta, monomials in operator.items():
        for monomial, weight in monomials.items():
            for i, index in enumerate(monomial):  # product rule for the factors
                raised = tuple(a + b for a, b in zip(index, unit, strict=True))
                add(beta, (*monomial[:i], raised, *monomial[i + 1 :]), weight)
            add(tuple(b + (k == axis + 1) for k, b in enumerate(beta)), monomial, weight)
            add((beta[0] + 1, *beta[1:]), (*monomial, unit), -weight)
    return out


def rotated_coordinates(angle: float, ranges: Sequence[tuple[float, float]], offset: float = 0.0) -> Coordinates:
    """Return a rotation by ``angle`` for the box ``ranges``: c is constant, the front lies at n . x = ``offset``."""
    plain = Coordinates(angle, Space((Axis(np.array([-1.0, 1.0]), 1),)), np.zeros((2, 1)))
    corners = np.array([[x, y] for x in ranges[0] for y in ranges[1]])
    r = corners @ plain.tangent
    axes = (Axis(np.array([r.min(), r.max()]), 1), *(Axis(np.array(ends), 1) for ends in ranges[2:]))
    space = Space(axes)
    return Coordinates(angle, space, np.full(space.shape, offset))


@dataclass(frozen=True, eq=False)
class FittedPiece:
    """A sum of spline functions, ``terms``, on nested axes of the same warped coordinates."""

    coordinates: Coordinates
    terms: tuple[tuple[Space, Array], ...]

    @cached_property
    def _joined(self) -> tuple[Space, Array]:
        return sum_terms(self.terms)

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Return derivatives in (x, y[, t]): (point, unknown, order)."""
        inner = self.coordinates.forward(points)
        betas, transfer = self.coordinates.chain_rule(inner[:, 1:], orders)
        space, coefficients = self._joined
        values = space.evaluate(coefficients, inner, betas)
        total = np.zeros((len(points), space.unknowns, len(orders)))
        for (a, b), factor in transfer.items():
            total[..., a] += values[..., b] * factor[:, None]
        return total

    def values(self, points: Array) -> Array:
        """Return values at points (x, y[, t]): (point, unknown)."""
        return self(points, [(0,) * points.shape[1]])[..., 0]

    def at_time(self, time: float) -> Callable[[Array], Array]:
        """Return the function at one time, from points (x, y) to values (point, unknown)."""
        return lambda points: self.values(np.column_stack([points, np.full(len(points), time)]))


@dataclass(frozen=True, eq=False)
class FittedField(Field):
    """Functions of warped coordinates, on the box ``ranges`` of (x, y[, t]); ``ends`` of slabs, or None."""

    pieces: tuple[FittedPiece, ...]
    ranges: tuple[tuple[float, float], ...]
    ends: Array | None = None

    def piece_at(self, time: float) -> FittedPiece:
        """Return the piece whose slab ends at or after ``time``."""
        return self.pieces[0 if self.ends is None else int(slab_index(self.ends, np.array([time]))[0])]

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        return evaluate_by_slab(self.ends, points, orders, lambda k, there: self.pieces[k](there, orders))

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        return evaluate_on_grid(self, axes, orders)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Return equal steps, within limits, as fine along the axis as the narrowest interval across the front."""
        low, high = self.ranges[axis]
        if axis == 2:
            return np.array([low, high]) if self.ends is None else self.ends
        pieces = self.pieces if time is None else (self.piece_at(time),)
        steps = [abs(p.coordinates.normal[axis]) / float(np.diff(p.terms[0][0].axes[0].breaks).min()) for p in pieces]
        return np.linspace(
            low, high, int(np.clip((high - low) * max(steps), MIN_SAMPLE_INTERVALS, MAX_SAMPLE_INTERVALS)) + 1
        )

    def knot_lines(self, time: float | None = None, samples: int = 65) -> list[Array]:
        """Return the lines of constant s and of constant r at the knots: (sample, (x, y)) each."""
        piece = self.pieces[0] if time is None else self.piece_at(time)
        s, r = (a.breaks for a in piece.terms[0][0].axes[:2])
        lines = []
        for knots, other, fixed in ((s, r, 0), (r, s, 1)):
            for knot in knots:
                points = np.full((samples, len(self.ranges)), 0.0 if time is None else time)
                points[:, fixed], points[:, 1 - fixed] = knot, np.linspace(other[0], other[-1], samples)
                lines.append(piece.coordinates.inverse(points)[:, :2])
        return lines

    def intervals(self, time: float | None = None) -> tuple[int, ...]:
        """Return the numbers of knot intervals across and along the front."""
        piece = self.pieces[0] if time is None else self.piece_at(time)
        return tuple(a.intervals for a in piece.terms[0][0].axes[:2])
