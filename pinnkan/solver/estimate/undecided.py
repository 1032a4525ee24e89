"""What equations switch within the error of a solution: formulas that are no straight line across it.

Of b_t = k*heaviside(a - c) an a known to 4e-8 does not say whether it has passed c = 1 - 1e-8, nor do points in between
that it passes by for a moment. So the derivatives of the unknowns are taken to be anything within the estimated error
of what they are in a cell, and the slopes of each equation by them are enclosed there
(:mod:`pinnkan.problem.expressions.enclosure`). Where these vary by no more than a part of themselves Newton's
linearisation holds, and with it the estimate. Cells where they vary more are cut, until what the equation may change
by there, integrated, is a small share of its terms; or it remains, and the solution is not known well enough to say
what the equation makes of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.statement import Jet
from pinnkan.solver.estimate.substituted import cell_boxes, halved, over_boxes
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.records import Reason

#: First boxes per coordinate at most, by their number: of cells, or several of them. In more nothing is asked.
CELLS = {1: 128, 2: 16, 3: 6}
#: Pieces of a cell.
PIECES = 4
#: Slopes that vary by less than this share of the largest are those of a line: of a square, where the error is less
#: than a fourth of its argument.
BENT = 0.5
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
#: The largest term whose square, and a few of them, float64 holds.
LARGEST = 1e153


@dataclass(frozen=True, eq=False)
class Beside:
    """What is known beside a field: its estimated ``error``, and root mean squares of the unknowns ``before``.

    With these terms are compared: next to a threshold at zero those of a short slab are nothing. ``allowed``: of a
    slab, the relative error of its own that it may have; ``losses``: its mean squared residuals by equation, or none.
    """

    error: Field | None = None
    before: Array | None = None
    allowed: float = 0.0
    losses: tuple[float, ...] = ()


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
    def asked(self) -> tuple[CompiledEquation, ...]:
        """Equations that are no polynomials of the derivatives of unknowns: these are bent everywhere alike."""
        if self.model.problem.dimension not in CELLS:
            return ()
        pairs = zip(self.model.equations, self.model.problem.equations, strict=True)
        return tuple(e for e, given in pairs if not given.residual.is_polynomial(*given.jets))

    def change(self, field: Field, known: Beside, domain: Domain) -> Switch | None:
        """The largest change within the error of a field on a domain, if it may be a concern."""
        error = known.error
        if error is None or not self.asked:
            return None
        box = np.array(domain.box.ranges, dtype=np.float64)
        low, high, counts = cell_boxes(field, box, PIECES, CELLS[len(box)])
        found = []
        for equation in self.asked:
            self.model.clock.check()
            off = _around(error, equation.jets, low, high)
            if self.model.problem.time_axis is not None:
                off = _at_neighbours(off.reshape(len(off), *counts)).reshape(off.shape)
            cells = _Cells(equation, field, low, high, off, self.model.problem.time_axis is not None)
            terms = _terms(self.model, cells, known.before) if cells.first.any() else 0.0
            change = cells.change(TOLD * CONCERN * self.model.problem.solver.tolerance * terms)
            if change is not None:
                found.append(Switch(change[0] / terms / CONCERN, change[1], equation.text))
        return max(found, key=lambda change: change.share, default=None)


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
    data = equation.linearise_numpy(points, np.zeros_like(jets))[0]
    linear = np.abs(np.where(np.isfinite(data), data, 0.0)) + np.abs(slopes * jets).sum(-1)
    terms = np.fmin(np.sqrt(equation.terms_numpy(points, jets)), linear) @ (cells.high - cells.low).prod(0)
    least = least_term(model, equation, (points, slopes), sizes_of(model, cells.field, points, before))
    return max(float(terms), least * model.problem.domain.measure, 1e-300)


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

    Raises SolverError where it has no square in float64: of a_t = 350*a shortly before t = 1.
    """
    points, slopes = seen
    known = np.array([not slope.free_symbols & set(equation.symbols) for slope in equation.slopes], dtype=bool)
    lengths = np.array([np.prod(model.problem.box.lengths ** np.array(j.order)) for j in equation.jets])
    whole = sizes[[j.unknown for j in equation.jets]] / lengths
    found = np.nan_to_num(np.abs(slopes), posinf=0.0) * whole
    always = float(found.mean(0)[known].max(initial=0.0))
    if always > LARGEST:
        raise SolverError(f"a term is {always:.0e}: float64 has no squares beyond {LARGEST:.0e}", Reason.NOT_FINITE)
    if known.all():
        return always
    random, shape = np.random.default_rng(0), (STATES, len(whole))
    jets = whole * random.choice((-1.0, 1.0), shape) * 10.0 ** random.uniform(*POWERS, shape)
    with np.errstate(all="ignore"):
        others = np.abs(equation.linearise_numpy(np.resize(points, (STATES, points.shape[1])), jets)[1]) * whole
    states = np.concatenate([found, np.nan_to_num(others, nan=0.0)])
    return max(always, min(LARGEST, float(states[:, ~known].max(1).min())))


@dataclass(frozen=True, eq=False)
class _Cells:
    """An equation in boxes (coordinate, box) that a field has an error ``off`` (jet, box) in; ``in_time``: the last."""

    equation: CompiledEquation
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
        n, ones = low.shape[1], np.ones(len(low))
        values = [v for v, _ in over_boxes(self.field, self.equation.jets, low, high, range(len(low)), ones)]
        reach = [Interval(v.lo[:n] - e, v.hi[:n] + e) for v, e in zip(values, off, strict=True)]
        begins, ends = np.concatenate([low, [v.lo for v in reach]]), np.concatenate([high, [v.hi for v in reach]])
        look = enclose(self.equation.value, begins, ends, np.ones(len(begins)))
        slope = Interval(look.slope.lo[0, len(low) :], look.slope.hi[0, len(low) :])
        with np.errstate(invalid="ignore", over="ignore"):
            varies, steep = slope.hi - slope.lo, slope.magnitude()
            changes = np.where(varies <= BENT * steep, 0.0, varies * off)
            some = changes.any(0)
            if some.any():
                bent = self._bent(begins[:, some], ends[:, some], off[:, some])
                changes[:, some] = np.fmin(changes[:, some], bent)
            changes = np.where(steep < np.inf, changes, np.inf)
            for rate, value in self.own:
                falls = (slope.lo[rate] > 0.0) & (slope.lo[value] >= 0.0)
                rises = (slope.hi[rate] < 0.0) & (slope.hi[value] <= 0.0)
                changes[value] = np.where(falls | rises, 0.0, changes[value])
            changes = changes.sum(0)
            return np.fmin(changes, look.value.hi[0] - look.value.lo[0])

    def _bent(self, begins: Array, ends: Array, off: Array) -> Array:
        """The most that the equation may differ by since slopes have slopes, which hold in all of a box: (jet, box).

        Over all of a box a slope varies with the coordinates too, which is no matter of the error: without this 144
        first boxes became up to 3672 in a slab of Heat2d-LT, 26.9 s until t = 1.5 where it takes 22.6.
        """
        look = enclose(self.equation.slopes_tape, begins, ends, np.ones(len(begins))).slope.magnitude()
        bent = np.where(off > 0.0, look[:, len(self.low) :] * off, 0.0)
        return np.where(np.isnan(bent), np.inf, 2.0 * bent).sum(1) * off
