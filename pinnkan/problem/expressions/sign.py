"""The sign that an expression provably keeps over a box, by enclosures with bisection."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy

from pinnkan.domain.bisection import cut_boxes
from pinnkan.domain.rounding import EPS
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.interval import Array, Interval
from pinnkan.problem.expressions.tape import Tape

_NOISE = 64.0 * EPS  # rounding of an expression at the edge of the box, relative to its terms
_MOST_BOXES = 4_000  # most undecided boxes, and most bisections (heuristic: hundredths of a second)
_HALVINGS = 40
_CUT = 0.4837  # share at which a box is cut and sampled; off-centre, so that nothing vanishes by symmetry


@dataclass(frozen=True)
class SymbolRanges:
    """The closed ranges of the coordinates, and those on one ``side`` or None; other symbols have no bounds."""

    symbols: tuple[sympy.Symbol, ...]
    ranges: tuple[tuple[float, float], ...]
    side: tuple[tuple[float, float], ...] | None = None

    def on_side(self, axis: int, end: int) -> "SymbolRanges":
        """The ranges with the side where coordinate ``axis`` is at its lower (0) or upper (1) end."""
        here = (self.ranges[axis][end],) * 2
        return SymbolRanges(self.symbols, self.ranges, (*self.ranges[:axis], here, *self.ranges[axis + 1 :]))

    def ends(self, symbols: Sequence[sympy.Symbol]) -> tuple[Array, Array]:
        """The lower and upper ends, both (symbol, 1)."""
        known = dict(zip(self.symbols, self.ranges, strict=True))
        low, high = np.array([known.get(s, (-np.inf, np.inf)) for s in symbols]).reshape(-1, 2).T
        return low[:, None], high[:, None]


def is_bounded(e: sympy.Expr, box: SymbolRanges) -> bool:
    """Whether the expression provably stays finite in the box."""
    symbols = list(e.free_symbols)
    return bool(np.isfinite(_over(Tape([e], symbols), *box.ends(symbols)).magnitude()).all())


@lru_cache(maxsize=4096)
def proven_sign(e: sympy.Expr, box: SymbolRanges) -> int:
    """1 or -1 if the expression provably has that sign in the whole box (it may touch zero); 0 if nothing is proven.

    On a side the sign is that on the side; where the expression vanishes on it, that in the box.
    """
    symbols = sorted(e.free_symbols, key=str)
    terms = e.args if isinstance(e, sympy.Add | sympy.Function) else (e,)
    tape = Tape([e, *terms], symbols)
    on_side = 0 if box.side is None else _sign(tape, *SymbolRanges(box.symbols, box.side).ends(symbols))
    return on_side or _sign(tape, *box.ends(symbols))


@np.errstate(invalid="ignore")
def _sign(tape: Tape, low: Array, high: Array) -> int:
    """The sign of the first output in a box, bisected until that is proven, or two points differ in sign.

    The other outputs are its terms; their size bounds the rounding at the edge of the box.
    """
    axes, edges, found = np.flatnonzero(np.isfinite(high - low)), (low, high), 0
    for turn in range(_HALVINGS):
        value, cut = _over(tape, low, high), low + _CUT * (high - low)
        at_edge = ((low == edges[0]) | (high == edges[1]))[axes].any(0)
        terms = value.magnitude()[1:].sum(0)
        slack = np.where(at_edge & np.isfinite(terms), _NOISE * terms, 0.0)
        inner = _over(tape, *(np.where(np.isnan(cut), end, cut) for end in (low, high)))
        signs = {found, *np.sign(inner.lo[0][inner.lo[0] > 0.0]), *np.sign(inner.hi[0][inner.hi[0] < 0.0])} - {0}
        if len(signs) != 1:
            return 0
        found = int(signs.pop())
        wrong = value.lo[0] < -slack if found > 0 else value.hi[0] > slack
        if not wrong.any():
            return found
        if not len(axes) or 2 * wrong.sum() > _MOST_BOXES:
            return 0
        low, high = cut_boxes(low[:, wrong], high[:, wrong], np.full(wrong.sum(), axes[turn % len(axes)]), (_CUT,))
    return 0


def _over(tape: Tape, low: Array, high: Array) -> Interval:
    """The outputs (output, box) over boxes between ``low`` and ``high`` (symbol, box)."""
    return enclose(tape, low, high, np.ones(tape.input_count)).value
