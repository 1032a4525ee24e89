"""Where formulas jump or bend: planes to rounding, whether there is more, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from pinnkan.problem.expressions.functions import Signum
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import MERGE_DISTANCE, Kinks, find_kinks
from pinnkan.problem.registry import parse_problem

TEXT = """
name: bent
domain: {{x: [0, 1], y: [0, 2]}}
unknowns: [u]
equations: ["lap(u) = {source}"]
conditions: [{{where: boundary, equation: u = {data}}}]
"""


def found(source: str, data: str = "0") -> Kinks:
    problem = parse_problem(TEXT.format(source=source, data=data), "t.yaml")
    return find_kinks(formulas(problem), problem.coordinates, problem.box.ranges)


@pytest.mark.parametrize(
    ("source", "x", "y"),
    [
        ("heaviside(x - 0.2)", [0.2], []),
        ("heaviside(x - 0.5)*sin(y)", [0.5], []),
        ("sign(0.7 - y)", [], [0.7]),
        ("abs(x**2 - 0.25)", [0.5], []),
        ("abs((x - 0.3)**3)", [0.3], []),
        ("max(x, 0.77)", [0.77], []),
        ("min(y, x**2 + 4)", [], []),
        ("heaviside(sin(10*x))", [np.pi / 10, np.pi / 5, 3 * np.pi / 10], []),
        ("heaviside((x - 0.3)*(y - 1.3))", [0.3], [1.3]),
        ("abs(x*cosh(y) - 0.4*cosh(y))", [0.4], []),
        ("heaviside(x - 0.3)*heaviside(0.3000001 - x)", [0.3, 0.3000001], []),
        ("abs(x - 0.125) + abs(0.125 - x)", [0.125], []),
        ("abs(x)", [], []),
        ("heaviside(exp(x) - 2)", [np.log(2)], []),
    ],
)
def test_planes_are_found_to_rounding(source: str, x: list[float], y: list[float]) -> None:
    planes = found(source).planes
    assert [len(p) for p in planes] == [len(x), len(y)]
    np.testing.assert_allclose(planes[0], x, rtol=1e-15)
    np.testing.assert_allclose(planes[1], y, rtol=1e-15)
    assert not found(source).curved_factors


@pytest.mark.parametrize("source", ["heaviside(x - y)", "abs((x - 0.5)**2 + (y - 0.5)**2 - 0.1)", "max(x, y**2)"])
def test_curved_kinks_are_told_from_planes(source: str) -> None:
    assert found(source).planes == ((), ())
    assert len(found(source).curved_factors) == 1


def test_a_plane_and_a_curve_of_one_factor_are_both_seen() -> None:
    both = found("abs(exp(x)*(x - y) - exp(0.3)*(x - y))")
    assert found("abs((x - 0.3)*(x - y))").planes == ((0.3,), ())
    assert len(both.curved_factors) == 1


def test_a_kink_of_data_on_a_side_counts() -> None:
    assert found("0", "abs(x - 0.4)").planes[0] == (0.4,)


def test_smooth_formulas_and_kinks_of_the_solution_have_none() -> None:
    assert found("sin(x)*exp(y)") == Kinks(((), ()), ())
    assert found("max(u, x)") == Kinks(((), ()), ())


def test_a_zero_without_change_of_sign_is_near() -> None:
    (place,) = found("abs(x**2 - 0.6*x + 0.09)").planes[0]
    assert place == pytest.approx(0.3, abs=1e-7)


@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_planes_are_one_when_they_are_near_for_the_size_of_the_domain(length: float) -> None:
    x = sympy.Symbol("x")
    for apart, count in ((0.5 * MERGE_DISTANCE, 1), (5.0 * MERGE_DISTANCE, 2)):
        two = [Signum(x - length * place) for place in (0.3, 0.3 + apart)]
        assert len(find_kinks(two, [x], [(0.0, length)]).planes[0]) == count
    for place, count in ((0.5 * MERGE_DISTANCE, 0), (5.0 * MERGE_DISTANCE, 1)):  # near the lower end
        assert len(find_kinks([Signum(x - length * place)], [x], [(0.0, length)]).planes[0]) == count
