"""How differently a solution reacts from place to place within a slab: what a preconditioner of means does not see.

Fast diagonalisation knows the mean of what stands before the function itself. What is left of it, over the time of the
slab, is what conjugate gradients take their steps for, and Gauss-Newton too: a slab of twice the length takes about
twice as many, in twice as many coefficients.
"""

from collections.abc import Sequence
from typing import Any

from pinnkan.assembly.tensor_rows import TensorRows

#: A slab may be as long as makes this of it. PINNacle's Heat2d-LT, a step to 1e-2 at t = 0.93 (spread 80 per unit of
#: time): 8 steps at 5, 9 at 10, 27 to 40 at 20, where Gauss-Newton settles no longer.
MOST_UNEVEN = 6.0


def unevenness(rows: Sequence[Any], length: float) -> float:
    """By how many e-folds more functions grow in one place than in another, over a slab of some length.

    The range of the weight of u over that of its highest derivative in time, of the rows of an equation on grids.
    """
    return max((_of(r, length) for r in rows if isinstance(r, TensorRows)), default=0.0)


def _of(rows: TensorRows, length: float) -> float:
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
