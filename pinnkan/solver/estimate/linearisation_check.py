"""Changes of an equation within the error of a solution that its linearisation does not contain, as at a switch.

In b_t = k*heaviside(a - c) an a known to 4e-8 does not say whether it has passed c = 1 - 1e-8. So in every cell the
derivatives of the unknowns are moved by the estimated error, and the slopes of the equations are enclosed
(:mod:`pinnkan.problem.expressions.enclosure`). Where slopes vary little Newton's linearisation holds, and with it the
estimate. Other cells are halved until the integral of the change is a small share of the equation's terms. Where it
remains, the solution is not accurate enough to decide the switch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.bisection import cut_boxes
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.statement import Jet
from pinnkan.solver.estimate.equation_terms import squared_residual_and_terms, term_floor, unknown_sizes
from pinnkan.solver.estimate.solution_expressions import cell_boxes, enclose_derivatives
from pinnkan.solver.outcome import SAFETY

#: The most first boxes per coordinate, by number of coordinates; with more there is no check. Heuristic.
MAX_CELLS = {1: 128, 2: 16, 3: 6}
#: Pieces of a cell. Heuristic.
PIECES_PER_CELL = 4
#: Slopes that vary by less than this share of the largest count as constant: of a square, while the error is below a
#: fourth of its argument.
SLOPE_VARIATION = 0.5
#: Rounds of halving, and the most boxes. Heuristic.
MAX_ROUNDS, MAX_BOXES = 40, 4096
#: Changes over the terms, in tolerances, that matter: an enclosure is twice as wide as the error, which has a safety
#: factor.
ENCLOSURE_FACTOR = 4.0
#: Share of such a change that is reported: a thousandth doubled the time of shallow water, a tenth takes 5 per cent.
REPORTED_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class FieldContext:
    """What is known beside a field: its estimated ``error``, and root mean squares of the unknowns ``previous_rms``.

    The latter give terms of short slabs a size. ``allowed_error``: the relative error that a slab may have; ``losses``:
    its mean squared residuals by equation, or none.
    """

    error: Field | None = None
    previous_rms: Array | None = None
    allowed_error: float = 0.0
    losses: tuple[float, ...] = ()


NO_CORRECTION = FieldContext()  #: no correction known


@dataclass(frozen=True, eq=False)
class UndecidedSwitch:
    """The integrated change of an equation over its terms, the ``place`` of most of it, its ``text``."""

    relative_change: float
    place: Array
    text: str

    def words(self, model: Model) -> str:
        """In words, where the solution does not decide a switch of the equation."""
        at = model.problem.format_point(self.place, digits=6)
        return f"near {at} it does not say on which side of a threshold the solution is in '{self.text}'"


@dataclass(frozen=True, eq=False)
class LinearisationCheck:
    """The check of the equations of one problem."""

    model: Model

    @cached_property
    def nonpolynomial_equations(self) -> tuple[CompiledEquation, ...]:
        """The equations that are no polynomials in the derivatives of unknowns, which have no switches."""
        if self.model.problem.dimension not in MAX_CELLS:
            return ()
        pairs = zip(self.model.equations, self.model.problem.equations, strict=True)
        return tuple(e for e, given in pairs if not given.residual.is_polynomial(*given.jets))

    def largest_change(self, field: Field, context: FieldContext, domain: Domain) -> UndecidedSwitch | None:
        """The largest change within the error of a field on a domain; None where none is large enough to report."""
        error = context.error
        if error is None or not self.nonpolynomial_equations:
            return None
        box = np.array(domain.box.ranges, dtype=np.float64)
        low, high, counts = cell_boxes(field, box, PIECES_PER_CELL, MAX_CELLS[len(box)])
        found = []
        for equation in self.nonpolynomial_equations:
            self.model.clock.check()
            off = _largest_error(error, equation.jets, low, high)
            if self.model.problem.time_axis is not None:
                off = _largest_neighbour(off.reshape(len(off), *counts)).reshape(off.shape)
            cells = _Cells(equation, field, low, high, off, self.model.problem.time_axis is not None)
            terms = _terms(self.model, cells, context.previous_rms) if cells.initial_deviation.any() else 0.0
            change = cells.integrate_deviation(
                REPORTED_SHARE * ENCLOSURE_FACTOR * self.model.problem.solver.tolerance * terms
            )
            if change is not None:
                found.append(UndecidedSwitch(change[0] / terms / ENCLOSURE_FACTOR, change[1], equation.text))
        return max(found, key=lambda change: change.relative_change, default=None)


def _largest_neighbour(off: Array) -> Array:
    """The largest error (jet, .., time) of three neighbouring times: one that passes zero is no smaller."""
    padded = np.concatenate([off[..., :1], off, off[..., -1:]], -1)
    return np.maximum(np.maximum(padded[..., :-2], padded[..., 2:]), off)


def _largest_error(error: Field, jets: Sequence[Jet], low: Array, high: Array) -> Array:
    """The largest error at centres and corners of boxes, with a safety factor: (jet, box)."""
    corners = (np.where(np.array(which)[:, None], low, high) for which in product((True, False), repeat=len(low)))
    places = np.concatenate([0.5 * (low + high), *corners], axis=1).T
    found = np.abs(jets_at(error, np.ascontiguousarray(places), jets))
    return SAFETY * found.reshape(-1, low.shape[1], len(jets)).max(0).T


def _terms(model: Model, cells: "_Cells", previous_rms: Array | None) -> float:
    """The integral of the terms of an equation: over the cells, or by the sizes of unknowns over the whole domain.

    At each point the smaller of the terms as written and linearised counts: K/2 + K/2*sign(u - c) is 0 for u < c.
    """
    equation, points = cells.equation, np.ascontiguousarray(0.5 * (cells.low + cells.high).T)
    jets = jets_at(cells.field, points, equation.jets)
    slopes = equation.linearise_numpy(points, jets)[1]
    _, linear = squared_residual_and_terms(equation, points, jets)
    written = equation.squared_terms_numpy(points, jets)
    terms = np.sqrt(np.fmin(written, linear)) @ (cells.high - cells.low).prod(0)
    least = term_floor(model, equation, (points, slopes), unknown_sizes(model, cells.field, points, previous_rms))
    return max(float(terms), least * model.problem.domain.measure, 1e-300)


@dataclass(frozen=True, eq=False)
class _Cells:
    """An equation in boxes (coordinate, box) with errors ``error`` (jet, box); ``in_time``: if the last one is time."""

    equation: CompiledEquation
    field: Field
    low: Array
    high: Array
    error: Array
    in_time: bool

    @cached_property
    def initial_deviation(self) -> Array:
        """The largest deviation of the equation from its linearisation in the boxes, (box,)."""
        return self._deviation(self.low, self.high, self.error)

    @property
    def damped_pairs(self) -> list[tuple[int, int]]:
        """Positions of an unknown's first time derivative and of its value, where no other time derivative occurs.

        Where the value damps the derivative, however steeply, errors decay: h_t = -sqrt(max(h, 0)).
        """
        jets = [(j.unknown, j.order) for j in self.equation.jets]
        last = [k for k, (_, order) in enumerate(jets) if order[-1]]
        if not self.in_time or len(last) != 1 or sum(jets[last[0]][1]) != 1:
            return []
        value = jets[last[0]][0], (0,) * len(self.low)
        return [(last[0], jets.index(value))] if value in jets else []

    def integrate_deviation(self, allowed: float) -> tuple[float, Array] | None:
        """The integral of the deviation, and the place of most of it; None where it is at most ``allowed``."""
        low, high, off, changes = self.low, self.high, self.error, self.initial_deviation
        scale = (high.max(1) - low.min(1))[:, None]
        for _ in range(MAX_ROUNDS):
            changes = changes * (high - low).prod(0)
            if changes.sum() <= allowed:
                return None
            kept = changes > 0.0
            low, high, off = low[:, kept], high[:, kept], off[:, kept]
            if 2 * low.shape[1] > MAX_BOXES:
                break
            low, high = cut_boxes(low, high, ((high - low) / scale).argmax(0))
            off = np.repeat(off, 2, axis=1)
            changes = self._deviation(low, high, off)
        middle = 0.5 * (low + high)
        changes = self._deviation(middle, middle, off) * (high - low).prod(0)
        return (float(changes.sum()), middle[:, changes.argmax()]) if changes.sum() > allowed else None

    def _deviation(self, low: Array, high: Array, off: Array) -> Array:
        """The largest deviation of the equation from its linearisation over boxes; zero where slopes hardly vary."""
        n, ones = low.shape[1], np.ones(len(low))
        values = [v for v, _ in enclose_derivatives(self.field, self.equation.jets, low, high, range(len(low)), ones)]
        reach = [Interval(v.lo[:n] - e, v.hi[:n] + e) for v, e in zip(values, off, strict=True)]
        begins, ends = np.concatenate([low, [v.lo for v in reach]]), np.concatenate([high, [v.hi for v in reach]])
        look = enclose(self.equation.value_tape, begins, ends, np.ones(len(begins)))
        slope = Interval(look.slope.lo[0, len(low) :], look.slope.hi[0, len(low) :])
        with np.errstate(invalid="ignore", over="ignore"):
            varies, steep = slope.hi - slope.lo, slope.magnitude()
            changes = np.where(varies <= SLOPE_VARIATION * steep, 0.0, varies * off)
            some = changes.any(0)
            if some.any():
                bent = self._curvature_deviation(begins[:, some], ends[:, some], off[:, some])
                changes[:, some] = np.fmin(changes[:, some], bent)
            changes = np.where(steep < np.inf, changes, np.inf)
            for rate, value in self.damped_pairs:
                falls = (slope.lo[rate] > 0.0) & (slope.lo[value] >= 0.0)
                rises = (slope.hi[rate] < 0.0) & (slope.hi[value] <= 0.0)
                changes[value] = np.where(falls | rises, 0.0, changes[value])
            changes = changes.sum(0)
            return np.fmin(changes, look.value.hi[0] - look.value.lo[0])

    def _curvature_deviation(self, begins: Array, ends: Array, off: Array) -> Array:
        """The largest deviation over boxes by second derivatives, (jet, box); variation with coordinates is no part."""
        look = enclose(self.equation.slopes_tape, begins, ends, np.ones(len(begins))).slope.magnitude()
        bent = np.where(off > 0.0, look[:, len(self.low) :] * off, 0.0)
        return np.where(np.isnan(bent), np.inf, 2.0 * bent).sum(1) * off
