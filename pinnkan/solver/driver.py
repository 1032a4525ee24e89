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
from pinnkan.problem.checks.algebraic import contradicted_start, several_values
from pinnkan.problem.checks.starts import free_start, several_starts
from pinnkan.problem.evolution import in_time
from pinnkan.problem.features.penalty import penalties
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution
from pinnkan.solver import memory
from pinnkan.solver.closures import without_closures
from pinnkan.solver.estimate.bounds import bound_of
from pinnkan.solver.estimate.quantities import read_off
from pinnkan.solver.families.deep.settings import choose_settings
from pinnkan.solver.families.fitted.choice import can_turn, slabs_fitted, solve_axes_or_fitted
from pinnkan.solver.families.product.coarser import coarser
from pinnkan.solver.families.product.degrees import CUBE_DEGREES, DEGREES, degree_in_space, degree_of, is_walled
from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.families.product.slabs import ProductSlabs
from pinnkan.solver.learned_sizes import InUnits, counted_for_itself
from pinnkan.solver.levels import Among, begun, solve_levels
from pinnkan.solver.march import march
from pinnkan.solver.monitor import Monitor, OutOfTimeError, Progress
from pinnkan.solver.others import ambiguous, another, connected
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.reduced import Halves, Reduced, held_by_symmetry, reduced
from pinnkan.solver.slab_family import SlabFamily
from pinnkan.solver.state import LevelsState
from pinnkan.solver.verify.uniqueness.uniqueness import Uniqueness
from pinnkan.solver.verify.unsettled import CONTRADICTED, explained, is_contradicted, undetermined
from pinnkan.solver.verify.verify import Verifier
from pinnkan.verdict.advice import along, remedy
from pinnkan.verdict.records import Level, Reason
from pinnkan.verdict.verdict import Verdict, judge

#: First knot intervals per coordinate, by dimension: steady, in slabs, and in slabs of ``is_walled`` problems.
INTERVALS = {1: 3, 2: 3, 3: 3}
SLAB_INTERVALS, CUBE_INTERVALS = {1: 1, 2: 8, 3: 4, 4: 3}, 1
#: The first slab of the latter, over the whole time; in a shorter one a pressure is determined worse. In a cube of
#: length two its error is 1.6e-5 with 0.05 and 0.8e-5 with 0.1.
CUBE_SLAB = 0.1
#: Levels by dimension, and passes through time, if the file names none. A layer of 1e-7 takes twenty levels on a line.
LEVELS, PASSES = {1: 40, 2: 14, 3: 14}, 4

#: Quantities are read off until READING time limits and GRACE seconds are over: files are written after that.
READING, GRACE = 1.1, 1.5

#: Advice after first-order methods: poisson2d, deep: 9e-2 in 20 s with Adam, 1e-5 in 3 s with Levenberg-Marquardt.
SECOND_ORDER = "Or leave `method` out: Gauss-Newton reaches smaller errors in less time."


def solve(
    problem: Problem, *, device: str = "cpu", progress: Progress | None = None, monitor: Monitor | None = None
) -> Solution:
    """Solve a problem to its tolerance, or report why that is not reached.

    ``monitor`` may keep states, and hold one to resume from. Raises SolverError if the iteration diverges, or values
    are not finite, before any usable state; ResourceError if memory or a device is lacking.
    """
    monitor = monitor or Monitor(problem.solver.max_time, progress)
    memory.keep_freed()
    marched = without_closures(in_time(problem))
    # Many small factorisations: a second BLAS thread costs a hundredfold on a busy machine (measured).
    with threadpool_limits(limits=None if is_many(problem) else 1, user_api="blas"), _torch_threads(problem):
        try:
            found = _in_units(problem, monitor, device)
            part, model, outcome = found.part, found.model, found.outcome
        except OutOfTimeError:
            return result_so_far(problem, monitor, Reason.MAX_TIME, monitor.ahead_of_limit())
        except (SolverError, np.linalg.LinAlgError) as error:
            reason = error.reason if isinstance(error, SolverError) else Reason.NOT_FINITE
            if monitor.state is None:
                raise SolverError(str(error), reason) from error
            detail = "; ".join(filter(None, (str(error), several_starts(marched), contradicted_start(marched))))
            return result_so_far(problem, monitor, Reason(reason), detail)
        except ResourceError:
            if monitor.state is None or not is_contradicted(monitor.state.levels):
                raise
            return result_so_far(problem, monitor, Reason.STALLED, CONTRADICTED)
        open_ended = undetermined(part.problem, None if model.is_linear else outcome.field) or free_start(marched)
        if open_ended:
            outcome = replace(outcome, reason=Reason.RANK_DEFICIENT, detail=open_ended)
        elif model.may_have_others and outcome.reason == Reason.CONVERGED and not outcome.detail:
            told = several_starts(marched) or several_values(marched)
            if not told:
                other = None if outcome.other is None else part.whole(outcome.other)
                told = ambiguous(problem, part.whole(outcome.field), other)
                told = told or Uniqueness(model).several(outcome.field, part.sizes)
            outcome = replace(outcome, detail=told)
        if not outcome.detail:
            outcome = replace(outcome, detail=contradicted_start(marched))
        if outcome.reason == Reason.MAX_TIME and not outcome.detail:
            outcome = replace(outcome, detail=monitor.ahead_of_limit())
        return _of_file(problem, _result(model, outcome, monitor), part, monitor, outcome.coarser)


