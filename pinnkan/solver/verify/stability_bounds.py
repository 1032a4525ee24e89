"""Error bounds from the stability constant of the equations: whether a small correction means a small error."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isclose

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.domain.rounding import EPS
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.statement import Problem
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.products.probe import AGREEMENT, Probe, probe
from pinnkan.solver.verify.stability import FREE_SHARE, SETTLED_RATIO, NearNull, compare_stability, find_near_null

#: A function whose residual is below this share of its terms, and falls on with finer knots, is free.
UNRESOLVED_FREE_SHARE = 1e-8
#: By number of coordinates: most intervals for the function of an eigenvalue; its largest residual over its terms.
MAX_FEW_INTERVALS, FEW_KNOTS_SHARE = {1: 24, 2: 24, 3: 8}, 1e-9
#: Rounding of a residual, relative to its terms.
RESIDUAL_ROUNDING = 0.5 * EPS
#: Share of the tolerance that the first estimate of rounding may have without one row by row.
ROUNDING_SHARE = 0.3


@dataclass(frozen=True)
class StabilityBounds:
    """The stability constant ``sigma``, the least residual of a function of norm one, and bounds of relative L2 errors.

    The error that can hide: ``residual_error``, in the residual; ``correction_error``, in what the correction leaves of
    it where knots do not resolve that function, at least ``step_error``, which a step has missed; ``rounding_error``,
    in rounding. ``is_settled``: whether sigma falls no further on finer knots; ``is_newly_resolved``: whether its
    function is resolved for the first time; ``free_share``: residual over terms of a function that may be added freely,
    else 0; ``sigma_text``: values of sigma, as text.
    """

    sigma: float
    residual_error: float
    correction_error: float
    rounding_error: float
    is_settled: bool
    free_share: float
    sigma_text: str
    step_error: float
    is_newly_resolved: bool


def near_null_function(system: System, coefficients: Array, near_null_start: Array | None = None) -> NearNull:
    """Return the near-null function of a space, linearised at ``coefficients``; it is found by a factor of its own.

    ``near_null_start``: that of a coarser space, as coefficients of this one.
    """
    model, space = system.model, system.space
    equations = system.linear_solver(coefficients, zero_conditions(model.conditions, space)[1])
    return find_near_null(
        equations,
        space,
        coefficients,
        near_null_start=near_null_start,
        unknown_weights=unknown_weights_at(model, space, coefficients),
    )


def unknown_weights_at(model: Model, space: Space, coefficients: Array) -> tuple[float, ...]:
    """The weights of unknowns in a norm: those of the model, in time divided by sizes above the natural ones.

    Rows hardly see a change of natural size in an unknown that has grown to 1e14 times that.
    """
    if model.problem.time_axis is None:
        return model.norm_weights
    length = float(np.prod([np.ptp(axis.breaks) for axis in space.axes]))
    sizes = np.sqrt(space.norm(coefficients) ** 2 / length)
    return tuple(map(float, np.array(model.norm_weights) / np.maximum(sizes, 1.0)))


def near_null_pair(model: Model, space: Space, coefficients: Array, halved_space: Space) -> tuple[NearNull, NearNull]:
    """Return the near-null functions of a space and of ``halved_space``, the space with its intervals halved."""
    solved, fine = near_null_function(System(model, space), coefficients), space.prolong(coefficients, halved_space)
    return solved, near_null_function(
        System(model, halved_space), fine, prolonged_near_null(solved, space, halved_space)
    )


def near_null_on_few_knots(model: Model, axes: Sequence[Axis]) -> NearNull:
    """Return the near-null function of a linear problem on at most MAX_FEW_INTERVALS even intervals of each axis.

    The function of an eigenvalue is smooth. Raises LinAlgError, ResourceError, OutOfTimeError.
    """
    most = MAX_FEW_INTERVALS[min(len(axes), 3)]
    few = tuple(replace(a, breaks=np.linspace(a.breaks[0], a.breaks[-1], min(most, a.intervals) + 1)) for a in axes)
    space = Space(few, len(model.problem.unknowns))
    return near_null_function(System(model, space), np.zeros(space.shape))


def prolonged_near_null(near_null: NearNull, space: Space, halved_space: Space) -> Array | None:
    """The near-null function of a space as coefficients of ``halved_space``, which contains the space."""
    return None if near_null.coefficients is None else space.prolong(near_null.coefficients, halved_space)


def stability_bounds(
    model: Model,
    piece: tuple[Space, Array],
    near_nulls: tuple[NearNull, NearNull],
    losses: tuple[float, float],
    terms: float,
) -> StabilityBounds:
    """Return the bounds that two spaces and a probe beyond their knots give.

    ``piece``: space and coefficients of the solution; ``near_nulls``: the near-null functions of that space and the
    halved one; ``losses``, ``terms``: mean squares of the residual before and after the correction, and of the terms.
    """
    space, start = piece
    field = ProductField((piece,))
    two, halved = compare_stability(*near_nulls), near_nulls[1]
    is_doubtful = two.has_dropped or halved.term_share < UNRESOLVED_FREE_SHARE
    beyond = probe(model, field, float("inf") if is_doubtful else halved.sigma)
    settled, sigma = two.is_settled, halved.sigma
    agree = beyond is not None and two.is_settled and isclose(beyond.sigma, halved.sigma, rel_tol=AGREEMENT)
    # a fourth derivative on the graded knots of a probe may be all rounding, 1e-2 of the terms
    is_clear = is_sigma_reproduced(near_nulls) and halved.term_share > UNRESOLVED_FREE_SHARE
    is_held = beyond is not None and (agree or (is_clear and beyond.sigma >= halved.sigma))
    free = 0.0 if beyond is None or is_held else free_share(beyond)
    free = halved.term_share if halved.term_share < FREE_SHARE else free
    hidden = beyond is not None and beyond.sigma < SETTLED_RATIO * halved.sigma
    if beyond is not None and hidden:
        sigma = beyond.sigma
        settled = beyond.is_settled and (settled or len(space.axes) == 1)
    norm = float(np.linalg.norm(space.norm(start)))
    volume = model.problem.domain.measure
    scale = max(norm * sigma, 1e-300) / np.sqrt(volume)
    before, after = (float(np.sqrt(loss)) / scale for loss in losses)
    values = [two.solved_sigma, two.halved_sigma, *([sigma] if hidden else [])]
    missing = halved.missed_part.norm / max(norm, 1e-300)
    size = max(after if hidden or not settled else 0.0, missing)
    is_quiet = halved.rounding_noise <= ROUNDING_SHARE * model.problem.solver.tolerance * norm
    noise = halved.rounding_noise if is_quiet else halved.rounding_noise_by_row()
    rounding = max(RESIDUAL_ROUNDING * float(np.sqrt(terms)) / scale, noise / max(norm, 1e-300))
    words = ", ".join(f"{v:.1e}" for v in values)
    is_new = two.is_newly_resolved and not hidden
    return StabilityBounds(sigma, before, size, rounding, settled, free, words, missing, is_new)


def is_sigma_reproduced(near_nulls: tuple[NearNull, NearNull]) -> bool:
    """Whether two spaces find the same least residual, and not rounding.

    Then a small share of the terms, which grow on fine knots, does not mean that a function is free.
    """
    return near_nulls[1].sigma > 0.0 and isclose(near_nulls[0].sigma, near_nulls[1].sigma, rel_tol=AGREEMENT)


def free_share(probed: Probe) -> float:
    """The residual over terms of a probed function that is rounding, or small and still falling; else 0."""
    free = probed.is_hidden or (not probed.is_settled and probed.share < UNRESOLVED_FREE_SHARE)
    return max(probed.share, 1e-300) if free else 0.0


def condition_conflict(problem: Problem) -> str:
    """The first point at which the conditions disagree, as text; "" where there is none."""
    for point in problem.disagreements[:1]:
        at = problem.format_point(point.position, digits=6)
        return f"; conditions disagree at {at}, where no function has a finite one"
    return ""
