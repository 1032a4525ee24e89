"""A product network in slabs of time, each accepted by its correction.

Gauss-Newton solves a slab from the exact trace of the one before. The local and the global correction
(:mod:`pinnkan.solver.slab_loop`), on halved intervals with more degrees in time, share one matrix.
"""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.assembly.boundary_values import end_trace
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space, constant_piece
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.product.initial_data import (
    axes_for_late_forcing,
    start_with_fewest_intervals,
    unresolved_data_growth,
    with_initial_rates,
)
from pinnkan.solver.families.product.sampling import samples_of
from pinnkan.solver.families.product.slab import (
    MANY_COEFFICIENTS,
    ProductSlab,
    check_growth,
    damping_limit,
    first_guess,
    insert_knots,
    side_values,
    stability_spaces,
    taylor_coefficients,
    with_fixed_values,
)
from pinnkan.solver.families.product.slab_correction import (
    NEGLIGIBLE_SHARE,
    ProductPass,
    allowed_correction,
    correct_slab,
    curvature_share,
    persistent_error,
    propagate_error,
    slab_minimum,
)
from pinnkan.solver.families.product.slab_row_weights import MOST_REWEIGHTINGS, reweighted_model
from pinnkan.solver.families.product.slab_start import SlabStart, adapt_knots
from pinnkan.solver.families.product.stationary_start import leave_stationary_point
from pinnkan.solver.families.product.step_control import (
    GROW,
    MANY_DEGREES,
    SHRINK,
    Aim,
    length_factor,
    limit_shortening,
    plan_after_failure,
    plan_slab,
    slab_length,
)
from pinnkan.solver.level_family import LossMinimum, ModelFamily
from pinnkan.solver.linear.rate_spread import MOST_RATE_SPREAD
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import MAX_DAMPING, MAX_STEPS, GaussNewtonResult, gauss_newton
from pinnkan.solver.verify.candidate import SpacePair
from pinnkan.solver.verify.growth.slab_growth import growth_exponent, max_growth_exponent
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature, refine_at_feature

#: Length of the first attempt over the whole time; a rejected one is cheap.
FIRST_SLAB = 0.05
#: Least error to which initial data are represented: rounding.
LEAST_DATA_ERROR = 3e-14
#: Most rejections of a slab; then it is accepted, and the estimate shows the cost.
MOST_REJECTIONS = 40
#: Gauss-Newton stops when its next step is predicted below this share of the allowed correction; second: of large
#: slabs.
SETTLED_SHARE, SETTLED_SHARE_LARGE = 0.05, 0.2
#: Steps, while they converge, of a slab whose initial values are solved for: a diode's current exp(61) takes sixty.
MOST_STEPS = 150
#: Relative accuracy of a Gauss-Newton step.
STEP_ACCURACY = 1e-12
#: A correction that would be accepted is repeated with many degrees in time where it leaves more than the first share
#: of the residual and is, or can hide, more than the third of what is allowed: one degree more adds odd functions about
#: the middle only. That is kept, for later slabs too, where larger by the last factor; else every second, fourth, ..
#: doubt is tested, and those that leave more than the second share.
DOUBTFUL_RATIO, RETESTED_RATIO, DOUBTFUL_SHARE, UNDERESTIMATE_FACTOR = 0.3, 0.7, 0.3, 1.2
#: Largest growth (root mean square) in a slab of an error that counts: least squares make a tenth of a growth by e^9.
MOST_AMPLIFICATION = 4.0


