"""What is solved in place of a problem of a file: in natural units, and on the part that its reflections leave.

What begins in time with a symmetry keeps it, since there is no other solution: a reflection that leaves the equations,
the sides and the initial data as they are leaves the solution as it is. Half of the domain then holds all of it, and a
fourth where that has a reflection again. Of a steady problem another solution might not have the symmetry, and nothing
but looking for it tells whether there is one (:mod:`pinnkan.solver.halves`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.kan.field import Field
from pinnkan.kan.scaled import scaled
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import kinks
from pinnkan.problem.mirrors import Mirror, half_of, mirrors
from pinnkan.problem.natural_units import in_natural_units
from pinnkan.problem.statement import Problem
from pinnkan.solver.halves import unfolded

#: Coordinates of space for which a half is solved: on a line it costs nearly what the whole does.
FOLDED = (2, 3)
#: How often a coordinate is folded: what begins as the same everywhere between slopes that vanish has the same
#: reflection in every half, without end.
MOST = 3


@dataclass(frozen=True)
class Reduced:
    """The ``problem`` that is solved, for u_j / ``sizes``_j; the ``mirrors`` that led to its box, and what they say."""

    problem: Problem
    sizes: tuple[float, ...]
    mirrors: tuple[Mirror, ...]
    words: tuple[str, ...]

    def whole(self, field: Field) -> Field:
        """A function of the file's problem from one of this."""
        for mirror in reversed(self.mirrors):
            field = unfolded(field, mirror)
        return scaled(field, self.sizes)

    def described(self, network: str) -> str:
        """The network in words, and where it was solved for."""
        if not self.mirrors:
            return network
        return f"{network}; solved for on one of {2 ** len(self.mirrors)} equal parts, since {', '.join(self.words)}"


def reduced(problem: Problem) -> Reduced:
    """The smallest problem whose solution tells that of another."""
    solved, sizes = in_natural_units(problem)
    found: list[Mirror] = []
    words: list[str] = []
    while (mirror := _folding(solved, found)) is not None:
        found.append(mirror)
        words.append(mirror.words(solved))
        solved = half_of(solved, mirror)
    return Reduced(solved, sizes, tuple(found), tuple(words))


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
