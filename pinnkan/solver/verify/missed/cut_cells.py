"""What an equation makes of a solution in cells over which it is bent: at a kink, a jump, a steep step of a formula.

max(u - 0.999, 0) is smooth to either side, and not narrow: no search for narrow features finds that a solution passes
0.999 for a moment between the points. So cells of the solution over which slopes of an equation turn by many times
their size are cut where they do, and the residual is integrated over the pieces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.solver.estimate.neighbourhood import Scattered
from pinnkan.solver.estimate.substituted import cell_boxes, halved
from pinnkan.solver.estimate.undecided import CELLS, PIECES, Undecided, turns, uncancelled

#: Slopes that turn over a cell by more than so many times the largest of them: those of a square turn by once or twice.
SHARP = 4.0
#: A residual below this share of the tolerance, relative to the terms of its equation, is no concern; terms of no size
#: are taken to have this one.
CONCERN, TINY = 0.1, 1e-300
#: How often a cell is cut in two, and pieces of all cells at most.
ROUNDS, MOST = 12, 2048


@dataclass(frozen=True, eq=False)
class CutCells:
    """What is looked at: an ``equation`` on a ``field`` in a ``domain``, as far as it is bent there."""

    undecided: Undecided
    equation: CompiledEquation
    field: Field
    domain: Domain

    def missed(
        self, points: Array, jets: Array, least: float, unresolved: float
    ) -> Iterator[tuple[Array, Array, float]]:
        """Place and width (coordinate,) of a residual there, and its share of the squared terms, if it counts.

        It does where its integral is more than CONCERN of the tolerance, squared, of what is known of terms: those that
        do not cancel at ``points`` all over the domain, with ``jets`` there, and at ``least`` so much. Of abs(u - c) +
        u - c all does. And, where something is left, more than ``unresolved``, a mean square, would be in as much room:
        what is at rest all over the domain but there says nothing of how well the equation is resolved.
        """
        bent = next((places for e, places in self.undecided.asked if e is self.equation), ())
        pieces = _pieces(self.equation, bent, self.field, self.domain) if bent else None
        if pieces is None:
            return
        low, high = pieces
        middles = np.ascontiguousarray(0.5 * (low + high).T)
        weights = (high - low).prod(0) * self.domain.contains(middles)
        with np.errstate(all="ignore"):
            residual = self.equation.linearise_numpy(middles, jets_at(self.field, middles, self.equation.jets))[0]
            mass = np.nan_to_num(residual) ** 2 * weights
            terms = float(self.equation.terms_numpy(points, jets).mean()) * self.domain.measure
        left = float(np.median(uncancelled(self.equation, points, jets) ** 2)) * self.domain.measure
        known, tolerance = max(left, least), CONCERN * self.undecided.model.problem.solver.tolerance
        is_at_rest = left <= max(tolerance**2 * terms, least)
        if mass.sum() > max(unresolved * weights.sum() * (not is_at_rest), tolerance**2 * known):
            near = Scattered(middles[mass.argmax()], middles, weights)
            yield near.place, near.width(mass), float(mass.sum()) / max(known, TINY)


def _pieces(
    equation: CompiledEquation, bent: Sequence[int], field: Field, domain: Domain
) -> tuple[Array, Array] | None:
    """Lower and upper ends (coordinate, box) of what bent cells are cut into; None where no cell is bent."""
    box = np.array(domain.box.ranges, dtype=np.float64)
    low, high, _ = cell_boxes(field, box, PIECES, CELLS[len(box)])
    scale, done = np.ptp(box, axis=1)[:, None], list[tuple[Array, Array]]()
    for number in range(ROUNDS):
        sharp = turns(equation, bent, field, low, high) > SHARP
        if number:
            done.append((low[:, ~sharp], high[:, ~sharp]))
        low, high = low[:, sharp], high[:, sharp]
        if not low.shape[1] or 2 * low.shape[1] > MOST:
            break
        low, high = halved(low, high, ((high - low) / scale).argmax(0))
    done.append((low, high))
    found = np.concatenate([a for a, _ in done], 1), np.concatenate([b for _, b in done], 1)
    return found if found[0].shape[1] else None
