"""Models solved by one family alone, with the checks and the clock that the driver gives it."""

from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.families.product.slabs import ProductSlabs
from pinnkan.solver.levels import begun, solve_levels
from pinnkan.solver.march import march
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.verify import Verifier


def on_levels(model, degree, intervals, levels, monitor=None):
    """The outcome of the product family, level by level."""
    family = ProductLevels(model, degree, intervals, levels)
    return solve_levels(family, Verifier(model), monitor or Monitor(None, None), begun(family))[0]


def on_slabs(model, degree, intervals, passes, monitor=None):
    """The outcome of the product family in time, slab by slab."""
    family = ProductSlabs(model, (degree, degree), intervals, passes)
    return march(family, Verifier(model), monitor or Monitor(None, None))
