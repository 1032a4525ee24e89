"""The front in initial data: found, represented to what is asked, and not seen where there is none."""

import numpy as np
import pytest
from askew_problems import TURNING, model_of

from pinnkan.solver.families.fitted.initial_front import axes_for_data, front_coordinates, initial_values
from pinnkan.solver.families.fitted.slabs import DEGREES


def test_the_front_of_the_initial_data_is_found_and_represented():
    model = model_of(TURNING)
    values = initial_values(model)
    found = front_coordinates(model.problem, values)
    assert found.angle % np.pi == pytest.approx(np.pi / 6, abs=6e-3)
    axes = axes_for_data(values, found, model.problem, DEGREES[:2], 1e-3)
    assert axes[0].intervals > 2 * axes[1].intervals
    finer = axes_for_data(values, found, model.problem, DEGREES[:2], 1e-5)
    assert finer[0].intervals > axes[0].intervals


def test_data_without_a_front_askew_to_the_axes_have_no_coordinates():
    text = TURNING.replace("  a: pi/6 + spin*t\n  s: cos(a)*x + sin(a)*y\n", "").replace("exact:\n  u: v\n", "")
    for v in ("tanh(x/0.05)", "sin(3*x)*cos(2*y)"):
        model = model_of(text.replace("erf(s/sqrt(4*eps*(t + 0.5)))", v))
        assert front_coordinates(model.problem, initial_values(model)) is None
