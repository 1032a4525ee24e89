"""What other programs and paper call it is answered with what is written here; every answer is a known word."""

from __future__ import annotations

import pytest
from edited import edited, only_fault

from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.habits import _SAME
from pinnkan.problem.expressions.scope import OPERATORS


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("k*laplacian(u)", "write lap(u)"),
        ("k*nabla2(u)", "write lap(u)"),
        ("k*diff(u, x, 2)", "write u_x, u_xx or dx(u)"),
        ("k*Δ*u", "write lap(u)"),
        ("k*∂u", "write u_x or dx(u)"),
        ("κ*u_xx", "names have letters from a to z: write kappa"),
        ("λ*u_xx", "names have letters from a to z: write lam"),
        ("k*u_xx + π", "write pi"),
        ("k*uxx", "write u_xx"),
        ("k*u_xx + ln(2)", "write log"),
        ("k*u_xx + Sin(u)", "did you mean 'sin'?"),
    ],
)
def test_the_hint_says_how_it_is_written(written: str, hint: str) -> None:
    assert only_fault(edited("u_t = k*u_xx", f"u_t = {written}")).hint == hint


def test_no_hint_hides_a_name_that_has_a_meaning() -> None:
    assert not set(_SAME) & {*FUNCTIONS, *OPERATORS}
