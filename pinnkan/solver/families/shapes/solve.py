"""Solve a steady model on a shape in the plane, on levels."""

from pinnkan.assembly.model import Model
from pinnkan.solver.families.shapes.levels import FIRST_SHAPE_INTERVALS, SHAPE_DEGREE, ShapeLevels
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.solver_state import LevelsState
from pinnkan.solver.verify.verifier import Verifier

#: The degree is at least this much above the highest order of derivatives.
DEGREE_ABOVE_ORDER = 3


def solve_on_shape(model: Model, monitor: Monitor, most_levels: int) -> Outcome:
    """Solve a model; ``most_levels``: if the file names none."""
    settings = model.problem.solver
    degree = settings.degree or max(SHAPE_DEGREE, max(model.problem.total_orders) + DEGREE_ABOVE_ORDER)
    intervals, most = settings.knots or FIRST_SHAPE_INTERVALS, settings.max_levels or most_levels
    family = ShapeLevels(model, degree, intervals, most)
    state = monitor.take_resumed_state(LevelsState) or initial_levels_state(family)
    return solve_levels(family, Verifier(model), monitor, state)[0]
