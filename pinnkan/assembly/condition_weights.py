"""How much a condition weighs that becomes rows: what a unit mismatch would cost inside, faded out over one interval.

A mismatch of size one in ``b D_n^q u`` is a change h^q / b of u next to the side. Faded out over an interval of width h
it leaves ``a h^(q - m) / b`` of a term ``a D_n^m u`` of the equations, on a layer of width h: an L2 norm of
``a h^(q - m + 1/2) / b``. The largest term of any equation counts, and that unknown of the condition whose change costs
most; or least where conditions change (:mod:`pinnkan.assembly.row_weights`): there intervals are far
narrower across the side than functions along it, and a traction, which its own component mends, would weigh a thousand
times too much by the other one. For u = g under a second-order equation that is h^-3/2; multiplying an equation, a
condition or an unknown by a number changes nothing.

Coefficients that depend on the solution are those of one that varies over h, a layer, or over a tenth of the domain,
with slopes that meet the condition: whichever costs more. Of u_xx / (1 + u_x^2)^1.5 the layer alone had left h^3.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.features.value_ranges import SIGNS, signed
from pinnkan.problem.statement import Jet, Place, Point, Side
from pinnkan.problem.units.term_sizes import WAVELENGTH, root_mean_square

#: Points at which coefficients are looked at.
LOOKED_AT = 64
#: Share of its usual size that the terms of a condition have at least.
LEAST = 1e-3
#: A layer in which slopes do not meet a condition on them costs no more than so many times one in which they do. In a
#: turbulent channel, dx((1/395 + (0.41 x)^2 u_x) u_x) = -1, u_x = 0 where x = 1, it had cost 1e6 times as much:
#: rounding of its row had hidden the least determined function, and an error of 5e-7 was said to be 1e-9.
LAYERED = 1e3
#: Newton's steps to slopes that meet a condition, one where it is linear in them, and shares of each.
MEETING, SHARES = 8, (1.0, 0.3, 0.1, 0.03, 0.0)
#: Jets (point, jet) of an equation at points, values of no known sign having this one.
Solution: TypeAlias = Callable[[CompiledEquation, Array, float], Array]


def condition_weight(model: Model, condition: CompiledEquation, points: Array, widths: Sequence[float | None]) -> float:
    """The weight of a condition at ``points`` (point, coordinate).

    ``widths``: of the interval next to it, over the degree, in the coordinates that it holds; None in those that run
    along it, where functions vary over a tenth of the domain.
    """
    scale = _scale(model, widths)
    near = points[np.linspace(0, len(points) - 1, min(LOOKED_AT, len(points))).astype(int)]
    layer = _layer(model, scale) if condition.is_linear else _meeting(model, condition, near, scale)
    found = [_cost(model, condition, near, scale, layer)]
    if not model.is_linear:
        meeting = _meeting(model, condition, near, _scale(model, [None] * len(widths)))
        found.append(_cost(model, condition, near, scale, meeting))
        if found[0] and found[1] and condition.is_linear and any(j.total > 0 for j in condition.jets):
            found[0] = min(found[0], LAYERED * found[1])
    root = float(np.prod([h**0.5 for h in widths if h is not None]))
    return root * max((cost for cost in found if cost is not None), default=1.0)


def _cost(
    model: Model, condition: CompiledEquation, near: Array, scale: Sequence[float], solution: Solution
) -> float | None:
    """What a mismatch of size one costs, with coefficients at some solution; None where that is not known."""
    own = _largest(_terms(model, [condition], near, scale, solution))
    inside = _largest(_terms(model, model.equations, near, scale, solution))
    if not any(inside.get(unknown) for unknown in own):  # the equations degenerate there
        rng = np.random.default_rng(0)
        somewhere = model.problem.domain.sample(LOOKED_AT, lambda *shape: rng.random(shape))
        inside = _largest(_terms(model, model.equations, somewhere, scale, _layer(model, scale)))
    costs = [inside[unknown] / size for unknown, size in own.items() if size > 0.0 and inside.get(unknown)]
    return (max if model.corner_weights is None else min)(costs, default=None)


def near_corners(
    model: Model, condition: CompiledEquation, points: Array, widths: Sequence[float | None]
) -> Array | None:
    """What the weight of a condition at each point is over :func:`condition_weight`, where conditions change, (point).

    There it weighs as the equations do; and where a step turns a slope into a value each has its own weight: with one
    for both the value would be held as loosely as a slope, h times as much.
    """
    if model.corner_weights is None:
        return None
    weights = model.corner_weights.at(points)
    if not condition.is_linear:
        return weights
    scale = _scale(model, widths)
    slopes = condition.linearise_numpy(points, np.zeros((len(points), len(condition.jets))))[1]
    rates = [
        model.sizes[j.unknown] * np.prod(np.array(scale) ** -np.array(j.order, dtype=np.float64))
        for j in condition.jets
    ]
    sizes = np.abs(slopes * np.array(rates)).max(-1)
    typical = float(np.sqrt((sizes**2).mean()))
    return np.asarray(weights * typical / np.maximum(sizes, LEAST * typical))


def _scale(model: Model, widths: Sequence[float | None]) -> list[float]:
    """What functions vary over in each coordinate, see :func:`condition_weight`."""
    lengths = np.ptp(model.problem.box.ranges, axis=1)
    return [WAVELENGTH * length if h is None else h for h, length in zip(widths, lengths, strict=True)]


def _largest(terms: Iterator[tuple[Jet, float]]) -> dict[int, float]:
    """The largest of the terms of each unknown."""
    found: dict[int, float] = {}
    for jet, size in terms:
        found[jet.unknown] = max(found.get(jet.unknown, 0.0), size)
    return found


def _terms(
    model: Model, equations: Sequence[CompiledEquation], points: Array, scale: Sequence[float], solution: Solution
) -> Iterator[tuple[Jet, float]]:
    """Every term and its size, root mean square, for functions of size one that vary over ``scale``.

    ``scale``: by coordinate, infinite where they do not vary; ``points``: (point, coordinate); ``solution``: at which
    coefficients are.
    """
    for equation in equations:
        rates = _rates(equation.jets, scale)
        signs = SIGNS[: 1 if equation.is_linear else None]
        slopes = [equation.linearise_numpy(points, solution(equation, points, sign))[1] for sign in signs]
        found = [[root_mean_square(s) for s in each.T] for each in slopes]
        yield from zip(equation.jets, rates * np.min(found, axis=0), strict=True)


def _rates(jets: Sequence[Jet], scale: Sequence[float]) -> Array:
    """What derivatives are of functions of size one that vary over ``scale``: (jet,)."""
    return np.array([float(np.prod(np.array(scale) ** -np.array(j.order, dtype=np.float64))) for j in jets])


def _layer(model: Model, scale: Sequence[float]) -> Solution:
    """Functions of the natural sizes of unknowns that vary over ``scale``."""

    def jets(equation: CompiledEquation, points: Array, sign: float) -> Array:
        sizes = _rates(equation.jets, scale) * [model.sizes[j.unknown] for j in equation.jets]
        values = sizes * np.random.default_rng(1).standard_normal((len(points), len(sizes)))
        moved = [signed(j, v, sign, model.ranges[j.unknown]) for j, v in zip(equation.jets, values.T, strict=True)]
        return np.column_stack(moved)

    return jets


def _meeting(model: Model, condition: CompiledEquation, near: Array, scale: Sequence[float]) -> Solution:
    """The same with slopes ``near`` a side that meet its condition.

    But for a share: where all slopes are zero |u_x|^(-1/2) is rounding.
    """
    free = _layer(model, scale)
    is_slope = np.array([j.total > 0 for j in condition.jets])
    squares = (_rates(condition.jets, scale) * [model.sizes[j.unknown] for j in condition.jets] * is_slope) ** 2

    @cache
    def known(sign: float) -> Array:
        """From what they are or from zero, as leads nearer."""
        starts = free(condition, near, sign), np.where(is_slope, 0.0, free(condition, near, sign))
        return _nearer(condition, near, [_newton(condition, near, start, squares) for start in starts])

    def jets(equation: CompiledEquation, points: Array, sign: float) -> Array:
        values = free(equation, points, sign)
        for k, jet in enumerate(condition.jets):
            if jet in equation.jets:
                own = equation.jets.index(jet)
                values[:, own] = known(sign)[:, k] + LEAST * (values[:, own] - known(sign)[:, k])
        return values

    return jets


def _newton(condition: CompiledEquation, near: Array, jets: Array, squares: Array) -> Array:
    """Jets moved towards a condition by the best of some shares of each step; ``squares``: of the size of each.

    All of it led away from h_x / sqrt(1 + h_x^2) = 0.6: of h_x = 10 to -385.
    """
    for _ in range(1 if condition.is_linear else MEETING):
        left, slopes = condition.linearise_numpy(near, jets)
        with np.errstate(all="ignore"):
            step = slopes * squares * (left / (slopes**2 * squares).sum(-1))[:, None]
        step = np.where(np.isfinite(step), step, 0.0)
        jets = _nearer(condition, near, [jets - share * step for share in SHARES])
    return jets


def _nearer(condition: CompiledEquation, near: Array, tried: Sequence[Array]) -> Array:
    """At each point that of the jets which leaves least of a condition."""
    left = np.abs([condition.linearise_numpy(near, jets)[0] for jets in tried])
    best = np.argmin(np.where(np.isfinite(left), left, np.inf), axis=0)
    return np.asarray(np.array(tried)[best, np.arange(len(near))])


def growth_rate(model: Model, length: float) -> float:
    """The residual of a function that grows from zero to one in a slab of time of some length and does nothing else."""
    return max((size for _, size in _in_time(model, length)), default=0.0)


def slowest_rate(model: Model, length: float) -> float:
    """What the derivatives in time alone make of that residual, for the unknown in which it is smallest.

    For one that has none, such as a moment m = w_xx beside w_tt, what the equations make of its value, however short
    the slab is.
    """
    in_time: dict[int, float] = {}
    at_once: dict[int, float] = {}
    for jet, size in _in_time(model, length):
        found = in_time if jet.order[-1] > 0 else at_once
        found[jet.unknown] = max(found.get(jet.unknown, 0.0), size)
    held = [size for unknown, size in at_once.items() if unknown not in in_time and size > 0.0]
    return min([*in_time.values(), *held], default=0.0)


def _in_time(model: Model, length: float) -> Iterator[tuple[Jet, float]]:
    """Terms of functions that vary in time; over space as well, where that is all that equations say of rates.

    Of w_xt = p_xx: it had been nothing, and what may hide in a residual infinite.
    """
    points = model.problem.domain.sample(LOOKED_AT, lambda *shape: np.random.default_rng(0).random(shape))
    rates = [j.order for e in model.equations for j in e.jets if j.order[-1]]
    still = not rates or any(not any(order[:-1]) for order in rates)
    across = [np.inf] * (len(model.problem.coordinates) - 1) if still else list(model.problem.box.lengths[:-1])
    scale = [*across, length]
    found = _terms(model, model.equations, points, scale, _layer(model, scale))
    return (term for term in found if still or term[0].order[-1])


def held_by(place: Place, space: Space, model: Model) -> tuple[float | None, ...]:
    """By coordinate where a place holds it, None along which it runs; of an integral a point in the middle."""
    if isinstance(place, Point):
        return place.position
    if isinstance(place, Side):
        ends = (float(axis.breaks[-1 if place.end else 0]) for axis in space.axes)
        return tuple(x if i == place.axis else None for i, x in enumerate(ends))
    time = model.problem.time_axis
    return tuple(None if i == time else float(np.mean(a.breaks[[0, -1]])) for i, a in enumerate(space.axes))


def width_at(axis: Axis, x: float) -> float:
    """That of the interval at a point, over the degree."""
    k = int(np.clip(np.searchsorted(axis.breaks, x) - 1, 0, axis.intervals - 1))
    return float(np.diff(axis.breaks)[k]) / axis.degree
