"""The course of a moving front from one slab to the next."""

import numpy as np
import pytest

from pinnkan.kan.coordinates.warped import rotated_coordinates
from pinnkan.solver.families.fitted.initial_front import extrapolate_coordinates

PLANE = ((-0.5, 0.5), (-0.5, 0.5))


def test_a_course_is_carried_on_in_axes_that_turn_with_it():
    """A line that turns at one radian per unit of time: known to t = 0.1, right at t = 0.15."""
    first = extrapolate_coordinates(rotated_coordinates(1.0, PLANE), (*PLANE, (0.0, 0.1)))
    r, t = (g.ravel() for g in np.meshgrid(np.linspace(-0.4, 0.4, 9), np.linspace(0, 0.1, 5)))
    turned = r * np.tan(t)  # the line at angle 1 + t, over the axes at angle 1: n . x = -tan(t) m . x
    table = first.warp.axes[0].matrix(r)[:, :, None] * first.warp.axes[1].matrix(t)[:, None, :]
    bend = np.linalg.lstsq(table.reshape(len(r), -1), -turned, rcond=None)[0].reshape(first.warp.shape)
    later = extrapolate_coordinates(first.with_warp(first.warp, bend), (*PLANE, (0.1, 0.2)))
    assert later.angle % np.pi == pytest.approx(1.1, abs=5e-3)
    line = np.outer(np.linspace(-0.4, 0.4, 9), [-np.sin(1.15), np.cos(1.15)])
    s = later.forward(np.column_stack([line, np.full(9, 0.15)]))[:, 0]
    assert np.abs(s).max() < 3e-3
    assert np.abs(later.forward(np.column_stack([line, np.full(9, 0.1)]))[:, 0]).max() > 0.01
