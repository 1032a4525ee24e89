"""A solution as users call it: which points it takes, and what it says of the others."""

import copy
import pickle

import numpy as np
import pytest
from closed_form import solved

from pinnkan.errors import UsageError


def test_one_point_and_many_are_evaluated_alike() -> None:
    solution = solved("plane")
    points = np.random.default_rng(0).uniform(0, 1, (5, 2))
    many = solution(points)["u"]
    assert [float(solution(p)["u"][0]) for p in points] == pytest.approx(many.tolist(), rel=1e-14)
    assert np.ptp(many) > 1e-3


@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (3,), (2, 4, 2)])
def test_points_of_another_shape_are_refused_with_the_one_that_is_wanted(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"wanted is \(n, 2\), columns x, y"):
        solved("plane")(np.full(shape, 0.5))


def test_a_solution_can_be_copied_and_sent_to_another_process() -> None:
    solution = solved("plane")
    for other in (copy.deepcopy(solution), pickle.loads(pickle.dumps(solution))):
        assert other([0.3, 0.4])["u"] == solution([0.3, 0.4])["u"]
        assert str(other.problem.equations) == str(solution.problem.equations)
