"""Names of fields stand for derivatives."""

import pytest
from edited import TEXT, problem

from pinnkan.errors import UsageError
from pinnkan.problem.fields import jet_of
from pinnkan.problem.statement import Jet


def test_a_subscript_is_a_multi_index() -> None:
    rod = problem(TEXT)
    assert [jet_of(name, rod) for name in ("u", "u_x", "u_xxt")] == [Jet(0, (0, 0)), Jet(0, (1, 0)), Jet(0, (2, 1))]


@pytest.mark.parametrize(
    ("name", "why"), [("v", "choose among u"), ("u_y", "no field"), ("u_xxxxx", "the highest is 4")]
)
def test_what_is_no_derivative_is_refused(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        jet_of(name, problem(TEXT))
