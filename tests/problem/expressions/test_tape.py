"""The tape against sympy's own evaluation, on numpy and on torch."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import torch

from pinnkan.problem.expressions.functions import FUNCTIONS, Larger, Magnitude, Signum, Smaller, Step
from pinnkan.problem.expressions.tape import Tape

X, Y = sympy.symbols("x y")
EXPRESSIONS = [
    X + Y * X - 3,
    X**2 * Y**-1 + X ** sympy.Rational(1, 2) - X ** sympy.Rational(-3, 2),
    X**Y + 2**X,
    sympy.exp(-X) * sympy.sin(sympy.pi * Y) / sympy.cosh(X) + sympy.tan(X) * sympy.log(Y),
    sympy.erf(X) - sympy.atan(Y) * sympy.asin(X / 2) + sympy.sinh(X) * sympy.tanh(Y),
    sympy.Rational(1, 3) * X + sympy.Float(0.1) * Y,
    sympy.Integer(7),
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_numpy_and_torch_agree_with_sympy(expression: sympy.Expr) -> None:
    points = np.random.default_rng(1).uniform(0.1, 0.9, (2, 20))
    expected = [float(expression.evalf(30, subs={X: x, Y: y})) for x, y in points.T]
    tape = Tape([expression], [X, Y])
    (by_numpy,) = tape(list(points))
    (by_torch,) = tape(list(torch.from_numpy(points)), torch)
    # a dozen operations, each exact to half a unit in the last place
    np.testing.assert_allclose(np.broadcast_to(by_numpy, (20,)), expected, rtol=1e-14)
    np.testing.assert_allclose(torch.as_tensor(by_torch).expand(20).numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("namespace", [np, torch])
def test_functions_with_kinks_take_their_usual_values(namespace: object) -> None:
    values = [-2.0, 0.0, 3.0]
    x = np.array(values) if namespace is np else torch.tensor(values, dtype=torch.float64)
    built = [Magnitude(X), Signum(X), Step(X), Larger(X, sympy.Integer(1)), Smaller(X, sympy.Integer(1))]
    found = [list(map(float, out)) for out in Tape(built, [X])([x], namespace)]
    assert found == [[2, 0, 3], [-1, 0, 1], [0, 0.5, 1], [1, 1, 3], [-2, 0, 1]]


def test_shared_parts_are_computed_once() -> None:
    part = sympy.sin(X * Y)
    assert len(Tape([part + 1, part * 2, part], [X, Y])._code) < 8


def test_values_that_do_not_exist_are_nan_or_infinite_without_a_warning() -> None:
    found = Tape([1 / X, sympy.log(X), sympy.sqrt(X - 1)], [X])([np.array([0.0])])
    assert [str(v[0]) for v in found] == ["inf", "-inf", "nan"]


def test_every_function_of_the_language_has_an_instruction() -> None:
    for build, _, count in FUNCTIONS.values():
        assert Tape([build(X) if count else build(X, Y)], [X, Y])


@pytest.mark.parametrize("expression", [sympy.Symbol("q"), sympy.gamma(X), sympy.Function("f")(X)], ids=str)
def test_what_has_no_instruction_is_refused(expression: sympy.Expr) -> None:
    with pytest.raises(ValueError, match="no instruction"):
        Tape([expression], [X])
