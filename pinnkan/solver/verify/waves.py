"""Waves that a solution, or a slab of time, lacks and its knots do not hold."""

from dataclasses import replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Field
from pinnkan.solver.estimate.integrand_knots import WIDTHS
from pinnkan.solver.estimate.standing_waves import standing_left
from pinnkan.solver.estimate.undecided import Beside
from pinnkan.solver.estimate.waves_left import Remainder, waves_left
from pinnkan.solver.verify.missed.hidden_feature import HiddenFeature
from pinnkan.solver.verify.neutral import holding_wave
from pinnkan.solver.verify.objection import Objection, Spaces
from pinnkan.solver.verify.products.left import products_left
from pinnkan.verdict.records import Reason

#: Radians of a wave that an interval holds, of splines of any degree that slabs have.
RADIANS = 1.5
#: Shorter slabs, as shares of the time, are not asked: in the first instants of a plate that is quenched what its sides
#: make of the residual is more of such a share than any wave.
SHORTEST = 1e-3
#: What steps have left of waves that knots hold is part of what slabs are allowed, which early ones have more of: a
#: slab of Heat2d-LT had 3 shares of the tolerance. So many shares are more than that, unless a slab is allowed them
#: since its errors are forgotten: until t = 100 another one had 50, a fifth of what it might have.
LEFT = 10.0


def left_in_waves(model: Model, field: Field, known: Beside, spaces: Spaces | None, allowed: float) -> Objection | None:
    """What is left of a steady field in a wave, or a product with one, where it is more than is ``allowed``.

    With the axes that hold it, unless those of the ``spaces`` do. ``known``: the correction of the field.
    """
    left = Remainder(model, field, known, model.problem.domain)
    wave = waves_left(left, allowed) or standing_left(left, allowed) or products_left(model, field, known, allowed)
    return None if wave is None else Objection(size=wave.size, axes=holding_wave(spaces, wave.numbers))


def lacking_waves(model: Model, field: Field, slab: Domain, known: Beside) -> Objection | None:
    """The wave of which a slab lacks most, if that is more than its share of the tolerance; ``known``: its correction.

    Intervals that hold it are missed, side by side: so slabs are told where knots have to be. Where those of the slab
    hold it steps have left it. None of a slab below SHORTEST.
    """
    lengths = slab.box.lengths
    share = float(lengths[-1] / model.problem.box.lengths[-1])
    allowed = share * model.problem.solver.tolerance
    waves = None if share < SHORTEST else waves_left(Remainder(model, field, known, slab), allowed)
    if waves is None:
        return None
    middle, found = np.mean(slab.box.ranges, axis=1), []
    for i, number in enumerate(waves.numbers):
        width = RADIANS / max(number, 1e-300)
        if float(np.diff(field.breaks(i)).max()) <= width:
            continue
        low, high = slab.box.ranges[i]
        for centre in np.arange(low + 0.5 * width, high, width):
            place, narrow = middle.copy(), lengths.copy()
            place[i], narrow[i] = centre, width / WIDTHS
            found.append(HiddenFeature(place, narrow, waves.size**2))
    if found:
        return Objection(replace(found[0], beside=tuple(found[1:])))
    if waves.size <= max(LEFT * allowed, known.allowed):
        return None
    long = ", ".join(
        f"{2 * np.pi / k:.2g} in {c}" for k, c in zip(waves.numbers, model.problem.coordinates, strict=False) if k
    )
    detail = f"{waves.size:.0e} of the solution is left of a wave as long as {long}, which the equations hardly see"
    return Objection(size=float("inf"), reason=Reason.STALLED, detail=detail)
