"""Quantities as the file states them."""

from __future__ import annotations

import pytest
from edited import edited, faults, problem
from flow import ORDINARY, TEXT

from pinnkan.problem.description import describe
from pinnkan.problem.resolved_file import resolved_text
from pinnkan.problem.statement import Point, Side, WholeDomain

MIDDLE = 'middle: {value: "u**2 + v**2", at: [0.5, 1]}'


def test_quantities_are_read_with_their_places() -> None:
    found = problem(TEXT).quantities
    assert [q.kind for q in found.values()] == ["integral", "value", "max"]
    drag = {place: str(e.residual) for place, e in found["drag"].parts}
    assert drag == {Side(0, 0): "p", Side(0, 1): "-p", Side(1, 0): "-u_y", Side(1, 1): "u_y"}
    ((place, equation),) = found["middle"].parts
    assert (place, equation.text) == (Point((0.5, 1.0)), "u**2 + v**2")
    assert found["top_pressure"].parts[0][0] == WholeDomain()


def test_a_quantity_over_time_may_be_that_of_its_end() -> None:
    text = edited("  y: [0, 2]", "  t: [0, 3]", ORDINARY.replace("{t: [0, 2]}", "\n  x: [0, 1]\n  y: [0, 2]"))
    text = text.replace("a_t = b", "a_t = b + a_xx") + "  - {where: boundary, equation: a = 0}\n"
    found = problem(text + "quantities: {e: {integral: a, time: end}, c: {value: a, at: [0.5]}}\n").quantities
    assert [q.at_end for q in found.values()] == [True, False]
    assert found["c"].parts[0][0] == Point((0.5, None))
    late = problem(ORDINARY + "quantities: {late: {value: a, at: [2]}}\n")
    assert late.quantities["late"].parts[0][0] == Side(0, 1)


@pytest.mark.parametrize(
    ("quantity", "reason", "column"),
    [
        ("middle: {value: u}", "a value at which point?", 12),
        ("middle: {value: u, at: [0.5]}", "a point of this domain has 2 coordinates", 26),
        ("middle: {value: u, at: [0.5, 3]}", "outside of the domain: y = 3", 32),
        ("middle: {value: u, over: left, at: [0.5, 1]}", "'over' belongs to 'integral'", 22),
        ("middle: {max: u, at: [0.5, 1]}", "'at' belongs to 'value'", 20),
        ("middle: {max: u, min: u}", "both max and min", 11),
        ("middle: {}", "has no expression", 11),
        ("middle: u", "does not say what is read off", 11),
        ("middle: {mean: u}", "unknown key 'mean'", 12),
        ("middle: {integral: x}", "no unknown stands in 'middle'", 22),
        ("middle: {integral: q}", "unknown name 'q' in a quantity", 22),
        ("middle: {integral: n_x*u}", "'n_x' has a meaning only on a side", 22),
        ("middle: {integral: u, over: domain}", "'domain' is no side", 31),
        ("middle: {integral: u, over: lid}", "unknown place 'lid'", 31),
        ("middle: {integral: u, time: end}", "the problem has no time", 31),
        ("middle: {integral: u, time: 3}", "'time' must be: end", 31),
        ("sin: {integral: u}", "already has a meaning", 3),
    ],
)
def test_a_slip_in_a_quantity_is_reported_at_its_place(quantity: str, reason: str, column: int) -> None:
    found = [f for f in faults(edited(MIDDLE, quantity, TEXT)) if reason in f.message]
    assert [(f.line, f.column) for f in found] == [(23, column)]


@pytest.mark.parametrize(
    "text", [TEXT, ORDINARY, ORDINARY.replace("initial, equation: b", "{point: [1.5]}, equation: b")]
)
def test_the_resolved_file_means_the_same(text: str) -> None:
    stated = problem(text)
    again = problem(resolved_text(stated))
    assert again.quantities.keys() == stated.quantities.keys()
    assert [[(p, e.residual) for p, e in q.parts] for q in again.quantities.values()] == [
        [(p, e.residual) for p, e in q.parts] for q in stated.quantities.values()
    ]
    assert [(c.place, c.equation and c.equation.residual) for c in again.conditions] == [
        (c.place, c.equation and c.equation.residual) for c in stated.conditions
    ]
    assert (again.vectors, again.unknowns, again.time_axis) == (stated.vectors, stated.unknowns, stated.time_axis)


def test_what_is_understood_is_shown_place_by_place() -> None:
    lines = [line.split(maxsplit=1) for line in describe(problem(TEXT)).splitlines()]
    names = [line[0] for line in lines if line[0] in ("left", "right", "bottom", "top", "domain", "quantity", "vector")]
    assert names == ["domain"] * 2 + ["vector"] + ["left"] * 2 + ["right"] * 2 + ["bottom"] * 2 + ["top"] * 2 + [
        "domain"] + ["quantity"] * 3  # fmt: skip
    assert ["quantity", "middle = value of u**2 + v**2 at x = 0.5, y = 1"] in lines
    assert ["quantity", "drag = integral of n_y*u_y - n_x*p over boundary"] in lines
    assert ["domain", "integral(p) = 0"] in lines
