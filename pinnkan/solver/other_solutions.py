"""Other solutions of a nonlinear steady problem, beside the one that was found.

Another branch begins along the near-null function v of the equations linearised at a solution u (Lyapunov and Schmidt;
Kielhoefer 2012, chapter I). Gauss-Newton begins where the residual of u + s v falls below s times that of v, and far
out on either side. A distinct result is refined to an error of 1e-3. Finding none proves nothing.

On a line the solution that continuation reaches is preferred to one that coarse knots lead to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Problem
from pinnkan.solver.families.product.levels import ProductLevels, ProductState
from pinnkan.solver.homotopy import continue_from_milder_problem
from pinnkan.solver.level_loop import solve_levels
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import gauss_newton
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.solver_state import LevelsState, NewtonState, Step
from pinnkan.solver.verify.findings import Decision
from pinnkan.solver.verify.stability_bounds import near_null_function
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Level, Reason

#: Amplitudes s relative to the solution, and the ratio of the squared residual to that of s v that is a dip: near
#: second solutions of Bratu's equation it is 0.2 to 0.7, 1.0 on seven problems with one solution.
AMPLITUDES, DIP_RATIO = 2.0 ** np.arange(-4, 11), 0.9
#: Multiples of the amplitude of a dip, and amplitudes far out for CHEAP_WORK work, to start from. Heuristic.
DIP_MULTIPLES, FAR_AMPLITUDES = (1.0, 2.0), (2.0, 8.0)
#: Steps from each start; steps in all as a share of those of the solve, or as many as CHEAP_WORK work allows, at most
#: MAX_CHEAP_STEPS. Work is steps times coefficients; CHEAP_WORK takes 0.2 s.
STEPS_PER_START, STEP_SHARE, MAX_CHEAP_STEPS, CHEAP_WORK = 12, 0.5, 50, 2700.0
#: The most work of the continuation and of the solve from there: boundary layers take 250 to 2000.
CONTINUATION_WORK = 6_000
#: Relative tolerance of another solution, levels to reach it, and the relative distance of distinct solutions.
ROUGH_TOLERANCE, MAX_LEVELS, DISTINCT_DISTANCE = 1e-3, 4, 5e-2
#: A minimum is a solution if its squared residual falls by this factor from one level to the next, or is below LEFT of
#: the terms: a spurious one of an eikonal equation keeps 5e-3 of them on all knots.
LOSS_REDUCTION, LOSS_FLOOR = 0.1, 1e-12
#: A function is as much a solution as another if its squared residual is at most so many times that of the other.
COMPARABLE_LOSS = 10.0
#: Points at which two solutions are compared.
COMPARISON_POINTS = 1000


class _StepBudget(Monitor):
    """A monitor that allows STEPS_PER_START steps from a start, and ``remaining`` steps in all."""

    def __init__(self, remaining: float) -> None:
        super().__init__(None, None)
        self.remaining = remaining

    def before_step(self, newton: NewtonState) -> None:
        """Count one step, see :meth:`check_step`."""
        self.check_time_if_usable(newton.steps)

    def check_time_if_usable(self, steps: Sequence[Step]) -> None:
        """Count one step; raise OutOfTimeError if none remains."""
        self.remaining -= 1.0
        if self.remaining < 0.0 or len(steps) >= STEPS_PER_START:
            raise OutOfTimeError
        self.check_time()


class _WorkBudget(Monitor):
    """A monitor that allows the work ``remaining``: steps times coefficients."""

    def __init__(self, remaining: float) -> None:
        super().__init__(None, None)
        self.remaining = remaining

    def side_monitor(self) -> Monitor:
        """Return itself: side solves count as well."""
        return self

    def before_step(self, newton: NewtonState) -> None:
        """Count one step; raise OutOfTimeError if its work exceeds what remains."""
        self.remaining -= newton.coefficients.size
        if self.remaining < 0.0:
            raise OutOfTimeError
        self.check_time()


@dataclass(frozen=True, eq=False)
class _LinearisedSolution:
    """A solution in a space, the near-null ``direction``, scaled to the solution's size, and its residual."""

    system: System
    coefficients: Array
    fixed: np.ndarray
    direction: Array
    direction_residual: float

    def point_along(self, size: float) -> Array:
        """The coefficients ``size`` times the direction away from the solution."""
        return np.ascontiguousarray(self.coefficients + size * self.direction)

    @property
    def sign_reversed(self) -> Array:
        """The coefficients with the other sign, but for those that conditions fix."""
        return np.where(self.fixed, self.coefficients, -self.coefficients)

    @property
    def is_sign_reversal_solution(self) -> bool:
        """Whether the function with the other sign is a solution as well, and a distinct one."""
        image = self.sign_reversed
        as_much = self.system.loss(image) <= COMPARABLE_LOSS * self.system.loss(self.coefficients)
        return as_much and _relative_distance(image, self.coefficients) > DISTINCT_DISTANCE

    def starts(self) -> Iterator[Array]:
        """Yield coefficients near which another solution may be, the likely ones first."""
        dips = [s for sign in (1.0, -1.0) for s in self._dips(sign)]
        far = (
            [sign * s for s in FAR_AMPLITUDES for sign in (-1.0, 1.0)]
            if STEPS_PER_START * self.coefficients.size <= CHEAP_WORK
            else []
        )
        for size in (*dips, *far):
            yield self.point_along(size)

    def _dips(self, sign: float) -> list[float]:
        loss = self.system.loss(self.coefficients)
        seen = [
            (self.system.loss(self.point_along(sign * s)) - loss) / (s * self.direction_residual) ** 2
            for s in AMPLITUDES
        ]
        least = int(np.argmin(seen))
        return [sign * float(AMPLITUDES[least]) * behind for behind in DIP_MULTIPLES] if seen[least] < DIP_RATIO else []


