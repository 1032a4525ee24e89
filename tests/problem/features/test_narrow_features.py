"""Nothing hides in a formula: narrow features wherever they are, and none in what is smooth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.narrow_features import FeatureSurvey, find_narrow_features
from pinnkan.problem.features.subdivision import FEATURE_WIDTHS, Array
from pinnkan.problem.registry import load_problem, parse_problem

TEXT = """
name: hidden
domain: {{{domain}}}
unknowns: [u]
equations: ["lap(u) = {source}"]
conditions: [{{where: boundary, equation: u = {data}}}]
"""
SQUARE = "x: [0, 1], y: [0, 1]"


def survey(source: str, domain: str = "x: [0, 1]", data: str = "0") -> FeatureSurvey:
    problem = parse_problem(TEXT.format(domain=domain, source=source, data=data), "t.yaml")
    return find_narrow_features(formulas(problem), problem.coordinates, problem.box.ranges)


@pytest.mark.parametrize(
    ("source", "place", "width"),
    [
        ("exp(-1e10*(x - 0.3)**2)", 0.3, 1e-5),
        ("1 + sin(x)*exp(-((x - 0.41237)/1e-6)**2)", 0.41237, 1e-6),
        ("tanh((x - 0.3)*1e7)", 0.3, 1e-7),
        ("1/(1 + ((x - 0.123)/1e-5)**2)", 0.123, 1e-5),
        ("1/cosh((x - 0.6)*1e5)", 0.6, 1e-5),
        ("1/cosh(20*(x - 0.3))**100", 0.3, 7e-3),
        ("erf(1e7*(x - 1/3))", 1 / 3, 1e-7),
        ("max(0, 1 - 1e6*abs(x - 0.3))", 0.3, 1e-6),
        ("1/((x - 0.3)**2 + 1e-16)", 0.3, 1e-8),
        ("sin(1/(x + 1e-3))", 0.0, 1e-5),
        ("1/(1 + exp(-1000*(x - 0.5)))", 0.5, 1e-3),
        ("tanh(1e5*(x - 0.3)) - tanh(1e5*(x - 0.30001))", 0.3, 1e-5),
        ("exp(-1e10*(16*x*(1 - x)*(1 - 4*x*(1 - x)) - 0.2)**2)", 0.0133755, 1e-6),
        ("exp(-x/1e-4)", 0.0, 1e-4),
    ],
)
def test_a_narrow_feature_is_found_with_its_width(source: str, place: float, width: float) -> None:
    found = [f for f in survey(source).features if abs(f.place[0] - place) < 2.0 * width]
    assert found, survey(source)
    assert any(width / 10.0 < f.width[0] < 5.0 * width for f in found), found


SUDDEN = ["heaviside(x - 0.7123)", "sign(0.7123 - x)", "1/(x - 0.7123)", "log(abs(x - 0.7123))"]


@pytest.mark.parametrize("source", SUDDEN)
def test_jumps_and_poles_are_features_without_width(source: str) -> None:
    assert any(abs(f.place[0] - 0.7123) < 1e-12 and f.width[0] < 1e-12 for f in survey(source).features)


def test_a_box_between_two_jumps_is_found_however_narrow() -> None:
    found = sorted(f.place[0] for f in survey("heaviside(x - 0.3)*heaviside(0.3000001 - x)").features)
    np.testing.assert_allclose(found, [0.3, 0.3000001], atol=1e-12)


def test_a_spike_among_twelve_others_is_found() -> None:
    crowd = " + ".join(f"0.1*exp(-(2*x - {0.1 + 0.16 * k:.2f})**2)" for k in range(12))
    found = survey(f"sin(pi*x) + {crowd} + 3*exp(-((x - 0.45)/1e-5)**2)").features
    assert len(found) == 1
    assert found[0].place[0] == pytest.approx(0.45, abs=1e-5)


def test_a_coordinate_that_matters_is_told_from_those_that_do_not() -> None:
    domain = "x1: [0, 1], x2: [0, 1], x3: [0, 1], x4: [0, 2]"
    (found,) = survey("x1 + x2 + 5*exp(-((x3 - 0.41237)/1e-5)**2)", domain).features
    np.testing.assert_allclose(found.place, [0.5, 0.5, 0.41237, 1.0], atol=1e-5)
    assert found.width[2] < 5e-5
    np.testing.assert_array_equal(found.width[[0, 1, 3]], [1, 1, 2])


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_a_bump_in_several_coordinates_is_found(dimension: int) -> None:
    centre = [0.123, 0.456, 0.789, 0.3][:dimension]
    names = ["x", "y", "z"][:dimension] if dimension < 4 else ["x1", "x2", "x3", "x4"]
    squares = " + ".join(f"({n} - {c})**2" for n, c in zip(names, centre, strict=True))
    (found,) = survey(f"exp(-1e8*({squares}))", ", ".join(f"{n}: [0, 1]" for n in names)).features
    np.testing.assert_allclose(found.place, centre, atol=1e-4)
    assert (found.width < 1e-3).all()


@pytest.mark.parametrize(
    ("source", "on"),
    [
        ("tanh(1e6*(x*y - 0.1))", lambda x, y: x * y - 0.1),
        ("1/(1 + 1e12*(x - y)**2)", lambda x, y: x - y),
        ("exp(-((x - 0.2 - 0.5*y)/1e-5)**2)", lambda x, y: x - 0.2 - 0.5 * y),
        ("heaviside((x - 0.5)**2 + (y - 0.5)**2 - 0.1)", lambda x, y: (x - 0.5) ** 2 + (y - 0.5) ** 2 - 0.1),
    ],
)
def test_a_curve_is_represented_by_places_spread_over_it(source: str, on: Callable[[float, float], float]) -> None:
    found = survey(source, SQUARE)
    places = np.array([f.place for f in found.features])
    assert len(places) >= 3
    assert np.abs([on(*p) for p in places]).max() < 1e-4
    assert np.ptp(places, axis=0).max() > 0.5
    assert len(found.undecided_boxes) == 0  # those that are not followed are of the same curve


@pytest.mark.parametrize(
    ("source", "places"),
    [
        ("exp(-(sin(20*x)/1e-4)**2)", np.pi * np.arange(7) / 20),
        ("exp(-((cos(300*x) - 1)/1e-8)**2)", 2 * np.pi * np.arange(48) / 300),
        ("exp(-(sin(1000*x)/1e-6)**2)", np.pi * np.arange(319) / 1000),
        ("exp(-(sin(exp(5*x))/1e-4)**2)", np.log(np.pi * np.arange(1, 48)) / 5),
        ("exp(-((x**3 - 1.5*x**2 + 0.56*x - 0.03)/1e-7)**2)", np.roots([1, -1.5, 0.56, -0.03])),
    ],
)
def test_every_pulse_of_a_train_is_found(source: str, places: Array) -> None:
    """Six were, evenly spread: of 20 x the one at 0 for that at pi/20."""
    found = np.sort([f.place[0] for f in survey(source).features])
    np.testing.assert_allclose(found, np.sort(places), atol=1e-4 / 20)


def test_every_pulse_is_found_that_another_coordinate_only_shapes() -> None:
    found = survey("exp(-(sin(20*x)/1e-4)**2 - y**2)", SQUARE).features
    np.testing.assert_allclose(np.sort([f.place[0] for f in found]), np.pi * np.arange(7) / 20, atol=1e-5)


def test_of_more_pulses_than_can_be_followed_boxes_are_left() -> None:
    assert len(survey("exp(-(sin(3000*x)/1e-8)**2)").undecided_boxes) > 0
    assert len(survey("exp(-(sin(500*x)/1e-6)**2)").undecided_boxes) == 0


def test_a_bump_beside_a_front_is_found_too() -> None:
    bump = "100*exp(-((x - 0.7312)**2 + (y - 0.2177)**2)/1e-3**2)"
    found = survey(f"tanh((cos(pi/6)*(y - 0.5) - sin(pi/6)*(x - 0.5))/1e-3) + {bump}", SQUARE).features
    assert min(np.abs(f.place - [0.7312, 0.2177]).max() for f in found) < 5e-4


def test_data_on_a_side_are_looked_at_on_that_side() -> None:
    found = survey("0", SQUARE, "exp(-((x - 0.33)/1e-4)**2 - y**2)").features
    assert any(abs(f.place[0] - 0.33) < 1e-4 and f.width[1] == 1.0 for f in found)


TAME = ["0", "sin(40*x)", "x**3 + x", "sin(1e6*x)", "exp(20*x)*sin(20*x)", "sqrt(x)", "exp(-20*(x - 0.5)**2)",
        "tanh(20*(x - 0.4))"]  # fmt: skip


@pytest.mark.parametrize("source", TAME)
def test_smooth_formulas_and_waves_tell_of_nothing(source: str) -> None:
    assert survey(source).features == ()


SMOOTH = ["poisson1d", "poisson3d", "poisson10d", "poisson5d_gaussian", "helmholtz_10_10", "kuramoto_sivashinsky",
          "klein_gordon", "heat2d", "wave", "poisson_multiscale", "allen_cahn", "heat_robin"]  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_shipped_problems_hide_nothing(name: str) -> None:
    problem = load_problem(name)
    found = find_narrow_features(formulas(problem), problem.coordinates, problem.box.ranges)
    assert found.features == ()


KERNELS = ["exp(-s**2)", "1/(1 + s**2)", "1/cosh(s)", "tanh(s)", "erf(s)", "atan(s)", "exp(-abs(s))", "exp(-s**4)",
           "max(0, 1 - abs(s))", "1/sqrt(1 + s**2)", "exp(-sqrt(1 + s**2))"]  # fmt: skip
WRAPPED = ["v", "v*sin(5*x + 1) + cos(7*x)", "v + exp(-3*x)", "dx(v*(1 + x))", "u*v"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KERNELS), st.sampled_from(WRAPPED), st.floats(0.03, 0.97), st.floats(-9.0, -3.3))
def test_any_narrow_function_of_one_coordinate_is_found(kernel: str, wrap: str, place: float, power: float) -> None:
    width = 10.0**power
    text = TEXT.format(domain="x: [0, 1]", source=wrap, data="0").replace("unknowns", f"FUNCTIONS{chr(10)}unknowns", 1)
    text = text.replace("FUNCTIONS", f"functions: {{s: (x - {place!r})/{width!r}, v: '{kernel}'}}")
    problem = parse_problem(text, "t.yaml")
    found = find_narrow_features(formulas(problem), problem.coordinates, problem.box.ranges).features
    assert any(abs(f.place[0] - place) < 6.0 * width and f.width[0] < 100.0 * width for f in found)


def test_sampling_would_miss_the_spike() -> None:
    x = np.linspace(0.0, 1.0, 10_000)
    assert np.exp(-(((x - 0.41237) / 1e-6) ** 2)).max() < 1e-30


def test_places_are_apart() -> None:
    found = survey("exp(-1e10*(sin(30*x) - 0.3)**2)").features
    for i, f in enumerate(found):
        for g in found[:i]:
            assert abs(f.place[0] - g.place[0]) > FEATURE_WIDTHS * max(f.width[0], g.width[0])
