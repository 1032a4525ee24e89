"""The problem that is solved in place of that of a file: in time, in natural units, on one part if it has reflections.

A problem in time keeps a reflection of its equations, sides and initial data: half of the domain is enough. A steady
problem may have solutions without the symmetry, and is solved on a half only if nothing else determines the solution: a
layer of -1e-4 u'' = u - u^3 on (-1, 1) may be anywhere up to a residual of exp(-141), but not among odd functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import ProductField, Space
from pinnkan.kan.scaled import scaled
from pinnkan.kan.turned import TurnedField
from pinnkan.problem.evolution import Evolution, evolution
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import kinks
from pinnkan.problem.mirrors import Mirror, half_of, mirrors
from pinnkan.problem.statement import Problem
from pinnkan.problem.units.natural_units import in_natural_units, resized
from pinnkan.solver.algebraic_unknowns import eliminate_algebraic_unknowns
from pinnkan.solver.condition_orders import reduce_condition_orders
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import Outcome
from pinnkan.verdict.records import Reason

#: Numbers of coordinates of space for which a half is solved: on a line it costs nearly as much as the whole.
HALVED_DIMENSIONS = (2, 3)
#: Halvings of a coordinate at most: constant data between zero slopes have a reflection in every half.
MAX_HALVINGS = 3


@dataclass(frozen=True)
class ReducedProblem:
    """The ``problem`` to solve, for u_j / ``sizes[j]``, on the part that ``reflections`` leave.

    ``evolution``: the evolution along a coordinate of space that takes the place of time, None if there is none.
    """

    problem: Problem
    sizes: tuple[float, ...]
    reflections: tuple[Mirror, ...]
    reflection_words: tuple[str, ...]
    evolution: Evolution | None = None

    def restore_field(self, field: Field) -> Field:
        """Return the function of the file's problem from one of this problem."""
        for mirror in reversed(self.reflections):
            field = extend_by_reflection(field, mirror)
        field = scaled(field, self.sizes)
        return field if self.evolution is None else TurnedField(field, self.evolution.order, self.evolution.total)

    def describe_network(self, network: str) -> str:
        """Describe the network, and the part of the domain that it was solved for."""
        if self.evolution is not None:
            network += f"; in slabs of {self.evolution.turned.coordinates[-1]}, at the start of which all is given"
        if not self.reflections:
            return network
        parts, words = 2 ** len(self.reflections), ", ".join(self.reflection_words)
        return f"{network}; solved for on one of {parts} equal parts, since {words}"


def reduce_problem(problem: Problem, size_factors: Array | None = None) -> ReducedProblem:
    """Reduce a problem to the smallest one that gives its solution.

    ``size_factors``: factors (unknown,) on natural sizes.
    """
    lower = reduce_condition_orders(eliminate_algebraic_unknowns(problem))
    along = evolution(lower)
    turned = lower if along is None else along.turned
    solved, sizes = in_natural_units(turned if size_factors is None else resized(turned, size_factors))
    found: list[Mirror] = []
    words: list[str] = []
    while (mirror := _next_reflection(solved, found)) is not None:
        found.append(mirror)
        words.append(mirror.words(solved))
        solved = half_of(solved, mirror)
    return ReducedProblem(solved, sizes, tuple(found), tuple(words), along)


def _next_reflection(problem: Problem, reflections: Sequence[Mirror]) -> Mirror | None:
    """Return a reflection whose half is to be solved, after those ``reflections``; None if there is none.

    Only of a march in two or three coordinates of space, without given knots. No more conditions than before may become
    rows, and no formula may jump or have a kink across the coordinate: conditions in the middle are those of smooth
    functions.
    """
    settings = problem.solver
    marched = problem.time_axis is not None and problem.space_dimension in HALVED_DIMENSIONS
    if not marched or settings.family not in ("auto", "product") or settings.knots is not None:
        return None
    bent = kinks(formulas(problem), problem.coordinates, problem.box.ranges)
    smooth = (m for m in mirrors(problem) if not bent.curved and not bent.planes[m.axis])
    smooth = (m for m in smooth if sum(m.axis == before.axis for before in reflections) < MAX_HALVINGS)
    return next(
        (m for m in smooth if _count_condition_rows(half_of(problem, m)) <= _count_condition_rows(problem)), None
    )


def _count_condition_rows(problem: Problem) -> int:
    """The number of conditions that become rows."""
    return len(sort_conditions(problem).rows)


#: Reasons of an outcome that a symmetry may help.
UNDETERMINED_REASONS = (
    Reason.RANK_DEFICIENT, Reason.BELOW_ROUNDING, Reason.STALLED, Reason.MAX_LEVELS, Reason.NOT_ASYMPTOTIC,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SymmetricSolve:
    """Solves of a ``model`` among functions with one of its symmetries; ``solve_half`` solves the model of a half."""

    model: Model
    solve_half: Callable[[Model], Outcome]
    monitor: Monitor

    @cached_property
    def outcome(self) -> Outcome | None:
        """The first converged outcome, on the whole box; None if there is none or the problem is linear."""
        if self.model.is_linear:
            return None
        problem = self.model.problem
        for mirror in mirrors(problem):
            half = half_of(problem, mirror)
            try:
                found = self.solve_half(compile_model(half, sort_conditions(half), self.model.device, self.model.clock))
            except (SolverError, OutOfTimeError):
                continue
            if found.reason == Reason.CONVERGED:
                return _extend_outcome(problem, found, mirror)
        return None


def prefer_symmetric_outcome(outcome: Outcome, symmetric_solve: SymmetricSolve) -> Outcome:
    """Return the symmetric outcome, if any, where ``outcome`` ended for a reason of UNDETERMINED_REASONS."""
    if outcome.reason not in UNDETERMINED_REASONS or symmetric_solve.monitor.expired():
        return outcome
    return symmetric_solve.outcome or outcome


def _extend_outcome(problem: Problem, half: Outcome, reflection: Mirror) -> Outcome:
    assert half.error is not None
    detail = f"held among functions with {reflection.words(problem)} only"
    return replace(
        half,
        field=extend_by_reflection(half.field, reflection),
        error=extend_by_reflection(half.error, reflection),
        detail=detail,
    )


def extend_by_reflection(field: Field, reflection: Mirror) -> ProductField:
    """Extend a function on the lower half of a coordinate by its reflection to the upper half."""
    assert isinstance(field, ProductField)
    return replace(field, pieces=tuple(_extend_piece(space, c, reflection) for space, c in field.pieces))


def _extend_piece(space: Space, coefficients: Array, reflection: Mirror) -> tuple[Space, Array]:
    axis = space.axes[reflection.axis]
    middle = float(axis.breaks[-1])
    breaks = np.concatenate([axis.breaks, (2.0 * middle - axis.breaks)[-2::-1]])
    joints = (*axis.joints, middle, *(2.0 * middle - x for x in reversed(axis.joints)))
    smooth = (*axis.smoothness, 0, *reversed(axis.smoothness))
    whole = space.replaced(reflection.axis, Axis(breaks, axis.degree, False, joints, smooth))
    image = np.flip(coefficients, reflection.axis) * np.array(reflection.signs, dtype=coefficients.dtype)
    upper = np.take(image, range(1, image.shape[reflection.axis]), reflection.axis)
    return whole, np.concatenate([coefficients, upper], reflection.axis)