def prefer_continued_solution(family: ProductLevels, outcome: Outcome, monitor: Monitor) -> Outcome:
    """Return the outcome that continuation from a milder problem leads to if that is distinct, else ``outcome``.

    On a line only. The function of ``outcome`` is then the ``other`` solution of the outcome.
    """
    model, field = family.model, outcome.field
    if not _is_search_due(model, outcome, monitor) or model.problem.dimension > 1:
        return outcome
    bounded = _WorkBudget(CONTINUATION_WORK)
    bounded.clock = monitor.clock
    try:
        mild = continue_from_milder_problem(
            model, lambda other: replace(family, model=other, is_homotopy_step=True), bounded
        )
        if mild is None or not _are_distinct(family.field_of(mild), field, model.problem):
            return outcome
        start = family.start_from(mild.space, mild.coefficients)
        state = LevelsState(start, family.field_of(start))
        second, _ = solve_levels(family, Verifier(model), bounded, state)
    except (SolverError, OutOfTimeError, np.linalg.LinAlgError):
        return outcome
    is_one = second.reason == Reason.CONVERGED and _are_distinct(second.field, field, model.problem)
    return replace(second, other_solution=field) if is_one else outcome


def _are_distinct(field: Field, reference: Field, problem: Problem) -> bool:
    return _relative_distance(*(_values(each, problem) for each in (field, reference))) > DISTINCT_DISTANCE


def find_other_solution(family: ProductLevels, outcome: Outcome, monitor: Monitor) -> Field | None:
    """Return a solution distinct from that ``outcome``, known roughly; None if none is seen."""
    model, field = family.model, outcome.field
    if outcome.other_solution is not None:
        return outcome.other_solution
    if not _is_search_due(model, outcome, monitor) or not isinstance(field, ProductField) or len(field.pieces) > 1:
        return None
    (space, coefficients), *_ = field.pieces
    counting = _StepBudget(_allowed_steps(outcome.levels, space))
    counting.clock = monitor.clock
    solver = replace(model.problem.solver, tolerance=ROUGH_TOLERANCE)
    roughly = replace(model, problem=replace(model.problem, solver=solver, exact=None), is_linear=False)
    rough = replace(family, model=roughly)
    if counting.remaining < STEPS_PER_START:
        return None
    try:
        known = _linearise_solution(rough, space, coefficients)
        if known is None:
            return None
        if known.is_sign_reversal_solution:
            return ProductField(((space, known.sign_reversed),))
        passed = [known.coefficients]
        others = (_solve_from(rough, known, start, passed, counting) for start in known.starts())
        return next((other for other in others if other is not None), None)
    except (SolverError, OutOfTimeError, np.linalg.LinAlgError):
        return None


