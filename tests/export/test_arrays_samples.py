"""Samples follow the knots."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from closed_form import solved

from pinnkan.domain.box import Box
from pinnkan.errors import UsageError
from pinnkan.export.arrays import axis_samples, frame_times, space_breaks, space_samples, thinned


def test_every_knot_interval_holds_at_least_four_steps() -> None:
    breaks = np.concatenate([np.linspace(-1, 0, 5), 0.01 * np.arange(1, 4), [1.0]])
    samples = axis_samples(breaks, 50)
    inside = [((samples >= a) & (samples < b)).sum() for a, b in pairwise(breaks)]
    assert min(inside) >= 4
    assert np.isin(breaks, samples).all()


def test_no_step_is_longer_than_the_resolution_asks() -> None:
    samples = axis_samples(np.array([0.0, 0.9, 1.0]), 101)
    assert np.diff(samples).max() <= 0.01 * (1 + 1e-9)
    assert len(samples) >= 101


def test_thinning_keeps_both_ends_and_the_density() -> None:
    samples = np.concatenate([np.linspace(0, 0.5, 1000, endpoint=False), np.linspace(0.5, 1, 101)])
    fewer = thinned(samples, 111)
    assert fewer[0] == 0
    assert fewer[-1] == 1
    assert (fewer < 0.5).sum() == pytest.approx(100, abs=2)


def test_a_front_a_hundredth_wide_is_sampled_several_times() -> None:
    solution = solved("front")
    (x,) = space_samples(solution)
    front = solution.field.grid([x, np.array([0.5])], (0, 0)).ravel()
    assert (np.abs(front) < 0.76).sum() >= 4  # |tanh| < tanh(1): two hundredths of width 1/50 on either side


def test_all_frames_share_the_knots_of_all_slabs() -> None:
    solution = solved("front")
    union = space_breaks(solution, 0)
    for time in (0.02, 0.4, 0.9):
        assert np.isin(solution.field.breaks(0, time), union).all()


@pytest.mark.parametrize("length", [1e-6, 1.0, 1e6])
def test_knots_of_two_slabs_that_differ_by_rounding_are_one(length: float) -> None:
    class Slabs:
        def breaks(self, axis: int, time: float | None = None) -> np.ndarray:
            moved = 1e-13 if time is not None and time > 0.5 else 0.0
            return np.array([0.0, 0.5, 1.0]) if axis == 1 else length * np.array([-0.5, moved - 0.25, 0.25, 0.5])

    solution = solved("front")
    domain = Box(((-0.5 * length, 0.5 * length), (0.0, 1.0)), (False, False))
    wide = replace(solution, field=Slabs(), problem=replace(solution.problem, domain=domain))
    assert space_breaks(wide, 0) == pytest.approx(length * np.array([-0.5, -0.25, 0.25, 0.5]), rel=1e-12)


def test_the_number_of_points_is_limited_but_never_below_the_users_wish() -> None:
    solution = solved("plane")
    fine = np.linspace(-1, 1, 4001)
    crowded = replace(solution, field=_Crowded(solution.field, fine))
    assert np.prod([len(a) for a in space_samples(crowded)]) <= 400_000
    assert min(len(a) for a in space_samples(solution, 700)) >= 700


class _Crowded:
    def __init__(self, inner: object, knots: np.ndarray) -> None:
        self.inner, self.knots = inner, knots

    def breaks(self, axis: int, time: float | None = None) -> np.ndarray:
        return self.knots


def test_impossible_requests_are_refused_with_the_limit() -> None:
    with pytest.raises(UsageError, match="at most 271"):
        space_samples(solved("box"), 2000)
    with pytest.raises(UsageError, match="two samples"):
        space_samples(solved("plane"), 1)
    with pytest.raises(UsageError, match="at least its two ends"):
        frame_times(solved("front"), 1)
