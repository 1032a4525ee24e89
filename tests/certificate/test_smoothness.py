"""Where operations on intervals are smooth, one after the other."""

import numpy as np
import pytest
import sympy

from pinnkan.certificate.smoothness import is_smooth
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape

X, U = sympy.symbols("x u")


def of(name, *arguments):
    return FUNCTIONS[name][0](*arguments)


def smooth(expression, low, high, moving=1):
    x, u = Interval(np.array([0.5]), np.array([2.0])), Interval(np.array([low]), np.array([high]))
    return is_smooth(Tape([expression], [X, U]), [x, u], {moving})


@pytest.mark.parametrize(
    ("expression", "low", "high", "beyond"),
    [
        (of("heaviside", U - 0.15), 0.0, 0.14, 0.16),
        (of("sign", U - 0.15), 0.0, 0.14, 0.15),
        (of("abs", U + X), -0.4, 1.0, None),
        (of("max", U, 3 * X), 0.0, 1.4, 1.6),
        (of("min", U, X), -1.0, 0.4, 0.6),
        (of("sqrt", 1 - U), 0.0, 0.9, 1.0),
        (of("log", 1 - U), 0.0, 0.9, 1.0),
        (of("asin", U), 0.0, 0.9, 1.0),
        (of("acos", U), 0.0, 0.9, 1.0),
        (of("tan", U), 0.0, 1.5, 1.6),
        ((U - 1) ** -2, 0.0, 0.9, 1.1),
        ((1 - U) ** 1.5, 0.0, 0.9, 1.0),
        ((1 - U) ** X, 0.0, 0.9, 1.0),
        ((U - 0.15) / of("sqrt", (U - 0.15) ** 2), 0.0, 0.14, 0.16),
        (of("sin", of("exp", U**3 - U * X)), -9.0, 9.0, None),
    ],
)
def test_an_operation_is_smooth_as_far_as_its_jumps_bends_and_ends(expression, low, high, beyond):
    assert smooth(expression, low, high)
    if beyond is not None:
        assert not smooth(expression, low, beyond)


def test_only_what_depends_on_the_function_is_asked_for():
    assert smooth(of("heaviside", X - 1) * U + of("sqrt", X - 1), -1.0, 1.0)
    assert not smooth(of("heaviside", X - 1) * U, -1.0, 1.0, moving=0)
