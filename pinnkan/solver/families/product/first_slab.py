"""The state at the first time: knots that resolve the initial data, and what of the data will count later on."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, reduce
from math import factorial

import numpy as np

from pinnkan.assembly.boundary_values import face_values, projected
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.checks.algebraic import AlgebraicValues, algebraic_start
from pinnkan.problem.statement import Problem
from pinnkan.problem.units.term_sizes import WAVELENGTH
from pinnkan.solver.estimate.indicators import mark, surplus, with_marked
from pinnkan.solver.estimate.norms import nonzero, sizes
from pinnkan.solver.families.product.driving import undriven
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.families.product.start import initial_space
from pinnkan.solver.families.product.unheld import unheld
from pinnkan.solver.linear.gauss_points import require_memory
from pinnkan.solver.verify.regrowth import unheld_growth
from pinnkan.solver.verify.uniqueness.departures import Departures

#: Allowed error of the initial data, as a share of the tolerance.
FIRST_SHARE = 0.1
#: Linear problems begin with this share of the root of the tolerance, if the usual error takes intervals so many times
#: as narrow (second number), as at a jump, whose width diffusion forgets. Breakpoints 1e-10 apart made a flux 3.5e-4
#: off at 1e-4. What is not forgotten enters the estimate; of nonlinear equations that would not hold.
LOOSE, NARROWER = 0.3, 100.0
#: In more space coordinates, as many even intervals are taken as the order of the splines asks for, times the second
#: number, if that is below twice as many, and more than the third, a share, is marked. Heuristic.
IN_PLANE, SPARE, MOST_OF_THEM = 2, 1.1, 0.5
#: Least width of an interval of the initial data, relative to the domain: points in it could not be told apart.
NARROWEST = 1e-13


def first_slab_start(model: Model, degree: tuple[int, int], intervals: int, tolerance: float) -> SlabStart:
    """Return the state at the first time, on knots that resolve the data to ``tolerance``, and its projection error.

    ``degree``: in space and in time; ``intervals``: per coordinate at first. Raises SolverError: the data cannot be
    resolved; OutOfTimeError: not within the time limit.
    """
    axes, unknowns = initial_space(model, degree[0], intervals).axes[:-1], len(model.problem.unknowns)
    numbers: list[int | None] = [intervals if len(axes) > IN_PLANE else None for _ in axes]
    time = Axis(np.array(model.problem.box.ranges[-1]), degree[1])
    allowed = (FIRST_SHARE * tolerance) ** 2
    wide = (LOOSE / FIRST_SHARE) ** 2 / model.problem.solver.tolerance if model.is_linear else 1.0
    loosely, loose = None, allowed * max(1.0, wide)
    for _ in range(60):
        require_memory(model, Space((*axes, time), unknowns))
        traces, errors, mass = _represented(model, axes, time, allowed)
        size = sum(float(m.sum()) for m in mass)
        narrowest = min((float(np.diff(a.breaks).min() / np.ptp(a.breaks)) for a in axes), default=1.0)
        if size > loose:
            loosely = None
        elif loosely is None:
            loosely = narrowest, SlabStart.at(float(time.breaks[0]), axes, traces, errors, None)
        if loosely is not None and (size <= allowed or NARROWER * narrowest < loosely[0]):
            return loosely[1] if size > allowed else SlabStart.at(float(time.breaks[0]), axes, traces, errors, None)
        if narrowest < NARROWEST:
            break
        largest = max(float(m.max()) for m in mass)
        count = sum(a.intervals for a in axes)
        marks = [mark(m, largest, allowed / count) for m in mass]
        numbers = [_asked(n, a, m, k, allowed) for n, a, m, k in zip(numbers, axes, mass, marks, strict=True)]
        halves = with_marked(axes, marks, unknowns)
        axes = tuple(
            half if n is None else initial_space(model, degree[0], n).axes[i]
            for i, (n, half) in enumerate(zip(numbers, halves, strict=True))
        )
    raise SolverError(
        "the initial data cannot be represented to the tolerance: they jump or bend where no formula shows it; "
        "state the place by heaviside, sign, abs, min or max, or ask for a larger tolerance"
    )


def _represented(
    model: Model, axes: Sequence[Axis], time: Axis, allowed: float
) -> tuple[tuple[Array, ...], tuple[Array, ...], list[Array]]:
    """Return the traces on ``axes``, their differences to those on halved ones, and squared errors by interval."""
    space, fine = (Space(tuple(chosen), len(model.problem.unknowns)) for chosen in (axes, [a.halved() for a in axes]))
    with model.clock.working("initial data", fine.size):
        traces, better = _initial(model, space, time), _initial(model, fine, time)
        errors = tuple(b - space.prolong(t, fine) for t, b in zip(traces, better, strict=True))
        return traces, errors, _missing(model, (space, fine, time), errors, better, allowed)


def _missing(
    model: Model, spaces: tuple[Space, Space, Axis], errors: Sequence[Array], better: Sequence[Array], allowed: float
) -> list[Array]:
    """Return, by coordinate, the squared relative error of the initial data over each interval.

    ``spaces``: that of the data, that with every interval halved, and time; ``errors``: differences of the traces in
    both; ``better``: the traces in the second. If the sum is at most ``allowed``, waves of the data, and in linear
    equations of sources and coefficients, are added that neither space resolves.
    """
    space, fine, time = spaces
    scales, order = _scales(model.problem, fine, better), derivatives_seen(model)
    shares = [surplus(space, fine, e, s).mass for e, s in zip(errors, scales, strict=True)]
    steep = [_steepness(a) ** (2 * order) for a in space.axes]
    mass = [s * reduce(np.maximum, parts) for s, parts in zip(steep, zip(*shares, strict=True), strict=True)]
    if sum(float(m.sum()) for m in mass) > allowed:
        return mass
    model.clock.check()
    missed = [unheld(layer, fine, time, scales[layer.order]) for layer in model.conditions.initial]
    missed += undriven(model, fine, time, better[0], scales[0]) if model.is_linear else ()
    return [reduce(np.maximum, parts) for parts in zip(mass, *missed, strict=True)]


def with_rates(model: Model, begun: SlabStart) -> SlabStart:
    """Add the rates that ordinary differential equations determine, if their derivatives are infinite at the start.

    Gauss-Newton cannot begin there: h_t = 0.1 - 0.05*sqrt(h) from h = 0.
    """
    if model.is_linear or model.problem.dimension > 1:
        return begun
    asked, start = Departures(model), np.array([[begun.time]])
    values = [begun.traces[j.order[0]][j.unknown] if j.order[0] < len(begun.traces) else 0.0 for j in asked.jets]
    known = dict(zip(asked.jets, values, strict=True))
    slopes = (e.linearise_numpy(start, np.array([[known[j] for j in e.jets]]))[1] for e in model.equations)
    if all(np.isfinite(s).all() for s in slopes):
        return begun
    try:
        state = asked.solved(np.array([begun.time, *values]))
    except np.linalg.LinAlgError:
        return begun
    rates = np.zeros((len(model.problem.unknowns), model.orders[-1]))
    for jet, value in zip(asked.jets, state[1:], strict=True):
        if jet.order[0]:
            rates[jet.unknown, jet.order[0] - 1] = value / factorial(jet.order[0])
    return replace(begun, rates=rates) if np.isfinite(rates).all() else begun


@lru_cache(maxsize=2)
def data_growth(model: Model, degree: tuple[int, int], intervals: int) -> float:
    """Return :func:`pinnkan.solver.verify.regrowth.unheld_growth` (e-folds) of the data on so many intervals."""
    begun = first_slab_start(model, degree, intervals, 1.0)
    return unheld_growth(model, begun.axes, begun.traces[0])


@lru_cache(maxsize=2)
def driven_axes(model: Model, degree: tuple[int, int], intervals: int, tolerance: float) -> tuple[Axis, ...] | None:
    """Return space axes that resolve waves which drive a linear problem later on; None where the first ones do.

    Until then slabs would merge these knots: u_t = 0.2 max(t - 1, 0) cos(120 pi x).
    """
    axes = first = initial_space(model, degree[0], intervals).axes[:-1]
    allowed = (FIRST_SHARE * tolerance) ** 2 if model.is_linear else np.inf
    time, unknowns = Axis(np.array(model.problem.box.ranges[-1]), degree[1]), len(model.problem.unknowns)
    while True:
        fine = Space(tuple(a.halved() for a in axes), unknowns)
        require_memory(model, Space((*fine.axes, time), unknowns))
        trace = _initial(model, fine, time)
        missed = list(undriven(model, fine, time, trace[0], _scales(model.problem, fine, trace)[0], True))
        mass = [reduce(np.maximum, parts) for parts in zip(*missed, strict=True)]
        if sum(float(m.sum()) for m in mass) <= allowed:
            return None if axes is first else axes
        largest, least = max(float(m.max()) for m in mass), allowed / sum(len(m) for m in mass)
        axes = with_marked(axes, [mark(m, largest, least) for m in mass], unknowns)


def sparing_start(model: Model, degree: tuple[int, int], highest: int, intervals: int, tolerance: float) -> SlabStart:
    """Return :func:`first_slab_start`, of the ``highest`` degree in space if only that takes so few ``intervals``."""
    begun = first_slab_start(model, degree, intervals, tolerance)
    if highest <= degree[0] or all(a.intervals <= intervals for a in begun.axes):
        return begun
    other = first_slab_start(model, (highest, degree[1]), intervals, tolerance)
    return begun if any(a.intervals > intervals for a in other.axes) else other


def _asked(number: int | None, axis: Axis, mass: Array, marked: np.ndarray, allowed: float) -> int | None:
    """Return the number of even intervals that a coordinate is to have; None to halve the ``marked`` ones instead."""
    if number is None or not marked.any():
        return number
    factor = SPARE * float(mass.sum() / allowed) ** (0.5 / (axis.degree + 1))
    if factor >= 2.0:
        return 2 * axis.intervals if marked.all() else None
    return int(np.ceil(axis.intervals * factor)) if marked.mean() > MOST_OF_THEM else None


def derivatives_seen(model: Model) -> int:
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


def _scales(problem: Problem, space: Space, traces: Sequence[Array]) -> list[Array]:
    """Return the sizes (unknown,) to which errors of u, u_t, .. at the first time are relative.

    For order k the largest |trace_j| / T^(k - j), j <= k, with T the whole time: if u = 0, all of u comes from u_t.
    """
    total = float(np.ptp(problem.box.ranges[-1]))
    own = [sizes(problem, space, t) if t.any() else np.zeros(space.unknowns) for t in traces]
    return [
        nonzero(np.array([s / total ** (k - j) for j, s in enumerate(own[: k + 1])]).max(0)) for k in range(len(own))
    ]


def _steepness(axis: Axis) -> Array:
    """Return the factor (interval,) by which derivatives of an error exceed those of functions in natural units.

    Errors of splines of degree p vary over h/p, h the widest interval within the reach of a spline: with its own width
    an interval would count the more the narrower it is made, without end.
    """
    length: float = float(np.ptp(axis.breaks))
    around = np.pad(np.diff(axis.breaks), axis.degree, mode="wrap" if axis.periodic else "edge")
    widest = np.lib.stride_tricks.sliding_window_view(around, 2 * axis.degree + 1).max(1)
    return np.maximum(axis.degree * WAVELENGTH * length / widest, 1.0)


def _initial(model: Model, space: Space, time: Axis) -> tuple[Array, ...]:
    """Return u, u_t, .. at the first time as coefficients, with algebraic unknowns that Gauss-Newton would not find."""
    slab = Space((*space.axes, time), space.unknowns)
    traces = [np.zeros(space.shape) for _ in range(model.orders[-1])]
    for layer in model.conditions.initial:
        traces[layer.order][..., layer.unknown] = face_values(layer, slab)
    followed = None if model.is_linear or not traces else _followed(model)
    if followed is not None:
        samples = [a.samples() for a in space.axes]
        grid = np.meshgrid(*samples, time.breaks[:1], indexing="ij")
        values = followed.at(np.stack([x.ravel() for x in grid], 1))
        for unknown, own in zip(followed.unknowns, values.T, strict=True) if values is not None else ():
            traces[0][..., unknown] = projected(slab, len(samples), own.reshape(grid[0].shape))
    return tuple(traces)


@lru_cache(maxsize=2)
def _followed(model: Model) -> AlgebraicValues | None:
    """Return the algebraic equations for unknowns without a condition at the first time; None without any."""
    return algebraic_start(model.problem)
