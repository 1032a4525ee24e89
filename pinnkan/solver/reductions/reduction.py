"""One step from a problem to another one that gives its solution."""

from dataclasses import dataclass

from pinnkan.kan.field import Field
from pinnkan.problem.statement import Problem


@dataclass(frozen=True)
class Reduction:
    """The ``problem`` to solve in place of another one with the same unknowns; by default with the same solution."""

    problem: Problem

    def restore_field(self, field: Field) -> Field:
        """Return the function of the other problem from one of this problem."""
        return field

    def describe_network(self, network: str) -> str:
        """Describe the network, and for what it was solved."""
        return network
