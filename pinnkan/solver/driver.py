"""From a problem to a result: choose the network, solve on levels or slabs, judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import Model, compile_model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem
from pinnkan.solver import memory
from pinnkan.solver.estimate.bounds import bound_of
from pinnkan.solver.families.deep.comparison import Comparison
from pinnkan.solver.families.deep.settings import choose_settings
from pinnkan.solver.families.fitted.choice import can_turn, solve_axes_or_inner, solve_slabs_or_inner
from pinnkan.solver.families.product.levels import solve_steady
from pinnkan.solver.families.product.slabs import solve_slabs
from pinnkan.solver.monitor import OutOfTimeError, Progress, Watch
from pinnkan.solver.outcome import Outcome, TrueError
from pinnkan.solver.verify.hidden_features import Witness
from pinnkan.solver.verify.null_space import undetermined
from pinnkan.verdict.records import Iteration, Level
from pinnkan.verdict.verdict import Verdict, judge

#: Degree of the splines by number of coordinates: a cell has (degree + 1)^d coefficients. In the plane 10 takes the
#: time of 9 for a fourth to a twentieth of the error (Poisson, Helmholtz); 11 needs more levels for fronts.
DEGREES = {1: 9, 2: 10, 3: 8}
SLAB_DEGREES = {2: 8, 3: 6, 4: 5}
#: Knot intervals per coordinate on the coarsest level.
INTERVALS = {1: 3, 2: 3, 3: 3}
SLAB_INTERVALS = {2: 8, 3: 4, 4: 4}
#: Levels, and passes through time, when the file names none.
LEVELS, PASSES = 14, 3

#: What else to try where a first-order method did not reach the tolerance. Measured in 20 s on poisson2d, deep: error
#: 9e-2 with Adam, 3e-3 with L-BFGS, and 1e-5 in 3 s with Levenberg-Marquardt.
SECOND_ORDER = "Or leave `method` out: Gauss-Newton reaches smaller errors in less time."


@dataclass(frozen=True, eq=False)
class Result:
    """A solved problem: function, estimated error as a function, verdict, records; ``network`` says what was chosen."""

    field: Field
    error: Field | None
    verdict: Verdict
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    seconds: float
    network: str


def solve(
    problem: Problem, *, device: str = "cpu", progress: Progress | None = None, watch: Watch | None = None
) -> Result:
    """Solve a problem to its tolerance, or say why not; ``watch`` may keep states and hold one to go on from.

    Raises:
        SolverError: diverged, or values that are not finite, before any usable state.
        ResourceError: memory or device lacking.
    """
    watch = watch or Watch(problem.solver.max_time, progress)
    memory.keep_freed()
    if problem.dimension - (problem.time_axis is not None) > max(DEGREES):
        return _many(problem, watch)
    model = compile_model(problem, sort_conditions(problem), torch.device(device))
    # Many small factorisations: a second BLAS thread costs a hundredfold on a busy machine (measured).
    with threadpool_limits(limits=1, user_api="blas"), _torch_threads(problem.dimension):
        if problem.solver.family in ("deep", "ridge"):
            return _deep(model, watch, device)
        try:
            outcome = solve_product(model, watch)
        except OutOfTimeError:
            return result_so_far(problem, watch, "max_time")
        except SolverError as error:
            if watch.state is None:
                raise
            return result_so_far(problem, watch, error.reason, str(error))
        open_ended = undetermined(problem, None if model.is_linear else outcome.field)
        if open_ended:
            outcome.reason, outcome.detail = "rank_deficient", open_ended
        tolerance = problem.solver.tolerance
        verdict = judge(outcome.levels, tolerance, outcome.reason, outcome.detail, end_of_time(problem))
        return Result(
            outcome.field,
            outcome.error,
            bounded(verdict, model, outcome.field),
            tuple(outcome.levels),
            tuple(outcome.history),
            watch.elapsed(),
            outcome.network or describe(problem),
        )


def bounded(verdict: Verdict, model: Model, field: Field) -> Verdict:
    """The verdict with the proven bound of the error, where the equation has one."""
    bound = bound_of(model, field)
    return verdict if bound is None else replace(verdict, bound=bound.value, bound_sentence=bound.sentence)


def result_so_far(problem: Problem, watch: Watch, reason: str, detail: str = "") -> Result:
    """What the last state of a solve that ended for ``reason`` has to show.

    Raises:
        SolverError: nothing.
    """
    state = watch.state
    if state is None or state.field is None:
        raise SolverError(detail or f"the solve ended ({reason}) before there was anything to show", reason)
    verdict = judge(state.levels, problem.solver.tolerance, reason, detail, end_of_time(problem))
    network = state.network or describe(problem)
    return Result(state.field, state.error, verdict, state.levels, state.history, watch.elapsed(), network)


@contextmanager
def _torch_threads(dimension: int) -> Iterator[None]:
    """One thread for the small batches of up to two coordinates: Burgers 4.2 s with one, 10.7 s with two (measured)."""
    before = torch.get_num_threads()
    if dimension < 3:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe(problem: Problem) -> str:
    """The network in words, and why it was chosen."""
    if problem.solver.family in ("deep", "ridge"):
        return choose_settings(problem).described()
    d = problem.dimension
    why = (
        "asked for" if problem.solver.network == "product" else f"chosen because it has {d} coordinates, three at most"
    )
    return f"product: one block of multiplying nodes on all coordinates, the tensor-product spline space ({why})"


def _many(problem: Problem, watch: Watch) -> Result:
    from pinnkan.solver.families.many import EVIDENCE, solve_many

    found = solve_many(problem, watch)
    open_ended = undetermined(problem)
    reason, detail = ("rank_deficient", open_ended) if open_ended else (found.reason, "")
    verdict = replace(judge(found.levels, problem.solver.tolerance, reason, detail), evidence=EVIDENCE)
    return Result(found.field, found.error, verdict, found.levels, found.history, watch.elapsed(), found.network)


def solve_product(model: Model, watch: Watch) -> Outcome:
    """Solve by a product network, on levels or on slabs of time; with ``network: auto`` also in turned coordinates."""
    problem = model.problem
    settings, d = problem.solver, problem.dimension
    degrees = DEGREES if problem.time_axis is None else SLAB_DEGREES
    degree = settings.degree or max(degrees[d], max(model.orders) + 3)
    levels = 1 if undetermined(problem) else settings.max_levels  # more would not help
    true_error = exact_squares(problem)
    if problem.time_axis is None:
        intervals = settings.knots or INTERVALS[d]
        if settings.network == "auto" and can_turn(problem):
            return solve_axes_or_inner(model, degree, intervals, levels or LEVELS, watch, true_error)
        return solve_steady(model, degree, intervals, levels or LEVELS, watch, true_error)
    intervals = settings.knots or SLAB_INTERVALS[d]
    march = solve_slabs_or_inner if settings.network == "auto" and can_turn(problem) else solve_slabs
    return march(model, (degree, degree), intervals, levels or PASSES, watch, true_error)


def end_of_time(problem: Problem) -> float | None:
    """The upper end of t, if there is one."""
    return None if problem.time_axis is None else problem.ranges[problem.time_axis][1]


def exact_squares(problem: Problem) -> TrueError | None:
    """Squared norms of the true error and of ``exact`` by Gauss quadrature in the halved intervals of a space."""
    if problem.exact is None or any(name not in problem.exact for name in problem.unknowns):
        return None
    tape = Tape([problem.exact[name] for name in problem.unknowns], list(problem.coordinates))

    def squares(space: Space, coefficients: Array) -> tuple[Array, Array]:
        rules = [axis.halved().gauss(6) for axis in space.axes]
        nodes = [r[0].ravel() for r in rules]
        weights = np.ones(())
        for _, w in rules:
            weights = np.multiply.outer(weights, w.ravel())
        values = space.evaluate_grid(coefficients, nodes, (0,) * len(nodes))
        exact = _columns(tape(np.meshgrid(*nodes, indexing="ij", sparse=True)), weights.shape)
        total = weights[..., None]
        axes = tuple(range(len(nodes)))
        return ((values - exact) ** 2 * total).sum(axes), (exact**2 * total).sum(axes)

    return squares


def _columns(values: Sequence[Array | float], shape: tuple[int, ...]) -> Array:
    return np.stack([np.broadcast_to(np.asarray(v, dtype=np.float64), shape) for v in values], -1)


def _deep(model: Model, watch: Watch, device: str) -> Result:
    from pinnkan.solver.families.deep.sweeps import solve_deep

    problem = model.problem
    watch.limit_to(choose_settings(problem).max_time)
    comparison = Comparison(model, solve_product, watch)
    try:
        found = solve_deep(problem, comparison.estimate, watch.progress, device, watch)
    except SolverError as failed:
        return result_so_far(problem, watch, failed.reason, str(failed))
    error, levels = found.error, list(found.levels)
    if comparison.decides is None:  # gone on from a state that was judged already
        size, error = comparison.estimate(found.field)
        levels[-1] = replace(levels[-1], estimate=size)
    reason, detail = found.reason, ""
    open_ended = undetermined(problem, None if model.is_linear else found.field)
    if open_ended:
        reason, detail = "rank_deficient", open_ended
    elif not reason:
        missed = Witness(model).examine(found.field, problem.ranges, levels[-1].heldout)
        if missed is not None and not comparison.clears(found.field, missed):
            reason, detail = "undersampled", missed.words(problem)
    evidence = Comparison.evidence if comparison.decides else ""
    verdict = judge(levels, problem.solver.tolerance, reason, detail, end_of_time(problem), evidence)
    if not verdict.converged and problem.solver.method != "gauss_newton":
        verdict = replace(verdict, remedy=f"{verdict.remedy} {SECOND_ORDER}")
    verdict, history = bounded(verdict, model, found.field), tuple(found.history)
    return Result(found.field, error, verdict, tuple(levels), history, watch.elapsed(), describe(problem))
