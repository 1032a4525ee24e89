import pytest

from pinnkan.solver.linear.convergence import rests


@pytest.mark.parametrize(
    ("values", "last", "expected"),
    [
        ([8.0, 4.0, 2.1, 3.0], 2, True),
        ([8.0, 4.0, 3.0, 2.0], 2, False),
        ([8.0, 4.0, 5.0, 1.9], 2, False),
        ([8.0, 7.0], 2, False),
        ([8.0, 7.0, 6.0], 2, True),
    ],
)
def test_what_has_not_halved_in_the_last_values_rests(values, last, expected):
    assert rests(values, last) == expected
    assert not rests(values, last, 1.0)
