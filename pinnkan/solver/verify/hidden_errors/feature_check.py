"""The residual at held-out points: around narrow features of the formulas, and scattered over the domain.

Around every narrow feature (:mod:`pinnkan.problem.features.narrow_features`) the squared residual is integrated on
intervals that shrink from a twentieth of the box to the width of the feature; over the whole box its mean at scattered
points is taken. Where either is out of proportion to the residual at the training points, the check returns place and
width of a feature, so that knots can be inserted there.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import BoundaryPiece, Domain
from pinnkan.kan.field import Array, Field, jets_at, jets_of_each
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import MERGE_DISTANCE
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.features.narrow_features import find_narrow_features
from pinnkan.problem.statement import Side
from pinnkan.problem.units.term_sizes import jet_sizes
from pinnkan.solver.estimate.equation_terms import squared_residual_and_terms, term_floor, unknown_sizes
from pinnkan.solver.estimate.linearisation_check import NO_CORRECTION, FieldContext, LinearisationCheck
from pinnkan.solver.estimate.neighbourhood import (
    Neighbourhood,
    cell_volumes,
    interval_widths,
    neighbourhood_of,
    volume_shares,
)
from pinnkan.solver.estimate.solution_features import SolutionFeatures, event_time, feature_neighbourhoods
from pinnkan.solver.estimate.unresolved_features import unresolved_boxes
from pinnkan.solver.verify.hidden_errors.hidden_feature import CLOSEST_ENDS, HiddenFeature, worst_feature
from pinnkan.verdict.verdict import HELDOUT_RATIO

#: A feature at scattered points is at most this share of its cell wide, so that knots are inserted for it.
CELL_SHARE = 0.125
#: Scattered points per coordinate of the box.
SCATTERED_POINTS = 500
#: A residual below NEGLIGIBLE tolerances of the terms of its equation is ignored. Where more than LARGE_RESIDUAL of the
#: terms near a feature remain, the residual is compared with the mean training residual in that neighbourhood only.
NEGLIGIBLE, LARGE_RESIDUAL = 0.1, 0.25
#: Least divisor.
TINY = 1e-300
#: A narrow feature is named as the reason of short slabs within so many of its widths.
WIDTHS_AWAY = 20.0


class FeatureCheck:
    """The check of one problem's residuals at held-out points; its narrow features are found once."""

    def __init__(self, model: Model) -> None:
        self.model, self.problem, self.clock = model, model.problem, model.clock
        self.undecided_switches = LinearisationCheck(model)
        self.equations, self.corner_weights = model.equations, model.corner_weights
        self.row_weights = model.corner_weights or model.incompatible_corner_weights
        problem, coordinates = model.problem, model.problem.coordinates
        survey = find_narrow_features(formulas(problem), coordinates, problem.box.ranges)
        self.features, self.unsearched_boxes = survey.features, unresolved_boxes(problem, survey.undecided_boxes)
        self.narrow_values = [SolutionFeatures(e, coordinates) for e in problem.equations]
        self.side_conditions = [
            (c.place, equation) for c, equation in model.conditions_as_rows if isinstance(c.place, Side)
        ]

    def examine(
        self, field: Field, domain: Domain, loss: float, context: FieldContext = NO_CORRECTION
    ) -> HiddenFeature | None:
        """Return the feature whose residual most exceeds ``loss``, the mean square at training points; None for none.

        ``context``: the correction, earlier sizes, losses by equation. Raises SolverError: terms have no squares in
        float64.
        """
        points = domain.sample(SCATTERED_POINTS * self.problem.dimension, kronecker_points)
        seen = self._jets_by_equation(field, points)
        volume, whole, axis = domain.measure, self.problem.domain.measure, self.problem.time_axis
        found = [
            *self._missed_side_data(field, context.error, domain, points, seen),
            *self._missed_side_waves(field, domain, points, seen),
        ]
        shares = volume_shares(field, points, domain)
        sizes = unknown_sizes(self.model, field, points, context.previous_rms)
        losses = context.losses or [loss] * len(self.equations)
        for equation, values, trained in zip(self.equations, self.narrow_values, losses, strict=True):
            squares, scale = self._weighted_squares(equation, points, seen[equation])
            least = NEGLIGIBLE**2 * self.problem.solver.tolerance**2
            slopes = equation.linearise_numpy(points, seen[equation])[1]
            typical, floor = float(scale.mean()), term_floor(self.model, equation, (points, slopes), sizes) ** 2
            mass = squares * shares
            if mass.mean() > max(HELDOUT_RATIO**2 * trained, least * max(typical, floor)):
                place = points[int(np.argmax(mass))]
                width = domain.box.lengths / len(points) ** (1.0 / self.problem.dimension)
                share = volume * mass.mean() / max(volume * typical, whole * floor, TINY)
                width = np.fmin(width, CELL_SHARE * _cell_lengths(field, place))
                found.append(HiddenFeature(place, width, float(share)))
            passed = feature_neighbourhoods(values.features(field, domain, seen[equation], axis), field, domain, axis)
            for near, is_held, time in chain(((n, True, None) for n in self._neighbourhoods(domain)), passed):
                self.clock.check()
                squares, scale = self._weighted_squares(equation, near.points, near.jets(field, equation))
                mass = squares * np.minimum(near.weights, cell_volumes(field, near.points))
                own, left = float((scale * near.weights).sum()), float(mass.sum())
                known = own + max(volume * typical, whole * floor)
                within = volume if left <= LARGE_RESIDUAL * own else float(near.weights.sum())
                if left > max(HELDOUT_RATIO**2 * trained * within * is_held, least * known):
                    feature = HiddenFeature(near.place, near.half_mass_widths(mass), left / max(known, TINY), time)
                    found += [] if self.is_at_slab_end(feature, domain) else [feature]
        return worst_feature(found, self.problem.box.lengths, self.features)

    def unsearched_message(self, field: Field, domain: Domain) -> str:
        """Return a message where unsearched parts of formulas may hide more than the tolerance; "" for nowhere."""
        if not self.unsearched_boxes:
            return ""
        points = domain.sample(SCATTERED_POINTS, kronecker_points)
        seen = self._jets_by_equation(field, points)
        for number, left in self.unsearched_boxes.items():
            equation = self.equations[number]
            size, place = left.bound_missed_mean(domain, seen[equation])
            typical = self._typical_square(equation, field, points, seen[equation]) ** 0.5
            if size > self.problem.solver.tolerance * typical:
                what = HiddenFeature(place, domain.box.lengths, size).words(self.problem)
                return f"formulas hold too much that is narrow to look for all of it: {what}"
        return ""

    def first_event(self, field: Field, domain: Domain) -> float | None:
        """Return the first time at which the solution passes a jump or kink all over space; None for none."""
        if not any(values.parts for values in self.narrow_values):
            return None
        seen = self._jets_by_equation(field, domain.sample(SCATTERED_POINTS * self.problem.dimension, kronecker_points))
        pairs, axis = zip(self.equations, self.narrow_values, strict=True), self.problem.time_axis
        found = chain.from_iterable(values.features(field, domain, seen[e], axis) for e, values in pairs)
        times = (event_time(feature, domain, axis) for feature in found)
        return min((time for time in times if time is not None), default=None)

    def is_at_slab_end(self, feature: HiddenFeature, domain: Domain) -> bool:
        """Whether an event is at an end of the slab, to the resolution of times, and its residual does not matter.

        An unknown with a rate follows that residual by its integral, the width of the feature times its size.
        """
        if feature.event_time is None:
            return False
        total = self.problem.box.lengths[-1]
        is_end = min(abs(feature.event_time - end) for end in domain.box.ranges[-1]) <= CLOSEST_ENDS * total
        kick = feature.share * feature.width[-1] / total
        return bool(is_end and kick <= (NEGLIGIBLE * self.problem.solver.tolerance) ** 2)

    def narrow_feature_near(self, time: float | None) -> str:
        """Return a message that names a narrow feature near a time as the reason of short slabs; "" for none."""
        axis = self.problem.time_axis
        if axis is None or time is None:
            return ""
        for f in self.features:
            width = f.width[axis]
            if abs(f.place[axis] - time) <= WIDTHS_AWAY * width and width < self.problem.box.lengths[axis]:
                when = self.problem.format_march_position(f.place[axis], 8)
                return f"slabs cannot be as short as what is {width:.0e} wide at {when}"
        return ""

    def mean_square_terms(self, field: Field) -> float:
        """The mean square of the terms of the equations, with which a mean squared residual is compared."""
        points = self.problem.domain.sample(SCATTERED_POINTS, kronecker_points)
        seen = self._jets_by_equation(field, points)
        return sum(float(self._weighted_squares(e, points, seen[e])[1].mean()) for e in self.equations)

    def _weighted_squares(self, equation: CompiledEquation, points: Array, jets: Array) -> tuple[Array, Array]:
        """Squared residual and terms of an equation or condition, with the corner weights of its rows."""
        squares, scale = squared_residual_and_terms(equation, points, jets)
        number = self.equations.index(equation) if equation in self.equations else None
        near = self.corner_weights if number is None else self.row_weights
        if near is None:
            return squares, scale
        weights = near.point_weights(points, number) ** 2
        return weights * squares, weights * scale

    def _jets_by_equation(self, field: Field, points: Array) -> dict[CompiledEquation, Array]:
        """The jets (point, jet) of every equation and side condition, evaluated together."""
        equations = [*self.equations, *(e for _, e in self.side_conditions)]
        return dict(zip(equations, jets_of_each(field, points, [e.jets for e in equations]), strict=True))

    def _missed_side_data(
        self,
        field: Field,
        error: Field | None,
        domain: Domain,
        points: Array,
        jets_by_equation: dict[CompiledEquation, Array],
    ) -> Iterator[HiddenFeature]:
        """Yield narrow features of side conditions whose data neither the field nor its ``error`` has.

        The mismatch is compared with the terms of the condition at the scattered ``points`` of the box.
        """
        least = self.problem.solver.tolerance**2
        for side, equation in self.side_conditions:
            piece = domain.boundary_pieces[side]
            if piece.fixed != self.problem.domain.boundary_pieces[side].fixed:  # an inner end of slabs, without data
                continue
            surroundings = [n for n in self._neighbourhoods(domain, piece) if not self._is_corner(n.place)]
            if not surroundings:
                continue
            typical = piece.measure * self._typical_square(equation, field, points, jets_by_equation[equation])
            for near in surroundings:
                self.clock.check()
                jets = near.jets(field, equation)
                squares, scale = self._weighted_squares(equation, near.points, jets)
                mass, known = squares * near.weights, float((scale * near.weights).sum()) + typical
                off = None if error is None else near.jets(error, equation)
                allowed = 0.0 if off is None else self._change_by_error(equation, near, jets, off)
                if mass.sum() > max(HELDOUT_RATIO**2 * allowed, least * known):
                    yield HiddenFeature(near.place, near.half_mass_widths(mass), float(mass.sum()) / max(known, TINY))

    def _missed_side_waves(
        self, field: Field, domain: Domain, points: Array, jets_by_equation: dict[CompiledEquation, Array]
    ) -> Iterator[HiddenFeature]:
        """Yield sides of a steady problem whose data the field lacks: waves between its knots.

        None with knots graded to corners where conditions change: no function has the data next to these.
        """
        if self.problem.time_axis is not None or self.corner_weights is not None:
            return
        tolerance = self.problem.solver.tolerance
        for equation, there, squares, share in self._side_squares(field, domain, points, jets_by_equation):
            if share > tolerance**2 and squares.mean() > (tolerance * self._wave_term(equation, field, there)) ** 2:
                yield HiddenFeature(there[int(np.argmax(squares))], domain.box.lengths / len(there), share)

    def _wave_term(self, equation: CompiledEquation, field: Field, points: Array) -> float:
        """The largest term of a condition for waves two intervals long with the size of the unknowns."""
        intervals = np.array([len(field.breaks(i)) - 1 for i in range(points.shape[1])])
        shortest = self.problem.box.lengths / (np.pi * intervals)
        jets = jets_at(field, points, equation.jets)
        slopes = np.abs(equation.linearise_numpy(points, jets)[1]).mean(0)
        sizes = unknown_sizes(self.model, field, self.problem.domain.sample(SCATTERED_POINTS, kronecker_points))
        return float(np.fmax.reduce(slopes * jet_sizes(equation.jets, shortest, sizes), initial=0.0))

    def _side_squares(
        self, field: Field, domain: Domain, points: Array, jets_by_equation: dict[CompiledEquation, Array]
    ) -> Iterator[tuple[CompiledEquation, Array, Array, float]]:
        """Yield side conditions, points, squared residuals, and their mean as a share of the squared terms."""
        for side, equation in self.side_conditions:
            there = domain.boundary_pieces[side].sample(
                SCATTERED_POINTS * max(self.problem.dimension - 1, 1), kronecker_points
            )
            squares, _ = self._weighted_squares(equation, there, jets_at(field, there, equation.jets))
            typical = self._typical_square(equation, field, points, jets_by_equation[equation])
            yield equation, there, squares, float(squares.mean()) / typical

    def _typical_square(self, equation: CompiledEquation, field: Field, points: Array, jets: Array) -> float:
        """The mean square of the terms of an equation at points, and no less than natural sizes make it.

        The terms alone may be rounding, as u_y of a u that does not depend on y.
        """
        terms = float(self._weighted_squares(equation, points, jets)[1].mean())
        slopes = equation.linearise_numpy(points, jets)[1]
        sizes = unknown_sizes(self.model, field, points)
        return max(terms, term_floor(self.model, equation, (points, slopes), sizes) ** 2, TINY)

    def residual_shares(self, field: Field, loss: float) -> tuple[float, float]:
        """The residuals of side conditions (largest) and equations as shares of their terms, root mean squares."""
        points = self.problem.domain.sample(SCATTERED_POINTS, kronecker_points)
        seen = self._jets_by_equation(field, points)
        sides = [share for *_, share in self._side_squares(field, self.problem.domain, points, seen)]
        return max(sides, default=0.0) ** 0.5, (loss / max(self.mean_square_terms(field), TINY)) ** 0.5

    def _change_by_error(self, equation: CompiledEquation, near: Neighbourhood, jets: Array, error: Array) -> float:
        """The integral near a feature of the squared change of a condition by an error."""
        _, weights = equation.linearise_numpy(near.points, jets)
        return float((((weights * error).sum(-1)) ** 2 * near.weights).sum())

    def _is_corner(self, place: Array) -> bool:
        """Whether conditions change at a place; a slope that jumps there is attained on no knots."""
        known = [] if self.corner_weights is None else self.corner_weights.corners
        return any(np.abs(place - c.position).max() <= MERGE_DISTANCE * self.problem.box.lengths.max() for c in known)

    def _neighbourhoods(self, domain: Domain, piece: BoundaryPiece | None = None) -> Iterator[Neighbourhood]:
        """Yield the neighbourhoods of the narrow features in the domain, or on a piece of its boundary."""
        for feature in self.features:
            narrow = feature.width < self.problem.box.lengths
            found = neighbourhood_of(feature, narrow, domain, {} if piece is None else piece.fixed)
            if found is not None:
                yield found


def _cell_lengths(field: Field, place: Array) -> Array:
    """The lengths (coordinate,) of the cell of the knots that contains a place."""
    return np.array([float(interval_widths(field.breaks(i), x)) for i, x in enumerate(place)])
