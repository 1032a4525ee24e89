"""What stands against a march through time: residuals that no knots lower, slab after slab."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pinnkan.problem.statement import Problem

#: Slabs in a row of which a residual stands before that is taken for a contradiction: a front, or what a knot has just
#: come to, may stand in one of them.
LASTING = 3


@dataclass(frozen=True)
class Contradiction:
    """``size``: the error that may hide in it, relative to the solution, nothing where 0; ``since``: from when on."""

    size: float = 0.0
    since: float = 0.0

    def words(self, problem: Problem) -> str:
        """What it is, "" of nothing."""
        if self.size == 0.0:
            return ""
        return (
            f"from {problem.when(self.since, 4)} on a residual that hides {self.size:.0e} of the solution falls "
            "neither with more knots nor in shorter slabs: "
            "equations and conditions may contradict each other by as much"
        )


def contradiction(standing: Sequence[float], ends: Sequence[float], has_ended: bool) -> Contradiction:
    """Of slabs between ``ends`` what hides in the residual of each, ``standing``, where that stands in a row of them.

    ``has_ended``: whether no slab is to follow; then fewer are enough, if they are all.
    """
    fewest = min(LASTING, len(standing)) if has_ended else LASTING
    rows = ([i for i, _ in row] for stands, row in groupby(enumerate(standing), lambda s: s[1] > 0.0) if stands)
    found = [i for row in rows if len(row) >= fewest for i in row]
    return Contradiction(sum(standing[i] for i in found), ends[found[0]]) if found else Contradiction()
