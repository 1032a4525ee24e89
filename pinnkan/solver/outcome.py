"""What every solver leaves, and the margins of every estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as made

from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space
from pinnkan.verdict.records import Iteration, Level

#: Squared L2 norms of the true error and of the exact solution over a space's box, per unknown.
TrueError = Callable[[Space, Array], tuple[Array, Array]]

#: The correction is the error minus what the refined space still misses: effectivities of 0.78 to 1.1 were seen.
SAFETY = 1.25
#: The first level, which has no predecessor, must be below this share of the tolerance.
FIRST_MARGIN = 0.5
#: A level is believed only when its mean squared residual is below this share of that of the lifted data alone. A layer
#: between the points leaves the residual as it was: -1e-5 u'' + u' = 1 had an estimate of 0.08 at an error of 1.
RESOLVED = 1e-2


@dataclass(eq=False)
class Outcome:
    """Everything a solve leaves: function, estimated error as a function, records, and the reason of a failed end."""

    field: Field
    error: Field | None
    levels: list[Level] = made(default_factory=list)
    history: list[Iteration] = made(default_factory=list)
    reason: str = ""
    detail: str = ""
    network: str = ""
    rounding: float = 0.0
