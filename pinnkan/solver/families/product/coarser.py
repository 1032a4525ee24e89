"""The solution of a level before the first one, for quantities that converge more slowly than the solution."""

from contextlib import suppress
from dataclasses import replace

from pinnkan.errors import SolverError
from pinnkan.kan.field import Field
from pinnkan.solver.families.product.levels import ProductLevels
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
    if len(outcome.levels) != 1 or not axes.problem.quantities or axes.intervals < 2 or monitor.expired():
        return outcome.coarser
    fewer = replace(axes, intervals=round(FEWER * axes.intervals))
    with suppress(SolverError):
        state, _ = fewer.minimise(fewer.first(), 0, monitor.aside())
        return fewer.shown(state)
    return None
