"""Bounds of the error that need no correction, for equations of a simple form that is recognised from their symbols.

Every bound has the form |e| <= constant * |residual|, with a constant that is proven below. The equation must be, after
division by the coefficient of u_t or by a sign,

    u_t - sum_i a_i u_ii + sum_i b_i u_i + g(u, x, t) = 0      (u_t only with time; a_i > 0 and b_i numbers)

on a box with u given on every side that is not periodic; or Burgers' u_t + f'(u) u_x = nu u_xx. Then e = u - u_h solves
the equation for e with the residual on the right (monotone g by the mean value theorem). Let lambda = sum_i a_i (pi /
L_i)^2 over the coordinates with values (a periodic one adds nothing) and c = g_u.

* **energy**: multiply by e and integrate. The convection vanishes, since b is constant and e = 0 on the sides;
  Poincare's inequality gives (lambda + min c) |e| <= |r| where the factor is positive. Poisson: |e| <= |r| / lambda_1.
* **gap** (c < 0 a number, b = 0): the operator is self-adjoint with the eigenvalues sum_i a_i k_i^2 + c, hence |e| <=
  |r| / min |eigenvalue|. Helmholtz.
* **heat**: d/dt |e| + (lambda + min c) |e| <= |r(t)|, hence by Gronwall |e(t)| <= exp(-mu t) |e(0)| + the integral of
  exp(-mu (t - s)) |r(s)| ds, mu = lambda + min c, of either sign.
* **contraction** (Burgers and u_t + f(u)_x = nu u_xx): test with the sign of e; |e(t)|_1 <= |e(0)|_1 + the integral of
  |r(s)|_1 ds (Kruzkov 1970; Evans 2010, section 11.4).
* **Gronwall in the sup norm** (Allen-Cahn: g_u >= -K for all u): at a maximum of e the derivatives of the linear part
  have a sign; |e(t)|_max <= exp(K t) |e(0)|_max + the integral of exp(K (t - s)) |r(s)|_max ds.

The mismatch of u_h on the sides adds at most its largest value, by the maximum principle (c >= 0); for c < 0 there is
no bound unless the mismatch is rounding. Norms of the residual are Gauss quadrature, or the largest of many samples, at
held-out points: not interval arithmetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np

from pinnkan.assembly.boundary_values import Conditions
from pinnkan.assembly.model import Model
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.kan.field import Array, Field, jets_on_grid
from pinnkan.kan.product import ProductField
from pinnkan.problem.convection_diffusion import (
    ConvectionDiffusionForm,
    convection_diffusion_form,
    reaction_slope_range,
)
from pinnkan.problem.statement import Problem, Side

#: Gauss points in each half of a knot interval, by number of coordinates of space (ten in an interval are exact for
#: squares of degree 9); the least with which there is a bound; the most in all, for splines and other fields.
GAUSS_POINTS, MIN_GAUSS_POINTS = {1: 12, 2: 5, 3: 4}, 4
MAX_POINTS = {True: 3_000_000, False: 100_000}
#: A mismatch on the sides below this share of the solution is rounding.
ROUNDING = 1e-11
#: Half the number of Gauss points in time of each slab. Heuristic.
HALF_TIME_POINTS = 6


@dataclass(frozen=True)
class ErrorBound:
    """A bound of the relative error: its ``value``, the ``norm`` (L2, L1 or max), the proof in ``proof``."""

    value: float
    norm: str
    proof: str

    @property
    def sentence(self) -> str:
        """The bound in one sentence for the user."""
        return (
            f"Bound: relative {self.norm} error at most {self.value:.1e}, by {self.proof} "
            "(the inequality is proven, the residual by quadrature at points never trained on)."
        )


def error_bound(model: Model, field: Field) -> ErrorBound | None:
    """The bound of the error of a field; None where the equation or its conditions have another form."""
    problem = model.problem
    form = convection_diffusion_form(problem)
    if (
        problem.domain != problem.box
        or form is None
        or not problem.space_dimension
        or _affordable_points(field, problem) < MIN_GAUSS_POINTS
        or not _all_values_given(problem, model.conditions)
    ):
        return None
    bound = _steady(problem, form, model, field) if problem.time_axis is None else _in_time(problem, form, model, field)
    return bound if bound is not None and np.isfinite(bound.value) else None


def _all_values_given(problem: Problem, conditions: Conditions) -> bool:
    """Whether u is given on each side that is not periodic, built in exactly, and no condition is a row."""
    sides = {given.side for given in conditions.boundary if given.order == 0}
    space = [i for i in range(problem.dimension) if i != problem.time_axis and not problem.box.periodic[i]]
    others = [given for given in conditions.boundary if given.order > 0]
    return not conditions.rows and not others and sides == {Side(i, end) for i in space for end in (0, 1)}


def _first_eigenvalue(problem: Problem, form: ConvectionDiffusionForm) -> float:
    """lambda: the sum of a_i (pi / L_i)^2 over the coordinates with values at both ends."""
    space = [i for i in range(problem.dimension) if i != problem.time_axis]
    lengths = problem.box.lengths[space]
    return sum(
        a * (np.pi / x) ** 2
        for a, x, i in zip(form.diffusion, lengths, space, strict=True)
        if not problem.box.periodic[i]
    )


def _spectral_gap(problem: Problem, form: ConvectionDiffusionForm, c: float) -> float:
    """min |sum_i a_i k_i^2 + c|, k_i = n pi / L (n = 1, 2, ..), or 2 n pi / L (n = 0, 1, ..) when periodic."""
    sums = np.zeros(1)
    for a, (low, high), periodic in zip(form.diffusion, problem.box.ranges, problem.box.periodic, strict=True):
        most = int(np.ceil(np.sqrt(max(-c, 0.0) / a) * (high - low) / np.pi)) + 2
        n = 2.0 * np.arange(most // 2 + 2) if periodic else np.arange(1.0, most + 1)
        sums = np.add.outer(sums, a * (n * np.pi / (high - low)) ** 2).ravel()
    return float(np.abs(sums + c).min())


def _steady(problem: Problem, form: ConvectionDiffusionForm, model: Model, field: Field) -> ErrorBound | None:
    limits = reaction_slope_range(problem, form.reaction_slope)
    if limits is None or form.flux_derivative is not None:
        return None
    nodes, weights = _quadrature(field, problem, range(problem.dimension), None)
    u = field.grid(nodes, (0,) * problem.dimension)[..., 0]
    residual = _residual(model, field, nodes) / form.scale
    total = reduce(np.multiply.outer, weights)
    norm, size = np.sqrt((residual**2 * total).sum()), np.sqrt((u**2 * total).sum())
    edge = _largest_mismatch(problem, model.conditions, field, None)
    rate = _first_eigenvalue(problem, form) + limits[0]
    if rate > 0.0:
        words = "the energy inequality, |e| <= |r|/(lambda_1 + min c)"
    elif limits[0] == limits[1] and not any(form.convection):
        rate, words = _spectral_gap(problem, form, limits[0]), "the spectral gap, |e| <= |r|/min|lambda_k - k^2|"
    else:
        return None
    if limits[0] < 0.0 and edge > ROUNDING * float(np.abs(u).max()):
        return None
    return (
        ErrorBound(_relative_bound(norm / rate + edge * np.sqrt(total.sum()), size), "L2", words)
        if rate > 0.0
        else None
    )


def _in_time(problem: Problem, form: ConvectionDiffusionForm, model: Model, field: Field) -> ErrorBound | None:
    limits = (0.0, 0.0) if form.flux_derivative is not None else reaction_slope_range(problem, form.reaction_slope)
    if limits is None or not np.isfinite(limits[0]):
        return None
    linear = limits[0] == limits[1] and form.flux_derivative is None
    power = 1.0 if form.flux_derivative is not None else 2.0 if linear or limits[0] >= 0.0 else np.inf
    rate = {1.0: 0.0, np.inf: limits[0]}.get(power, _first_eigenvalue(problem, form) + limits[0])
    time = problem.dimension - 1
    ends = field.breaks(time)
    error = squares = sizes = largest = 0.0
    edge = _largest_mismatch(problem, model.conditions, field, (float(ends[0]), float(ends[-1])))
    axes = [field.breaks(i) for i in range(problem.dimension)]
    rounding = ROUNDING * float(np.abs(field.grid(axes, (0,) * problem.dimension)).max())
    if edge > rounding and (limits[0] < 0.0 or power == 1.0):
        return None
    for low, high in pairwise(ends):
        nodes, weights = _quadrature(field, problem, range(time), 0.5 * (low + high))
        total = reduce(np.multiply.outer, weights)
        error += _jump(problem, model, field, nodes, total, power, float(low), low == ends[0])
        t, w = composite_gauss_rule(np.array([low, high]), HALF_TIME_POINTS * 2)
        u = field.grid([*nodes, t], (0,) * problem.dimension)[..., 0]
        residual = _residual(model, field, [*nodes, t]) / form.scale
        norms, size = _norms(residual, total, power), _norms(u, total, power)
        largest = max(largest, float(np.abs(u).max()))
        # at any time of the slab: the error at its start, and at most all that the slab adds
        inside = np.exp(-rate * (t - low)) * error + max(1.0, np.exp(-rate * (high - low))) * (norms * w).sum()
        exponent = min(power, 2.0)
        squares, sizes = squares + float((w * inside**exponent).sum()), sizes + float((w * size**exponent).sum())
        error = float(np.exp(-rate * (high - low)) * error + (np.exp(-rate * (high - t)) * norms * w).sum())
    if power == np.inf:
        words = f"Gronwall in the sup norm, growth of errors at most exp({-rate:.3g} t)"
        return ErrorBound(_relative_bound(error, largest), "max", words)
    if power == 1.0:
        return ErrorBound(_relative_bound(squares, sizes), "L1", "L1 contraction")
    change = "decay of errors at least" if rate > 0.0 else "growth of errors at most"
    words = f"the energy inequality, {change} exp({-rate:.3g} t)"
    return ErrorBound(
        _relative_bound(np.sqrt(squares) + edge * np.sqrt(problem.domain.measure), np.sqrt(sizes)), "L2", words
    )


def _relative_bound(error: float, size: float) -> float:
    """The bound over the norm of the exact solution, at least |u_h| - error; inf where that is not positive."""
    return float(error / (size - error)) if size > error else np.inf


def _norms(values: Array, weights: Array, power: float) -> Array:
    """The norm over space at each time, (time); ``power``: 1, 2 or inf."""
    if power == np.inf:
        return np.abs(values).reshape(-1, values.shape[-1]).max(0)
    sums = (np.abs(values) ** power * weights[..., None]).reshape(-1, values.shape[-1]).sum(0)
    return np.asarray(sums ** (1.0 / power))


def _jump(
    problem: Problem, model: Model, field: Field, nodes: Sequence[Array], weights: Array, power: float, t: float,
    first: bool,
) -> float:  # fmt: skip
    """The norm of the jump of u_h between two slabs, or of its mismatch with the initial data (``first``)."""
    length = problem.box.lengths[-1]
    order = (0,) * problem.dimension
    after = field.grid([*nodes, np.array([t + 1e-13 * length])], order)[..., 0]
    if first:
        given = next(x for x in model.conditions.initial if x.order == 0)
        grid = np.meshgrid(*nodes, np.array([t]), indexing="ij")
        before = np.broadcast_to(given.value(grid)[0], after.shape)
    else:
        before = field.grid([*nodes, np.array([t])], order)[..., 0]
    return float(_norms(after - before, weights, power)[0])


def _residual(model: Model, field: Field, nodes: Sequence[Array]) -> Array:
    equation = model.equations[0]
    jets = jets_on_grid(field, nodes, equation.jets)
    return equation.linearise_numpy(np.stack(np.meshgrid(*nodes, indexing="ij"), -1), jets)[0]


def _largest_mismatch(
    problem: Problem, conditions: Conditions, field: Field, reached: tuple[float, float] | None
) -> float:
    """max |g - u_h| over samples of all sides with values."""
    worst = 0.0
    for given in conditions.boundary:
        axes = []
        for i, (low, high) in enumerate(problem.box.ranges):
            if i == given.side.axis:
                axes.append(np.array([(low, high)[given.side.end]]))
            elif i == problem.time_axis and reached is not None:
                axes.append(composite_gauss_rule(field.breaks(i), 12)[0])
            else:
                axes.append(np.concatenate([[low], composite_gauss_rule(field.breaks(i), 12)[0], [high]]))
        ours = field.grid(axes, (0,) * problem.dimension)[..., given.unknown]
        wanted = given.value(np.meshgrid(*axes, indexing="ij"))[0]
        worst = max(worst, float(np.abs(ours - wanted).max()))
    return worst


def _affordable_points(field: Field, problem: Problem) -> int:
    """The number of Gauss points per half interval and coordinate of space that the work allows."""
    space = [i for i in range(problem.dimension) if i != problem.time_axis]
    halves = float(np.prod([2.0 * (len(field.breaks(i)) - 1) for i in space]))
    most = MAX_POINTS[isinstance(field, ProductField)] / (
        halves * (1 if problem.time_axis is None else 2 * HALF_TIME_POINTS)
    )
    return min(GAUSS_POINTS[len(space)], int(most ** (1.0 / len(space))))


def _quadrature(
    field: Field, problem: Problem, axes: Sequence[int], time: float | None
) -> tuple[list[Array], list[Array]]:
    """Gauss nodes and weights in both halves of every knot interval, by coordinate of ``axes``."""
    nodes, weights = [], []
    for i in axes:
        breaks = field.breaks(i, time)
        halves = np.sort(np.concatenate([breaks, 0.5 * (breaks[1:] + breaks[:-1])]))
        x, w = composite_gauss_rule(halves, _affordable_points(field, problem))
        nodes.append(x)
        weights.append(w)
    return nodes, weights
