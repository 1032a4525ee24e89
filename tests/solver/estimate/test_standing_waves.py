"""Standing waves in what is left of the residual: all of one that equations hardly see, none where slopes are held."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate import remaining_waves as module
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.estimate.remaining_waves import GRID_POINTS, CorrectedResidual, largest_remaining_wave
from pinnkan.solver.estimate.standing_waves import largest_standing_wave
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.unresolved_waves import missing_wave

#: Entries a hundred times as large as 15592, which a function in both unknowns alike meets, and 15582 of a wave.
COUPLED = """
name: coupled
domain: {{x: [0, 1], y: [0, 0.6]}}
parameters: {{a: {a}}}
functions: {{w: 1 + a*sin({m}*pi*x)*sin({n}*pi*y/0.6)}}
unknowns: [u, v]
equations:
  - "lap(u) + 1577783.1224936594*u - 1562191.210389762*v = lap(w) + 15591.9121038974*w"
  - "lap(v) + 1577813.1224936594*u - 1562221.210389762*v = lap(w) + 15591.9121038974*w"
conditions:
  - {{where: [left, bottom, top], equation: u = 1}}
  - {{where: right, equation: {right}}}
  - {{where: boundary, equation: v = 1}}
"""


def without_the_wave(m=24, n=19, a=0.5, right="u = 1"):
    """What is left of u = v = w where one is known of it."""
    model = model_of(COUPLED.format(m=m, n=n, a=a, right=right))
    space = Space(tuple(Axis(np.linspace(0.0, b, 5), 4) for b in (1.0, 0.6)), 2)
    one, error = (ProductField(((space, c * np.ones(space.shape)),)) for c in (1.0, 0.0))
    return CorrectedResidual(model, one, FieldContext(error), model.problem.domain)


@pytest.mark.parametrize(("m", "n"), [(24, 19), (7, 40)])
def test_a_wave_that_two_equations_hardly_see_is_found(m, n):
    found = largest_standing_wave(without_the_wave(m, n), 1e-3)
    assert found is not None
    assert found.size == pytest.approx(0.25, rel=1e-3)  # of 0.5 times a product of sines
    assert found.wave_numbers == pytest.approx((m * np.pi, n * np.pi / 0.6))


def test_waves_that_are_let_down_towards_sides_do_not_tell_of_it():
    """A negative control of what is needed."""
    assert largest_remaining_wave(without_the_wave(), 1e-2) is None


def test_what_is_allowed_or_not_there_is_not_told():
    assert largest_standing_wave(without_the_wave(), 0.3) is None
    assert largest_standing_wave(without_the_wave(a=0.0), 1e-6) is None


def test_nothing_is_asked_where_slopes_are_held():
    assert largest_standing_wave(without_the_wave(right="u_x = 0"), 1e-3) is None


def test_a_solution_that_lacks_one_is_objected_to():
    left = without_the_wave()
    against = missing_wave(left.model, Candidate(left.solution, left.domain, 0.0, None, left.context, 1e-2))
    assert against is not None
    assert against.error_size == pytest.approx(0.25, rel=1e-3)


def test_both_looks_are_at_the_same_grids(monkeypatch):
    """Each is worked out once."""
    made, whole = [], module.rows_on_grid
    monkeypatch.setattr(module, "rows_on_grid", lambda *at: made.append(at[4:]) or whole(*at))
    left = without_the_wave()
    assert largest_remaining_wave(left, 1e-2) is None
    assert largest_standing_wave(left, 1e-3) is not None
    assert sorted(made) == sorted(set(made)) == [(n, 1) for n in sorted(GRID_POINTS[2])]
