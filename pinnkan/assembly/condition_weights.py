"""How much a condition weighs that becomes rows: what a unit mismatch would cost inside, faded out over one interval.

A mismatch of size one in ``b D_n^q u`` is a change h^q / b of u next to the side. Faded out over an interval of width h
it leaves ``a h^(q - m) / b`` of a term ``a D_n^m u`` of the equations, on a layer of width h: an L2 norm of
``a h^(q - m + 1/2) / b``. The largest term of any equation counts, and that unknown of the condition whose change costs
most; or least where conditions change (:mod:`pinnkan.assembly.row_weights`): there intervals are far
narrower across the side than functions along it, and a traction, which its own component mends, would weigh a thousand
times too much by the other one. For u = g under a second-order equation that is h^-3/2; multiplying an equation, a
condition or an unknown by a number changes nothing.
"""

from collections.abc import Iterator, Sequence

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


def condition_weight(model: Model, condition: CompiledEquation, points: Array, widths: Sequence[float | None]) -> float:
    """The weight of a condition at ``points`` (point, coordinate).

    ``widths``: of the interval next to it, over the degree, in the coordinates that it holds; None in those that run
    along it, where functions vary over a tenth of the domain.
    """
    scale = _scale(model, widths)
    near = points[np.linspace(0, len(points) - 1, min(LOOKED_AT, len(points))).astype(int)]
    own = term_sizes(model, [condition], near, scale)
    inside = term_sizes(model, model.equations, near, scale)
    if not any(inside.get(unknown) for unknown in own):  # the equations degenerate there
        rng = np.random.default_rng(0)
        somewhere = model.problem.domain.sample(LOOKED_AT, lambda *shape: rng.random(shape))
        inside = term_sizes(model, model.equations, somewhere, scale)
    costs = [inside[unknown] / size for unknown, size in own.items() if size > 0.0 and inside.get(unknown)]
    layer = float(np.prod([h**0.5 for h in widths if h is not None]))
    return layer * (max if model.corner_weights is None else min)(costs, default=1.0)


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


def term_sizes(
    model: Model, equations: Sequence[CompiledEquation], points: Array, scale: Sequence[float]
) -> dict[int, float]:
    """The largest term of each unknown, root mean square, for functions of size one that vary over ``scale``.

    ``scale``: by coordinate, infinite where they do not vary; ``points``: (point, coordinate).
    """
    found: dict[int, float] = {}
    for jet, size in _terms(model, equations, points, scale):
        found[jet.unknown] = max(found.get(jet.unknown, 0.0), size)
    return found


def _terms(
    model: Model, equations: Sequence[CompiledEquation], points: Array, scale: Sequence[float]
) -> Iterator[tuple[Jet, float]]:
    """Every term and its size, see :func:`term_sizes`."""
    for equation in equations:
        rates = [float(np.prod(np.array(scale) ** -np.array(j.order, dtype=np.float64))) for j in equation.jets]
        rng = np.random.default_rng(1)
        sizes = [model.sizes[j.unknown] * float(r) for j, r in zip(equation.jets, rates, strict=True)]
        jets = np.array(sizes) * rng.standard_normal((len(points), len(sizes)))
        found = [_slopes(model, equation, points, jets, sign) for sign in SIGNS[: 1 if equation.is_linear else None]]
        yield from zip(equation.jets, np.array(rates) * np.min(found, axis=0), strict=True)


def _slopes(model: Model, equation: CompiledEquation, points: Array, jets: Array, sign: float) -> Array:
    """Root mean squares of the derivatives by all jets, values of no known sign having this one: (jet,)."""
    moved = [signed(j, v, sign, model.ranges[j.unknown]) for j, v in zip(equation.jets, jets.T, strict=True)]
    return np.array([root_mean_square(s) for s in equation.linearise_numpy(points, np.column_stack(moved))[1].T])


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
    found = _terms(model, model.equations, points, [*across, length])
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
