"""Knots graded towards sides for layers so thin that finer knots hardly lower the residual.

Least squares spread a layer that no knots resolve over the domain: for -1e-4 u_xx + u_x = 1, u = 1 and 0, they give 1 -
x with a residual of 2 and corrections of 1e-3. Contradictory conditions leave such a residual as well. Therefore ever
deeper gradings are tried, one step each; if the residual falls at once it was a layer. Conditions on slopes can be met
in the last interval alone, with a residual that halves with it, so that all intervals are halved as well. Layers of
1e-3 to 1e-7 take 0.1 s to 1e-8.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space, unify_equal_axes
from pinnkan.solver.families.product.grading import halve_towards_ends
from pinnkan.solver.families.product.hidden_error import RESOLVED_RATIO
from pinnkan.solver.families.product.newton_series import gauss_newton_correction
from pinnkan.solver.linear.gauss_point_counts import predicted_step_work
from pinnkan.solver.linear.system import System

#: Halvings of the outermost intervals towards their ends that are tried, and those of the first look; rounding may hide
#: what deeper ones show. All intervals are then halved once more, and those near the side twice.
DEPTHS, FIRST_DEPTH = (13, 21, 30), 21
#: Ratios of mean squared residuals: largest of the first look on a line, elsewhere; largest of a layer (outflow in a
#: layer of 1e-4 leaves 1e-5, unresolved waves 0.3); factor on the best within which the fewest halvings are taken.
LOOK_RATIO_LINE, LOOK_RATIO, LAYER_RATIO, NEARLY_BEST = 0.95, 0.8, 0.02, 1.5
#: Halvings that any level makes; largest ratio of deep to these (0.94 or more for unresolved solutions, 0.5 or less for
#: layers); ratio below which this is not asked.
SHALLOW_DEPTH, DEPTH_RATIO, CLEAR_RATIO = 2, 0.9, 0.2
#: Most intervals of a line and of other coordinates with which layers are looked for: more have been tried before.
MOST_LINE_INTERVALS, MOST_INTERVALS = 48, 8
#: Multiplications of a step: most for a look, most after one that has shown something (half a second).
LOOK_WORK, STEP_WORK = 1e8, 5e9


def grade_towards_layers(
    model: Model, space: Space, start: Array, losses: tuple[float, float]
) -> tuple[Space, Array] | None:
    """Return the space with knots graded towards sides, and a step there; None where that lowers no residual by much.

    ``start``: a function of ``space``; ``losses``: mean squared residuals of it, and after its correction on halved
    intervals.
    """
    before, left = losses
    if left <= RESOLVED_RATIO**2 * before or model.problem.time_axis is not None:
        return None
    look = _GradingTrials(model, space, start)
    most, stands = (MOST_LINE_INTERVALS, LOOK_RATIO_LINE) if len(space.axes) == 1 else (MOST_INTERVALS, LOOK_RATIO)
    can_be = [i for i, a in enumerate(space.axes) if not a.periodic and a.intervals <= most]
    axes = [i for i in can_be if look.may_have_layer(i, stands * min(losses), CLEAR_RATIO * min(losses))]
    enough = LAYER_RATIO * left
    depths = [look.fewest_halvings(i, enough if len(axes) == 1 else np.inf) for i in axes]
    known = {i: ends for i, ends in zip(axes, depths, strict=True) if ends is not None}
    found = look.solve_graded(known) if known else None
    return None if found is None or found[0] > enough else found[1:]


@dataclass(frozen=True, eq=False)
class _GradingTrials:
    """Steps from a function ``start`` in spaces with knots graded towards sides."""

    model: Model
    space: Space
    start: Array

    def may_have_layer(self, axis: int, most_loss: float, clear_loss: float) -> bool:
        """Whether grading both sides of a coordinate leaves at most ``most_loss`` of the residual (mean square).

        And less than shallow grading does, unless at most ``clear_loss``.
        """
        deep = self.solve_graded({axis: (FIRST_DEPTH, FIRST_DEPTH)}, is_look=True)
        if deep is None or deep[0] > most_loss:
            return False
        shallow = (
            None if deep[0] <= clear_loss else self.solve_graded({axis: (SHALLOW_DEPTH, SHALLOW_DEPTH)}, is_look=True)
        )
        return shallow is None or deep[0] <= DEPTH_RATIO * shallow[0]

    def fewest_halvings(self, axis: int, most_loss: float) -> tuple[int, int] | None:
        """Return the fewest halvings towards the lower and upper side of a coordinate that are about the best.

        None where all that are tried leave more than ``most_loss``.
        """
        tried = {(n, n): self.solve_graded({axis: (n, n)}) for n in DEPTHS}
        least = min((x[0] for x in tried.values() if x is not None), default=np.inf)
        for ends in chain(*(((n, 0), (0, n)) for n in DEPTHS), tried) if least <= most_loss else ():
            one = tried[ends] if ends in tried else self.solve_graded({axis: ends})
            if one is not None and one[0] <= NEARLY_BEST * least:
                return ends
        return None

    def solve_graded(
        self, depths: Mapping[int, tuple[int, int]], is_look: bool = False
    ) -> tuple[float, Space, Array] | None:
        """Return the mean squared residual after a step on graded knots, the space, and the function; None if none.

        ``depths``: halvings towards both sides, by coordinate; ``is_look``: without the halving of all intervals.
        """
        finer = self.space.axes if is_look else [a.halved() for a in self.space.axes]
        axes = [_graded_axis(a, depths[i], is_look) if i in depths else finer[i] for i, a in enumerate(self.space.axes)]
        fine = Space(unify_equal_axes(axes), self.space.unknowns)
        if predicted_step_work(self.model, fine) > (LOOK_WORK if is_look else STEP_WORK):
            return None
        system, base = System(self.model, fine), self.space.prolong(self.start, fine)
        try:
            after = base + gauss_newton_correction(system, base)
        except SolverError:
            return None
        return system.mean_square(after), fine, after


def _graded_axis(axis: Axis, depths: tuple[int, int], is_look: bool) -> Axis:
    """Return the axis graded towards its ends, then halved, and near these ends once more unless ``is_look``."""
    towards, times = (np.zeros(axis.intervals, dtype=int) for _ in range(2))
    for k, side, depth in ((0, -1, depths[0]), (-1, 1, depths[1])):
        towards[k], times[k] = side if depth else towards[k], max(depth, times[k])
    finer = halve_towards_ends(axis, np.zeros_like(towards, dtype=bool), towards, times).halved()
    if is_look:
        return finer
    middles = 0.5 * (finer.breaks[1:] + finer.breaks[:-1])
    near = (middles < axis.breaks[1]) & (depths[0] > 0) | (middles > axis.breaks[-2]) & (depths[1] > 0)
    return finer.refined(near)
