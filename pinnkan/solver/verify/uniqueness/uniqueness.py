"""All checks of whether a solution is the only one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Field
from pinnkan.solver.verify.uniqueness.branch_points import BranchPoints
from pinnkan.solver.verify.uniqueness.local_ode import LocalOde
from pinnkan.solver.verify.uniqueness.poles import Poles
from pinnkan.solver.verify.uniqueness.switches import Switches
from pinnkan.solver.verify.uniqueness.undetermined_values import UndeterminedValues
from pinnkan.solver.verify.uniqueness.vanishing_equations import VanishingEquations


@dataclass(frozen=True, eq=False)
class Uniqueness:
    """The checks of one problem, each of which prepares its formulas once."""

    model: Model

    @cached_property
    def _checks(self) -> tuple[BranchPoints, LocalOde, UndeterminedValues, VanishingEquations, Switches, Poles]:
        model = self.model
        return (
            BranchPoints(model),
            LocalOde(model),
            UndeterminedValues(model),
            VanishingEquations(model),
            Switches(model),
            Poles(model),
        )

    def objection(self, field: Field, domain: Domain, error: Field | None) -> str:
        """Return the first message that a solution with some ``error`` is not unique in a ``domain``; "" for none."""
        branches, departures, left_open, silent, switches, poles = self._checks
        found = branches.objection(field, domain) or departures.objection(field, domain, error)
        found = found or left_open.undetermined_value(field, domain) or silent.objection(field, domain, error)
        return found or switches.objection(field, domain) or poles.objection(field, domain)

    def ambiguity(self, field: Field, sizes: Sequence[float]) -> str:
        """Return a message that a steady solution is one of several, values times ``sizes``; "" for none."""
        branches, _, left_open, *_ = self._checks
        return branches.ambiguity(field) or left_open.ambiguity(field, sizes)
