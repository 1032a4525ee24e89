"""The solution of a coarser level than the last, to estimate errors of quantities that converge more slowly than it."""

from contextlib import suppress
from dataclasses import replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.field import Field
from pinnkan.kan.product import ProductField, Space, unify_equal_axes
from pinnkan.solver.families.product.levels import ProductLevels, ProductState
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome

#: Share of the intervals of a first level. With a half the quantities would seem to fall faster: this is the safe side.
COARSER_SHARE = 2 / 3


def solve_coarser(family: ProductLevels, outcome: Outcome, monitor: Monitor) -> Field | None:
    """Return the solution of the level before the last one; None where it cannot be solved for.

    For quantities it is made after a single level, or one with more than twice the intervals: their correction may be
    half of the error (fluxes next to corners, r log r). Else it is ``outcome.coarser``.
    """
    if not family.problem.quantities or monitor.expired():
        return outcome.coarser_field
    if len(outcome.levels) > 1:
        found = _coarsened_start(family, outcome)
    else:
        fewer = replace(family, intervals=round(COARSER_SHARE * family.intervals))
        found = fewer.initial_state() if family.intervals > 1 else None
    if found is None:
        return outcome.coarser_field
    with suppress(SolverError):
        state, _ = family.minimise(found, 0, monitor.side_monitor())
        return family.field_of(state)
    return None


def _coarsened_start(family: ProductLevels, outcome: Outcome) -> ProductState | None:
    """Return a start on every second breakpoint if the last level more than doubled the intervals, else None."""
    before, last = (level.intervals for level in outcome.levels[-2:])
    if all(b <= 2 * a for a, b in zip(before, last, strict=True)) or not isinstance(outcome.field, ProductField):
        return None
    space, coefficients = outcome.field.pieces[0]
    if len(outcome.field.pieces) > 1 or any(a.joints or a.periodic for a in space.axes):
        return None
    fewer = [replace(a, breaks=np.unique(np.append(a.breaks[::2], a.breaks[-1]))) for a in space.axes]
    half = Space(unify_equal_axes(fewer), space.unknowns)
    return family.start_from(half, half.restrict(coefficients, space))
