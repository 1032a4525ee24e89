"""Waves that are missing in a solution, or in a slab of time, and that its knots do not resolve."""

from dataclasses import replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Field
from pinnkan.solver.estimate.integrand_knots import INTERVAL_WIDTHS
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.estimate.remaining_waves import CorrectedResidual, largest_remaining_wave
from pinnkan.solver.estimate.standing_waves import largest_standing_wave
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.neutral_waves import axes_for_wave
from pinnkan.solver.verify.objection import Objection, SpacePair
from pinnkan.solver.verify.products.remaining_products import largest_remaining_product
from pinnkan.verdict.records import Reason

#: Radians of a wave that an interval resolves, for all degrees of slabs.
RADIANS_PER_INTERVAL = 1.5
#: Shorter slabs, as shares of the time, are not checked: residuals next to sides exceed waves at the first instants.
MIN_SLAB_SHARE = 1e-3
#: Most remaining waves that knots resolve, an error of steps, in shares of the tolerance; a slab of Heat2d-LT had 3.
MAX_REMAINING_SHARES = 10.0


def steady_wave_objection(
    model: Model, field: Field, context: FieldContext, spaces: SpacePair | None, allowed: float
) -> Objection | None:
    """Return the objection that a steady field misses more than ``allowed`` of a wave, or a product with one, or None.

    It has the axes that resolve it, unless those of ``spaces`` do. ``context``: the correction of the field.
    """
    left = CorrectedResidual(model, field, context, model.problem.domain)
    wave = (
        largest_remaining_wave(left, allowed)
        or largest_standing_wave(left, allowed)
        or largest_remaining_product(model, field, context, allowed)
    )
    return (
        None if wave is None else Objection(error_size=wave.size, finer_axes=axes_for_wave(spaces, wave.wave_numbers))
    )


def slab_wave_objection(model: Model, field: Field, slab: Domain, context: FieldContext) -> Objection | None:
    """Return the objection that a slab misses a wave by more than its share of the tolerance, or None.

    Where its intervals do not resolve the wave, the objection is a train of missed features, so that slabs get knots
    there; else steps have missed the wave. ``context``: the correction of the slab.
    """
    lengths = slab.box.lengths
    share = float(lengths[-1] / model.problem.box.lengths[-1])
    allowed = share * model.problem.solver.tolerance
    waves = (
        None
        if share < MIN_SLAB_SHARE
        else largest_remaining_wave(CorrectedResidual(model, field, context, slab), allowed)
    )
    if waves is None:
        return None
    middle, found = np.mean(slab.box.ranges, axis=1), []
    for i, number in enumerate(waves.wave_numbers):
        width = RADIANS_PER_INTERVAL / max(number, 1e-300)
        if float(np.diff(field.breaks(i)).max()) <= width:
            continue
        low, high = slab.box.ranges[i]
        for centre in np.arange(low + 0.5 * width, high, width):
            place, narrow = middle.copy(), lengths.copy()
            place[i], narrow[i] = centre, width / INTERVAL_WIDTHS
            found.append(HiddenFeature(place, narrow, waves.size**2))
    if found:
        return Objection(replace(found[0], train=tuple(found[1:])))
    if waves.size <= max(MAX_REMAINING_SHARES * allowed, context.allowed_error):
        return None
    long = ", ".join(
        f"{2 * np.pi / k:.2g} in {c}" for k, c in zip(waves.wave_numbers, model.problem.coordinates, strict=False) if k
    )
    detail = f"{waves.size:.0e} of the solution is left of a wave as long as {long}, which the equations hardly see"
    return Objection(error_size=float("inf"), reason=Reason.STALLED, detail=detail)
