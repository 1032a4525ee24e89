"""The chain of reductions, from the problem of a file to the smallest one that gives its solution."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pinnkan.kan.field import Array, Field
from pinnkan.problem.statement import Problem
from pinnkan.solver.reductions.algebraic_unknowns import eliminate_algebraic_unknowns
from pinnkan.solver.reductions.condition_orders import reduce_condition_orders
from pinnkan.solver.reductions.free_numbers import add_number_unknowns
from pinnkan.solver.reductions.reduction import Reduction
from pinnkan.solver.reductions.scaled_unknowns import divide_by_sizes
from pinnkan.solver.reductions.space_march import march_in_space
from pinnkan.solver.reductions.symmetric_part import halve_by_reflections

#: Reductions of the formulas, in order; None: the problem has none of the kind.
FORMULA_REDUCTIONS: tuple[Callable[[Problem], Reduction | None], ...] = (
    lambda problem: Reduction(eliminate_algebraic_unknowns(problem)),
    lambda problem: Reduction(reduce_condition_orders(problem)),
    march_in_space,
)


@dataclass(frozen=True)
class ReducedProblem:
    """The ``problem`` to solve, the ``steps`` that lead to it, and the problem before units and symmetries change it.

    ``sizes``: of the unknowns, by which those of the ``problem`` are divided.
    """

    problem: Problem
    steps: tuple[Reduction, ...]
    unscaled_problem: Problem
    sizes: tuple[float, ...]

    def restore_field(self, field: Field) -> Field:
        """Return the function of the file's problem from one of this problem."""
        for step in reversed(self.steps):
            field = step.restore_field(field)
        return field

    def describe_network(self, network: str) -> str:
        """Describe the network, and what it was solved for."""
        for step in self.steps:
            network = step.describe_network(network)
        return network


def reduce_problem(problem: Problem, size_factors: Array | None = None) -> ReducedProblem:
    """Reduce a problem to the smallest one that gives its solution; on a shape its unknowns are divided by sizes alone.

    ``size_factors``: factors (unknown,) on natural sizes. Raises SolverError: sizes are not finite.
    """
    steps = list(_formula_steps(problem))
    unscaled = steps[-1].problem if steps else problem
    scaling = divide_by_sizes(unscaled, size_factors)
    steps.append(scaling)
    part = halve_by_reflections(scaling.problem) if problem.is_on_box else None
    if part is not None:
        steps.append(part)
    return ReducedProblem(steps[-1].problem, tuple(steps), unscaled, scaling.sizes)


def _formula_steps(problem: Problem) -> Iterator[Reduction]:
    for reduce in (add_number_unknowns, *(FORMULA_REDUCTIONS if problem.is_on_box else ())):
        step = reduce(problem)
        if step is not None:
            problem = step.problem
            yield step
