"""What speaks against a solution that its own estimate has accepted: contradiction, a witness, a second opinion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Field
from pinnkan.problem.checks.values import DISAGREE
from pinnkan.solver.verify.hidden_features import Box, Missed, Witness
from pinnkan.solver.verify.near_singular import UNDETERMINED, second_opinion
from pinnkan.verdict.records import Reason

#: A residual that keeps this share of its square when every interval is halved is not one of the splines: the equation
#: and its conditions contradict each other. At a jump of the data it keeps 0.5 to 0.8.
STANDS = 0.95
#: Beyond so many coordinates of space checks that need a grid would take longer than the solve.
MOST_COORDINATES = 3


@dataclass(frozen=True, eq=False)
class Objection:
    """A feature between the points, or a larger correction, or (``reason``, ``detail``) why there is no solution."""

    missed: Missed | None = None
    size: float = 0.0
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Verifier:
    """Every check of a steady solution that its own estimate has accepted, whatever the family it comes from."""

    model: Model

    @cached_property
    def witness(self) -> Witness:
        """What looks between the points; what it looks at is worked out once."""
        return Witness(self.model)

    def between(self, field: Field, box: Box, loss: float) -> Missed | None:
        """A feature that lies between the points of a slab ``box``; ``loss``: the mean squared residual there."""
        return self.witness.examine(field, box, loss)

    def __call__(self, field: Field, loss: float, corrected: float | None, allowed: float) -> Objection | None:
        """The first objection to a field whose correction is below ``allowed``; None where there is none.

        ``loss``: its mean squared residual; ``corrected``: the same with its correction, where that is known.
        """
        problem = self.model.problem
        many = problem.dimension - (problem.time_axis is not None) > MOST_COORDINATES
        missed = None if many and not self.witness.features else self.witness.examine(field, problem.ranges, loss)
        if missed is not None or many:
            return Objection(missed) if missed is not None else None
        if corrected is not None and corrected > STANDS * loss:
            share = loss / max(self.witness.terms(field), 1e-300)
            if share > problem.solver.tolerance**2:
                detail = f"a residual of {share**0.5:.0e} of the terms does not fall with more knots"
                return Objection(None, float("inf"), Reason.STALLED, detail + _jump(problem.warnings))
        opinion = second_opinion(self.model, field)
        if opinion is None:
            return None
        if opinion.determined < UNDETERMINED:
            found = f"{opinion.determined:.0e}"
            detail = f"a function exists whose residual is {found} of its terms: it may be added almost freely"
            return Objection(None, opinion.size, Reason.RANK_DEFICIENT, detail)
        return Objection(size=opinion.size) if opinion.size > allowed else None


def _jump(warnings: Sequence[str]) -> str:
    """The first corner at which the conditions disagree, in words."""
    for warning in warnings:
        _, what, where = warning.partition(DISAGREE)
        if what:
            return f"; {what}{where.partition(': ')[0]}, where no function has a finite one"
    return ""
