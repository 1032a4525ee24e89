"""The state at the first time: knots that resolve the initial data, and what of the data will count later on."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, reduce
from math import factorial

import numpy as np

from pinnkan.assembly.boundary_values import face_coefficients, project_face
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.checks.algebraic_values import AlgebraicSystem, initial_algebraic_system
from pinnkan.problem.statement import Problem
from pinnkan.problem.units.term_sizes import WAVELENGTH
from pinnkan.solver.estimate.indicators import coordinate_shares
from pinnkan.solver.estimate.marking import mark_by_maximum, refine_marked
from pinnkan.solver.estimate.norms import reference_norms, safe_divisors
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.families.product.start import initial_space
from pinnkan.solver.families.product.unresolved_data import unresolved_data_masses
from pinnkan.solver.families.product.unresolved_forcing import unresolved_forcing_masses
from pinnkan.solver.linear.gauss_point_counts import require_memory
from pinnkan.solver.verify.growth.slab_growth import unresolved_wave_growth
from pinnkan.solver.verify.uniqueness.local_ode import LocalOde

#: Allowed error of the initial data, as a share of the tolerance.
FIRST_SHARE = 0.1
#: Linear problems begin with this share of the root of the tolerance, if the usual error takes intervals so many times
#: as narrow (second number), as at a jump, whose width diffusion forgets. Breakpoints 1e-10 apart made a flux 3.5e-4
#: off at 1e-4. What is not forgotten enters the estimate; of nonlinear equations that would not hold.
LOOSE_SHARE, NARROWING = 0.3, 100.0
#: In more space coordinates, as many even intervals are taken as the order of the splines asks for, times the second
#: number, if that is below twice as many, and more than the third, a share, is marked. Heuristic.
HALVED_COORDINATES, SAFETY_FACTOR, EVEN_SHARE = 2, 1.1, 0.5
#: Least width of an interval of the initial data, relative to the domain: points in it could not be told apart.
LEAST_WIDTH = 1e-13


def first_slab_start(model: Model, degree: tuple[int, int], intervals: int, tolerance: float) -> SlabStart:
    """Return the state at the first time, on knots that resolve the data to ``tolerance``, and its projection error.

    ``degree``: in space and in time; ``intervals``: per coordinate at first. Raises SolverError: the data cannot be
    resolved; OutOfTimeError: not within the time limit.
    """
    axes, unknowns = initial_space(model, degree[0], intervals).axes[:-1], len(model.problem.unknowns)
    numbers: list[int | None] = [intervals if len(axes) > HALVED_COORDINATES else None for _ in axes]
    time = Axis(np.array(model.problem.box.ranges[-1]), degree[1])
    allowed = (FIRST_SHARE * tolerance) ** 2
    wide = (LOOSE_SHARE / FIRST_SHARE) ** 2 / model.problem.solver.tolerance if model.is_linear else 1.0
    loosely, loose = None, allowed * max(1.0, wide)
    for _ in range(60):
        require_memory(model, Space((*axes, time), unknowns))
        traces, errors, mass = _project_data(model, axes, time, allowed)
        size = sum(float(m.sum()) for m in mass)
        narrowest = min((float(np.diff(a.breaks).min() / np.ptp(a.breaks)) for a in axes), default=1.0)
        if size > loose:
            loosely = None
        elif loosely is None:
            loosely = narrowest, SlabStart.contiguous(float(time.breaks[0]), axes, traces, errors, None)
        if loosely is not None and (size <= allowed or NARROWING * narrowest < loosely[0]):
            return (
                loosely[1]
                if size > allowed
                else SlabStart.contiguous(float(time.breaks[0]), axes, traces, errors, None)
            )
        if narrowest < LEAST_WIDTH:
            break
        marks = mark_by_maximum(mass, allowed / sum(a.intervals for a in axes))
        numbers = [_interval_count(n, a, m, k, allowed) for n, a, m, k in zip(numbers, axes, mass, marks, strict=True)]
        halves = refine_marked(axes, marks, unknowns)
        axes = tuple(
            half if n is None else initial_space(model, degree[0], n).axes[i]
            for i, (n, half) in enumerate(zip(numbers, halves, strict=True))
        )
    raise SolverError(
        "the initial data cannot be represented to the tolerance: they jump or bend where no formula shows it; "
        "state the place by heaviside, sign, abs, min or max, or ask for a larger tolerance"
    )


def _project_data(
    model: Model, axes: Sequence[Axis], time: Axis, allowed: float
) -> tuple[tuple[Array, ...], tuple[Array, ...], list[Array]]:
    """Return the traces on ``axes``, their differences to those on halved ones, and squared errors by interval."""
    fine = (space := Space(tuple(axes), len(model.problem.unknowns))).halved()
    with model.clock.time_work("initial data", fine.size):
        traces, better = _initial_traces(model, space, time), _initial_traces(model, fine, time)
        errors = tuple(b - space.prolong(t, fine) for t, b in zip(traces, better, strict=True))
        return traces, errors, _unresolved_mass(model, (space, fine, time), errors, better, allowed)


def _unresolved_mass(
    model: Model, spaces: tuple[Space, Space, Axis], errors: Sequence[Array], better: Sequence[Array], allowed: float
) -> list[Array]:
    """Return, by coordinate, the squared relative error of the initial data over each interval.

    ``spaces``: that of the data, that with every interval halved, and time; ``errors``: differences of the traces in
    both; ``better``: the traces in the second. If the sum is at most ``allowed``, waves of the data, and in linear
    equations of sources and coefficients, are added that neither space resolves.
    """
    space, fine, time = spaces
    scales, order = _trace_scales(model.problem, fine, better), data_derivative_order(model)
    shares = [coordinate_shares(space, fine, e, s).mass for e, s in zip(errors, scales, strict=True)]
    steep = [_derivative_factor(a) ** (2 * order) for a in space.axes]
    mass = [s * reduce(np.maximum, parts) for s, parts in zip(steep, zip(*shares, strict=True), strict=True)]
    if sum(float(m.sum()) for m in mass) > allowed:
        return mass
    model.clock.check()
    missed = [unresolved_data_masses(layer, fine, time, scales[layer.order]) for layer in model.conditions.initial]
    missed += unresolved_forcing_masses(model, fine, time, better[0], scales[0]) if model.is_linear else ()
    return [reduce(np.maximum, parts) for parts in zip(mass, *missed, strict=True)]


def with_initial_rates(model: Model, slab_start: SlabStart) -> SlabStart:
    """Add the rates that ordinary differential equations determine, if their derivatives are infinite at the start.

    Gauss-Newton cannot begin there: h_t = 0.1 - 0.05*sqrt(h) from h = 0.
    """
    if model.is_linear or model.problem.dimension > 1:
        return slab_start
    asked, start = LocalOde(model), np.array([[slab_start.time]])
    values = [
        slab_start.traces[j.order[0]][j.unknown] if j.order[0] < len(slab_start.traces) else 0.0 for j in asked.jets
    ]
    known = dict(zip(asked.jets, values, strict=True))
    slopes = (e.linearise_numpy(start, np.array([[known[j] for j in e.jets]]))[1] for e in model.equations)
    if all(np.isfinite(s).all() for s in slopes):
        return slab_start
    try:
        state = asked.solve_highest_rates(np.array([slab_start.time, *values]))
    except np.linalg.LinAlgError:
        return slab_start
    rates = np.zeros((len(model.problem.unknowns), model.orders[-1]))
    for jet, value in zip(asked.jets, state[1:], strict=True):
        if jet.order[0]:
            rates[jet.unknown, jet.order[0] - 1] = value / factorial(jet.order[0])
    return replace(slab_start, rates=rates) if np.isfinite(rates).all() else slab_start


@lru_cache(maxsize=2)
def unresolved_data_growth(model: Model, degree: tuple[int, int], intervals: int) -> float:
    """Return the growth (e-folds) of the waves of the data that so many intervals do not resolve."""
    begun = first_slab_start(model, degree, intervals, 1.0)
    return unresolved_wave_growth(model, begun.axes, begun.traces[0])


@lru_cache(maxsize=2)
def axes_for_late_forcing(
    model: Model, degree: tuple[int, int], intervals: int, tolerance: float
) -> tuple[Axis, ...] | None:
    """Return space axes that resolve waves which drive a linear problem later on; None where the first ones do.

    Until then slabs would merge these knots: u_t = 0.2 max(t - 1, 0) cos(120 pi x).
    """
    axes = first = initial_space(model, degree[0], intervals).axes[:-1]
    allowed = (FIRST_SHARE * tolerance) ** 2 if model.is_linear else np.inf
    time, unknowns = Axis(np.array(model.problem.box.ranges[-1]), degree[1]), len(model.problem.unknowns)
    while True:
        fine = Space(axes, unknowns).halved()
        require_memory(model, Space((*fine.axes, time), unknowns))
        trace = _initial_traces(model, fine, time)
        missed = list(
            unresolved_forcing_masses(model, fine, time, trace[0], _trace_scales(model.problem, fine, trace)[0], True)
        )
        mass = [reduce(np.maximum, parts) for parts in zip(*missed, strict=True)]
        if sum(float(m.sum()) for m in mass) <= allowed:
            return None if axes is first else axes
        axes = refine_marked(axes, mark_by_maximum(mass, allowed / sum(len(m) for m in mass)), unknowns)


def start_with_fewest_intervals(
    model: Model, degree: tuple[int, int], highest_degree: int, intervals: int, tolerance: float
) -> SlabStart:
    """Return :func:`first_slab_start`, of ``highest_degree`` if only that takes so few ``intervals``."""
    begun = first_slab_start(model, degree, intervals, tolerance)
    if highest_degree <= degree[0] or all(a.intervals <= intervals for a in begun.axes):
        return begun
    other = first_slab_start(model, (highest_degree, degree[1]), intervals, tolerance)
    return begun if any(a.intervals > intervals for a in other.axes) else other


def _interval_count(
    even_intervals: int | None, axis: Axis, mass: Array, marked: np.ndarray, allowed: float
) -> int | None:
    """Return the number of even intervals that a coordinate is to have; None to halve the ``marked`` ones instead."""
    if even_intervals is None or not marked.any():
        return even_intervals
    factor = SAFETY_FACTOR * float(mass.sum() / allowed) ** (0.5 / (axis.degree + 1))
    if factor >= 2.0:
        return 2 * axis.intervals if marked.all() else None
    return int(np.ceil(axis.intervals * factor)) if marked.mean() > EVEN_SHARE else None


def data_derivative_order(model: Model) -> int:
    """Return the most derivatives of data that an unknown without data follows, in equations without time derivatives.

    Two for mu = u^3 - u - eps^2 u_xx: a small rough error of u is large in mu. Derivatives of that unknown are
    subtracted.
    """
    given = {layer.unknown for layer in model.conditions.initial}
    seen = 0
    for equation in model.problem.equations:
        jets = equation.jets.values()
        free = [sum(j.order) for j in jets if j.unknown not in given]
        if free and not any(j.order[-1] for j in jets):
            seen = max([seen, *(sum(j.order) - max(free) for j in jets if j.unknown in given)])
    return seen


def _trace_scales(problem: Problem, space: Space, traces: Sequence[Array]) -> list[Array]:
    """Return the sizes (unknown,) to which errors of u, u_t, .. at the first time are relative.

    For order k the largest |trace_j| / T^(k - j), j <= k, with T the whole time: if u = 0, all of u comes from u_t.
    """
    total = float(np.ptp(problem.box.ranges[-1]))
    own = [reference_norms(problem, space, t) if t.any() else np.zeros(space.unknowns) for t in traces]
    return [
        safe_divisors(np.array([s / total ** (k - j) for j, s in enumerate(own[: k + 1])]).max(0))
        for k in range(len(own))
    ]


def _derivative_factor(axis: Axis) -> Array:
    """Return the factor (interval,) by which derivatives of an error exceed those of functions in natural units.

    Errors of splines of degree p vary over h/p, h the widest interval within the reach of a spline: with its own width
    an interval would count the more the narrower it is made, without end.
    """
    length: float = float(np.ptp(axis.breaks))
    around = np.pad(np.diff(axis.breaks), axis.degree, mode="wrap" if axis.periodic else "edge")
    widest = np.lib.stride_tricks.sliding_window_view(around, 2 * axis.degree + 1).max(1)
    return np.maximum(axis.degree * WAVELENGTH * length / widest, 1.0)


def _initial_traces(model: Model, space: Space, time: Axis) -> tuple[Array, ...]:
    """Return u, u_t, .. at the first time as coefficients, with algebraic unknowns that Gauss-Newton would not find."""
    slab = Space((*space.axes, time), space.unknowns)
    traces = [np.zeros(space.shape) for _ in range(model.orders[-1])]
    for layer in model.conditions.initial:
        traces[layer.order][..., layer.unknown] = face_coefficients(layer, slab)
    followed = None if model.is_linear or not traces else _algebraic_values(model)
    if followed is not None:
        samples = [a.projection_points() for a in space.axes]
        grid = np.meshgrid(*samples, time.breaks[:1], indexing="ij")
        values = followed.follow_root(np.stack([x.ravel() for x in grid], 1))
        for unknown, own in zip(followed.unknowns, values.T, strict=True) if values is not None else ():
            traces[0][..., unknown] = project_face(slab, len(samples), own.reshape(grid[0].shape))
    return tuple(traces)


@lru_cache(maxsize=2)
def _algebraic_values(model: Model) -> AlgebraicSystem | None:
    """Return the algebraic equations for unknowns without a condition at the first time; None without any."""
    return initial_algebraic_system(model.problem)
