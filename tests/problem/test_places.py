"""Places: sides, points, all of the domain; and when time is marched."""

from __future__ import annotations

from edited import edited, only_fault, problem
from flow import ORDINARY, TEXT

from pinnkan.problem.statement import Point, Side, WholeDomain


def test_points_are_written_in_the_coordinates_of_space() -> None:
    p = problem(edited("where: domain\n    equation: integral(p)", "where: {point: [0.5, 1]}\n    equation: p", TEXT))
    assert (p.conditions[-1].place, p.conditions[-1].name) == (Point((0.5, 1.0)), "x = 0.5, y = 1")
    moving = edited("  y: [0, 2]", "  y: [0, 2]\n  t: [0, 1]", TEXT).replace("= lap(u)", "+ u_t = lap(u)")
    moving = edited("where: domain\n    equation: integral(p)", "where: {point: [0.5, 1]}\n    equation: p", moving)
    moving = edited("quantities", "  - where: initial\n    equation: u = 0\nquantities", moving)
    assert problem(moving).conditions[-2].place == Point((0.5, 1.0, None))


def test_the_whole_domain_is_the_place_of_an_integral() -> None:
    assert problem(TEXT).conditions[-1].place == WholeDomain()


def test_an_end_of_a_line_is_its_side() -> None:
    """So a point where t is alone can be its beginning, which is the place of initial conditions."""
    p = problem(ORDINARY.replace("where: initial", "where: {point: [0]}"))
    assert [c.place for c in p.conditions] == [Side(0, 0), Side(0, 0)]
    assert [c.name for c in p.conditions] == ["initial", "initial"]


def test_ordinary_equations_are_marched_from_initial_values_alone() -> None:
    assert problem(ORDINARY).time_axis == 0
    later = edited("{where: initial, equation: b = 0}", "{where: {point: [2]}, equation: b = 0}", ORDINARY)
    assert problem(later).time_axis is None
    assert [(c.place, c.name) for c in problem(later).conditions] == [(Side(0, 0), "initial"), (Side(0, 1), "t = 2")]
    mean = edited("{where: initial, equation: b = 0}", "{where: domain, equation: integral(b) = 0}", ORDINARY)
    assert problem(mean).time_axis is None
    between = edited("{where: initial, equation: b = 0}", "{where: {point: [0.3]}, equation: b = 0}", ORDINARY)
    assert problem(between).conditions[1].place == Point((0.3,))


def test_t_alone_has_no_boundary() -> None:
    assert (
        "the domain has no space coordinate"
        in only_fault(ORDINARY.replace("initial, equation: b", "boundary, equation: b")).message
    )
    assert "there is no coordinate of space" in only_fault(edited("b_t = -a", "lap(b) = -a", ORDINARY)).message
