"""Numbers of shipped problems against independent methods."""

import numpy as np
import pytest
from reference.hare_lynx import fitted
from reference.modes import numbers

import pinnkan


@pytest.mark.slow
def test_hares_and_lynxes_have_the_numbers_and_standard_errors_of_another_method() -> None:
    solution = pinnkan.solve(pinnkan.load_problem("hare_lynx"))
    values, deviations = fitted()
    found = list(solution.estimate.values())
    assert solution.verdict.converged
    np.testing.assert_allclose([n.standard_error for n in found], deviations, rtol=1e-2)
    off = np.abs(np.array([n.value for n in found]) - values) / deviations
    assert off.max() < 1e-2
    assert not np.allclose(off, 0.0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["membrane", "mathieu", "limit_cycle", "orr_sommerfeld"])
def test_numbers_that_equations_determine_are_within_their_errors(name: str) -> None:
    solution = pinnkan.solve(pinnkan.load_problem(name))
    assert solution.verdict.converged
    for number, value in numbers(name).items():
        found = solution.estimate[number]
        assert abs(found.value - value) <= 3 * found.error + 1e-9
