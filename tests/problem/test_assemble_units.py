"""Units are labels of names that a result shows; what they are no label of is refused."""

from __future__ import annotations

import pytest
from edited import TEXT, edited, only_fault, problem

from pinnkan.problem.description import describe
from pinnkan.problem.resolved_file import resolved_text

FLOW = """\
name: flow
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u, v]
vectors: {velocity: [u, v]}
units: {x: m, u: m/s, v: m/s, drag: "1"}
equations: [-lap(u) = 1, -lap(v) = 2]
conditions:
  - {where: boundary, equation: u = 0}
  - {where: boundary, equation: v = 0}
quantities: {drag: {integral: u}}
"""


def with_units(units: str) -> str:
    return edited("equations:", f"units: {units}\nequations:")


def test_a_name_is_shown_with_its_unit() -> None:
    stated = problem(with_units("{x: m, u: K}"))
    assert [stated.label(name) for name in ("x", "t", "u")] == ["x (m)", "t", "u (K)"]
    assert stated.label("u", "temperature") == "temperature (K)"
    assert "x m, u K" in describe(stated)
    assert "units" not in describe(problem(TEXT))


def test_a_vector_has_the_unit_that_its_unknowns_share() -> None:
    assert problem(FLOW).units == {"x": "m", "u": "m/s", "v": "m/s", "drag": "1", "velocity": "m/s"}
    assert "velocity" not in problem(edited("v: m/s", "v: km/h", FLOW)).units
    assert problem(edited("v: m/s", "v: m/s, velocity: knots", FLOW)).units["velocity"] == "knots"


def test_the_resolved_file_has_the_same_units() -> None:
    for label in ("m", "kg/m**3", "°C", "1", "true"):
        stated = problem(with_units(f'{{x: "{label}"}}'))
        assert problem(resolved_text(stated)).units == stated.units == {"x": label}


@pytest.mark.parametrize(
    ("units", "message", "hint"),
    [
        ("{y: m}", "'y' is nothing that could have a unit", "coordinates, unknowns"),
        ("{k: m}", "'k' is nothing that could have a unit", "x, t, u"),
        ("{x: [m]}", "no label of the unit of 'x'", "a text"),
        ("{x: true}", "no label of the unit of 'x'", "a text"),
        ("{x: ''}", "no label of the unit of 'x'", "a text"),
        (f"{{x: {'m' * 41}}}", "no label of the unit of 'x'", "at most 40"),
    ],
)
def test_what_is_no_unit_is_refused_at_its_place(units: str, message: str, hint: str) -> None:
    fault = only_fault(with_units(units))
    assert message in fault.message
    assert hint in fault.hint
    assert fault.line == 8


def test_a_time_has_its_unit_where_the_file_gives_one() -> None:
    timed = edited("unknowns: [u]", "unknowns: [u]\nunits: {t: years}")
    assert problem(timed).format_march_position(0.5) == "t = 0.5 years"
    assert problem(TEXT).format_march_position(1.26666, 4) == "t = 1.267"
