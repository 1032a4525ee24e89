"""The solution of a milder problem followed around folds, where there is none nearby at the next milder one.

The solutions of F(u) + mu T(u) = 0 turn back where a pellet that burns goes out. So the curve of u and log(1 + mu) is
followed by its length, in predictor steps along its tangent and corrector steps across it (Keller 1977; Allgower and
Georg 1990, chapters 4 and 6). With J of the rows at some mu, the tangent is -J^+ dF/dlog(1 + mu), and a step across it
is one of Gauss-Newton for u and the logarithm together, from two right sides of one matrix.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import gauss_newton
from pinnkan.solver.monitor import Monitor

#: Steps along the curve, of coefficients relative to theirs and of the logarithm: the first one, the least, the
#: largest. A longer one follows one that took so few corrections. Eight pellets, reactors and the like take 12 to 30;
#: shorter ones belong to knots that no longer resolve what the curve leads to.
FIRST, SHORTEST, LONGEST, EASY, LONGER = 0.05, 5e-3, 0.5, 2, 1.5
#: Corrections of a step at most, and what the last of them may be.
CORRECTIONS, LEFT = 5, 1e-4
#: Steps in all, by number of coordinates, and how far back from the least logarithm the way is given up.
MOST, BACK = {1: 80, 2: 40}, 3.0
#: The curve is followed with every interval halved so often; in more than two coordinates it is not.
HALVINGS = {1: 2, 2: 1}
#: At mu = 0 Gauss-Newton leads to a solution so near, relative to the step, or the step is too long.
NEAR = 1.0


@dataclass(frozen=True, eq=False)
class _Place:
    """Coefficients and the logarithm of 1 + mu, and how both go on along the curve."""

    coefficients: Array
    mildness: float
    along: Array
    up: float

    def dot(self, a: Array, b: Array) -> float:
        """Of two changes of coefficients, relative to these."""
        return float((a * b).sum() / max(float((self.coefficients**2).sum()), 1e-300))


def finer(space: Space, coefficients: Array) -> tuple[Space, Array] | None:
    """A function on the knots on which the curve is followed; None where that would be too much work."""
    fine = space
    for _ in range(HALVINGS.get(len(space.axes), 0)):
        fine = Space(tuple(axis.halved() for axis in fine.axes), fine.unknowns)
    return None if fine is space else (fine, np.ascontiguousarray(space.prolong(coefficients, fine)))


def past_folds(
    model_at: Callable[[float], Model], space: Space, coefficients: Array, mu: float, monitor: Monitor
) -> Array | None:
    """A solution at mu = 0, reached from that at some ``mu``; None where the curve leads nowhere.

    ``model_at``: the problem that is milder by a mu.

    Raises OutOfTimeError: the time limit is over.
    """
    fixed = zero_conditions(model_at(0.0).conditions, space)[1]
    try:
        return _Curve(model_at, space, fixed).followed(coefficients, float(np.log1p(mu)), monitor)
    except (np.linalg.LinAlgError, SolverError):
        return None


@dataclass(frozen=True, eq=False)
class _Curve:
    """The solutions in one space."""

    model_at: Callable[[float], Model]
    space: Space
    fixed: np.ndarray

    def followed(self, coefficients: Array, mildness: float, monitor: Monitor) -> Array | None:
        """Coefficients at mu = 0; None where the curve does not lead there."""
        here, step = self._begun(_Place(coefficients, mildness, np.zeros_like(coefficients), -1.0)), FIRST
        least = mildness
        for _ in range(MOST[len(self.space.axes)]):
            monitor.check()
            there = self._next(here, step)
            if there is not None and there[0].mildness <= 0.0:
                found = self._at_zero(here, there[0])
                if found is not None:
                    return found
                there = None
            if there is None:
                step *= 0.5
                if step < SHORTEST:
                    return None
                continue
            here, corrections = there
            least = min(least, here.mildness)
            if here.mildness > least + BACK:
                return None
            step = min(step * (LONGER if corrections <= EASY else 1.0), LONGEST)
        return None

    def _begun(self, at: _Place) -> _Place:
        """The same place with the tangent there, in the direction that it has so far."""
        along = self._sides(at)[1]
        size = float(np.sqrt(at.dot(along, along) + 1.0))
        size *= 1.0 if at.dot(along, at.along) + at.up > 0.0 else -1.0
        return _Place(at.coefficients, at.mildness, along / size, 1.0 / size)

    def _next(self, here: _Place, length: float) -> tuple[_Place, int] | None:
        """The place so much further along the curve, and the corrections that it took; None where they do not end."""
        c, mildness, before = here.coefficients + length * here.along, here.mildness + length * here.up, np.inf
        for count in range(CORRECTIONS):
            try:
                step, along = self._sides(_Place(c, mildness, here.along, here.up))
            except (np.linalg.LinAlgError, SolverError):
                return None
            change = -here.dot(here.along, step) / (here.dot(here.along, along) + here.up)
            step = step + change * along
            c, mildness = c + step, mildness + change
            moved = float(np.sqrt(here.dot(step, step) + change**2))
            if not moved < min(before, 2.0 * length):
                return None
            if moved < LEFT:
                return self._begun(_Place(c, mildness, here.along, here.up)), count
            before = moved
        return None

    def _at_zero(self, here: _Place, beyond: _Place) -> Array | None:
        """The solution at mu = 0 between two places; None where Gauss-Newton leads elsewhere."""
        share, change = here.mildness / (here.mildness - beyond.mildness), beyond.coefficients - here.coefficients
        start = here.coefficients + share * change
        found = gauss_newton(System(self.model_at(0.0), self.space), start, self.fixed, LEFT)
        off = found.coefficients - start
        return found.coefficients if found.stationary and here.dot(off, off) < NEAR * here.dot(change, change) else None

    def _sides(self, at: _Place) -> tuple[Array, Array]:
        """The Gauss-Newton step at a place, and what one of the logarithm makes of the coefficients."""
        mu = float(np.expm1(at.mildness))
        system, milder = (System(self.model_at(m), self.space, keeping=True) for m in (mu, mu + 1.0))
        (step,) = system.steps(at.coefficients, [at.coefficients], self.fixed)
        c, count = system.tensor(at.coefficients), len(system.model.equations)
        pairs = zip(milder.patches[:count], system.patches[:count], strict=True)
        return step, system.made_of([(1.0 + mu) * (more.residual(c) - less.residual(c)) for more, less in pairs])
