"""Whether a small correction means a small error: what the stability constant of the equations says of a solution."""

from dataclasses import dataclass
from math import isclose

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.statement import Problem
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.products.probe import AGREE, Probe, probe
from pinnkan.solver.verify.stability import LOST, SETTLED, Null, least_determined, stability

#: A function that no knots hold and whose residual is this share of the terms it is made of may be added freely.
UNDETERMINED = 1e-8
#: Rounding of a residual, relative to its terms.
UNIT = 1e-16
#: Of the tolerance, what rounding may make of the least determined function before it is asked for row by row.
QUIET = 0.3


@dataclass(frozen=True)
class Nearness:
    """How near to singular: ``sigma``, the least residual of a function of size one that was found anywhere.

    Relative L2 errors that can hide in such a function: ``residual``, behind all of the residual, ``size``, behind what
    the correction leaves of it where the knots do not see the function, ``rounding``, behind that of the terms; and one
    that is ``missing``, since a step has left it.
    ``settled``: whether finer knots would find no less, ``is_fresh``: whether that is first known on these; ``free``:
    its residual over its terms where it may be added freely, else 0; ``falling``: the values in words.
    """

    sigma: float
    residual: float
    size: float
    rounding: float
    settled: bool
    free: float
    falling: str
    missing: float
    is_fresh: bool


def null_of(system: System, coefficients: Array, known: Array | None = None) -> Null:
    """The least determined function of a space, by a factor of its own, linearised at a function of it.

    ``known``: that of a coarser space, as coefficients of this one.
    """
    model, space = system.model, system.space
    equations = system.equations(coefficients, zero_conditions(model.conditions, space)[1])
    return least_determined(equations, space, coefficients, known=known, counted=counted_at(model, space, coefficients))


def counted_at(model: Model, space: Space, coefficients: Array) -> tuple[float, ...]:
    """How much of an unknown counts in the size of a function (see :class:`pinnkan.assembly.model.Model`), in time.

    Where it has become larger than its natural size, in the units of that: where a titration has passed neutral water
    oh- is 1e14 times what it began with, and rows see nothing of as little as that.
    """
    if model.problem.time_axis is None:
        return model.counted
    length = float(np.prod([np.ptp(axis.breaks) for axis in space.axes]))
    sizes = np.sqrt(space.norm(coefficients) ** 2 / length)
    return tuple(map(float, np.array(model.counted) / np.maximum(sizes, 1.0)))


def nulls_of(model: Model, space: Space, coefficients: Array, halved: Space) -> tuple[Null, Null]:
    """The same of two spaces, the second the first with its intervals halved."""
    solved, fine = null_of(System(model, space), coefficients), space.prolong(coefficients, halved)
    return solved, null_of(System(model, halved), fine, prolonged(solved, space, halved))


def prolonged(null: Null, space: Space, halved: Space) -> Array | None:
    """The least determined function of a space as one of another that contains it."""
    return None if null.function is None else space.prolong(null.function, halved)


def near_singular(
    model: Model, found: tuple[Space, Array], nulls: tuple[Null, Null], losses: tuple[float, float], terms: float
) -> Nearness:
    """What two spaces and the probes beyond them say of a solution.

    ``found``: the space and the solution in it; ``nulls``: of that and of the space with its intervals halved;
    ``losses`` and ``terms``: mean squares of the residual before and after the correction, and of the terms of the
    equations.
    """
    space, start = found
    field = ProductField((found,))
    two, halved = stability(*nulls), nulls[1]
    is_doubtful = two.at_once or halved.share < UNDETERMINED
    beyond = probe(model, field, float("inf") if is_doubtful else halved.sigma)
    settled, sigma = two.settled, halved.sigma
    agree = beyond is not None and two.settled and isclose(beyond.sigma, halved.sigma, rel_tol=AGREE)
    # a fourth derivative on the graded knots of a probe may be all rounding, 1e-2 of the terms
    is_clear = found_twice(nulls) and halved.share > UNDETERMINED
    is_held = beyond is not None and (agree or (is_clear and beyond.sigma >= halved.sigma))
    free = halved.share if halved.share < LOST else 0.0 if beyond is None or is_held else free_share(beyond)
    hidden = beyond is not None and beyond.sigma < SETTLED * halved.sigma
    if beyond is not None and hidden:
        sigma = beyond.sigma
        settled = beyond.settled and (settled or len(space.axes) == 1)
    norm = float(np.linalg.norm(space.norm(start)))
    volume = model.problem.domain.measure
    scale = max(norm * sigma, 1e-300) / np.sqrt(volume)
    before, after = (float(np.sqrt(loss)) / scale for loss in losses)
    values = [two.solved, two.halved, *([sigma] if hidden else [])]
    missing = halved.left.size / max(norm, 1e-300)
    size = max(after if hidden or not settled else 0.0, missing)
    is_quiet = halved.noise <= QUIET * model.problem.solver.tolerance * norm
    noise = halved.noise if is_quiet else halved.noise_by_row()
    rounding = max(UNIT * float(np.sqrt(terms)) / scale, noise / max(norm, 1e-300))
    words = ", ".join(f"{v:.1e}" for v in values)
    return Nearness(sigma, before, size, rounding, settled, free, words, missing, two.is_fresh and not hidden)


def found_twice(nulls: tuple[Null, Null]) -> bool:
    """Whether two spaces find the same least residual: on fine knots it may be that of a function which is held.

    A beam on k*max(w, 0), its ends free, has 0.09 k on any knots, on 1600 of them 2e-14 of its terms. But 512 and 1024
    find 0.0224 without the foundation: what rounding hides is told by neither.
    """
    return nulls[1].sigma > 0.0 and isclose(nulls[0].sigma, nulls[1].sigma, rel_tol=AGREE)


def free_share(found: Probe) -> float:
    """The share of a function that may be added freely: hidden by rounding, or below UNDETERMINED and still falling."""
    free = found.lost or (not found.settled and found.share < UNDETERMINED)
    return max(found.share, 1e-300) if free else 0.0


def first_disagreement(problem: Problem) -> str:
    """The first point at which the conditions disagree, in words."""
    for point in problem.disagreements[:1]:
        at = problem.at(point.position, digits=6)
        return f"; conditions disagree at {at}, where no function has a finite one"
    return ""