def _in_units(problem: Problem, monitor: Monitor, device: str) -> InUnits:
    """Reduce a problem and solve it in natural units; again in observed sizes of unknowns where those were far off."""
    part = reduced(problem)
    model = compile_model(part.problem, sort_conditions(part.problem), torch.device(device), monitor.clock)
    first = InUnits(part, model, _outcome(model, monitor, device))
    return counted_for_itself(problem, first, lambda other: _outcome(other, monitor.aside(), device))


def _outcome(model: Model, monitor: Monitor, device: str) -> Outcome:
    """Solve a model by the family of networks that fits its problem."""
    problem = model.problem
    if problem.interfaces and (is_many(problem) or _is_deep(problem)):
        raise UsageError("a flux that jumps is solved for by `network: product`, in up to three coordinates of space")
    if is_many(problem):
        from pinnkan.solver.families.many import solve_many

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
    most = 1 if undetermined(problem) else settings.max_levels  # more would not help
    may_turn = settings.network == "auto" and can_turn(problem)
    if problem.time_axis is None:
        axes = ProductLevels(model, degree, settings.knots or INTERVALS[d], most or LEVELS[d], describe(problem))

        def on_axes(other: Model) -> Outcome:
            return _on_axes(replace(axes, model=other), Verifier(other), monitor.aside())

        halves = Halves(model, on_axes, monitor)
        if may_turn:
            found = solve_axes_or_fitted(axes, verify, monitor)
        else:
            found = _on_axes(axes, verify, monitor, lambda: halves.outcome)
        outcome = connected(axes, explained(model, held_by_symmetry(found, halves)), monitor)
        return replace(outcome, other=another(axes, outcome, monitor), coarser=coarser(axes, outcome, monitor))
    intervals = settings.knots or (CUBE_INTERVALS if is_walled(problem) else SLAB_INTERVALS[d])
    slabs = ProductSlabs(
        model, (degree_in_space(problem, degree), degree), intervals, most or PASSES, describe(problem)
    )
    if is_walled(problem) and not (settings.degree or settings.knots):
        slabs = replace(slabs, highest=CUBE_DEGREES[1], first_slab=CUBE_SLAB)
    family: SlabFamily[Any, Any] = slabs_fitted(slabs) if may_turn else slabs
    return march(family, verify, monitor)


def _on_axes(axes: ProductLevels, verify: Verifier, monitor: Monitor, among: Among = lambda: None) -> Outcome:
    state = monitor.resumed(LevelsState) or begun(axes)
    return solve_levels(axes, verify, monitor, state, among=among)[0]


def _result(model: Model, outcome: Outcome, monitor: Monitor) -> Solution:
    problem = model.problem
    reason = Reason.CONVERGED if outcome.reason is None else outcome.reason
    if reason == Reason.RANK_DEFICIENT:  # the error of an undetermined function is unknown
        unknown = tuple(replace(level, estimate=float("inf")) for level in outcome.levels)
        outcome = replace(outcome, levels=unknown)
    verdict, levels = _judged(problem, outcome.levels, reason, outcome.detail)
    bound = None if is_many(problem) or monitor.expired() else bound_of(model, outcome.field)
    if bound is not None:
        verdict = replace(verdict, bound=bound.value, bound_sentence=bound.sentence)
    if not verdict.converged and problem.solver.method != "gauss_newton":
        verdict = replace(verdict, remedy=f"{verdict.remedy} {SECOND_ORDER}")
    records = levels, outcome.history, monitor.elapsed(), outcome.network or describe(problem)
    return Solution(problem, outcome.field, outcome.error, verdict, *records)


