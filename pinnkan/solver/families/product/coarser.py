"""The solution of a level before the first one, for quantities that converge more slowly than the solution."""

from contextlib import suppress
from dataclasses import replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.field import Field
from pinnkan.kan.product import ProductField, Space, alike
from pinnkan.solver.families.product.levels import ProductLevels, ProductState
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome

#: Of three intervals at first: two thirds of them make the fall from one level to the next look slower than halves do,
#: which is on the safe side.
FEWER = 2 / 3


def coarser(axes: ProductLevels, outcome: Outcome, monitor: Monitor) -> Field | None:
    """The solution of the level before the last one, made where the first was enough and quantities are read off.

    Of -lap u = 1 on a square u is within 1e-5 on three intervals, and the flux through a side 1e-3 off: between
    corners where it is r log r it falls by half from level to level, and one correction is a half of what is to come.
    """
    if not axes.problem.quantities or monitor.expired():
        return outcome.coarser
    if len(outcome.levels) > 1:
        found = _halved_back(axes, outcome)
    else:
        fewer = replace(axes, intervals=round(FEWER * axes.intervals))
        found = fewer.first() if axes.intervals > 1 else None
    if found is None:
        return outcome.coarser
    with suppress(SolverError):
        state, _ = axes.minimise(found, 0, monitor.aside())
        return axes.shown(state)
    return None


def _halved_back(axes: ProductLevels, outcome: Outcome) -> ProductState | None:
    """The start on every second knot where a level took more than twice as many at once, as towards a layer."""
    before, last = (level.intervals for level in outcome.levels[-2:])
    if all(b <= 2 * a for a, b in zip(before, last, strict=True)) or not isinstance(outcome.field, ProductField):
        return None
    space, coefficients = outcome.field.pieces[0]
    if len(outcome.field.pieces) > 1 or any(a.joints or a.periodic for a in space.axes):
        return None
    fewer = [replace(a, breaks=np.unique(np.append(a.breaks[::2], a.breaks[-1]))) for a in space.axes]
    half = Space(alike(fewer), space.unknowns)
    return axes.at(half, half.restrict(coefficients, space))
