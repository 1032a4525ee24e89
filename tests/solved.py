"""Models solved by one family alone, with the checks and the clock that the driver gives it."""

from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.families.product.slabs import ProductSlabs
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.slab_loop import march_in_time
from pinnkan.solver.verify.verifier import Verifier


def on_levels(model, degree, intervals, levels, monitor=None):
    """The outcome of the product family, level by level."""
    family = ProductLevels(model, degree, intervals, levels)
    return solve_levels(family, Verifier(model), monitor or Monitor(None, None), initial_levels_state(family))[0]


def on_slabs(model, degree, intervals, passes, monitor=None):
    """The outcome of the product family in time, slab by slab."""
    family = ProductSlabs(model, (degree, degree), intervals, passes)
    return march_in_time(family, Verifier(model), monitor or Monitor(None, None))
