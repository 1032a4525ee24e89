"""What every solve leaves, and the margins of every estimate."""

from dataclasses import dataclass

from pinnkan.kan.field import Field
from pinnkan.verdict.records import Iteration, Level, Reason

#: The correction is the error minus what the refined space still misses: effectivities of 0.78 to 1.1 were seen.
SAFETY = 1.25
#: The first level, which has no predecessor, must be below this share of the tolerance.
FIRST_MARGIN = 0.5
#: A level is believed only when its mean squared residual is below this share of that of the lifted data alone. A layer
#: between the points leaves the residual as it was: -1e-5 u'' + u' = 1 had an estimate of 0.08 at an error of 1.
RESOLVED = 1e-2


@dataclass(frozen=True, eq=False)
class Outcome:
    """Function, estimated error as a function, records; why the solve ended, None where it goes on.

    ``network``: what was chosen, in words; ``other``: another solution, where one has shown itself;
    ``coarser``: that of the level before.
    """

    field: Field
    error: Field | None
    levels: tuple[Level, ...] = ()
    history: tuple[Iteration, ...] = ()
    reason: Reason | None = None
    detail: str = ""
    network: str = ""
    other: Field | None = None
    coarser: Field | None = None
