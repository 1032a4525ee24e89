"""Contradictions between equations and conditions in a march: residuals that no knots lower, slab after slab."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from pinnkan.problem.statement import Problem

#: Consecutive slabs with such a residual that make a contradiction: a front may leave one in a single slab.
LASTING_SLABS = 3


@dataclass(frozen=True)
class Contradiction:
    """A contradiction: ``size``, the relative error that it may hide, 0 for none.

    ``start_time``, the time it starts.
    """

    size: float = 0.0
    start_time: float = 0.0

    def words(self, problem: Problem) -> str:
        """Describe the contradiction; "" for none."""
        if self.size == 0.0:
            return ""
        start = problem.format_march_position(self.start_time, 4)
        return (
            f"from {start} on a residual that hides {self.size:.0e} of the solution falls "
            "neither with more knots nor in shorter slabs: "
            "equations and conditions may contradict each other by as much"
        )


def contradiction(persistent_errors: Sequence[float], ends: Sequence[float], is_complete: bool) -> Contradiction:
    """Find the contradiction that consecutive slabs show.

    ``persistent_errors``: relative error (slab,) that a residual which no knots lower may hide, or 0; ``ends``: slab
    ends, the start first; ``is_complete``: whether the march is over, so that all of fewer than LASTING_SLABS slabs are
    enough.
    """
    fewest = min(LASTING_SLABS, len(persistent_errors)) if is_complete else LASTING_SLABS
    rows = (
        [i for i, _ in row] for stands, row in groupby(enumerate(persistent_errors), lambda s: s[1] > 0.0) if stands
    )
    found = [i for row in rows if len(row) >= fewest for i in row]
    return Contradiction(sum(persistent_errors[i] for i in found), ends[found[0]]) if found else Contradiction()
