"""A family of slabs that only recites what it is told, and a march of it."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import load_problem
from pinnkan.solver.level_family import LossMinimum
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.slab_history import SolvedSlab
from pinnkan.solver.slab_loop import march_in_time
from pinnkan.solver.solver_state import Step
from pinnkan.solver.verify.findings import NeedsKnots, Refused
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.verifier import Answer
from pinnkan.verdict.records import Reason

TOLERANCE = 1e-3
HEAT = load_problem("heat1d")
X = Axis(np.linspace(0.0, 1.0, 2), 1)
SPIKE = HiddenFeature(np.array([0.4, 0.3]), np.array([1e-5, 1e-5]), 1.0)


def stated(slabs=None, begins=0.0, total=1.0):
    """Heat for a time of one, or so much, without a known solution."""
    settings = replace(HEAT.solver, tolerance=TOLERANCE, time_slabs=slabs)
    return replace(HEAT, domain=HEAT.domain.time_part(begins, begins + total), exact=None, solver=settings)


def piece(start, end, value):
    """A function that is constant in a slab."""
    return Space((X, Axis(np.array([start, end]), 1))), np.full((2, 2, 1), value)


@dataclass(frozen=True)
class Aim:
    """The length of the next attempt; ``knots``: whether they stand at a feature already."""

    length: float
    knots: bool = False


class Recital:
    """Slabs that pass up to the length ``passing``, with a relative error of ``error`` times the local tolerance.

    Beyond the length ``solvable`` they have no solution. ``attempts`` and ``locals``: what was asked for.
    """

    def __init__(
        self, passing=1.0, error=0.1, solvable=1.0, first=0.5, slabs=None, most_passes=3, fixed=False, patient=True,
        failure=None, floor=0.0, begins=0.0, total=1.0,
    ):  # fmt: skip
        self.problem, self.most_passes, self.begins = stated(slabs, begins, total), most_passes, begins
        self.passing, self.error, self.solvable, self.floor = passing, error, solvable, floor
        self.start, self.fixed, self.patient = first, fixed, patient
        self.failure = failure or SolverError("no solution", Reason.NOT_FINITE)
        self.attempts, self.locals, self.size = [], [], 1.0

    def initial_aim(self, local):
        self.locals.append(local)
        return Aim(self.start)

    def initial_piece(self, aim):
        return piece(self.begins, self.begins + aim.length, 7.0), self.begins + aim.length

    def next_length(self, aim, at):
        return min(aim.length, at.end - at.time)

    def attempt(self, aim, length, at):
        self.attempts.append((at.time, length))
        if length > self.solvable or at.time < self.floor <= at.time + length:
            raise self.failure
        slab = piece(at.time, at.time + length, self.size), piece(at.time, at.time + length, 0.0)
        squares = np.array([self.size**2 * length])
        errors = (self.error * at.local_tolerance) ** 2 * squares
        return SolvedSlab(*slab, length, (Step(1.0, 1e-3, 0.0),), squares, errors, 0.0 * squares)

    def shorten(self, aim, length):
        return None if self.fixed else replace(aim, length=length)

    def is_accurate(self, aim, slab, at):
        return slab.length <= self.passing

    def add_knots_at(self, aim, slab, missed):
        return None if aim.knots else replace(aim, knots=True)

    def plan_retry(self, aim, slab, at):
        return replace(aim, length=0.5 * slab.length) if self.patient else None

    def plan_next(self, aim, slab, at):
        return Aim(self.start)

    def evaluate_minimum(self, slab, at):
        return LossMinimum("u", (1, 1), (1, 1), 4, 9, slab.length, slab.length)

    def spaces(self, slab):
        return slab.piece

    def network_description(self):
        return "a network"


class Growing(Recital):
    """Slabs whose errors grow by e^40, whatever is allowed at the start."""

    def attempt(self, aim, length, at):
        slab = super().attempt(aim, length, at)
        time = (at.time - at.start) / at.duration
        grown = np.exp(80.0 * time) * (at.local_tolerance if time == 0.0 else self.local) ** 2
        self.local = at.local_tolerance if time == 0.0 else self.local
        return replace(slab, squared_error_norms=grown * slab.squared_norms)


class Looking:
    """What looks between the points: ``seen`` the first so many times; ``boxes``: where it looked.

    ``falls``: the number of the look is given, whether the stability constant falls on; ``asked``: where it was;
    ``has_open_start``: whether conditions may leave a part of the start open.
    """

    def __init__(self, times=0, falls=lambda number: False, has_open_start=False):
        self.times, self.falls, self.boxes, self.asked = times, falls, [], []
        self.has_start_rows = has_open_start

    def __call__(self, candidate):
        return (Answer("a check", self.find(candidate)),)

    def find(self, candidate):
        self.boxes.append(candidate.window)
        if candidate.spaces is not None:
            self.asked.append(len(self.boxes) - 1)
            if self.falls(len(self.boxes) - 1):
                return Refused(Reason.RANK_DEFICIENT, "it falls on", must_persist=True)
        return NeedsKnots(SPIKE) if len(self.boxes) <= self.times else None

    def narrow_feature_at(self, time):
        return ""

    @property
    def event_finder(self):
        return SimpleNamespace(
            first_event=lambda *_: None, predict_event=lambda *_: None, permanent_stops=lambda stops: stops
        )

    @property
    def feature_check(self):
        return SimpleNamespace(first_event=lambda *_: None, is_at_slab_end=lambda *_: False)


def marched(family, looking=None, monitor=None):
    return march_in_time(family, looking or Looking(), monitor or Monitor(None, None))


def ends(out):
    return [level.time[1] for level in out.levels]
