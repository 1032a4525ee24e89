"""Variation of the reaction rate over the domain, which a preconditioner of constant coefficients does not have.

Fast diagonalisation takes the mean of the coefficient of u. The rest, times the length of a slab, determines the steps
of conjugate gradients and of Gauss-Newton.
"""

from collections.abc import Sequence
from typing import Any

from pinnkan.assembly.tensor_rows import TensorRows

#: Largest unevenness of a slab. For a rate that varies by 80 per unit of time, 5 takes 8 steps, 20 takes 27 to 40.
MOST_RATE_SPREAD = 6.0


def rate_spread(rows: Sequence[Any], length: float) -> float:
    """Return the largest range of growth rates over the points of a slab, times its ``length`` (e-folds).

    The rate is the weight of u over that of its highest time derivative; for order k the k-th root of the range is
    taken. ``rows``: on tensor grids.
    """
    return max((_rate_spread(r, length) for r in rows if isinstance(r, TensorRows)), default=0.0)


def _rate_spread(rows: TensorRows, length: float) -> float:
    own = {jet: k for k, jet in enumerate(rows.jets)}
    found = 0.0
    for jet, k in own.items():
        in_time = (j for j in own if j.unknown == jet.unknown and j.order[-1] > 0 and not any(j.order[:-1]))
        highest = max(in_time, key=lambda j: j.order[-1], default=None)
        if any(jet.order) or highest is None:
            continue
        order, leading = highest.order[-1], rows.weights[..., own[highest]]
        if bool((leading == 0.0).any()):
            continue
        rates = rows.weights[..., k] / leading
        found = max(found, float(rates.max() - rates.min()) ** (1.0 / order) * length)
    return found
