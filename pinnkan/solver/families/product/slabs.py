"""A product network in slabs of time, each accepted by its correction.

Gauss-Newton solves a slab from the exact trace of the one before. The local and the global correction
(:mod:`pinnkan.solver.march`), on halved intervals with more degrees in time, share one matrix.
"""

from dataclasses import dataclass, replace

import numpy as np

from pinnkan.assembly.boundary_values import end_trace
from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space, at_rest
from pinnkan.solver.estimate.norms import Samples
from pinnkan.solver.families.product.first_slab import data_growth, driven_axes, sparing_start, with_rates
from pinnkan.solver.families.product.outgrown import REWEIGHED, as_stated, by_equation, reweighed
from pinnkan.solver.families.product.pace import (
    GROW,
    MANY,
    SHRINK,
    Aim,
    change,
    failed,
    next_degree,
    no_shorter,
    slab_length,
)
from pinnkan.solver.families.product.sampling import samples_of
from pinnkan.solver.families.product.slab import (
    MANY_COEFFICIENTS,
    ProductSlab,
    bounded,
    firmness,
    first_guess,
    fixed_by,
    side_values,
    taylor,
    with_more_knots,
)
from pinnkan.solver.families.product.slab_correction import (
    COUNTS,
    ProductPass,
    allowed_in,
    bending,
    carried_on,
    corrected,
    hardly_counts,
    standing,
)
from pinnkan.solver.families.product.slab_start import SlabStart, prepared
from pinnkan.solver.families.product.stationary import moved
from pinnkan.solver.families.product.unevenness import MOST_UNEVEN
from pinnkan.solver.family import Measured, ModelFamily
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import FIRMEST, MAX_STEPS, Converged, gauss_newton
from pinnkan.solver.outcome import RESOLVED
from pinnkan.solver.verify.missed.hidden_feature import HiddenFeature, with_knots
from pinnkan.solver.verify.near_singular import counted_at, null_of, prolonged
from pinnkan.solver.verify.objection import Spaces
from pinnkan.solver.verify.regrowth import HOLDING, folds, most_folds
from pinnkan.solver.verify.stability import least_determined

#: Length of the first attempt over the whole time; a rejected one is cheap.
FIRST_SLAB = 0.05
#: Least error to which initial data are represented: rounding.
ROUNDED_START = 3e-14
#: Most rejections of a slab; then it is accepted, and the estimate shows the cost.
MOST_REJECTIONS = 40
#: Gauss-Newton stops when its next step is predicted below this share of the allowed correction; second: of large
#: slabs.
SETTLED, SETTLED_LARGE = 0.05, 0.2
#: Steps, while they converge, of a slab whose initial values are solved for: a diode's current exp(61) takes sixty.
MOST_STEPS = 150
#: Relative accuracy of a Gauss-Newton step.
STEP = 1e-12
#: A correction that would be accepted is repeated with many degrees in time where it leaves more than the first share
#: of the residual and is, or can hide, more than the third of what is allowed: one degree more adds odd functions about
#: the middle only. That is kept, for later slabs too, where larger by the last factor; else every second, fourth, ..
#: doubt is tested, and those that leave more than the second share.
SLOW, MOST, LARGE, FOUNDED = 0.3, 0.7, 0.3, 1.2
#: Largest growth (root mean square) in a slab of an error that counts: least squares make a tenth of a growth by e^9.
AMPLIFIED = 4.0


