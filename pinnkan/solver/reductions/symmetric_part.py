"""A march in two or three coordinates of space with reflections, solved on the part of the domain that they leave.

A problem in time keeps a reflection of its equations, sides and initial data. A steady problem may have solutions
without the symmetry, see :mod:`pinnkan.solver.symmetric_solve`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import find_kinks
from pinnkan.problem.reflections import Reflection, find_reflections, symmetric_half
from pinnkan.problem.statement import Problem
from pinnkan.solver.reductions.reduction import Reduction

#: Numbers of coordinates of space for which a half is solved: on a line it costs nearly as much as the whole.
HALVED_DIMENSIONS = (2, 3)
#: Halvings of a coordinate at most: constant data between zero slopes have a reflection in every half.
MAX_HALVINGS = 3


@dataclass(frozen=True)
class SymmetricPart(Reduction):
    """The problem on the part that ``reflections``, one after the other, leave; ``words``: each as a formula."""

    reflections: tuple[Reflection, ...]
    words: tuple[str, ...]

    def restore_field(self, field: Field) -> Field:
        """See :class:`Reduction`."""
        for mirror in reversed(self.reflections):
            field = extend_by_reflection(field, mirror)
        return field

    def describe_network(self, network: str) -> str:
        """See :class:`Reduction`."""
        parts = 2 ** len(self.reflections)
        return f"{network}; solved for on one of {parts} equal parts, since {', '.join(self.words)}"


def halve_by_reflections(problem: Problem) -> SymmetricPart | None:
    """Return the problem on one half, of that again one half, and so on; None if it has no reflection."""
    found: list[Reflection] = []
    words: list[str] = []
    while (mirror := _next_reflection(problem, found)) is not None:
        found.append(mirror)
        words.append(mirror.words(problem))
        problem = symmetric_half(problem, mirror)
    return SymmetricPart(problem, tuple(found), tuple(words)) if found else None


def _next_reflection(problem: Problem, reflections: Sequence[Reflection]) -> Reflection | None:
    """Return a reflection whose half is to be solved, after those ``reflections``; None if there is none.

    Only of a march in two or three coordinates of space, without given knots. No more conditions than before may become
    rows, and no formula may jump or have a kink across the coordinate: conditions in the middle are those of smooth
    functions.
    """
    settings = problem.solver
    marched = problem.time_axis is not None and problem.space_dimension in HALVED_DIMENSIONS
    if not marched or settings.family not in ("auto", "product") or settings.knots is not None:
        return None
    bent = find_kinks(formulas(problem), problem.coordinates, problem.box.ranges)
    smooth = (m for m in find_reflections(problem) if not bent.curved_factors and not bent.planes[m.axis])
    smooth = (m for m in smooth if sum(m.axis == before.axis for before in reflections) < MAX_HALVINGS)
    return next(
        (m for m in smooth if _count_condition_rows(symmetric_half(problem, m)) <= _count_condition_rows(problem)), None
    )


def _count_condition_rows(problem: Problem) -> int:
    """The number of conditions that become rows."""
    return len(sort_conditions(problem).rows)


def extend_by_reflection(field: Field, reflection: Reflection) -> ProductField:
    """Extend a function on the lower half of a coordinate by its reflection to the upper half."""
    assert isinstance(field, ProductField)
    return replace(field, pieces=tuple(_extend_piece(space, c, reflection) for space, c in field.pieces))


def _extend_piece(space: Space, coefficients: Array, reflection: Reflection) -> tuple[Space, Array]:
    axis = space.axes[reflection.axis]
    middle = float(axis.breaks[-1])
    breaks = np.concatenate([axis.breaks, (2.0 * middle - axis.breaks)[-2::-1]])
    joints = (*axis.joints, middle, *(2.0 * middle - x for x in reversed(axis.joints)))
    smooth = (*axis.smoothness, 0, *reversed(axis.smoothness))
    whole = space.with_axis(reflection.axis, Axis(breaks, axis.degree, False, joints, smooth))
    image = np.flip(coefficients, reflection.axis) * np.array(reflection.signs, dtype=coefficients.dtype)
    upper = np.take(image, range(1, image.shape[reflection.axis]), reflection.axis)
    return whole, np.concatenate([coefficients, upper], reflection.axis)