def result_so_far(problem: Problem, monitor: Monitor, reason: Reason, detail: str = "") -> Solution:
    """Return the solution at the last state of a solve that ended for ``reason``. Raises SolverError: there is none."""
    state = monitor.state
    if state is None or state.field is None:
        raise SolverError(detail or f"the solve ended ({reason}) before there was anything to show", reason)
    verdict, levels = _judged(in_time(problem), state.levels, reason, detail)
    network = state.network or describe(problem)
    found = Solution(problem, state.field, state.error, verdict, levels, state.history, monitor.elapsed(), network)
    return _of_file(problem, found, reduced(problem), monitor)


def _judged(
    problem: Problem, levels: tuple[Level, ...], reason: Reason, detail: str
) -> tuple[Verdict, tuple[Level, ...]]:
    """Draw the verdict; return it with the levels, the last error infinite if an unknown has no finite norm.

    The remedy is then computed from the estimates of the other unknowns.
    """
    tolerance = problem.solver.tolerance
    end = None if problem.time_axis is None else problem.box.ranges[problem.time_axis][1]
    if not (problem.unbounded and levels):
        verdict = judge(levels, tolerance, reason, detail, end)
        instead = () if verdict.converged else penalties(problem)
        advice = verdict.remedy if end is None else along(problem.coordinates[-1].name, verdict.remedy)
        return replace(verdict, remedy=" ".join([*instead, advice])), levels
    reason = reason or Reason.NO_FINITE_NORM
    detail = "; ".join(filter(None, (detail, _without_norm(problem, levels))))
    worst = (*levels[:-1], replace(levels[-1], estimate=float("inf")))
    return replace(judge(worst, tolerance, reason, detail, end), remedy=remedy(reason, levels, tolerance, end)), worst


def _without_norm(problem: Problem, levels: tuple[Level, ...]) -> str:
    """Describe which unknowns have no finite norm and where, and the estimated error of the others."""
    names = ", ".join(problem.unknowns[j] for j in sorted(problem.unbounded))
    known = max((e for e in levels[-1].estimates if np.isfinite(e)), default=np.inf)
    point = problem.disagreements[0].position if problem.disagreements else ()
    at = ", ".join(f"{c} = {x:.6g}" for c, x in zip(problem.coordinates, point, strict=False))
    within = f"; all else is within {known:.1e}" if np.isfinite(known) else ""
    return f"{names} grows without bound at {at}, where values jump: no finite L2 norm{within}"


def _of_file(
    problem: Problem, found: Solution, part: Reduced, monitor: Monitor, coarser: Field | None = None
) -> Solution:
    """Return the solution of the file's problem, with quantities, from the one found for the reduced problem ``part``.

    ``coarser``: the field of the level before, which shows how fast quantities converge.
    """
    error, network = None if found.error is None else part.whole(found.error), part.described(found.network)
    shown = replace(found, problem=problem, field=part.whole(found.field), error=error, network=network)
    clock = Clock(READING * monitor.limit + GRACE, monitor.elapsed())
    before = None if coarser is None else part.whole(coarser)
    is_known = np.isfinite(found.verdict.estimate) or found.verdict.reason == Reason.NO_FINITE_NORM
    read = read_off(problem, shown.field, error if is_known else None, shown.times(), clock, before)
    return replace(shown, quantities=read)


def is_many(problem: Problem) -> bool:
    """Whether there are more coordinates of space than one block of splines can have."""
    return problem.space_dimension > max(DEGREES)


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


def describe(problem: Problem) -> str:
    """Describe the network, and why it was chosen."""
    if _is_deep(problem):
        return choose_settings(problem).described()
    d = problem.dimension
    why = (
        "asked for" if problem.solver.network == "product" else f"chosen because it has {d} coordinates, three at most"
    )
    return f"product: one block of multiplying nodes on all coordinates, the tensor-product spline space ({why})"
