"""Waves that are missing in a solution, or in a slab of time, and that its knots do not resolve."""

from dataclasses import replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.solver.estimate.integrand_knots import INTERVAL_WIDTHS
from pinnkan.solver.estimate.remaining_waves import CorrectedResidual, largest_remaining_wave
from pinnkan.solver.estimate.standing_waves import largest_standing_wave
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.findings import Finding, NeedsKnots, Refused
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.neutral_waves import axes_for_wave
from pinnkan.solver.verify.products.remaining_products import largest_remaining_product
from pinnkan.verdict.records import Reason

#: Radians of a wave that an interval resolves, for all degrees of slabs.
RADIANS_PER_INTERVAL = 1.5
#: Shorter slabs, as shares of the time, are not checked: residuals next to sides exceed waves at the first instants.
MIN_SLAB_SHARE = 1e-3
#: Most remaining waves that knots resolve, an error of steps, in shares of the tolerance; a slab of Heat2d-LT had 3.
MAX_REMAINING_SHARES = 10.0


def missing_wave(model: Model, candidate: Candidate) -> Finding | None:
    """Return the finding that a candidate misses a wave by more than is allowed, or None."""
    return _missing_in_slab(model, candidate) if candidate.is_slab else _missing_in_steady_field(model, candidate)


def _missing_in_steady_field(model: Model, candidate: Candidate) -> Finding | None:
    """The finding for a steady field: a wave, or a product with one, and axes that resolve it unless its space does."""
    field, context, allowed = candidate.field, candidate.context, candidate.allowed
    left = CorrectedResidual(model, field, context, candidate.window)
    wave = (
        largest_remaining_wave(left, allowed)
        or largest_standing_wave(left, allowed)
        or largest_remaining_product(model, field, context, allowed)
    )
    if wave is None:
        return None
    return NeedsKnots(axes=axes_for_wave(candidate.spaces, wave.wave_numbers), error_size=wave.size)


def _missing_in_slab(model: Model, candidate: Candidate) -> Finding | None:
    """The finding for a slab, which may miss its share of the tolerance.

    Where its intervals do not resolve the wave, knots are needed at a train of features; else steps have missed it.
    """
    field, slab, context = candidate.field, candidate.window, candidate.context
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
        return NeedsKnots(replace(found[0], train=tuple(found[1:])))
    if waves.size <= max(MAX_REMAINING_SHARES * allowed, context.allowed_error):
        return None
    long = ", ".join(
        f"{2 * np.pi / k:.2g} in {c}" for k, c in zip(waves.wave_numbers, model.problem.coordinates, strict=False) if k
    )
    sentence = f"{waves.size:.0e} of the solution is left of a wave as long as {long}, which the equations hardly see"
    return Refused(Reason.STALLED, sentence)
