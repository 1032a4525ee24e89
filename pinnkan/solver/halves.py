"""A steady problem whose solution nothing but a symmetry holds, solved among the functions of that symmetry.

A layer that could be anywhere has a null function with a residual below rounding: -1e-4 u'' = u - u^3 from -1 to 1 one
of exp(-141). Where a reflection leaves the problem as it is there is a solution of that symmetry, and on one half of
the domain, with what the symmetry says of the middle, it is held like any other.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.mirrors import Mirror, half_of, mirrors
from pinnkan.problem.statement import Problem
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import Outcome
from pinnkan.verdict.records import Reason

#: Why a solve may have ended that a symmetry can help.
UNHELD = (
    Reason.RANK_DEFICIENT, Reason.BELOW_ROUNDING, Reason.STALLED, Reason.MAX_LEVELS, Reason.NOT_ASYMPTOTIC,
)  # fmt: skip


def held_by_symmetry(model: Model, outcome: Outcome, solve: Callable[[Model], Outcome], monitor: Monitor) -> Outcome:
    """The ``outcome``, or that of the symmetric problem where it has found nothing that is held and this one has."""
    if model.is_linear or outcome.reason not in UNHELD or monitor.expired():
        return outcome
    for mirror in mirrors(model.problem):
        half = half_of(model.problem, mirror)
        try:
            found = solve(compile_model(half, sort_conditions(half), model.device, model.clock))
        except (SolverError, OutOfTimeError):
            continue
        if found.reason == Reason.CONVERGED:
            return _whole(model.problem, found, mirror)
    return outcome


def _whole(problem: Problem, half: Outcome, mirror: Mirror) -> Outcome:
    assert half.error is not None
    detail = f"held among functions with {mirror.words(problem)} only"
    return replace(half, field=unfolded(half.field, mirror), error=unfolded(half.error, mirror), detail=detail)


def unfolded(field: Field, mirror: Mirror) -> ProductField:
    """A function on the lower half of a coordinate, and its mirror image on the upper one."""
    assert isinstance(field, ProductField)
    return replace(field, pieces=tuple(_whole_piece(space, c, mirror) for space, c in field.pieces))


def _whole_piece(space: Space, coefficients: Array, mirror: Mirror) -> tuple[Space, Array]:
    axis = space.axes[mirror.axis]
    middle = float(axis.breaks[-1])
    breaks = np.concatenate([axis.breaks, (2.0 * middle - axis.breaks)[-2::-1]])
    joints = (*axis.joints, middle, *(2.0 * middle - x for x in reversed(axis.joints)))
    smooth = (*axis.smoothness, 0, *reversed(axis.smoothness))
    whole = space.replaced(mirror.axis, Axis(breaks, axis.degree, False, joints, smooth))
    image = np.flip(coefficients, mirror.axis) * np.array(mirror.signs, dtype=np.float64)
    upper = np.take(image, range(1, image.shape[mirror.axis]), mirror.axis)
    return whole, np.concatenate([coefficients, upper], mirror.axis)
