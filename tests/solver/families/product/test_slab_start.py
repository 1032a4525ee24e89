"""The state between two slabs on other knots: the same function, knots where the last correction wants them."""

from dataclasses import replace

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.solver.families.product.slab_start import (
    LEAST_ALLOWED,
    LINE_THRESHOLDS,
    SPACE_THRESHOLDS,
    SlabStart,
    adapt_knots,
    kept_breakpoints,
    mark_slab_intervals,
    merge_intervals,
)

INTERVALS, ALLOWED, READY = 16, 1e-3, LINE_THRESHOLDS.moving_share
NEAR = 5  # the interval that the correction lives in


def begun():
    axis = Axis(np.linspace(0.0, 1.0, INTERVALS + 1), 3)
    trace = axis.project(np.exp(-3 * axis.projection_points()), 0)
    return SlabStart(0.0, (axis,), (trace[:, None],), (np.zeros((axis.halved().count, 1)),))


def mass(size):
    """All of a correction of that size in one interval."""
    out = np.zeros(INTERVALS)
    out[NEAR] = size**2
    return [out]


def values(state, x):
    return state.axes[0].matrix(x) @ state.traces[0]


def test_a_correction_near_what_is_allowed_leaves_knots_for_the_next_slab():
    start = begun()
    state = adapt_knots(start, mass(2 * READY * ALLOWED), ALLOWED)
    middle = start.axes[0].breaks[NEAR : NEAR + 2].mean()
    assert middle in state.axes[0].breaks
    assert state.axes[0].intervals < INTERVALS + 1  # merged where there was no correction
    x = np.linspace(0, 1, 50)
    np.testing.assert_allclose(values(state, x), values(start, x), atol=0.1 * ALLOWED)


def test_a_small_correction_only_merges():
    state = adapt_knots(begun(), mass(0.5 * READY * ALLOWED), ALLOWED)
    merged = merge_intervals(begun(), mass(0.5 * READY * ALLOWED), ALLOWED)
    assert state.axes[0].intervals < INTERVALS
    np.testing.assert_array_equal(state.axes[0].breaks, merged.axes[0].breaks)


def test_knots_are_wanted_where_the_correction_is():
    assert np.flatnonzero(mark_slab_intervals(mass(ALLOWED), ALLOWED)[0]).tolist() == [NEAR]
    assert not mark_slab_intervals(mass(0.01 * ALLOWED), ALLOWED)[0].any()


def test_no_knots_for_a_correction_that_is_everywhere_or_near_rounding():
    everywhere = [np.full(INTERVALS, (2 * READY * ALLOWED) ** 2 / INTERVALS)]
    assert adapt_knots(begun(), everywhere, ALLOWED).axes[0].intervals == INTERVALS
    tiny = 0.5 * LEAST_ALLOWED
    assert adapt_knots(begun(), mass(2 * READY * tiny), tiny).axes[0].intervals <= INTERVALS


def test_two_halves_merge_however_near_to_rounding_they_are():
    """Intervals of 8e-10 at x = 0.3, known to 1e-7 of their width only: a heat equation kept them to its end."""
    axis = Axis(np.array([0.0, 0.3, 1.0]), 3)
    for _ in range(30):
        axis = axis.refined(np.arange(axis.intervals) == 1)  # the one to the right of 0.3
    width = np.diff(axis.breaks)
    assert 1e-9 < abs(width[1] / width[2] - 1.0) < 1e-5
    kept = kept_breakpoints(axis, np.zeros(axis.intervals), 1.0)
    assert not kept[2]
    askew = replace(axis, breaks=np.where(np.arange(len(kept)) == 2, 0.3 + 0.9 * width[1], axis.breaks))
    assert kept_breakpoints(askew, np.zeros(axis.intervals), 1.0)[2]


def test_knots_graded_to_a_point_are_all_merged_again_in_as_many_slabs_as_there_are_widths():
    """Merged from the left as they came, some were left between wider ones, and stood to the end of time."""
    first = Axis(np.array([0.0, 0.11, 0.3, 0.73, 1.0]), 2)
    axis = first
    for depth in range(20):
        near = np.abs(0.5 * (axis.breaks[1:] + axis.breaks[:-1]) - 0.3) < (2.3 + depth % 3) * np.diff(axis.breaks)
        axis = axis.refined(near)
    for _ in range(21):
        axis = replace(axis, breaks=axis.breaks[kept_breakpoints(axis, np.zeros(axis.intervals), 1.0)])
    assert np.array_equal(axis.breaks, first.breaks)


def test_in_the_plane_fewer_intervals_are_halved_and_more_merged():
    """Each is paid for in the other coordinate as well: Heat2d-LT had 150 intervals where 91 were enough."""
    share = [np.full(INTERVALS, (0.3 * ALLOWED) ** 2 / INTERVALS)]
    nothing = [np.zeros(INTERVALS)]
    assert mark_slab_intervals(share, ALLOWED)[0].all()
    assert not any(m.any() for m in mark_slab_intervals(share + nothing, ALLOWED))
    little = 1e-2 * ALLOWED**2 / INTERVALS / 4.0**4  # of a merged interval, of degree 3
    line = merge_intervals(begun(), [np.full(INTERVALS, little)], ALLOWED)
    axis, trace = line.axes[0], begun().traces[0]
    assert axis.intervals == INTERVALS
    axis = begun().axes[0]
    plane = SlabStart(0.0, (axis, axis), (trace[:, None] * trace[None],), (np.zeros((*[axis.halved().count] * 2, 1)),))
    merged = merge_intervals(plane, [np.full(INTERVALS, little)] * 2, ALLOWED)
    assert all(a.intervals < INTERVALS for a in merged.axes)


def test_a_solution_in_the_plane_is_more_sparing():
    assert SPACE_THRESHOLDS.halving_share > LINE_THRESHOLDS.halving_share
    assert SPACE_THRESHOLDS.merging_share > LINE_THRESHOLDS.merging_share
