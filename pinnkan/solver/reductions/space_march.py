"""A steady problem that evolves along a coordinate of space, solved as one in time along it."""

from dataclasses import dataclass

from pinnkan.kan.field import Field
from pinnkan.kan.permuted_field import PermutedField
from pinnkan.problem.evolution import Evolution, find_evolution
from pinnkan.problem.statement import Problem
from pinnkan.solver.reductions.reduction import Reduction


@dataclass(frozen=True)
class SpaceMarch(Reduction):
    """The problem with that coordinate last, in the place of time."""

    evolution: Evolution

    def restore_field(self, field: Field) -> Field:
        """See :class:`Reduction`."""
        return PermutedField(field, self.evolution.coordinate_order, self.evolution.sum_of_ends)

    def describe_network(self, network: str) -> str:
        """See :class:`Reduction`."""
        return f"{network}; in slabs of {self.problem.coordinates[-1]}, at the start of which all is given"


def march_in_space(problem: Problem) -> SpaceMarch | None:
    """Return the reduction to a march along a coordinate of space; None if the problem has no such coordinate."""
    along = find_evolution(problem)
    return None if along is None else SpaceMarch(along.time_problem, along)
