"""Solve a model on a shape in the plane: steady on levels, in time in slabs."""

from typing import Any

from pinnkan.assembly.model import Model
from pinnkan.solver.families.shapes.levels import FIRST_SHAPE_INTERVALS, SHAPE_DEGREE, ShapeLevels
from pinnkan.solver.families.shapes.slabs import ShapeSlabs
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.slab_family import SlabFamily
from pinnkan.solver.slab_loop import march_in_time
from pinnkan.solver.solver_state import LevelsState
from pinnkan.solver.verify.verifier import Verifier

#: The degree is at least this much above the highest order of derivatives.
DEGREE_ABOVE_ORDER = 3
#: Degree of the splines in time. Heat in a disk: 3.8 s at 1e-4 and 28 s at 1e-8; 8.2 s and 39 s with degree 9.
SLAB_DEGREE = 6


def solve_on_shape(model: Model, monitor: Monitor, most_levels: int, most_passes: int) -> Outcome:
    """Solve a model; ``most_levels``, ``most_passes`` through time: if the file names none."""
    settings = model.problem.solver
    degree = settings.degree or max(SHAPE_DEGREE, max(model.problem.total_orders) + DEGREE_ABOVE_ORDER)
    intervals = settings.knots or FIRST_SHAPE_INTERVALS
    if model.problem.time_axis is not None:
        both = degree, settings.degree or max(SLAB_DEGREE, model.orders[-1] + DEGREE_ABOVE_ORDER)
        slabs: SlabFamily[Any, Any] = ShapeSlabs(model, both, intervals, settings.max_levels or most_passes)
        return march_in_time(slabs, Verifier(model), monitor)
    family = ShapeLevels(model, degree, intervals, settings.max_levels or most_levels)
    state = monitor.take_resumed_state(LevelsState) or initial_levels_state(family)
    return solve_levels(family, Verifier(model), monitor, state)[0]
