"""What a slab leaves of its residual that no knots lower: equations and conditions that contradict each other in time.

Least squares share a contradiction out. In a short slab that is little beside the residual of a good solution, the
correction of what is shared out is less still, and each of the next slabs begins with what came of it: heat between
sides that let nothing out, its integral growing as 1 + t/100, converged with an estimate of 7e-8 and was 5e-3 off.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pinnkan.assembly.condition_weights import growth_rate
from pinnkan.solver.families.product.slab import ProductSlab
from pinnkan.solver.families.product.slab_correction import NOISY, ProductPass
from pinnkan.solver.verify.verify import STANDS

#: What a residual could make in a slab, or what came in makes, is nothing below this share of what is allowed there.
COUNTS = 1e-2


def standing(slab: ProductSlab, at: ProductPass, closer: Callable[[], ProductSlab | None]) -> float:
    """The error that the residual of a slab may hide, relative to the solution, where finer knots leave it all; or 0.

    ``closer``: the same slab with many degrees in time in its correction, None where it has them: of what is even about
    the middle of a slab one degree more sees nothing either.
    """
    hidden = _hidden(slab, at)
    other = closer() if hidden > 0.0 else None
    if other is None:
        return hidden
    hidden = min(hidden, _hidden(other, at))
    other.richer.release()
    return hidden


def _hidden(slab: ProductSlab, at: ProductPass) -> float:
    base, richer = slab.base, slab.richer
    before, left = richer.loss(base), richer.loss(base + slab.local)
    if left <= STANDS * before or np.sqrt(before) <= NOISY * slab.floor:
        return 0.0
    scale = float(np.sqrt(at.mean_square(slab.squares, slab.length)).min())
    size = float(np.sqrt(left)) / (growth_rate(slab.system.model, slab.length) * scale)
    return size if size > COUNTS * at.allowed(slab.length) else 0.0
