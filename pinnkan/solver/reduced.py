"""What is solved in place of a problem of a file: in time, in natural units, on the part that its reflections leave.

What begins in time with a symmetry keeps it, since there is no other solution: a reflection that leaves the equations,
the sides and the initial data as they are leaves the solution as it is. Half of the domain then holds all of it, and a
fourth where that has a reflection again. Of a steady problem another solution might not have the symmetry, and nothing
but looking for it tells whether there is one.

Unless only the symmetry holds it: a layer that could be anywhere has a null function with a residual below rounding,
-1e-4 u'' = u - u^3 from -1 to 1 one of exp(-141). Where a reflection leaves the problem as it is there is a solution of
that symmetry, and on one half of the domain, with what the symmetry says of the middle, it is held like any other. It
is asked for as soon as a correction moves all of a resolved level: that layer took 7.7 s when the levels went on, and
takes 1.5 s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import ProductField, Space
from pinnkan.kan.scaled import scaled
from pinnkan.kan.turned import TurnedField
from pinnkan.problem.evolution import Evolution, evolution
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import kinks
from pinnkan.problem.mirrors import Mirror, half_of, mirrors
from pinnkan.problem.statement import Problem
from pinnkan.problem.units.natural_units import in_natural_units, resized
from pinnkan.solver.closures import without_closures
from pinnkan.solver.lower_conditions import with_lower_conditions
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import Outcome
from pinnkan.verdict.records import Reason

#: Coordinates of space for which a half is solved: on a line it costs nearly what the whole does.
FOLDED = (2, 3)
#: How often a coordinate is folded: what begins as the same everywhere between slopes that vanish has the same
#: reflection in every half, without end.
MOST = 3


@dataclass(frozen=True)
class Reduced:
    """The ``problem`` that is solved, for u_j / ``sizes``_j; the ``mirrors`` that led to its box, and what they say.

    ``along``: how that of the file evolves where it does without time.
    """

    problem: Problem
    sizes: tuple[float, ...]
    mirrors: tuple[Mirror, ...]
    words: tuple[str, ...]
    along: Evolution | None = None

    def whole(self, field: Field) -> Field:
        """A function of the file's problem from one of this."""
        for mirror in reversed(self.mirrors):
            field = unfolded(field, mirror)
        field = scaled(field, self.sizes)
        return field if self.along is None else TurnedField(field, self.along.order, self.along.total)

    def described(self, network: str) -> str:
        """The network in words, and where it was solved for."""
        if self.along is not None:
            network += f"; in slabs of {self.along.turned.coordinates[-1]}, at the start of which all is given"
        if not self.mirrors:
            return network
        return f"{network}; solved for on one of {2 ** len(self.mirrors)} equal parts, since {', '.join(self.words)}"


def reduced(problem: Problem, shares: Array | None = None) -> Reduced:
    """The smallest problem whose solution tells that of another; ``shares``: what unknowns are of natural sizes."""
    lower = with_lower_conditions(without_closures(problem))
    along = evolution(lower)
    turned = lower if along is None else along.turned
    solved, sizes = in_natural_units(turned if shares is None else resized(turned, shares))
    found: list[Mirror] = []
    words: list[str] = []
    while (mirror := _folding(solved, found)) is not None:
        found.append(mirror)
        words.append(mirror.words(solved))
        solved = half_of(solved, mirror)
    return Reduced(solved, sizes, tuple(found), tuple(words), along)


def _folding(problem: Problem, found: Sequence[Mirror]) -> Mirror | None:
    """A reflection whose half is to be solved in place of the whole, if there is one; ``found``: those before it.

    None where the file says how many knots there are to be, or where a formula may jump or bend: what vanishes in the
    middle for smooth functions need not vanish there. Nor where what vanishes could not be built in: conditions that
    are rows may cost more than a half saves (a small heat equation with slopes in its middle 1.6 times the whole).
    """
    settings = problem.solver
    marched = problem.time_axis is not None and problem.space_dimension in FOLDED
    if not marched or settings.family not in ("auto", "product") or settings.knots is not None:
        return None
    bent = kinks(formulas(problem), problem.coordinates, problem.box.ranges)
    smooth = (m for m in mirrors(problem) if not bent.curved and not bent.planes[m.axis])
    smooth = (m for m in smooth if sum(m.axis == before.axis for before in found) < MOST)
    return next((m for m in smooth if _rows(half_of(problem, m)) <= _rows(problem)), None)


def _rows(problem: Problem) -> int:
    """How many of the conditions become rows."""
    return len(sort_conditions(problem).rows)


#: Why a solve may have ended that a symmetry can help.
UNHELD = (
    Reason.RANK_DEFICIENT, Reason.BELOW_ROUNDING, Reason.STALLED, Reason.MAX_LEVELS, Reason.NOT_ASYMPTOTIC,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Halves:
    """The problem of a ``model`` among functions of one of its symmetries; ``solve`` solves that of a half."""

    model: Model
    solve: Callable[[Model], Outcome]
    monitor: Monitor

    @cached_property
    def outcome(self) -> Outcome | None:
        """The first that converges, on the whole box; None where none does."""
        if self.model.is_linear:
            return None
        problem = self.model.problem
        for mirror in mirrors(problem):
            half = half_of(problem, mirror)
            try:
                found = self.solve(compile_model(half, sort_conditions(half), self.model.device, self.model.clock))
            except (SolverError, OutOfTimeError):
                continue
            if found.reason == Reason.CONVERGED:
                return _whole(problem, found, mirror)
        return None


def held_by_symmetry(outcome: Outcome, halves: Halves) -> Outcome:
    """The ``outcome``, or that of the symmetric problem where it has found nothing that is held and this one has."""
    if outcome.reason not in UNHELD or halves.monitor.expired():
        return outcome
    return halves.outcome or outcome


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
    image = np.flip(coefficients, mirror.axis) * np.array(mirror.signs, dtype=coefficients.dtype)
    upper = np.take(image, range(1, image.shape[mirror.axis]), mirror.axis)
    return whole, np.concatenate([coefficients, upper], mirror.axis)
