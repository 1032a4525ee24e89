"""How well measured values determine numbers: standard errors, correlations, combinations that stay open."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array

#: Singular values below this share of the largest are zero: differences of solves know derivatives to so many digits.
LEAST_SINGULAR = 1e-5
#: Parts of a combination that are named.
NAMED_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """``standard_errors`` (number,), ``correlations`` and what is undetermined, in words.

    ``matrix``: derivatives of differences over their noise by coordinates (difference, coordinate); ``slopes``: of the
    numbers by the coordinates.
    """

    matrix: Array
    slopes: Array
    standard_errors: Array
    correlations: tuple[tuple[float, ...], ...]
    undetermined: str

    def step(self, weighted: Array) -> Array:
        """How the coordinates of the least misfit change where differences over their noise are ``weighted``."""
        return np.asarray(-np.linalg.lstsq(self.matrix, weighted, rcond=LEAST_SINGULAR)[0])


def uncertainty_of(matrix: Array, slopes: Array, names: Sequence[str]) -> Uncertainty:
    """The uncertainty of numbers from the derivatives of weighted differences (difference, coordinate)."""
    size = np.linalg.norm(matrix, axis=0)
    size[size == 0.0] = 1e-300
    _, singular, directions = np.linalg.svd(matrix / size, full_matrices=False)
    is_open = singular <= LEAST_SINGULAR * singular[0]
    inverse = np.where(is_open, np.inf, 1.0 / np.maximum(singular, 1e-300))
    with np.errstate(invalid="ignore"):
        parts = directions.T * inverse / size[:, None]  # (coordinate, direction)
    parts = np.where(np.isnan(parts), 0.0, parts) * slopes[:, None]
    deviations = np.sqrt((parts**2).sum(1))
    with np.errstate(invalid="ignore"):
        unit = parts / deviations[:, None]
    unit = np.where(np.isfinite(unit), unit, 0.0)
    related = tuple(map(tuple, np.clip(unit @ unit.T, -1.0, 1.0).tolist()))
    words = ""
    if is_open.any():
        moved = directions[int(np.argmin(singular))] / size * slopes
        moved = moved / np.abs(moved).max()
        terms = [f"{share:+.2g}*{name}" for share, name in zip(moved, names, strict=True) if abs(share) > NAMED_SHARE]
        words = " ".join(terms).removeprefix("+")
    return Uncertainty(matrix, slopes, deviations, related, words)


def unknown_uncertainty(count: int) -> Uncertainty:
    """The uncertainty of so many numbers of which nothing is known."""
    unknown = np.full(count, np.inf)
    return Uncertainty(np.zeros((0, count)), np.ones(count), unknown, ((0.0,) * count,) * count, "")