@dataclass(frozen=True, eq=False)
class ProductSlabs(ModelFamily):
    """The tensor-product splines of a ``degree`` in space and in time, in slabs.

    ``intervals``: per space coordinate at first; ``words``: the network and why it was chosen; ``highest_degree``:
    degree in space for initial data that then need fewer intervals; ``first_slab``: its length over the whole time.
    """

    degree: tuple[int, int]
    intervals: int
    most_passes: int
    words: str = ""
    highest_degree: int = 0
    first_slab: float = FIRST_SLAB

    @property
    def slab_count(self) -> int | None:
        """The number of slabs that the file names, or None."""
        return self.problem.solver.time_slabs

    def initial_aim(self, local: float) -> Aim:
        """Return the first attempt: initial data on knots that resolve them and their waves that will grow."""
        decay = float(np.exp(-unresolved_data_growth(self.model, self.degree, self.intervals)))
        allowed = max(local * decay, LEAST_DATA_ERROR)
        begun = start_with_fewest_intervals(self.model, self.degree, self.highest_degree, self.intervals, allowed)
        begun = with_initial_rates(self.model, begun)
        return Aim(begun, self.first_slab * float(np.ptp(self.problem.box.ranges[-1])), self.degree[1])

    def initial_piece(self, aim: Aim) -> tuple[tuple[Space, Array], float]:
        begun, end = aim.start, aim.start.time + aim.length
        return constant_piece(begun.axes, begun.traces[0], begun.time, end), end

    def next_length(self, aim: Aim, time_pass: ProductPass) -> float:
        return slab_length(aim, time_pass.start, time_pass.next_required_end, time_pass.end, self.slab_count)

    def shorten(self, aim: Aim, length: float) -> Aim | None:
        return None if self.slab_count else plan_after_failure(aim, length)

    def attempt(
        self, aim: Aim, length: float, time_pass: ProductPass, reweightings: int = MOST_REWEIGHTINGS
    ) -> ProductSlab:
        """Solve a slab by Gauss-Newton and correct it; up to ``reweightings`` times more with other weights."""
        begun = aim.start
        time = Axis(np.array([begun.time, begun.time + length]), aim.degree)
        space = Space((*begun.axes, time), begun.unknowns)
        near = first_guess(self._model_at(begun), begun, time) if aim.guess is None else aim.guess
        model = reweighted_model(self._model_at(begun), space, near) or self._model_at(begun)
        start, fixed = with_fixed_values(model, space, begun.traces, side_values(model, space), near)
        keeps, local = not model.is_linear, time_pass.local_tolerance
        system = System(model, space, accuracy=STEP_ACCURACY, keeps_solver=keeps, local_tolerance=local)
        if model is not model.later_slab_model and not model.is_linear:
            start = leave_stationary_point(system, start, fixed)
        firm = MAX_DAMPING if self.slab_count else damping_limit(model, begun)
        share = SETTLED_SHARE_LARGE if space.size >= MANY_COEFFICIENTS else SETTLED_SHARE
        settled = share * time_pass.allowed_correction(length)
        most = MOST_STEPS if firm == MAX_DAMPING else MAX_STEPS
        found = gauss_newton(system, start, fixed, settled, time_pass.monitor, time_pass.contraction, firm, most)
        system.release_solver()
        if not found.is_stationary:
            raise SolverError("Gauss-Newton did not settle in a slab")
        if reweightings and reweighted_model(model, space, found.coefficients) is not None:
            return self.attempt(replace(aim, guess=found.coefficients), length, time_pass, reweightings - 1)
        grown = check_growth(growth_exponent(model, space, found.coefficients, time_pass.rms_so_far), self.slab_count)
        slab = correct_slab(model, begun, system, found, aim.extra_degrees, time_pass, grown)
        slab = self._with_enrichment(aim, slab, found, time_pass)
        if self._may_be_accepted(aim, slab, time_pass):
            left = persistent_error(slab, time_pass, lambda: self._enriched_slab(aim, slab, found, time_pass))
            slab = propagate_error(model, begun, slab, time_pass)
            return replace(slab, curvature_share=curvature_share(model, slab, time_pass), persistent_error=left)
        slab.correction_system.release_solver()
        return slab

    def _model_at(self, slab_start: SlabStart) -> Model:
        """Return the model of the slab that begins at a state."""
        return self.model if slab_start.time == self.problem.box.ranges[-1][0] else self.model.later_slab_model

    def _enriched_slab(
        self, aim: Aim, slab: ProductSlab, converged: GaussNewtonResult, time_pass: ProductPass
    ) -> ProductSlab | None:
        """Return the slab with many degrees in time in its correction; None where it has them."""
        if slab.extra_degrees >= MANY_DEGREES:
            return None
        return correct_slab(
            slab.system.model, aim.start, slab.system, converged, MANY_DEGREES, time_pass, slab.growth_exponent
        )

    def _with_enrichment(
        self, aim: Aim, slab: ProductSlab, converged: GaussNewtonResult, time_pass: ProductPass
    ) -> ProductSlab:
        """Return the slab, with many degrees in its correction where that shows the usual one to be too small."""
        doubts = aim.vain_enrichments
        is_due = len(time_pass.slab_history.slabs) % 2**doubts == 0 or slab.residual_ratio > RETESTED_RATIO
        is_asked = is_due and self.is_doubtful(slab, time_pass)
        closer = self._enriched_slab(aim, slab, converged, time_pass) if is_asked else None
        if closer is None:
            return replace(slab, vain_enrichments=doubts)
        is_founded = closer.correction_size > UNDERESTIMATE_FACTOR * slab.correction_size
        return replace(closer, vain_enrichments=doubts) if is_founded else replace(slab, vain_enrichments=doubts + 1)

    def _may_be_accepted(self, aim: Aim, slab: ProductSlab, time_pass: ProductPass) -> bool:
        """Whether the slab may be accepted, be it as the last attempt."""
        is_last = self.slab_count is not None or aim.rejections >= MOST_REJECTIONS
        return (
            is_last
            or time_pass.is_early(time_pass.time)
            or slab.is_rounding
            or slab.correction_size <= allowed_correction(slab, time_pass)
        )

    def is_doubtful(self, slab: ProductSlab, time_pass: ProductPass) -> bool:
        """Whether an acceptable correction leaves so much of the residual that it may not be the whole error."""
        allowed, fine = allowed_correction(slab, time_pass), slab.error[0]
        if slab.residual_ratio <= DOUBTFUL_RATIO or (slab.correction_size > allowed and self.slab_count is None):
            return False
        scale = np.sqrt(time_pass.reference_squared_norms(fine.norm(slab.base) ** 2, slab.length))
        return slab.correction_size > DOUBTFUL_SHARE * allowed or slab.hidden_error > allowed * float(scale.min())

    def is_accurate(self, aim: Aim, slab: ProductSlab, time_pass: ProductPass) -> bool:
        is_small = slab.correction_size <= allowed_correction(slab, time_pass) or slab.is_rounding
        is_short = slab.growth_exponent <= max_growth_exponent(aim.degree)
        return is_small and not self.is_amplified(slab, time_pass) and is_short

    def is_amplified(self, slab: ProductSlab, time_pass: ProductPass) -> bool:
        """Whether an error that counts grows too fast within the slab for its correction to show all of it."""
        size, factor = slab.carried_error
        scale = np.sqrt(time_pass.reference_squared_norms(slab.squared_norms, slab.length) / slab.length)
        counts = size > NEGLIGIBLE_SHARE * allowed_correction(slab, time_pass) * float(scale.min())
        return counts and factor > MOST_AMPLIFICATION and self.slab_count is None

    def add_knots_at(self, aim: Aim, slab: ProductSlab, missed: HiddenFeature) -> Aim | None:
        """Return the next attempt: knots at the missed feature, and a shorter slab."""
        if aim.rejections >= MOST_REJECTIONS:
            return None
        begun = aim.start.prolonged_to(refine_at_feature(aim.start.axes, missed))
        length = slab.length if self.slab_count else SHRINK * slab.length
        return replace(self._after_rejection(aim, slab), start=begun, length=length)

    def _after_rejection(self, aim: Aim, slab: ProductSlab) -> Aim:
        late, tried = (slab.length, slab.coordinate_shares.size[-1]), aim.rejections + 1
        degrees, vain = slab.extra_degrees, slab.vain_enrichments
        return replace(
            aim, extra_degrees=degrees, vain_enrichments=vain, rejections=tried, guess=None, last_attempt=late
        )

    def plan_retry(self, aim: Aim, slab: ProductSlab, time_pass: ProductPass) -> Aim | None:
        """Return the next attempt, shorter or with more knots by the parts of the correction; None to accept it."""
        if aim.rejections >= MOST_REJECTIONS:
            return None
        allowed, in_time, h = allowed_correction(slab, time_pass), slab.coordinate_shares.size[-1], slab.length
        in_space = float(np.sqrt(sum(s**2 for s in slab.coordinate_shares.size[:-1])))
        grows = self.is_amplified(slab, time_pass)
        held = min(self._growth_limit(aim, slab), 0.5 if grows else 0.8)
        too_long = in_time > 0.7 * allowed or held < 0.8 or not slab.coordinate_shares.size[:-1]
        shrink, refine = too_long and not self.slab_count, in_space > 0.5 * allowed or not too_long
        tried = self._after_rejection(aim, slab)
        if refine:
            begun, guess = insert_knots(aim.start, slab, allowed)
            tried = replace(tried, start=begun, guess=guess)
            # no interval is marked: the residual makes less in a shorter slab
            if begun.traces[0].size == aim.start.traces[0].size and not self.slab_count:
                shrink, held = True, SHRINK if not shrink else held
        if shrink:
            factor = min(length_factor(h, in_time, allowed, aim.last_attempt, aim.degree), held)
            tried = replace(tried, length=h * factor, guess=None)
        tried = replace(tried, length=limit_shortening(tried.length, h, time_pass.shortest()))
        if tried.length < time_pass.shortest():
            if time_pass.is_early(time_pass.time):
                return None
            raise SolverError(f"at {time_pass.time_words} the slabs became too short")
        return tried if refine or shrink else None

    def plan_next(self, aim: Aim, slab: ProductSlab, time_pass: ProductPass) -> Aim:
        """Return the first attempt at the next slab: state at the end, adapted knots, length, degree."""
        (space, c), (fine, error) = slab.piece, slab.error
        last, shares, allowed = len(space.axes) - 1, slab.coordinate_shares, allowed_correction(slab, time_pass)
        orders = range(self.model.orders[-1])
        traces = tuple(end_trace(space.axes[-1], c, k, last) for k in orders)
        errors = tuple(end_trace(fine.axes[-1], error, k, last) for k in orders)
        end = float(space.axes[-1].breaks[-1])
        begun = SlabStart.contiguous(end, space.axes[:-1], traces, errors, taylor_coefficients(space.axes[-1], c))
        growth = unresolved_data_growth(self.model, self.degree, self.intervals) / self.problem.box.lengths[-1]
        begun = adapt_knots(begun, shares.mass[:-1], allowed, growth * (self.problem.box.ranges[-1][1] - end))
        late = axes_for_late_forcing(self.model, self.degree, self.intervals, self.problem.solver.tolerance)
        begun = begun.with_breakpoints(late)
        even, held = MOST_RATE_SPREAD / max(slab.rate_spread, 1e-300), self._growth_limit(aim, slab)
        late_error = 0.0 if slab.is_rounding else float(shares.size[-1])
        free = self.problem.solver.degree is None and self.slab_count is None
        factor, degree = plan_slab(aim, slab.length, late_error, allowed, (even, held), free)
        length = limit_shortening(slab.length * factor, GROW * slab.length, time_pass.shortest(end))
        return Aim(begun, length, degree, extra_degrees=slab.extra_degrees, vain_enrichments=slab.vain_enrichments)

    def _growth_limit(self, aim: Aim, slab: ProductSlab) -> float:
        """The factor by which a slab may be longer for what grows in it."""
        return max_growth_exponent(aim.degree) / max(slab.growth_exponent, 1e-300)

    def spaces(self, slab: ProductSlab) -> SpacePair:
        return stability_spaces(self.model, slab)

    def evaluate_minimum(self, slab: ProductSlab, time_pass: ProductPass) -> LossMinimum:
        return slab_minimum(slab, time_pass)

    def samples(self, slab: ProductSlab) -> Samples:
        """Return values at Gauss points of the halved intervals."""
        return samples_of(*slab.piece)

    def network_description(self) -> str:
        return self.words
