"""Knots graded towards sides, where a residual stands or falls slowly that no finer knots lower.

Least squares put what values at both ends ask for anywhere but into a layer that no knots resolve: of
-1e-4 u_xx + u_x = 1, u = 1 and 0, they make 1 - x, with a residual of 2 everywhere and corrections of 1e-3. Halved
intervals tell nothing of it before they are as narrow as the layer, and conditions that contradict each other leave
such a residual as well. So ever deeper grading is tried, one step each; where the residual falls at once it was a
layer, and knots go on from there. A condition on a slope can be met by a bend within the last interval, too, for as
little as that is short: with u_x = u in place of u = 1 the residual of x - 1 halves with the intervals, all
corrections are such bends, and 6e-3 was said of an error of 1.3. Layers of 1e-3 to 1e-7 take 0.1 s to 1e-8; without it
those of 1e-4 took 0.7 s, and to 1e-2 they were refused as contradictions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space, alike
from pinnkan.solver.families.product.grading import halved_towards
from pinnkan.solver.families.product.halting import corrected
from pinnkan.solver.families.product.hiding import RESOLVING
from pinnkan.solver.linear.gauss_points import predicted_work
from pinnkan.solver.linear.system import System

#: How often the outermost intervals are halved towards both ends: down to 1e-4, 4e-7 or 1e-9 of them, where rounding
#: may drown what is seen with less. All are then halved once more, and those twice: a layer of 1e-5 left 4e-4 with
#: once, the bend that is none 8e-5.
DEPTHS, SEEN = (13, 21, 30), 21
#: Of the mean square that is left without, what SEEN halvings leave where there is nothing, on a line and elsewhere,
#: and what the best leave of a layer: outflow from 2 to 0 in 1e-4 of 1 leaves 1e-5, waves of which 3 intervals see
#: little 0.3. The fewest that leave no more than ENOUGH times as much as the best are taken, towards one side if that
#: will do.
STANDS, STANDS_BESIDE, FALLEN, ENOUGH = 0.95, 0.8, 0.02, 1.5
#: Halvings that any level does anyhow, and what far more leave of what these leave where nothing is thin: 0.94 or more
#: of a steady problem that is just not resolved yet, 0.5 or less of layers. What leaves FAR of all is tried either way.
SHALLOW, NO_BETTER, FAR = 2, 0.9, 0.2
#: Intervals beyond which it is not tried any more, of a line and of others: what stands then has been tried before.
MOST, FEW = 48, 8
#: Multiplications up to which a step is taken only to glance, some hundredths of a second, and where a glance has shown
#: something, half a second.
GLANCED, WORK = 1e8, 5e9


def towards_layers(model: Model, space: Space, start: Array, losses: tuple[float, float]) -> tuple[Space, Array] | None:
    """The space with knots graded towards sides, and a step there; None where that lowers no residual by much.

    ``start``: a function of the ``space``; ``losses``: its mean squared residual, and that after a correction on halved
    intervals, which has not fallen as where these resolve the solution.
    """
    before, left = losses
    if left <= RESOLVING**2 * before or model.problem.time_axis is not None:
        return None
    look = _Look(model, space, start)
    most, stands = (MOST, STANDS) if len(space.axes) == 1 else (FEW, STANDS_BESIDE)
    can_be = [i for i, a in enumerate(space.axes) if not a.periodic and a.intervals <= most]
    axes = [i for i in can_be if look.shows(i, stands * min(losses), FAR * min(losses))]
    enough = FALLEN * left
    depths = [look.fewest(i, enough if len(axes) == 1 else np.inf) for i in axes]
    known = {i: ends for i, ends in zip(axes, depths, strict=True) if ends is not None}
    found = look.stepped(known) if known else None
    return None if found is None or found[0] > enough else found[1:]


@dataclass(frozen=True, eq=False)
class _Look:
    """Steps from a function ``start`` in spaces whose knots are graded towards sides."""

    model: Model
    space: Space
    start: Array

    def shows(self, along: int, least: float, far: float) -> bool:
        """Whether a glance at both sides of a coordinate leaves no more than ``least``.

        And less than shallow grading does, unless it is as little as ``far``.
        """
        deep = self.stepped({along: (SEEN, SEEN)}, at_a_glance=True)
        if deep is None or deep[0] > least:
            return False
        shallow = None if deep[0] <= far else self.stepped({along: (SHALLOW, SHALLOW)}, at_a_glance=True)
        return shallow is None or deep[0] <= NO_BETTER * shallow[0]

    def fewest(self, along: int, enough: float) -> tuple[int, int] | None:
        """How often the outermost intervals of a coordinate are best halved, towards its two sides.

        None where all that is tried leaves more than ``enough``.
        """
        tried = {(n, n): self.stepped({along: (n, n)}) for n in DEPTHS}
        least = min((x[0] for x in tried.values() if x is not None), default=np.inf)
        for ends in chain(*(((n, 0), (0, n)) for n in DEPTHS), tried) if least <= enough else ():
            one = tried[ends] if ends in tried else self.stepped({along: ends})
            if one is not None and one[0] <= ENOUGH * least:
                return ends
        return None

    def stepped(
        self, depths: Mapping[int, tuple[int, int]], at_a_glance: bool = False
    ) -> tuple[float, Space, Array] | None:
        """What a step leaves with the outermost intervals of some coordinates halved so often, and where it leads.

        ``at_a_glance``: without the halving of all. None where there is no step, or one that takes long.
        """
        finer = self.space.axes if at_a_glance else [a.halved() for a in self.space.axes]
        axes = [_graded(a, depths[i], at_a_glance) if i in depths else finer[i] for i, a in enumerate(self.space.axes)]
        fine = Space(alike(axes), self.space.unknowns)
        if predicted_work(self.model, fine) > (GLANCED if at_a_glance else WORK):
            return None
        system, base = System(self.model, fine), self.space.prolong(self.start, fine)
        try:
            after = base + corrected(system, base)
        except SolverError:
            return None
        return system.mean_square(after), fine, after


def _graded(axis: Axis, depths: tuple[int, int], at_a_glance: bool) -> Axis:
    """An axis with its outermost intervals halved so often towards the sides, and then all of them, and those again."""
    towards, times = (np.zeros(axis.intervals, dtype=int) for _ in range(2))
    for k, side, depth in ((0, -1, depths[0]), (-1, 1, depths[1])):
        towards[k], times[k] = side if depth else towards[k], max(depth, times[k])
    finer = halved_towards(axis, np.zeros_like(towards, dtype=bool), towards, times).halved()
    if at_a_glance:
        return finer
    middles = 0.5 * (finer.breaks[1:] + finer.breaks[:-1])
    near = (middles < axis.breaks[1]) & (depths[0] > 0) | (middles > axis.breaks[-2]) & (depths[1] > 0)
    return finer.inserted(near)
