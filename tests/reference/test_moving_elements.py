"""Radau collocation has its order, and elements under it follow a front that turns where they are fine enough."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from .moving_elements import collocation, even_mesh, march, path_mesh, turning

BLUNT, SHARP = turning(eps=4e-3), turning(eps=5e-4)


@pytest.mark.parametrize("stages", [2, 3, 5])
def test_radau_points_integrate_polynomials_to_their_order_and_no_further(stages: int) -> None:
    """The last row of the integrals is a quadrature on [0, 1], exact below degree 2 s - 1."""
    c, integrals = collocation(stages)
    weights = integrals[-1]
    for degree in range(2 * stages - 1):
        assert weights @ c**degree == pytest.approx(1 / (degree + 1), rel=1e-12)
    assert weights @ c ** (2 * stages - 1) != pytest.approx(1 / (2 * stages), rel=1e-6)


def test_three_stages_converge_in_time_at_least_with_order_four() -> None:
    """Order five in the limit; time-dependent values on the boundary take a part of the last one."""
    coarse, fine = (march(BLUNT, partial(even_mesh, 4), n, stages=3).error for n in (4, 8))
    assert np.log2(coarse / fine) > 4.0


def test_space_converges_with_order_five() -> None:
    coarse, fine = (march(BLUNT, partial(even_mesh, n), 10).error for n in (2, 3))
    assert 4.3 < np.log2(coarse / fine) < 6.0
    assert fine < 1e-4


def test_a_mesh_refined_where_the_front_passes_is_as_good_as_an_even_one_and_smaller() -> None:
    even = march(SHARP, partial(even_mesh, 4), 10)
    path = march(SHARP, partial(path_mesh, SHARP, 0.09, 0.12), 10)
    assert path.unknowns < even.unknowns
    assert path.error < 1.5 * even.error


def test_a_mesh_refined_elsewhere_or_a_wind_astray_is_not() -> None:
    even = march(SHARP, partial(even_mesh, 4), 10)
    still = replace(SHARP, distance=lambda x, y, t: SHARP.distance(x, y, 0.0))
    assert march(SHARP, partial(path_mesh, still, 0.09, 0.05), 10).error > 5 * even.error
    astray = replace(BLUNT, wind=lambda x, y: (y, -x))
    assert march(astray, partial(even_mesh, 2), 5).error > 0.1