def _is_search_due(model: Model, outcome: Outcome, monitor: Monitor) -> bool:
    may_have = model.may_have_other_solutions and not model.problem.interfaces
    return may_have and outcome.reason == Reason.CONVERGED and not monitor.expired()


def _allowed_steps(levels: tuple[Level, ...], space: Space) -> float:
    """The number of Gauss-Newton steps allowed in all."""
    taken = STEP_SHARE * sum(level.iterations * level.parameters for level in levels)
    return max(taken / space.size, min(CHEAP_WORK / space.size, MAX_CHEAP_STEPS))


def _linearise_solution(family: ProductLevels, space: Space, coefficients: Array) -> _LinearisedSolution | None:
    model, system = family.model, System(family.model, space)
    null = near_null_function(system, coefficients)
    if null.coefficients is None or null.sigma == 0.0:
        return None
    size = max(float(np.sqrt(np.mean(coefficients**2))), min(model.sizes) if len(model.sizes) == 1 else 1.0)
    scale = size / float(np.sqrt(np.mean(null.coefficients**2)))
    fixed = zero_conditions(model.conditions, space)[1]
    return _LinearisedSolution(system, coefficients, fixed, scale * null.coefficients, scale * null.sigma)


def _solve_from(
    family: ProductLevels, known: _LinearisedSolution, start: Array, known_solutions: list[Array], monitor: _StepBudget
) -> Field | None:
    """Return the solution that ``start`` leads to.

    None if that fails or is one of ``known_solutions``, which it then joins.
    """
    try:
        reached = gauss_newton(known.system, start, known.fixed, ROUGH_TOLERANCE, monitor).coefficients
    except (SolverError, OutOfTimeError):
        return None
    if any(_relative_distance(reached, before) < DISTINCT_DISTANCE for before in known_solutions):
        return None
    known_solutions.append(reached)
    state = _confirm_solution(family, family.start_state(known.system, reached), monitor)
    if state is None:
        return None
    field, first = family.field_of(state), ProductField(((known.system.space, known.coefficients),))
    if Verifier(family.model).real_powers.objection(field, family.problem.domain, None):
        return None
    return field if _are_distinct(field, first, family.problem) else None


def _confirm_solution(family: ProductLevels, state: ProductState, monitor: Monitor) -> ProductState | None:
    """Return the state on knots fine enough to show it to be a solution; None if they do not."""
    before = float("inf")
    for number in range(MAX_LEVELS):
        state, _ = family.minimise(state, number, monitor.side_monitor())
        measured = family.evaluate_minimum(state)
        estimate = family.estimate(state, measured, Outcome(measured.field, None))
        if estimate.size <= ROUGH_TOLERANCE and not measured.unconverged_reason:
            left = LOSS_FLOOR * Verifier(family.model).feature_check.mean_square_terms(measured.field)
            if measured.loss <= left or measured.loss <= LOSS_REDUCTION * before < np.inf:
                return state
        finer = family.refine(state, estimate, Decision())
        if finer is None:
            break
        before, state = measured.loss, finer
    return None


def _relative_distance(a: Array, b: Array) -> float:
    """Norm of the difference, relative to the larger of the two norms."""
    return float(np.linalg.norm(a - b)) / max(float(np.linalg.norm(a)), float(np.linalg.norm(b)), 1e-300)


def _values(field: Field, problem: Problem) -> Array:
    """Values (point, unknown) of a field at the points of comparison."""
    points = problem.domain.sample(COMPARISON_POINTS, kronecker_points)
    return field(points, [(0,) * problem.dimension])[..., 0]


def describe_ambiguity(problem: Problem, field: Field, other: Field | None) -> str:
    """Describe why a solution may not be the only one: ``other`` differs, or it is zero; "" if nothing says so."""
    here = _values(field, problem)
    if other is None:
        zero = "zero everywhere, as there is always a solution without a source: look for others beside it"
        return "" if here.any() else zero
    there = _values(other, problem)
    off = np.abs(here - there) / np.maximum(np.sqrt(np.mean(here**2 + there**2, axis=0)), 1e-300)
    k, unknown = np.unravel_index(int(np.argmax(off)), off.shape)
    at = problem.format_point(problem.domain.sample(COMPARISON_POINTS, kronecker_points)[k])
    name = problem.unknowns[unknown]
    return f"one of several solutions: {name} is {here[k, unknown]:.3g} at {at}, and {there[k, unknown]:.3g} in another"
