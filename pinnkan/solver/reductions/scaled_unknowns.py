"""A system in units in which its unknowns and equations are of size one."""

from dataclasses import dataclass

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.derived_fields import scale_unknowns
from pinnkan.kan.field import Array, Field
from pinnkan.problem.statement import Problem
from pinnkan.problem.units.natural_units import scale_to_natural_units, with_scaled_sizes
from pinnkan.solver.reductions.reduction import Reduction
from pinnkan.verdict.records import Reason


@dataclass(frozen=True)
class ScaledUnknowns(Reduction):
    """The problem for u_j / ``sizes[j]``."""

    sizes: tuple[float, ...]

    def restore_field(self, field: Field) -> Field:
        """See :class:`Reduction`."""
        return scale_unknowns(field, self.sizes)


def divide_by_sizes(problem: Problem, size_factors: Array | None = None) -> ScaledUnknowns:
    """Return the problem in natural units, with ``size_factors`` (unknown,) on the sizes.

    Raises SolverError: the sizes are not finite.
    """
    try:
        return ScaledUnknowns(
            *scale_to_natural_units(problem if size_factors is None else with_scaled_sizes(problem, size_factors))
        )
    except np.linalg.LinAlgError as error:
        raise SolverError(str(error), Reason.NOT_FINITE) from error
