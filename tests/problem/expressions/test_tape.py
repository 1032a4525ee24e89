"""The tape against sympy's own evaluation, on numpy and on torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
import torch

from pinnkan.problem.expressions import tape as tapes
from pinnkan.problem.expressions.expression import parse
from pinnkan.problem.expressions.functions import FUNCTIONS, Larger, Magnitude, Signum, Smaller, UnitStep
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.report import Report, Text
from pinnkan.problem.source import Scalar, Span

X, Y = sympy.symbols("x y")
EXPRESSIONS = [
    X + Y * X - 3,
    X**2 * Y**-1 + X ** sympy.Rational(1, 2) - X ** sympy.Rational(-3, 2),
    X**Y + 2**X,
    sympy.exp(-X) * sympy.sin(sympy.pi * Y) / sympy.cosh(X) + sympy.tan(X) * sympy.log(Y),
    sympy.cot(X * Y) + sympy.tan(X + sympy.pi / 2),  # the same function, for sympy
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
    built = [Magnitude(X), Signum(X), UnitStep(X), Larger(X, sympy.Integer(1)), Smaller(X, sympy.Integer(1))]
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


@pytest.mark.parametrize(
    ("text", "at", "expected"),  # exp(-500), exp(-1), exp(-500), 2 exp(-500), 900 by mpmath
    [
        ("1/(1 + exp(-(x - 0.5)/1e-3))", 0.0, 7.124576406741285532e-218),
        ("exp((x - 1)/1e-3)", 0.999, 0.3678794411714423216),
        ("exp(x/1e-3)**2/(1 + exp(x/1e-3))**3", 0.5, 7.124576406741285532e-218),
        ("sinh(x/1e-3)**2/cosh(x/1e-3)**3", 0.5, 1.424915281348257106e-217),
        ("log(1 + exp(x/1e-3))", 0.9, 900.0),
    ],
)
@pytest.mark.parametrize("namespace", ["numpy", "torch"])
def test_an_intermediate_value_beyond_float64_does_not_spoil_the_result(
    text: str, at: float, expected: float, namespace: str
) -> None:
    xp = pytest.importorskip(namespace)
    values = xp.asarray([at, 0.25], dtype=xp.float64)
    (result,) = Tape([_meaning(text)], [X])([values], xp)
    # an exponent of size 1000 is rounded to 1e-13, and so is the exponential, relatively
    np.testing.assert_allclose(np.asarray(result)[0], expected, rtol=1e-12)
    assert np.isfinite(np.asarray(result)).all()


def test_a_result_beyond_float64_stays_infinite() -> None:
    (result,) = Tape([_meaning("exp(x/1e-3)")], [X])([np.array([1.0])])
    assert result[0] == np.inf


def _meaning(text: str) -> sympy.Expr:
    report = Report(Text(text, "f.yaml"))
    value = parse(Scalar(Span(0, len(text)), text, text, None), Scope(JetSpace(("x",), ())), report)
    assert value is not None
    return value


@pytest.mark.parametrize("operation", [sympy.Add, sympy.Mul])
def test_arrays_on_a_grid_are_joined_from_the_smallest_to_the_largest(operation: Any, monkeypatch: Any) -> None:
    """Sums of few coordinates stay on these: numbers worked out, against those of the order in which they stand."""
    x, y, z = symbols = sympy.symbols("x y z")
    e = operation(sympy.sin(x + y + z), sympy.sin(x), sympy.cos(x), sympy.sin(y), sympy.cos(2 * x), evaluate=False)
    grid = np.meshgrid(*[np.linspace(0.1, 0.9, 10)] * 3, indexing="ij", sparse=True)
    plain = Tape([e], symbols)([g.ravel() for g in np.meshgrid(*[g.ravel() for g in grid], indexing="ij")])[0]

    def joined(extent: Any) -> list[int]:
        monkeypatch.setattr(tapes, "_extent", extent)
        seen: list[int] = []

        class Counted(np.ndarray):
            def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: Any) -> Any:
                out = np.asarray(getattr(ufunc, method)(*map(np.asarray, inputs)))
                seen.append(out.size if len(inputs) == 2 else 0)
                return out.view(Counted)

        found = Tape([e], symbols)([g.view(Counted) for g in grid])[0]
        np.testing.assert_allclose(np.asarray(found).ravel(), plain, rtol=1e-14)
        return seen

    sorted_first, as_it_stands = joined(tapes._extent), joined(lambda value: (-np.size(value),))
    assert sorted_first.count(1000) == 2  # the sum of the argument of the sine, and the last one
    assert as_it_stands.count(1000) > 2