@dataclass(frozen=True, eq=False)
class ProductSlabs(ModelFamily):
    """The tensor-product splines of a ``degree`` in space and in time, in slabs.

    ``intervals``: per space coordinate at first; ``words``: the network and why it was chosen; ``highest``: degree in
    space for initial data that then need fewer intervals; ``first_slab``: its length over the whole time.
    """

    degree: tuple[int, int]
    intervals: int
    most_passes: int
    words: str = ""
    highest: int = 0
    first_slab: float = FIRST_SLAB

    @property
    def given(self) -> int | None:
        """The number of slabs that the file names, or None."""
        return self.problem.solver.time_slabs

    def first(self, local: float) -> Aim:
        """Return the first attempt: initial data on knots that resolve them and their waves that will grow."""
        allowed = max(local * float(np.exp(-data_growth(self.model, self.degree, self.intervals))), ROUNDED_START)
        begun = with_rates(self.model, sparing_start(self.model, self.degree, self.highest, self.intervals, allowed))
        return Aim(begun, self.first_slab * float(np.ptp(self.problem.box.ranges[-1])), self.degree[1])

    def initial(self, aim: Aim) -> tuple[tuple[Space, Array], float]:
        begun, end = aim.start, aim.start.time + aim.length
        return at_rest(begun.axes, begun.traces[0], begun.time, end), end

    def length(self, aim: Aim, at: ProductPass) -> float:
        return slab_length(aim, at.start, at.until, at.end, self.given)

    def shortened(self, aim: Aim, length: float) -> Aim | None:
        return None if self.given else failed(aim, length)

    def attempt(self, aim: Aim, length: float, at: ProductPass, again: int = REWEIGHED) -> ProductSlab:
        """Solve a slab by Gauss-Newton and correct it; up to ``again`` times more with other weights."""
        begun = aim.start
        time = Axis(np.array([begun.time, begun.time + length]), aim.degree)
        space = Space((*begun.axes, time), begun.unknowns)
        near = first_guess(self._of(begun), begun, time) if aim.guess is None else aim.guess
        model = reweighed(self._of(begun), space, near) or self._of(begun)
        start, fixed = fixed_by(model, space, begun.traces, side_values(model, space), near)
        system = System(model, space, accuracy=STEP, keeping=not model.is_linear, local=at.local)
        if model is not model.after_start and not model.is_linear:
            start = moved(system, start, fixed)
        firm = FIRMEST if self.given else firmness(model, begun)
        settled = (SETTLED_LARGE if space.size >= MANY_COEFFICIENTS else SETTLED) * at.allowed(length)
        most = MOST_STEPS if firm == FIRMEST else MAX_STEPS
        found = gauss_newton(system, start, fixed, settled, at.monitor, at.contraction, firm, most)
        system.release()
        if not found.stationary:
            raise SolverError("Gauss-Newton did not settle in a slab")
        if again and reweighed(model, space, found.coefficients) is not None:
            return self.attempt(replace(aim, guess=found.coefficients), length, at, again - 1)
        grown = bounded(folds(model, space, found.coefficients, at.before), self.given)
        slab = self._judged(aim, corrected(model, begun, system, found, aim.more, at, grown), found, at)
        if self._may_stay(aim, slab, at):
            left = standing(slab, at, lambda: self._closer(aim, slab, found, at))
            slab = carried_on(model, begun, slab, at)
            return replace(slab, bending=bending(model, slab, at), standing=left)
        slab.richer.release()
        return slab

    def _of(self, begun: SlabStart) -> Model:
        """Return the model of the slab that begins at a state."""
        return self.model if begun.time == self.problem.box.ranges[-1][0] else self.model.after_start

    def _closer(self, aim: Aim, slab: ProductSlab, found: Converged, at: ProductPass) -> ProductSlab | None:
        """Return the slab with many degrees in time in its correction; None where it has them."""
        if slab.more >= MANY:
            return None
        return corrected(slab.system.model, aim.start, slab.system, found, MANY, at, slab.folds)

    def _judged(self, aim: Aim, slab: ProductSlab, found: Converged, at: ProductPass) -> ProductSlab:
        """Return the slab, with many degrees in its correction where that shows the usual one to be too small."""
        doubts = aim.doubts
        is_due = len(at.run.slabs) % 2**doubts == 0 or slab.fall > MOST
        is_asked = is_due and self.is_doubtful(slab, at)
        closer = self._closer(aim, slab, found, at) if is_asked else None
        if closer is None:
            return replace(slab, doubts=doubts)
        is_founded = closer.size > FOUNDED * slab.size
        return replace(closer, doubts=doubts) if is_founded else replace(slab, doubts=doubts + 1)

    def _may_stay(self, aim: Aim, slab: ProductSlab, at: ProductPass) -> bool:
        """Whether the slab may be accepted, be it as the last attempt."""
        is_last = self.given is not None or aim.rejections >= MOST_REJECTIONS
        return is_last or at.is_early(at.time) or slab.is_rounded or slab.size <= allowed_in(slab, at)

    def is_doubtful(self, slab: ProductSlab, at: ProductPass) -> bool:
        """Whether an acceptable correction leaves so much of the residual that it may not be the whole error."""
        allowed, fine = allowed_in(slab, at), slab.error[0]
        if slab.fall <= SLOW or (slab.size > allowed and self.given is None):
            return False
        scale = np.sqrt(at.mean_square(fine.norm(slab.base) ** 2, slab.length))
        return slab.size > LARGE * allowed or slab.hidden > allowed * float(scale.min())

    def passes(self, aim: Aim, slab: ProductSlab, at: ProductPass) -> bool:
        is_small = slab.size <= allowed_in(slab, at) or slab.is_rounded
        return is_small and not self.grows(slab, at) and slab.folds <= most_folds(aim.degree)

    def grows(self, slab: ProductSlab, at: ProductPass) -> bool:
        """Whether an error that counts grows too fast within the slab for its correction to show all of it."""
        size, factor = slab.carried
        scale = np.sqrt(at.mean_square(slab.squares, slab.length) / slab.length)
        counts = size > COUNTS * allowed_in(slab, at) * float(scale.min())
        return counts and factor > AMPLIFIED and self.given is None

    def gathered(self, aim: Aim, slab: ProductSlab, missed: HiddenFeature) -> Aim | None:
        """Return the next attempt: knots at the missed feature, and a shorter slab."""
        if aim.rejections >= MOST_REJECTIONS:
            return None
        begun = aim.start.moved_to(with_knots(aim.start.axes, missed))
        length = slab.length if self.given else SHRINK * slab.length
        return replace(self._rejected(aim, slab), start=begun, length=length)

    def _rejected(self, aim: Aim, slab: ProductSlab) -> Aim:
        late = slab.length, slab.share.size[-1]
        tried = aim.rejections + 1
        return replace(aim, more=slab.more, doubts=slab.doubts, rejections=tried, guess=None, late=late)

    def again(self, aim: Aim, slab: ProductSlab, at: ProductPass) -> Aim | None:
        """Return the next attempt, shorter or with more knots by the parts of the correction; None to accept it."""
        if aim.rejections >= MOST_REJECTIONS:
            return None
        allowed, in_time, h = allowed_in(slab, at), slab.share.size[-1], slab.length
        in_space = float(np.sqrt(sum(s**2 for s in slab.share.size[:-1])))
        grows = self.grows(slab, at)
        held = min(most_folds(aim.degree) / max(slab.folds, 1e-300), 0.5 if grows else 0.8)
        too_long = in_time > 0.7 * allowed or held < 0.8 or not slab.share.size[:-1]
        shrink, refine = too_long and not self.given, in_space > 0.5 * allowed or not too_long
        tried = self._rejected(aim, slab)
        if refine:
            begun, guess = with_more_knots(aim.start, slab, allowed)
            tried = replace(tried, start=begun, guess=guess)
            # no interval is marked: the residual makes less in a shorter slab
            if begun.traces[0].size == aim.start.traces[0].size and not self.given:
                shrink, held = True, SHRINK if not shrink else held
        if shrink:
            factor = min(change(h, in_time, allowed, aim.late, aim.degree), held)
            tried = replace(tried, length=h * factor, guess=None)
        tried = replace(tried, length=no_shorter(tried.length, h, at.shortest()))
        if tried.length < at.shortest():
            if at.is_early(at.time):
                return None
            raise SolverError(f"at {at.words} the slabs became too short")
        return tried if refine or shrink else None

    def following(self, aim: Aim, slab: ProductSlab, at: ProductPass) -> Aim:
        """Return the first attempt at the next slab: state at the end, adapted knots, length, degree."""
        (space, c), (fine, error) = slab.piece, slab.error
        last, allowed, in_time = len(space.axes) - 1, allowed_in(slab, at), slab.share.size[-1]
        orders = range(self.model.orders[-1])
        traces = tuple(end_trace(space.axes[-1], c, k, last) for k in orders)
        errors = tuple(end_trace(fine.axes[-1], error, k, last) for k in orders)
        end = float(space.axes[-1].breaks[-1])
        begun = SlabStart.at(end, space.axes[:-1], traces, errors, taylor(space.axes[-1], c))
        growth = data_growth(self.model, self.degree, self.intervals) / self.problem.box.lengths[-1]
        begun = prepared(begun, slab.share.mass[:-1], allowed, growth * (self.problem.box.ranges[-1][1] - end))
        begun = begun.with_knots(driven_axes(self.model, self.degree, self.intervals, self.problem.solver.tolerance))
        free = self.problem.solver.degree is None and self.given is None
        in_time = 0.0 if slab.is_rounded else in_time
        even, held = MOST_UNEVEN / max(slab.uneven, 1e-300), most_folds(aim.degree) / max(slab.folds, 1e-300)
        degree = next_degree(aim.degree, in_time, allowed, min(even, held) < GROW) if free else aim.degree
        if held < min(even, GROW):  # growth needs degrees, however small the growing part
            degree = max(degree, min(aim.degree, HOLDING))
        wanted = change(slab.length, in_time, allowed, aim.late, aim.degree)
        factor = min(wanted, max(min(even, held), SHRINK))
        length = no_shorter(slab.length * min(factor, GROW), GROW * slab.length, at.shortest(end))
        return Aim(begun, length, degree, more=slab.more, doubts=slab.doubts)

    def spaces(self, slab: ProductSlab) -> Spaces:
        (space, c), (fine, _), richer, base = slab.piece, slab.error, slab.richer, slab.base
        nulls = None
        if richer.is_kept:
            solved = null_of(slab.system, c)
            known, counted = prolonged(solved, space, fine), counted_at(self.model, fine, base)
            nulls = solved, least_determined(richer.kept, fine, base, known=known, counted=counted)
        losses = slab.system.mean_square(c), richer.mean_square(base + slab.local)
        return Spaces(space, c, fine, nulls, losses)

    def measured(self, slab: ProductSlab, at: ProductPass) -> Measured:
        (space, c), system, loss = slab.piece, as_stated(slab.system), slab.system.mean_square(slab.piece[1])
        return Measured(
            field=ProductField(((space, c),)),
            intervals=tuple(a.intervals for a in space.axes),
            degree=tuple(a.degree for a in space.axes),
            parameters=space.size,
            points=slab.system.points,
            loss=system.mean_square(c),
            heldout=System(system.model, space, extra=1).mean_square(c),
            corrected=as_stated(slab.richer).mean_square(slab.base),
            is_resolved=loss <= RESOLVED * slab.unsolved or hardly_counts(slab, loss, at),
            note=slab.system.words,
            losses=by_equation(system, c, slab.least_loss),
        )

    def samples(self, slab: ProductSlab) -> Samples:
        """Return values at Gauss points of the halved intervals."""
        return samples_of(*slab.piece)

    def in_words(self) -> str:
        return self.words
