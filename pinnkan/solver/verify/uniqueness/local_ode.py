"""Whether other solutions depart from one where derivatives of the right-hand side are unbounded.

There the theorem of Picard and Lindelof says nothing: a solution of u_t = 2 sqrt(|u|) may rest at zero for any time. It
is unique all the same if the growth rate of perturbations has a finite integral, as for u_t = 1 + sqrt(|u|), and not if
that rate after a time h is c / h for all h (Osgood 1898). Rates are those at a point, derivatives in space fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.assembly.model import Model
from pinnkan.domain.bisection import cut_boxes
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.expressions.enclosure import interval_outputs
from pinnkan.problem.expressions.functions import restore_zeros
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Jet
from pinnkan.solver.required_slab_ends import required_slab_ends
from pinnkan.solver.verify.posedness import ERROR_MARGIN
from pinnkan.solver.verify.symbol import is_determinant_affordable, largest_wave_rates
from pinnkan.solver.verify.uniqueness.branch_points import SAMPLE_TIMES, sample_points

#: Boxes of states that are bisected, about so many.
MOST_BOXES = 16
#: Relative width at which a box of states is a point; relative size of a perturbation.
POINT_WIDTH, PERTURBATION = 1e-15, 1e-15
#: Shares of the time at which rate * time is compared. Solutions depart if it is above LEAST_EXPONENT at the shorter
#: one, and above LEAST_RATIO of its value at the longer one, or 1: of u_t = 1 + |u|^a it falls to 0.6 or less of that.
TIME_SHARES = (1e-2, 1e-4)
LEAST_EXPONENT, LEAST_RATIO = 0.02, 0.7
#: A flat perturbation grows from a singular time if rate * time at the shorter time is FLAT_EXPONENT, and FLAT_RATIO
#: times its value at the longer one: for a rate c / t both are equal.
FLAT_EXPONENT, FLAT_RATIO = 30.0, 5.0
#: Newton steps for the highest derivatives in time.
NEWTON_STEPS = 4


@dataclass(frozen=True, eq=False)
class LocalOde:
    """The equations of one problem at a point as a system in time; a state is coordinates, then :attr:`jets`."""

    model: Model

    @cached_property
    def jets(self) -> tuple[Jet, ...]:
        """The derivatives in time of each unknown up to the highest, then all other jets of the equations."""
        space, rates = self.model.problem.space_dimension, self.model.problem.orders_in_time
        in_time = [Jet(u, (*(0,) * space, k)) for u, rate in enumerate(rates) for k in range(rate + 1)]
        return tuple(dict.fromkeys([*in_time, *(j for e in self.model.equations for j in e.jets)]))

    @cached_property
    def tape(self) -> Tape:
        """The residuals and then their derivatives by all jets (equation * jet), as functions of a state."""
        own = [sympy.Dummy() for _ in self.jets]
        equations = self.model.problem.equations
        named = [{s: own[self.jets.index(j)] for s, j in e.jets.items()} for e in equations]
        residuals = [restore_zeros(e.residual).xreplace(names) for e, names in zip(equations, named, strict=True)]
        slopes = [sympy.diff(r, x) for r in residuals for x in own]
        return Tape([*residuals, *slopes], [*self.model.problem.coordinates, *own])

    @cached_property
    def _has_bounded_slopes(self) -> bool:
        """Whether all derivatives by jets are bounded: those of a linear equation, or polynomials."""
        slopes = [slope for e in self.model.equations for slope in e.slopes]
        return self.model.is_linear or all(slope.is_polynomial(*slope.free_symbols) for slope in slopes)

    def objection(self, field: Field, domain: Domain, error: Field | None) -> str:
        """Return a message where other solutions depart in a ``domain``; "" for none. No ``error``: the tolerance."""
        problem = self.model.problem
        if problem.time_axis is None:
            return ""
        is_square = len(problem.equations) == len(problem.unknowns)
        if (
            not any(problem.orders_in_time)
            or not is_square
            or not is_determinant_affordable(e.jets for e in self.model.equations)
        ):
            return ""
        if self._grows_from_flat_start(field, domain):
            at = problem.format_march_position(domain.box.ranges[-1][0])
            return f"other solutions depart at {at}, as exp(-1/t) does from zero: the equations are singular there"
        if self._has_bounded_slopes:
            return ""
        states, scale = self._unbounded_states(field, domain, error)
        for state in states:
            if self._departs(state, scale):
                at = f"{problem.coordinates[-1].name} = {state[problem.dimension - 1]:.4g}"
                return f"other solutions depart at {at}: the equations may rest there for any while, and go on later"
        return ""

    @cached_property
    def _singular_times(self) -> tuple[float, ...]:
        """Times at which the factor of a highest derivative in time may vanish; () for equations in space and time."""
        problem = self.model.problem
        slopes = [
            w for e in self.model.equations for j, w in zip(e.jets, e.slopes, strict=True) if problem.is_highest(j)
        ]
        is_asked = problem.dimension == 1 and not all(w.is_number for w in slopes)
        return (problem.box.ranges[-1][0], *required_slab_ends(problem)) if is_asked else ()

    def _grows_from_flat_start(self, field: Field, domain: Domain) -> bool:
        """Whether a perturbation that is zero with all its derivatives can grow from the start of a ``domain`` on.

        Such is c exp(-1/t^2) beside a solution of t^3 u_t = 2 u.
        """
        ((begin, end),) = domain.box.ranges if self._singular_times else ((0.0, 0.0),)
        if not any(np.isclose(begin, stop, rtol=0.0, atol=POINT_WIDTH * abs(begin)) for stop in self._singular_times):
            return False
        times = (end - begin) * np.array(TIME_SHARES)
        states = np.column_stack([begin + times, jets_at(field, (begin + times)[:, None], self.jets)])
        scale = np.maximum(np.abs(states).max(0), 1e-300)
        late, soon = (h * self._growth_rate(state, scale) for h, state in zip(times, states, strict=True))
        return bool(soon > max(FLAT_EXPONENT, FLAT_RATIO * late))

    def _unbounded_states(self, field: Field, domain: Domain, error: Field | None) -> tuple[Array, Array]:
        """States (state, number) of unbounded derivatives within the error of a solution; sizes of the numbers."""
        points, d = sample_points(domain)[0], self.model.problem.dimension
        jets = jets_at(field, points, self.jets)
        scale = np.maximum(np.abs(np.column_stack([points, jets])).max(0), 1e-300)
        off = np.zeros((len(points), len(scale)))
        off[:, d:] = self.model.problem.solver.tolerance * scale[d:]
        if error is not None:
            off[:, d:] = ERROR_MARGIN * np.abs(jets_at(error, points, self.jets))
        found = np.column_stack([points, jets])
        least, most = ((found + x).reshape(-1, SAMPLE_TIMES, len(scale)) for x in (-off, off))  # at times, between them
        lows = [least, np.minimum(least[:, 1:], least[:, :-1])]
        highs = [most, np.maximum(most[:, 1:], most[:, :-1])]
        low, high = (np.concatenate([x.reshape(-1, len(scale)) for x in each]).T for each in (lows, highs))
        return self._bisect_boxes(low, high, scale).T, scale

    def _bisect_boxes(self, low: Array, high: Array, scale: Array) -> Array:
        """States (number, state) at which a derivative is unbounded, by bisection of boxes (number, box)."""
        with np.errstate(all="ignore"):
            at = np.flatnonzero(self._has_unbounded_slope(low, high))
            at = at[:: max(1, len(at) // MOST_BOXES)]
            low, high = low[:, at], high[:, at]
            while low.size and (((high - low) / scale[:, None]).max(0) > POINT_WIDTH).any():
                lows, highs = cut_boxes(low, high, ((high - low) / scale[:, None]).argmax(0))
                begins, ends = lows[:, 1::2], highs[:, ::2]
                parts = ((begins, ends), (low, ends), (begins, high))  # the midpoint before both halves
                each = np.array([self._has_unbounded_slope(*part) for part in parts])
                low, high = (np.choose(each.argmax(0), [part[end] for part in parts])[:, each.any(0)] for end in (0, 1))
        return 0.5 * (low + high)

    def _has_unbounded_slope(self, low: Array, high: Array) -> np.ndarray:
        """Whether in a box a derivative by a value or rate is unbounded, and none by a derivative in space: (box,)."""
        found = interval_outputs(self.tape, [Interval(a, b) for a, b in zip(low, high, strict=True)], True)
        slopes = found[len(self.model.equations) :]
        infinite = np.array([np.broadcast_to(np.isinf(s.lo) | np.isinf(s.hi), low.shape[1]) for s in slopes])
        each = np.asarray(infinite.reshape(-1, len(self.jets), low.shape[1]).any(0))
        in_space = np.array([any(j.order[:-1]) for j in self.jets])
        return np.asarray(each[~in_space].any(0) & ~each[in_space].any(0))

    def _departs(self, state: Array, scale: Array) -> bool:
        """Whether perturbations of the solution from a state on grow at a rate of about c / h at all short times h."""
        length = self.model.problem.box.lengths[-1]
        try:
            late, soon = (h * self._growth_rate(self.advance(state, h * length), scale) for h in TIME_SHARES)
        except np.linalg.LinAlgError:
            return False
        return bool(soon * length > max(LEAST_EXPONENT, min(LEAST_RATIO * late * length, 1.0)))

    def advance(self, state: Array, step: float) -> Array:
        """Return the state a time ``step`` later: one Runge-Kutta step, derivatives in space frozen."""
        d = self.model.problem.dimension
        place = {jet: d + i for i, jet in enumerate(self.jets)}
        chain = [(i, place.get(Jet(j.unknown, (*j.order[:-1], j.order[-1] + 1)))) for j, i in place.items()]

        def rates(at: Array) -> Array:
            solved, out = self.solve_highest_rates(at), np.zeros(len(at))
            out[d - 1] = 1.0
            for i, above in chain:
                if above is not None and not any(self.jets[i - d].order[:-1]):
                    out[i] = solved[above]
            return out

        first = rates(state)
        second = rates(state + 0.5 * step * first)
        third = rates(state + 0.5 * step * second)
        return self.solve_highest_rates(
            state + step / 6 * (first + 2 * second + 2 * third + rates(state + step * third))
        )

    def solve_highest_rates(self, state: Array) -> Array:
        """Return the state with the highest derivatives in time that solve the equations, by Newton's method."""
        out, d = state.copy(), self.model.problem.dimension
        rates, space = self.model.problem.orders_in_time, self.model.problem.space_dimension
        highest = [self.jets.index(Jet(u, (*(0,) * space, rate))) for u, rate in enumerate(rates)]
        for _ in range(NEWTON_STEPS):
            values, slopes = self._linearised(out[None])
            out[[d + i for i in highest]] -= np.linalg.solve(slopes[0][:, highest], values[0])
        return out

    def _linearised(self, states: Array) -> tuple[Array, Array]:
        """Residuals (state, equation) and derivatives (state, equation, jet), zero where they are not finite."""
        with np.errstate(all="ignore"):
            found = np.stack([np.broadcast_to(x, len(states)) for x in self.tape(list(states.T))], -1)
        found = np.where(np.isfinite(found), found, 0.0)
        count = len(self.model.equations)
        return found[:, :count], found[:, count:].reshape(len(states), count, -1)

    def _growth_rate(self, state: Array, scale: Array) -> float:
        """The largest growth rate of the linearised equations at a state with one component perturbed either way."""
        d = self.model.problem.dimension
        own: Sequence[int] = [d + i for i, jet in enumerate(self.jets) if not any(jet.order[:-1])]
        beside = np.concatenate([state + sign * np.diag(PERTURBATION * scale)[own] for sign in (1.0, -1.0)])
        weights = [(self.jets, w) for w in np.moveaxis(self._linearised(beside)[1], 1, 0)]
        return float(largest_wave_rates(weights, len(self.model.problem.unknowns), (0.0,) * (d - 1), (0.0,)).real.max())
