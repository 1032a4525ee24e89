"""Corrections in enriched spaces: every interval halved, or many more knots where a correction is large."""

from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.indicators import coordinate_shares
from pinnkan.solver.estimate.marking import mark_by_maximum
from pinnkan.solver.estimate.norms import norm_ratios, reference_norms
from pinnkan.solver.families.product.newton_series import gauss_newton_correction
from pinnkan.solver.level_family import ErrorEstimate
from pinnkan.solver.linear.gauss_point_counts import predicted_step_work
from pinnkan.solver.linear.system import System

#: Halvings of marked intervals, on a line and elsewhere; the share of the largest mass above which an interval is
#: marked. Once more in the plane made two Helmholtz equations take 52.8 s instead of 37.8 s.
LINE_HALVINGS, ENRICHED_HALVINGS, MARKED_SHARE = 3, 2, 0.1
#: Relative accuracy of a correction of which only the norm is used: 11 steps of conjugate gradients, not 25, change it
#: by 0.3 %.
ROUGH_ACCURACY = 0.01
#: Multiplications of a correction that is not made only to judge, some tenths of a second on one core.
EXPENSIVE_WORK = 5e9


@dataclass(frozen=True, eq=False, kw_only=True)
class HalvedEstimate(ErrorEstimate):
    """An estimate whose error is the function ``correction`` in ``space``.

    ``system``: rows of that space, with the matrix of the last step there, if any; ``is_diverging``: whether later
    steps diverge.
    """

    space: Space
    correction: Array
    system: System
    is_diverging: bool = False

    @property
    def losses(self) -> tuple[float, float]:
        """Mean squared residuals before and after the correction; zero where unknown."""
        return (0.0, 0.0) if self.spaces is None else self.spaces.losses

    @property
    def predicted_error(self) -> float:
        """Relative error of the solution with its correction added, if it falls as the residual does."""
        return np.inf if self.spaces is None else self.size * self.residual_ratio

    @property
    def residual_ratio(self) -> float:
        """Ratio of the root mean square residuals after and before the correction."""
        before, after = self.losses
        return float(np.sqrt(after / before)) if before > 0.0 else 1.0

    def near_null_in(self, coarse: Space, space: Space) -> Array | None:
        """The near-null function found, as a start in ``space``; by way of ``coarse`` where ``space`` is not nested."""
        found = self.spaces
        function = None if found is None or found.near_nulls is None else found.near_nulls[1].coefficients
        if found is None or function is None:
            return None
        pairs = zip(space.axes, found.halved_space.axes, strict=True)
        if all(np.isin(axis.breaks, halved.breaks).all() for axis, halved in pairs):
            return space.restrict(function, found.halved_space)
        return coarse.prolong(coarse.restrict(function, found.halved_space), space)


def enriched_correction_size(model: Model, space: Space, start: Array, correction: Array) -> float:
    """Return the relative norm (worst unknown) of a Gauss-Newton correction of ``start`` in a locally much finer space.

    ``correction``: of ``start`` in the space with every interval halved; where its mass per interval is large,
    intervals are halved several times. Raises SolverError: the least squares have no solution there.
    """
    fine = space.halved()
    masses = coordinate_shares(
        space, fine, correction, reference_norms(model.problem, fine, space.prolong(start, fine))
    ).mass
    times = LINE_HALVINGS if len(masses) == 1 else ENRICHED_HALVINGS
    marks = mark_by_maximum(masses, share=MARKED_SHARE)
    axes = [_halved_repeatedly(axis, mark, times) for axis, mark in zip(space.axes, marks, strict=True)]
    finer = Space(tuple(axes), space.unknowns)
    base = space.prolong(start, finer)
    step = gauss_newton_correction(System(model, finer), base, ROUGH_ACCURACY)
    return (1.0 + ROUGH_ACCURACY) * max(norm_ratios(model.problem, finer.norm(step) ** 2, finer.norm(base) ** 2))


def _halved_repeatedly(axis: Axis, marks: np.ndarray, times: int) -> Axis:
    """Return the axis with the marked intervals halved ``times`` times."""
    for _ in range(times):
        axis, marks = axis.refined(marks), np.repeat(marks, np.where(marks, 2, 1))
    return axis


def is_correction_expensive(model: Model, space: Space) -> bool:
    """Whether a correction in the space with halved intervals is too expensive to be made only to judge."""
    return predicted_step_work(model, space.halved()) > EXPENSIVE_WORK
