"""Standing waves that remain in the residual of a corrected steady solution, where values are given on all sides.

The waves of :mod:`pinnkan.solver.estimate.remaining_waves` are tapered towards the sides, and slopes of the taper hide
standing waves of small residual. So for every product of sines v the coefficients c (unknown) are sought for which c v
lowers the residual most: for all v at once from sine transforms of the residual and mean weights of the derivatives,
without normal equations, then for the largest by least squares on the grid.
"""

from functools import reduce

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.solver.estimate.remaining_waves import (
    CANDIDATES,
    GRID_POINTS,
    CorrectedResidual,
    GridWaves,
    RemainingWave,
    agree,
    relative_wave_norms,
    sine_power,
)

#: Singular values below this share of the largest count as zero. Heuristic.
RANK_TOLERANCE = 1e-12


def largest_standing_wave(remainder: CorrectedResidual, allowed: float) -> RemainingWave | None:
    """Return the largest standing wave that remains; None where its relative size is at most ``allowed``.

    None also with time, with other conditions than values, in one or more than three coordinates, and where rows are
    not finite or a second grid disagrees. ``remainder``: a solution with its correction.
    """
    model, problem = remainder.model, remainder.model.problem
    if problem.time_axis is not None or problem.dimension not in GRID_POINTS:
        return None
    if any(sine_power(model, i) != 1 for i in range(problem.dimension)):
        return None
    fine, other = GRID_POINTS[problem.dimension]
    first = remainder.rows_on_grid(fine)
    if first is None:
        return None
    floor = np.maximum(first.mean_squares, 1e-300)
    found = [(number, _sine_coefficients(first, number)) for number in _largest_half_waves(first, floor)]
    number, coefficients = max(found, key=lambda f: float((np.abs(f[1]) ** 2 / floor).sum()))
    quarter = 0.5**problem.dimension  # the mean square of a product of sines
    size = max(relative_wave_norms(first, np.sqrt(0.5 * quarter) * coefficients, problem))
    if size <= allowed:
        return None
    second = remainder.rows_on_grid(other)
    again = None if second is None else _sine_coefficients(second, number)
    if not agree(coefficients, again):
        return None
    return RemainingWave(size, tuple(map(float, np.pi * number / first.lengths)))


def _largest_half_waves(waves: GridWaves, floor: Array) -> list[Array]:
    """The half waves (coordinate) of the largest sine products; ``floor``: divisors of squared coefficients."""
    count, space = waves.count, tuple(range(waves.dimension))
    numbers = np.arange(1.0, count)
    sines = np.sin(np.pi * np.outer(numbers, np.arange(count) + 0.5) / count) * (2.0 / count)
    shape = (count - 1,) * waves.dimension
    matrix, right = np.zeros((*shape, len(waves.rows), waves.unknowns)), np.zeros((*shape, len(waves.rows)))
    for k, r in enumerate(waves.rows):
        values = r.residual[..., 0]
        for i in space:
            values = np.moveaxis(np.tensordot(sines, values, ([1], [i])), 0, i)
        right[..., k] = values
        for n, jet in enumerate(r.jets):
            if not any(order % 2 for order in jet.order):  # odd derivatives are cosines
                pairs = zip(jet.order, waves.lengths, strict=False)
                own = [(-1.0) ** (o // 2) * (np.pi * numbers / length) ** o for o, length in pairs]
                matrix[..., k, jet.unknown] += float(r.weights[..., 0, n].mean()) * reduce(np.multiply.outer, own)
    sizes = (((np.linalg.pinv(matrix, rcond=RANK_TOLERANCE) @ right[..., None])[..., 0] ** 2) / floor).sum(-1)
    best = np.argsort(-sizes, axis=None)[:CANDIDATES]
    return [1.0 + np.array(np.unravel_index(int(k), shape), dtype=np.float64) for k in best]


def _sine_coefficients(waves: GridWaves, half_waves: Array) -> Array:
    """The coefficients (unknown) of a product of sines with ``half_waves``, by least squares on the grid."""
    x, images = np.pi * (np.arange(waves.count) + 0.5) / waves.count, []
    for r in waves.rows:
        made = np.zeros((waves.unknowns, *r.residual.shape[:-1]))
        for n, jet in enumerate(r.jets):
            own = [
                (np.pi * m / length) ** o * np.sin(m * x + 0.5 * np.pi * o)
                for m, o, length in zip(half_waves, jet.order, waves.lengths, strict=False)
            ]
            made[jet.unknown] += r.weights[..., 0, n] * reduce(np.multiply.outer, own)
        images.append(made.reshape(waves.unknowns, -1))
    right = np.concatenate([r.residual.ravel() for r in waves.rows])
    return np.asarray(np.linalg.lstsq(np.concatenate(images, 1).T, -right, rcond=RANK_TOLERANCE)[0])
