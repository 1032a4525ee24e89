"""What speaks against a solution that its own estimate has accepted: contradiction, a witness, a second opinion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Field
from pinnkan.problem.checks.values import DISAGREE
from pinnkan.solver.verify.hidden_features import Missed, Witness
from pinnkan.solver.verify.near_singular import UNDETERMINED, second_opinion

#: A residual that keeps this share of its square when every interval is halved is not one of the splines: the equation
#: and its conditions contradict each other. At a jump of the data it keeps 0.5 to 0.8.
STANDS = 0.95


@dataclass(frozen=True, eq=False)
class Objection:
    """A feature between the points, or a larger correction, or (``reason``, ``detail``) why there is no solution."""

    missed: Missed | None = None
    size: float = 0.0
    reason: str = ""
    detail: str = ""


def objection(
    model: Model, witness: Witness, field: Field, losses: tuple[float, float], allowed: float
) -> Objection | None:
    """The first of these against a steady field whose correction is below ``allowed``; None where there is none.

    ``losses``: mean squared residual of the field, and with its correction on halved intervals.
    """
    loss, corrected = losses
    share = loss / max(witness.terms(field), 1e-300)
    if corrected > STANDS * loss and share > model.problem.solver.tolerance**2:
        detail = f"a residual of {share**0.5:.0e} of the terms does not fall with more knots"
        detail += _jump(model.problem.warnings)
        return Objection(size=float("inf"), reason="stalled", detail=detail)
    missed = witness.examine(field, model.problem.ranges, loss)
    if missed is not None:
        return Objection(missed)
    opinion = second_opinion(model, field)
    if opinion is None:
        return None
    if opinion.determined < UNDETERMINED:
        found = f"{opinion.determined:.0e}"
        detail = f"a function exists whose residual is {found} of its terms: it may be added almost freely"
        return Objection(size=opinion.size, reason="rank_deficient", detail=detail)
    return Objection(size=opinion.size) if opinion.size > allowed else None


def _jump(warnings: Sequence[str]) -> str:
    """The first corner at which the conditions disagree, in words."""
    for warning in warnings:
        _, what, where = warning.partition(DISAGREE)
        if what:
            return f"; {what}{where.partition(': ')[0]}, where no function has a finite one"
    return ""
