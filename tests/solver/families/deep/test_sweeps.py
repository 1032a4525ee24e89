"""Deep networks level by level: sweeps over the slabs until an estimate that is handed in is small enough."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from deep_problems import burgers, model_of, poisson
from errors_of import true_error

from pinnkan.assembly.quasi_random import uniform_generator
from pinnkan.kan.layers.deep_field import Inputs, Piece
from pinnkan.solver.estimate.norms import samples_at
from pinnkan.solver.families.deep.settings import choose_settings
from pinnkan.solver.families.deep.sweeps import DeepLevels, time_slabs
from pinnkan.solver.families.deep.system import heldout_loss, make_system, mean_square
from pinnkan.solver.level_family import ErrorEstimate
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Evidence, Reason


@dataclass
class Judge:
    """Knows the true error, or says what it is told."""

    problem: object
    told: float | None = None
    asked: list = field(default_factory=list)

    def estimate(self, function):
        self.asked.append(function)
        points = self.problem.domain.sample(4000, uniform_generator(0))
        size = true_error(self.problem, samples_at(function, points)) if self.told is None else self.told
        return ErrorEstimate(size, None, evidence=Evidence.COMPARISON)

    def clears(self, function, suspect):
        return False


def solved(problem, told=None, progress=None):
    model, settings = model_of(problem), choose_settings(problem)
    family = DeepLevels(model, settings, Judge(problem, told))
    monitor = Monitor(problem.solver.max_time, progress)
    return solve_levels(family, Verifier(model), monitor, initial_levels_state(family))[0]


@pytest.fixture(scope="module")
def moving():
    return solved(burgers(max_levels=2, tolerance=1e-4))


def test_a_steady_problem_reaches_its_tolerance_and_says_so():
    seen = []
    result = solved(poisson(tolerance=1e-7, knots=2, degree=3), progress=seen.append)
    assert result.reason == Reason.CONVERGED
    assert result.levels[-1].true_error < 1e-7
    assert result.levels[0].true_error > result.levels[-1].true_error  # the levels do something
    assert [level.number for level in seen if not hasattr(level, "damping")] == [x.number for x in result.levels]
    assert [s.weight.shape[:2] for s in result.field.pieces[0].network.splines] == [(3, 1), (1, 3)]


def test_a_tolerance_out_of_reach_is_not_reported_as_reached():
    result = solved(poisson(tolerance=1e-13, max_levels=2))
    assert result.reason == Reason.MAX_LEVELS
    assert len(result.levels) == 2
    hurried = solved(poisson(tolerance=1e-13, max_time=0.0))
    assert (hurried.reason, len(hurried.levels)) == (Reason.MAX_TIME, 1)


def test_the_estimate_that_is_handed_in_decides():
    result = solved(poisson(tolerance=1e-12), told=1e-14)
    assert result.reason == Reason.CONVERGED
    assert [level.estimate for level in result.levels] == [1e-14]
    assert result.levels[0].true_error > 1e-12  # it is believed


def test_slabs_follow_a_moving_front(moving):
    assert moving.levels[-1].true_error < 2e-4
    x = np.linspace(-2, 2, 50)
    low, high = (moving.field(np.stack([x, np.full(50, t)], 1), [(0, 0)])[:, 0, 0] for t in (0.5, 0.5 + 1e-9))
    np.testing.assert_allclose(low, high, atol=1e-3)  # the trace carries over
    last = Piece(Inputs(((-2.0, 2.0), (0.0, 0.5)), (False, False)), moving.field.pieces[1].network, ())
    wrong = last.jets(np.stack([x, np.full(50, 0.5)], 1), [(0, 0)])[:, 0, 0]  # a slab shifted in time is seen
    assert np.abs(low - wrong).max() > 1e-2


def test_the_loss_of_a_level_is_the_mean_over_its_slabs(moving):
    """Up to the weights of the conditions, which the sweep took from the functions that it began with."""
    problem, pieces = burgers(), moving.field.pieces
    slabs = list(zip(time_slabs(problem, 2), pieces, (None, pieces[0]), strict=True))
    losses = [mean_square(make_system(problem, slab, p, before, "cpu"), slab, p) for slab, p, before in slabs]
    held = [heldout_loss(problem, slab, p, before, "cpu") for slab, p, before in slabs]
    assert moving.levels[-1].loss == pytest.approx(np.mean(losses), rel=0.01)
    assert moving.levels[-1].heldout == pytest.approx(np.mean(held), rel=0.01)
    assert max(losses) > 1.1 * min(losses)
