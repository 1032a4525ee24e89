"""What equations switch within the error of a solution: formulas that are no straight line across it.

Of b_t = k*heaviside(a - c) an a known to 4e-8 does not say whether it has passed c = 1 - 1e-8, nor do points in between
that it passes by for a moment. So the derivatives of the unknowns are taken to be anything within the estimated error
of what they are in a cell, and the slopes of each equation by them are enclosed there
(:mod:`pinnkan.problem.expressions.enclosure`). Where these vary by no more than a part of themselves Newton's
linearisation holds, and with it the estimate. Where they vary more over a cell it counts what they vary by within the
error alone, by second derivatives, where there are any. Cells where that is much are cut, until what the equation may
change by there, integrated, is a small share of its terms; or it remains, and the solution is not known well enough to
say what the equation makes of it. (Without second derivatives those of sin(u^2) were cut five times wherever u passes
zero: 0.3 s for each slab of Heat2d-LT, not 0.03.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from sympy import Add, Expr, Symbol

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.enclosure import Enclosure, enclose
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.statement import Equation, Jet
from pinnkan.solver.estimate.substituted import cell_boxes, halved, over_boxes
from pinnkan.solver.outcome import SAFETY

#: First boxes per coordinate at most, by their number: of cells, or several of them. In more nothing is asked.
CELLS = {1: 128, 2: 16, 3: 6}
#: Pieces of a cell.
PIECES = 4
#: Slopes that vary by less than this share of the largest are those of a line: of a square, where the error is less
#: than a fourth of its argument.
BENT = 0.5
#: Slopes below this share of the largest are none.
FLAT = 1e-6
#: Rounds of cutting in two, and boxes at most.
ROUNDS, MOST = 40, 4096
#: Changes over the terms, in tolerances, that are a concern: an interval of the error to either side is twice as wide
#: as the error, and the estimated error is taken SAFETY times.
CONCERN = 4.0
#: Of the tolerance, what is told; what it comes to depends on how many there are, and what grows. To tell a thousandth
#: shallow water, whose q^2/h is bent where q is zero, took twice the time, a tenth 5 per cent.
TOLD = 0.1
#: States at which coefficients are looked at, of these powers of ten of the sizes.
STATES, POWERS = 64, (-3.0, 3.0)
#: An unknown smaller than this share of its natural size counts as that: what is zero has rounding of its own.
LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Beside:
    """What is known beside a field: its estimated ``error``, and root mean squares of the unknowns ``before``.

    With these terms are compared: next to a threshold at zero those of a short slab are nothing. ``allowed``: of a
    slab, the relative error of its own that it may have.
    """

    error: Field | None = None
    before: Array | None = None
    allowed: float = 0.0


@dataclass(frozen=True, eq=False)
class Switch:
    """What an equation may change by within an error: integrated, over its terms; where most of it is; its text."""

    share: float
    place: Array
    text: str

    def words(self, model: Model) -> str:
        """Where the error of the solution does not say what an equation is."""
        at = model.problem.at(self.place, digits=6)
        return f"near {at} it does not say on which side of a threshold the solution is in '{self.text}'"


@dataclass(frozen=True, eq=False)
class Undecided:
    """What is asked of the equations of one problem; which of them is worked out once."""

    model: Model

    @cached_property
    def asked(self) -> tuple[tuple[CompiledEquation, tuple[int, ...]], ...]:
        """Equations that are no polynomials of the derivatives of unknowns: these are bent everywhere alike.

        Each with the positions of the derivatives that it is :func:`bent` in.
        """
        if self.model.problem.dimension not in CELLS:
            return ()
        pairs = zip(self.model.equations, self.model.problem.equations, strict=True)
        return tuple((e, bent(given)) for e, given in pairs if not given.residual.is_polynomial(*given.jets))

    def change(self, field: Field, known: Beside, domain: Domain) -> Switch | None:
        """The largest change within the error of a field on a domain, if it may be a concern."""
        error = known.error
        if error is None or not self.asked:
            return None
        box = np.array(domain.box.ranges, dtype=np.float64)
        low, high, counts = cell_boxes(field, box, PIECES, CELLS[len(box)])
        found = []
        for equation, places in self.asked:
            self.model.clock.check()
            off = _around(error, [equation.jets[k] for k in places], low, high)
            if self.model.problem.time_axis is not None:
                off = _at_neighbours(off.reshape(len(off), *counts)).reshape(off.shape)
            cells = _Cells(equation, places, field, low, high, off, self.model.problem.time_axis is not None)
            terms = _terms(self.model, cells, known.before) if cells.first.any() else 0.0
            change = cells.change(TOLD * CONCERN * self.model.problem.solver.tolerance * terms)
            if change is not None:
                found.append(Switch(change[0] / terms / CONCERN, change[1], equation.text))
        return max(found, key=lambda change: change.share, default=None)


def bent(equation: Equation) -> tuple[int, ...]:
    """Positions of the derivatives that a term is no straight line of, its slopes given by the coordinates."""
    symbols = set(equation.jets)
    terms = [t for t in Add.make_args(equation.residual) if not _is_straight(t, symbols)]
    found = set().union(*(t.free_symbols for t in terms))
    return tuple(k for k, symbol in enumerate(equation.jets) if symbol in found)


def turns(equation: CompiledEquation, places: Sequence[int], field: Field, low: Array, high: Array) -> Array:
    """By how much slopes turn over boxes (coordinate, box) of a field, over the largest: of a kink or a jump infinite.

    Of the derivatives at the positions ``places``, those that the equation is :func:`bent` in.
    """
    look, ahead, reach = _looks(equation, places, field, low, high, np.zeros((len(places), low.shape[1])))
    largest, d = np.zeros(low.shape[1]), len(low)
    with np.errstate(all="ignore"):
        steep, curved = look.slope.magnitude()[0, d:], ahead.slope.magnitude()[:, d:]
        for k in places:
            change = sum(np.nan_to_num(curved[k, m] * np.ptp(reach[:, m], axis=0), posinf=np.inf) for m in places)
            tail = FLAT * float(steep[k][steep[k] < np.inf].max(initial=0.0))  # of tanh is no step, however it falls
            found = np.where(np.maximum(change, steep[k]) == np.inf, np.inf, change / np.maximum(steep[k], 1e-300))
            largest = np.maximum(largest, np.where(steep[k] > tail, found, 0.0))
    return largest


def _looks(
    equation: CompiledEquation, places: Sequence[int], field: Field, low: Array, high: Array, off: Array
) -> tuple[Enclosure, Enclosure, Array]:
    """An equation and its slopes over boxes of a field, known to ``off`` (place, box); what jets reach (end, jet, box).

    Jets beside those at ``places`` are zero.
    """
    n, jets = low.shape[1], equation.jets
    values = over_boxes(field, [jets[k] for k in places], low, high, range(len(low)), np.ones(len(low)))
    reach = np.zeros((2, len(jets), n))
    for k, (v, _), e in zip(places, values, off, strict=True):
        reach[:, k] = v.lo[:n] - e, v.hi[:n] + e
    begins, ends = np.concatenate([low, reach[0]]), np.concatenate([high, reach[1]])
    look, ahead = (enclose(tape, begins, ends, np.ones(len(begins))) for tape in (equation.value, equation.rates))
    return look, ahead, reach


def _is_straight(term: Expr, symbols: set[Symbol]) -> bool:
    return bool(term.is_polynomial(*symbols)) and not any(term.diff(s).free_symbols & symbols for s in symbols)


def _at_neighbours(off: Array) -> Array:
    """The most of errors (jet, .., time) at a time, before and after it: one that passes zero is no smaller."""
    padded = np.concatenate([off[..., :1], off, off[..., -1:]], -1)
    return np.maximum(np.maximum(padded[..., :-2], padded[..., 2:]), off)


def _around(error: Field, jets: Sequence[Jet], low: Array, high: Array) -> Array:
    """The most that an error is at centres and corners of boxes: (jet, box)."""
    corners = (np.where(np.array(which)[:, None], low, high) for which in product((True, False), repeat=len(low)))
    places = np.concatenate([0.5 * (low + high), *corners], axis=1).T
    found = np.abs(jets_at(error, np.ascontiguousarray(places), jets))
    return SAFETY * found.reshape(-1, low.shape[1], len(jets)).max(0).T


def _terms(model: Model, cells: "_Cells", before: Array | None) -> float:
    """The terms of an equation, integrated: over the cells, or at least what unknowns would make of all of the domain.

    As K*u is none of the terms of K*max(u - c, 0), so K/2 and K/2*sign(u - c) are no two.
    """
    equation, points = cells.equation, np.ascontiguousarray(0.5 * (cells.low + cells.high).T)
    jets = jets_at(cells.field, points, equation.jets)
    slopes = equation.linearise_numpy(points, jets)[1]
    terms = uncancelled(equation, points, jets) @ (cells.high - cells.low).prod(0)
    least = least_term(model, equation, (points, slopes), sizes_of(model, cells.field, points, before))
    return max(float(terms), least * model.problem.domain.measure, 1e-300)


def uncancelled(equation: CompiledEquation, points: Array, jets: Array) -> Array:
    """The terms of an equation at points (point,), but those that cancel: K/2*abs(u - c) + K/2*(u - c) below c."""
    slopes = equation.linearise_numpy(points, jets)[1]
    data = equation.linearise_numpy(points, np.zeros_like(jets))[0]
    linear = np.abs(np.where(np.isfinite(data), data, 0.0)) + np.abs(slopes * jets).sum(-1)
    return np.fmin(np.sqrt(equation.terms_numpy(points, jets)), linear)


def sizes_of(model: Model, field: Field, points: Array, before: Array | None = None) -> Array:
    """Root mean squares of the unknowns at points; ``before``, and LEAST of their natural sizes, at least."""
    values = jets_at(field, points, [Jet(u, (0,) * points.shape[1]) for u in range(len(model.sizes))])
    known = 0.0 if before is None else np.where(np.isfinite(before), before, 0.0)
    return np.maximum(np.maximum(np.sqrt((values**2).mean(0)), known), LEAST * np.array(model.sizes))


def least_term(model: Model, equation: CompiledEquation, seen: tuple[Array, Array], sizes: Array) -> float:
    """The largest term that unknowns of such ``sizes`` make over the whole box.

    ``seen``: points (point, coordinate) and what stands before the derivatives there (point, jet).

    What stands before derivatives and depends on unknowns counts as the least that it makes for any of them: of min(w,
    q) = 0 it is w or q, of max(u, 0) it may be nothing.
    """
    points, slopes = seen
    known = np.array([not slope.free_symbols & set(equation.symbols) for slope in equation.slopes], dtype=bool)
    lengths = np.array([np.prod(model.problem.box.lengths ** np.array(j.order)) for j in equation.jets])
    whole = sizes[[j.unknown for j in equation.jets]] / lengths
    found = np.nan_to_num(np.abs(slopes), posinf=0.0) * whole
    always = float(found.mean(0)[known].max(initial=0.0))
    if known.all():
        return always
    random, shape = np.random.default_rng(0), (STATES, len(whole))
    jets = whole * random.choice((-1.0, 1.0), shape) * 10.0 ** random.uniform(*POWERS, shape)
    with np.errstate(all="ignore"):
        others = np.abs(equation.linearise_numpy(np.resize(points, (STATES, points.shape[1])), jets)[1]) * whole
    states = np.concatenate([found, np.nan_to_num(others, nan=0.0)])
    return max(always, float(states[:, ~known].max(1).min()))


@dataclass(frozen=True, eq=False)
class _Cells:
    """An equation in boxes (coordinate, box) that a field has an error ``off`` (jet, box) in; ``in_time``: the last.

    The jets are those at the positions ``bent``. Of others nothing is asked: an error in them changes the equation as
    its linearisation says.
    """

    equation: CompiledEquation
    bent: tuple[int, ...]
    field: Field
    low: Array
    high: Array
    off: Array
    in_time: bool

    @cached_property
    def first(self) -> Array:
        """The most that the equation may differ by from its linearisation in the boxes."""
        return self._over(self.low, self.high, self.off)

    @property
    def own(self) -> list[tuple[int, int]]:
        """Positions of an unknown's first derivative in time and of its value, where no other is a derivative in time.

        Where the latter damps the former, however steeply, errors fall: of h_t = -sqrt(max(h, 0)), h = 0 at last.
        """
        jets = [(j.unknown, j.order) for j in self.equation.jets]
        last = [k for k, (_, order) in enumerate(jets) if order[-1]]
        if not self.in_time or len(last) != 1 or sum(jets[last[0]][1]) != 1:
            return []
        value = jets[last[0]][0], (0,) * len(self.low)
        return [(last[0], jets.index(value))] if value in jets else []

    def change(self, allowed: float) -> tuple[float, Array] | None:
        """The integral of what the equation may change by, and where that is most; None where it is allowed."""
        low, high, off, changes = self.low, self.high, self.off, self.first
        scale = (high.max(1) - low.min(1))[:, None]
        for _ in range(ROUNDS):
            changes = changes * (high - low).prod(0)
            if changes.sum() <= allowed:
                return None
            kept = changes > 0.0
            low, high, off = low[:, kept], high[:, kept], off[:, kept]
            if 2 * low.shape[1] > MOST:
                break
            low, high = halved(low, high, ((high - low) / scale).argmax(0))
            off = np.repeat(off, 2, axis=1)
            changes = self._over(low, high, off)
        middle = 0.5 * (low + high)
        changes = self._over(middle, middle, off) * (high - low).prod(0)
        return (float(changes.sum()), middle[:, changes.argmax()]) if changes.sum() > allowed else None

    def _over(self, low: Array, high: Array, off: Array) -> Array:
        """The most that the equation may differ by from its linearisation, in boxes; zero where slopes hardly vary."""
        n, d, count = low.shape[1], len(low), len(self.equation.jets)
        look, ahead, _ = _looks(self.equation, self.bent, self.field, low, high, off)
        slope, turned = Interval(look.slope.lo[0, d:], look.slope.hi[0, d:]), ahead.slope.magnitude()
        with np.errstate(invalid="ignore", over="ignore"):
            varies, steep, changes = slope.hi - slope.lo, slope.magnitude(), np.zeros((count, n))
            for k, e in zip(self.bent, off, strict=True):
                curved = sum(turned[k, d + m] * f for m, f in zip(self.bent, off, strict=True))
                own = np.where(varies[k] <= BENT * steep[k], 0.0, np.fmin(varies[k], curved) * e)
                changes[k] = np.where(steep[k] < np.inf, own, np.inf)
            for rate, value in self.own:
                falls = (slope.lo[rate] > 0.0) & (slope.lo[value] >= 0.0)
                rises = (slope.hi[rate] < 0.0) & (slope.hi[value] <= 0.0)
                changes[value] = np.where(falls | rises, 0.0, changes[value])
            return np.fmin(changes.sum(0), look.value.hi[0] - look.value.lo[0])
