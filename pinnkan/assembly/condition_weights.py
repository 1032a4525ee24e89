"""The weight of a condition that becomes rows: the residual of a unit mismatch that is faded out over an interval.

A unit mismatch in ``b D_n^q u`` changes u at the side by h^q / b. Faded out over a layer of width h it leaves a h^(q -
m) / b in a term ``a D_n^m u`` of the equations, with the L2 norm a h^(q - m + 1/2) / b; that is h^-3/2 for u = g under
a second-order equation. The largest term of any equation counts, and the unknown of the condition whose mismatch costs
most, or least where conditions change (:mod:`pinnkan.assembly.row_weights`). The weight does not depend on the scaling
of equations, conditions and unknowns.

Coefficients that depend on the solution are those of a layer of width h, or of a function that varies over a tenth of
the domain and satisfies the condition, whichever costs more.
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
from pinnkan.problem.features.value_ranges import SIGNS, values_with_sign
from pinnkan.problem.statement import Jet, Place, Point, Side
from pinnkan.problem.units.term_sizes import WAVELENGTH, jet_sizes, root_mean_square

#: Points at which coefficients are sampled.
SAMPLE_POINTS = 64
#: The least share of the typical size of terms of a condition, and the share of random jets that remains in them.
LEAST_SHARE = 1e-3
#: The largest ratio of the two costs above for a linear condition with derivatives. Without a limit that of a turbulent
#: channel weighs 1e6 times as much, and an error of 5e-7 is reported as 1e-9.
MAX_LAYER_RATIO = 1e3
#: Newton steps to jets that satisfy a condition, one for linear conditions, and the damping factors tried for each.
NEWTON_STEPS, STEP_SHARES = 8, (1.0, 0.3, 0.1, 0.03, 0.0)
#: A function of an equation, points and a sign for values of unknown sign: its jets (point, jet).
JetFunction: TypeAlias = Callable[[CompiledEquation, Array, float], Array]


def condition_weight(model: Model, condition: CompiledEquation, points: Array, widths: Sequence[float | None]) -> float:
    """The weight of a condition at ``points`` (point, coordinate).

    ``widths``: of the adjacent interval over the degree, in fixed coordinates; None in tangential ones, in which
    functions vary over a tenth of the domain.
    """
    scale = _scale(model, widths)
    near = points[np.linspace(0, len(points) - 1, min(SAMPLE_POINTS, len(points))).astype(int)]
    layer = _random_layer(model, scale) if condition.is_linear else _satisfying_layer(model, condition, near, scale)
    found = [_cost(model, condition, near, scale, layer)]
    if not model.is_linear:
        meeting = _satisfying_layer(model, condition, near, _scale(model, [None] * len(widths)))
        found.append(_cost(model, condition, near, scale, meeting))
        if found[0] and found[1] and condition.is_linear and any(j.total_order > 0 for j in condition.jets):
            found[0] = min(found[0], MAX_LAYER_RATIO * found[1])
    root = float(np.prod([h**0.5 for h in widths if h is not None]))
    return root * max((cost for cost in found if cost is not None), default=1.0)


def _cost(
    model: Model, condition: CompiledEquation, side_points: Array, scale: Sequence[float], jet_function: JetFunction
) -> float | None:
    """The cost of a unit mismatch with coefficients at a given solution; None where it is not known."""
    own = _largest(_terms(model, [condition], side_points, scale, jet_function))
    inside = _largest(_terms(model, model.equations, side_points, scale, jet_function))
    if not any(inside.get(unknown) for unknown in own):  # the equations degenerate at these points
        rng = np.random.default_rng(0)
        somewhere = model.problem.domain.sample(SAMPLE_POINTS, lambda *shape: rng.random(shape))
        inside = _largest(_terms(model, model.equations, somewhere, scale, _random_layer(model, scale)))
    costs = [inside[unknown] / size for unknown, size in own.items() if size > 0.0 and inside.get(unknown)]
    return (max if model.corner_weights is None else min)(costs, default=None)


def corner_factors(
    model: Model, condition: CompiledEquation, points: Array, widths: Sequence[float | None]
) -> Array | None:
    """The factor on :func:`condition_weight` at each point, (point), where conditions change; else None.

    It is the weight of equations there; for a linear condition, times the typical size of its terms over the local one.
    """
    if model.corner_weights is None:
        return None
    weights = model.corner_weights.point_weights(points)
    if not condition.is_linear:
        return weights
    slopes = condition.linearise_numpy(points, np.zeros((len(points), len(condition.jets))))[1]
    sizes = np.abs(slopes * jet_sizes(condition.jets, _scale(model, widths), model.sizes)).max(-1)
    typical = float(np.sqrt((sizes**2).mean()))
    return np.asarray(weights * typical / np.maximum(sizes, LEAST_SHARE * typical))


def _scale(model: Model, widths: Sequence[float | None]) -> list[float]:
    """The length over which functions vary in each coordinate (:func:`condition_weight`)."""
    lengths = np.ptp(model.problem.box.ranges, axis=1)
    return [WAVELENGTH * length if h is None else h for h, length in zip(widths, lengths, strict=True)]


def _largest(terms: Iterator[tuple[Jet, float]]) -> dict[int, float]:
    """The largest term of each unknown."""
    found: dict[int, float] = {}
    for jet, size in terms:
        found[jet.unknown] = max(found.get(jet.unknown, 0.0), size)
    return found


def _terms(
    model: Model,
    equations: Sequence[CompiledEquation],
    points: Array,
    scale: Sequence[float],
    jet_function: JetFunction,
) -> Iterator[tuple[Jet, float]]:
    """Iterate over the terms of equations and their root mean square, for functions that vary over ``scale``.

    ``scale``: by coordinate, infinite for no variation; ``jet_function``: where coefficients are taken.
    """
    for equation in equations:
        signs = SIGNS[: 1 if equation.is_linear else None]
        slopes = [equation.linearise_numpy(points, jet_function(equation, points, sign))[1] for sign in signs]
        found = [[root_mean_square(s) for s in each.T] for each in slopes]
        yield from zip(equation.jets, jet_sizes(equation.jets, scale) * np.min(found, axis=0), strict=True)


def _random_layer(model: Model, scale: Sequence[float]) -> JetFunction:
    """Random functions of the natural sizes of unknowns that vary over ``scale``."""

    def jets(equation: CompiledEquation, points: Array, sign: float) -> Array:
        sizes = jet_sizes(equation.jets, scale, model.sizes)
        values = sizes * np.random.default_rng(1).standard_normal((len(points), len(sizes)))
        moved = [
            values_with_sign(j, v, sign, model.ranges[j.unknown]) for j, v in zip(equation.jets, values.T, strict=True)
        ]
        return np.column_stack(moved)

    return jets


def _satisfying_layer(
    model: Model, condition: CompiledEquation, side_points: Array, scale: Sequence[float]
) -> JetFunction:
    """Random functions as :func:`_random_layer`, whose jets satisfy a condition at the points ``side_points`` a side.

    A small share of their deviation remains: |u_x|^(-1/2) would be rounding where all slopes are zero.
    """
    free = _random_layer(model, scale)
    is_slope = np.array([j.total_order > 0 for j in condition.jets])
    squares = (jet_sizes(condition.jets, scale, model.sizes) * is_slope) ** 2

    @cache
    def known(sign: float) -> Array:
        """Jets that satisfy the condition, from the random ones or from zero slopes, whichever leaves less."""
        starts = free(condition, side_points, sign), np.where(is_slope, 0.0, free(condition, side_points, sign))
        return _best_candidate(
            condition, side_points, [_newton(condition, side_points, start, squares) for start in starts]
        )

    def jets(equation: CompiledEquation, points: Array, sign: float) -> Array:
        values = free(equation, points, sign)
        for k, jet in enumerate(condition.jets):
            if jet in equation.jets:
                own = equation.jets.index(jet)
                values[:, own] = known(sign)[:, k] + LEAST_SHARE * (values[:, own] - known(sign)[:, k])
        return values

    return jets


def _newton(condition: CompiledEquation, side_points: Array, jets: Array, squared_sizes: Array) -> Array:
    """Jets after damped Newton steps towards a condition; ``squared_sizes``: the squared size of each, as a metric.

    Full steps diverge for h_x / sqrt(1 + h_x^2) = 0.6: from h_x = 10 to -385.
    """
    for _ in range(1 if condition.is_linear else NEWTON_STEPS):
        left, slopes = condition.linearise_numpy(side_points, jets)
        with np.errstate(all="ignore"):
            step = slopes * squared_sizes * (left / (slopes**2 * squared_sizes).sum(-1))[:, None]
        step = np.where(np.isfinite(step), step, 0.0)
        jets = _best_candidate(condition, side_points, [jets - share * step for share in STEP_SHARES])
    return jets


def _best_candidate(condition: CompiledEquation, side_points: Array, candidates: Sequence[Array]) -> Array:
    """At each point the jets, among those ``candidates``, with the least residual of a condition."""
    left = np.abs([condition.linearise_numpy(side_points, jets)[0] for jets in candidates])
    best = np.argmin(np.where(np.isfinite(left), left, np.inf), axis=0)
    return np.asarray(np.array(candidates)[best, np.arange(len(side_points))])


def growth_residual(model: Model, length: float) -> float:
    """The largest term of the equations for a function that grows from zero to one over a slab of some length."""
    return max((size for _, size in _growth_terms(model, length)), default=0.0)


def least_growth_residual(model: Model, length: float) -> float:
    """The smallest, over all unknowns, of their largest term with a derivative in time for such a function.

    For an unknown without any, such as m = w_xx beside w_tt, its largest other term counts.
    """
    in_time: dict[int, float] = {}
    at_once: dict[int, float] = {}
    for jet, size in _growth_terms(model, length):
        found = in_time if jet.order[-1] > 0 else at_once
        found[jet.unknown] = max(found.get(jet.unknown, 0.0), size)
    held = [size for unknown, size in at_once.items() if unknown not in in_time and size > 0.0]
    return min([*in_time.values(), *held], default=0.0)


def _growth_terms(model: Model, length: float) -> Iterator[tuple[Jet, float]]:
    """The terms of functions that vary in time over ``length`` and, in general, not in space.

    If all derivatives in time are mixed (w_xt = p_xx) functions vary over the box, and terms without them are left out.
    """
    points = model.problem.domain.sample(SAMPLE_POINTS, lambda *shape: np.random.default_rng(0).random(shape))
    rates = [j.order for e in model.equations for j in e.jets if j.order[-1]]
    still = not rates or any(not any(order[:-1]) for order in rates)
    across = [np.inf] * (len(model.problem.coordinates) - 1) if still else list(model.problem.box.lengths[:-1])
    scale = [*across, length]
    found = _terms(model, model.equations, points, scale, _random_layer(model, scale))
    return (term for term in found if still or term[0].order[-1])


def fixed_coordinates(place: Place, space: Space, model: Model) -> tuple[float | None, ...]:
    """The value of each coordinate that a place fixes, None along it; for an integral the midpoint in space."""
    if isinstance(place, Point):
        return place.position
    if isinstance(place, Side):
        ends = (float(axis.breaks[-1 if place.end else 0]) for axis in space.axes)
        return tuple(x if i == place.axis else None for i, x in enumerate(ends))
    time = model.problem.time_axis
    return tuple(None if i == time else float(np.mean(a.breaks[[0, -1]])) for i, a in enumerate(space.axes))


def width_over_degree(axis: Axis, x: float) -> float:
    """The width of the interval that contains x, over the degree."""
    k = int(np.clip(np.searchsorted(axis.breaks, x) - 1, 0, axis.intervals - 1))
    return float(np.diff(axis.breaks)[k]) / axis.degree
