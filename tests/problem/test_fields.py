"""Names of fields stand for derivatives."""

import pytest
from edited import TEXT, problem

from pinnkan.errors import UsageError
from pinnkan.problem.fields import parse_field_name
from pinnkan.problem.statement import Jet


def test_a_subscript_is_a_multi_index() -> None:
    rod = problem(TEXT)
    assert [parse_field_name(name, rod) for name in ("u", "u_x", "u_xxt")] == [
        Jet(0, (0, 0)),
        Jet(0, (1, 0)),
        Jet(0, (2, 1)),
    ]


@pytest.mark.parametrize(
    ("name", "why"), [("v", "choose among u"), ("u_y", "no field"), ("u_xxxxx", "the highest is 4")]
)
def test_what_is_no_derivative_is_refused(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_field_name(name, problem(TEXT))
