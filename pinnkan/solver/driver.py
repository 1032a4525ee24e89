"""From a problem to a solution: choose a family, solve on levels or slabs, draw the verdict."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.clock import Clock
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import ResourceError, SolverError, UsageError
from pinnkan.kan.field import Field
from pinnkan.problem.checks.algebraic_values import initial_contradiction, several_algebraic_values
from pinnkan.problem.checks.initial_values import several_starts, undetermined_start
from pinnkan.problem.features.penalty import penalty_advice
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution
from pinnkan.solver import memory
from pinnkan.solver.estimate.bounds import error_bound
from pinnkan.solver.estimate.quantities import evaluate_quantities
from pinnkan.solver.families.deep.settings import choose_settings
from pinnkan.solver.families.fitted.choice import can_rotate, choose_slab_family, solve_axes_or_fitted
from pinnkan.solver.families.product import degrees
from pinnkan.solver.families.product.coarser_solution import solve_coarser
from pinnkan.solver.families.product.degrees import degree_in_space, degree_of, is_bounded_space_system
from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.families.product.slabs import ProductSlabs
from pinnkan.solver.families.shapes.solve import solve_on_shape
from pinnkan.solver.level_loop import SubspaceSolver, initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor, OutOfTimeError, Progress
from pinnkan.solver.numbers.free_numbers import read_free_numbers
from pinnkan.solver.observed_sizes import ScaledSolve, solve_in_observed_sizes
from pinnkan.solver.other_solutions import describe_ambiguity, find_other_solution, prefer_continued_solution
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.reductions.chain import ReducedProblem, reduce_problem
from pinnkan.solver.slab_family import SlabFamily
from pinnkan.solver.slab_loop import march_in_time
from pinnkan.solver.solver_state import LevelsState
from pinnkan.solver.symmetric_solve import SymmetricSolve, prefer_symmetric_outcome
from pinnkan.solver.verify.failure_reasons import (
    CONTRADICTION_TEXT,
    explain_failure,
    is_residual_constant,
    undetermined_reason,
)
from pinnkan.solver.verify.uniqueness.uniqueness import Uniqueness
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.advice import name_coordinate, remedy
from pinnkan.verdict.records import Level, Reason
from pinnkan.verdict.verdict import Verdict, judge

#: First knot intervals per coordinate, by dimension: steady, in slabs, and in slabs of flows between walls.
FIRST_INTERVALS = {1: 3, 2: 3, 3: 3}
SLAB_FIRST_INTERVALS, CUBE_FIRST_INTERVALS = {1: 1, 2: 8, 3: 4, 4: 3}, 1
#: The first slab of the latter, over the whole time; in a shorter one a pressure is determined worse. In a cube of
#: length two its error is 1.6e-5 with 0.05 and 0.8e-5 with 0.1.
CUBE_FIRST_SLAB = 0.1
#: Levels by dimension, and passes through time, if the file names none. A layer of 1e-7 takes twenty levels on a line.
MAX_LEVELS, MAX_PASSES = {1: 40, 2: 14, 3: 14}, 4

#: Quantities are read off until so many time limits and seconds are over: files are written after that.
READOUT_LIMITS, READOUT_GRACE = 1.1, 1.5

#: Advice after first-order methods: poisson2d, deep: 9e-2 in 20 s with Adam, 1e-5 in 3 s with Levenberg-Marquardt.
SECOND_ORDER_ADVICE = "Or leave `method` out: Gauss-Newton reaches smaller errors in less time."


def solve(
    problem: Problem, *, device: str = "cpu", progress: Progress | None = None, monitor: Monitor | None = None
) -> Solution:
    """Solve a problem to its tolerance, or report why that is not reached.

    ``monitor`` may keep states, and hold one to resume from. Raises SolverError if the iteration diverges, or values
    are not finite, before any usable state; ResourceError if memory or a device is lacking.
    """
    monitor = monitor or Monitor(problem.solver.max_time, progress)
    memory.keep_freed_memory()
    # Many small factorisations: a second BLAS thread costs a hundredfold on a busy machine (measured).
    threads = None if has_many_coordinates(problem) else 1
    with threadpool_limits(limits=threads, user_api="blas"), _torch_threads(problem):
        reduced = reduce_problem(problem)
        unscaled = reduced.unscaled_problem
        try:
            found = _solve_reduced(problem, reduced, monitor, device)
            part, model, outcome = found.reduced_problem, found.model, found.outcome
        except OutOfTimeError:
            return result_so_far(problem, monitor, Reason.MAX_TIME, monitor.early_end_reason())
        except (SolverError, np.linalg.LinAlgError) as error:
            reason = error.reason if isinstance(error, SolverError) else Reason.NOT_FINITE
            if monitor.state is None:
                raise SolverError(str(error), reason) from error
            detail = "; ".join(filter(None, (str(error), several_starts(unscaled), initial_contradiction(unscaled))))
            return result_so_far(problem, monitor, Reason(reason), detail)
        except ResourceError:
            if monitor.state is None or not is_residual_constant(monitor.state.levels):
                raise
            return result_so_far(problem, monitor, Reason.STALLED, CONTRADICTION_TEXT)
        open_ended = undetermined_reason(part.problem, None if model.is_linear else outcome.field)
        open_ended = open_ended or undetermined_start(unscaled)
        if open_ended:
            outcome = replace(outcome, reason=Reason.RANK_DEFICIENT, detail=open_ended)
        elif model.may_have_other_solutions and outcome.reason == Reason.CONVERGED and not outcome.detail:
            told = several_starts(unscaled) or several_algebraic_values(unscaled)
            outcome = replace(outcome, detail=told or _describe_other_solutions(problem, found))
        if not outcome.detail:
            outcome = replace(outcome, detail=initial_contradiction(unscaled))
        if outcome.reason == Reason.MAX_TIME and not outcome.detail:
            outcome = replace(outcome, detail=monitor.early_end_reason())
        return _restore_solution(problem, _make_solution(model, outcome, monitor), part, monitor, outcome.coarser_field)


def _describe_other_solutions(problem: Problem, found: ScaledSolve) -> str:
    """Describe what else solves the problem beside a solution; "" where nothing does."""
    part, outcome = found.reduced_problem, found.outcome
    other = None if outcome.other_solution is None else part.restore_field(outcome.other_solution)
    told = describe_ambiguity(problem, part.restore_field(outcome.field), other)
    return told or Uniqueness(found.model).ambiguity(outcome.field, part.sizes)


def _solve_reduced(problem: Problem, reduced: ReducedProblem, monitor: Monitor, device: str) -> ScaledSolve:
    """Solve a reduced problem; again in observed sizes of unknowns where natural sizes were far off."""
    model = compile_model(reduced.problem, sort_conditions(reduced.problem), torch.device(device), monitor.clock)
    first = ScaledSolve(reduced, model, _solve_model(model, monitor, device))
    return solve_in_observed_sizes(problem, first, lambda other: _solve_model(other, monitor.side_monitor(), device))


def _solve_model(model: Model, monitor: Monitor, device: str) -> Outcome:
    """Solve a model by the family of networks that fits its problem."""
    problem = model.problem
    if not problem.is_on_box:
        return solve_on_shape(model, monitor, MAX_LEVELS[2], MAX_PASSES)
    if problem.interfaces and (has_many_coordinates(problem) or _is_deep(problem)):
        raise UsageError("a flux that jumps is solved for by `network: product`, in up to three coordinates of space")
    if has_many_coordinates(problem):
        from pinnkan.solver.families.high_dimensions import solve_many

        return solve_many(model, monitor)
    if _is_deep(problem):
        from pinnkan.solver.families.deep.sweeps import solve_deep

        return solve_deep(model, solve_product, monitor, device)
    return solve_product(model, monitor)


def solve_product(model: Model, monitor: Monitor) -> Outcome:
    """Solve by a product network, on levels or on slabs; with ``network: auto`` also in fitted coordinates."""
    problem, verify = model.problem, Verifier(model)
    settings, d = problem.solver, problem.dimension
    degree = degree_of(problem, max(model.orders))
    most = 1 if undetermined_reason(problem) else settings.max_levels  # more would not help
    may_turn = settings.network == "auto" and can_rotate(problem)
    if problem.time_axis is None:
        axes = ProductLevels(
            model, degree, settings.knots or FIRST_INTERVALS[d], most or MAX_LEVELS[d], describe_network(problem)
        )

        def on_axes(other: Model) -> Outcome:
            return _solve_on_axes(replace(axes, model=other), Verifier(other), monitor.side_monitor())

        halves = SymmetricSolve(model, on_axes, monitor)
        if may_turn:
            found = solve_axes_or_fitted(axes, verify, monitor)
        else:
            found = _solve_on_axes(axes, verify, monitor, lambda: halves.outcome)
        outcome = explain_failure(model, prefer_symmetric_outcome(found, halves))
        outcome = prefer_continued_solution(axes, outcome, monitor)
        other = find_other_solution(axes, outcome, monitor)
        return replace(outcome, other_solution=other, coarser_field=solve_coarser(axes, outcome, monitor))
    is_bounded = is_bounded_space_system(problem)
    intervals = settings.knots or (CUBE_FIRST_INTERVALS if is_bounded else SLAB_FIRST_INTERVALS[d])
    slabs = ProductSlabs(
        model, (degree_in_space(problem, degree), degree), intervals, most or MAX_PASSES, describe_network(problem)
    )
    if is_bounded and not (settings.degree or settings.knots):
        slabs = replace(slabs, highest_degree=degrees.BOUNDED_SPACE_DEGREES[1], first_slab=CUBE_FIRST_SLAB)
    family: SlabFamily[Any, Any] = choose_slab_family(slabs) if may_turn else slabs
    return march_in_time(family, verify, monitor)


def _solve_on_axes(
    axes: ProductLevels, verify: Verifier, monitor: Monitor, solve_subspace: SubspaceSolver = lambda: None
) -> Outcome:
    state = monitor.take_resumed_state(LevelsState) or initial_levels_state(axes)
    return solve_levels(axes, verify, monitor, state, solve_subspace=solve_subspace)[0]


def _make_solution(model: Model, outcome: Outcome, monitor: Monitor) -> Solution:
    problem = model.problem
    reason = Reason.CONVERGED if outcome.reason is None else outcome.reason
    if reason == Reason.RANK_DEFICIENT:  # the error of an undetermined function is unknown
        unknown = tuple(replace(level, estimate=float("inf")) for level in outcome.levels)
        outcome = replace(outcome, levels=unknown)
    verdict, levels = _draw_verdict(problem, outcome.levels, reason, outcome.detail)
    bound = None if has_many_coordinates(problem) or monitor.expired() else error_bound(model, outcome.field)
    if bound is not None:
        verdict = replace(verdict, bound=bound.value, bound_sentence=bound.sentence)
    if not verdict.converged and problem.solver.method != "gauss_newton":
        verdict = replace(verdict, remedy=f"{verdict.remedy} {SECOND_ORDER_ADVICE}")
    records = levels, outcome.history, monitor.elapsed(), outcome.network or describe_network(problem)
    return Solution(problem, outcome.field, outcome.error, verdict, *records)


def result_so_far(problem: Problem, monitor: Monitor, reason: Reason, detail: str = "") -> Solution:
    """Return the solution at the last state of a solve that ended for ``reason``. Raises SolverError: there is none."""
    state = monitor.state
    if state is None or state.field is None:
        raise SolverError(detail or f"the solve ended ({reason}) before there was anything to show", reason)
    reduced = reduce_problem(problem)
    verdict, levels = _draw_verdict(reduced.unscaled_problem, state.levels, reason, detail)
    network = state.network or describe_network(problem)
    found = Solution(problem, state.field, state.error, verdict, levels, state.history, monitor.elapsed(), network)
    return _restore_solution(problem, found, reduced, monitor)


def _draw_verdict(
    problem: Problem, levels: tuple[Level, ...], reason: Reason, detail: str
) -> tuple[Verdict, tuple[Level, ...]]:
    """Draw the verdict; return it with the levels, the last error infinite if an unknown has no finite norm.

    The remedy is then computed from the estimates of the other unknowns.
    """
    tolerance = problem.solver.tolerance
    end = None if problem.time_axis is None else problem.box.ranges[problem.time_axis][1]
    if not (problem.unknowns_without_norm and levels):
        verdict = judge(levels, tolerance, reason, detail, end)
        instead = () if verdict.converged else penalty_advice(problem)
        advice = verdict.remedy if end is None else name_coordinate(problem.coordinates[-1].name, verdict.remedy)
        return replace(verdict, remedy=" ".join([*instead, advice])), levels
    reason = reason or Reason.NO_FINITE_NORM
    detail = "; ".join(filter(None, (detail, _describe_missing_norms(problem, levels))))
    worst = (*levels[:-1], replace(levels[-1], estimate=float("inf")))
    return replace(judge(worst, tolerance, reason, detail, end), remedy=remedy(reason, levels, tolerance, end)), worst


def _describe_missing_norms(problem: Problem, levels: tuple[Level, ...]) -> str:
    """Describe which unknowns have no finite norm and where, and the estimated error of the others."""
    names = ", ".join(problem.unknowns[j] for j in sorted(problem.unknowns_without_norm))
    known = max((e for e in levels[-1].estimates if np.isfinite(e)), default=np.inf)
    point = problem.disagreements[0].position if problem.disagreements else ()
    at = ", ".join(f"{c} = {x:.6g}" for c, x in zip(problem.coordinates, point, strict=False))
    within = f"; all else is within {known:.1e}" if np.isfinite(known) else ""
    return f"{names} grows without bound at {at}, where values jump: no finite L2 norm{within}"


def _restore_solution(
    problem: Problem,
    solution: Solution,
    reduced_problem: ReducedProblem,
    monitor: Monitor,
    coarser_field: Field | None = None,
) -> Solution:
    """The solution of the file's problem, with quantities; ``coarser_field``: of the level before, for their errors."""
    error = None if solution.error is None else reduced_problem.restore_field(solution.error)
    network = reduced_problem.describe_network(solution.network)
    shown = replace(
        solution, problem=problem, field=reduced_problem.restore_field(solution.field), error=error, network=network
    )
    clock = Clock(READOUT_LIMITS * monitor.limit + READOUT_GRACE, monitor.elapsed())
    before = None if coarser_field is None else reduced_problem.restore_field(coarser_field)
    is_known = np.isfinite(solution.verdict.estimate) or solution.verdict.reason == Reason.NO_FINITE_NORM
    read = evaluate_quantities(problem, shown.field, error if is_known else None, shown.times(), clock, before)
    return replace(shown, quantities=read, free_numbers=read_free_numbers(shown))


def has_many_coordinates(problem: Problem) -> bool:
    """Whether there are more coordinates of space than one block of splines can have."""
    return problem.space_dimension > max(degrees.DEGREES)


def _is_deep(problem: Problem) -> bool:
    """Whether the network is a deep or a ridge network."""
    return problem.solver.family in ("deep", "ridge")


@contextmanager
def _torch_threads(problem: Problem) -> Iterator[None]:
    """Limit torch to two threads for a steady problem in the plane, to one for others below three coordinates."""
    before = torch.get_num_threads()
    if problem.dimension < 3:
        is_plane = problem.dimension == 2 and problem.time_axis is None and not _is_deep(problem)
        torch.set_num_threads(min(before, 2 if is_plane else 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe_network(problem: Problem) -> str:
    """Describe the network, and why it was chosen."""
    if _is_deep(problem):
        return choose_settings(problem).network_description()
    asked, d = problem.solver.network == "product", problem.dimension
    why = "asked for" if asked else f"chosen because it has {d} coordinates, three at most"
    return f"product: one block of multiplying nodes on all coordinates, the tensor-product spline space ({why})"
