"""The outcome of a solve, and the margins of error estimates."""

from dataclasses import dataclass

from pinnkan.kan.field import Field
from pinnkan.verdict.records import Iteration, Level, Reason

#: Factor on a correction, which is the error less what the refined space misses: effectivities are 0.78 to 1.1.
SAFETY = 1.25
#: The first level, which has no predecessor, must be below this share of the tolerance. Heuristic.
FIRST_LEVEL_MARGIN = 0.5
#: A level is resolved if its mean squared residual is below this share of that of the lifted data alone, which a layer
#: between the points does not lower: -1e-5 u'' + u' = 1 had an estimate of 0.08 at an error of 1.
RESOLVED_SHARE = 1e-2


@dataclass(frozen=True, eq=False)
class Outcome:
    """The function, its estimated error and the records of a solve; ``reason``: why it ended, None if it goes on.

    ``network``: in words; ``other_solution``: another solution, if one was seen; ``coarser_field``: the function of the
    level before.
    """

    field: Field
    error: Field | None
    levels: tuple[Level, ...] = ()
    history: tuple[Iteration, ...] = ()
    reason: Reason | None = None
    detail: str = ""
    network: str = ""
    other_solution: Field | None = None
    coarser_field: Field | None = None
