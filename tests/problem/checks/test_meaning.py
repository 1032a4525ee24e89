"""The checks of meaning: names, domain, coverage of the sides, orders, finite values, corners, exact."""

from __future__ import annotations

import pytest
from edited import PERIODIC, TEXT, edited, faults, only_fault, problem, warnings, without_exact

from pinnkan.problem.registry import load_problem, shipped_problems
from pinnkan.problem.statement import Jet, Point, Side


def test_a_file_becomes_the_problem_it_states() -> None:
    p = problem(TEXT)
    assert (p.name, p.unknowns, p.time_axis, p.domain.box.ranges, p.domain.box.periodic) == (
        "rod",
        ("u",),
        1,
        ((0, 1), (0, 1)),
        (False, False),
    )
    assert [str(c) for c in p.coordinates] == ["x", "t"]
    assert str(p.equations[0].residual) == "u_t - 0.1*u_xx"
    assert {str(s): j for s, j in p.equations[0].jets.items()} == {"u_t": Jet(0, (0, 1)), "u_xx": Jet(0, (2, 0))}
    assert p.equations[0].orders == (2, 1)
    assert (p.equations[0].text, p.equations[0].line, p.equations[0].column) == ("u_t = k*u_xx", 9, 5)
    assert [(c.name, c.place) for c in p.conditions] == [
        ("initial", Side(1, 0)),
        ("left", Side(0, 0)),
        ("right", Side(0, 1)),
    ]
    assert p.solver.tolerance == 1e-4
    assert p.warnings == ()


@pytest.mark.parametrize("name", sorted(shipped_problems()))
def test_every_shipped_problem_is_valid_and_raises_no_warning(name: str) -> None:
    p = load_problem(name)
    assert p.name == name
    assert p.about
    assert p.warnings == ()


def test_small_numbers_are_numbers() -> None:
    p = problem(edited("k: 0.1", "k: 1e-6", without_exact()))
    assert str(p.equations[0].residual) == "u_t - 1.0e-6*u_xx"


def test_ranges_may_use_pi_and_parameters() -> None:
    p = problem(edited("x: [0, 1]", "x: [-2*pi, k]", without_exact()))
    assert p.domain.box.ranges[0] == (-6.283185307179586, 0.1)


def test_boundary_leaves_periodic_sides_out() -> None:
    text = (
        PERIODIC.replace("periodic: [x]", "periodic: [x]\n  y: [0, 1]") + "  - where: boundary\n    equation: u = 0\n"
    )
    assert [c.name for c in problem(text).conditions] == ["initial", "bottom", "top"]


def test_a_box_may_be_written_as_a_shape() -> None:
    assert problem(edited("  x: [0, 1]", "  shape: {interval: {x: [0, 1]}}")).domain.box.ranges == ((0, 1), (0, 1))


def test_an_equation_may_have_a_limit_at_a_point() -> None:
    assert problem(edited("u_t = k*u_xx", "u_t = k*u_xx + x*log(x) + t*log(t)", without_exact())).equations


CASES = [
    # what is changed, into what, the reason, line, column
    ("k: 0.1", "k: 0.1\n  u_x: 3", "could also be a derivative", 7, 3),
    ("k: 0.1", "k: 0.1\n  u: 3", "also an unknown", 7, 3),
    ("k: 0.1", "k: 0.1\n  sin: 3", "already has a meaning", 7, 3),
    ("k: 0.1", "k: m\n  m: 2", "only further down", 6, 6),
    ("k: 0.1", "k: x", "'x' cannot stand in a parameter", 6, 6),
    ("k: 0.1", "k: [1]", "a number is missing", 6, 6),
    ("unknowns: [u]", "unknowns: [u, v]", "1 equation for 2 unknowns", 9, 5),
    ("unknowns: [u]", "unknowns: [u, u]", "the unknown 'u' stands twice", 7, 15),
    ("unknowns: [u]", "unknowns: []", "there is no unknown", 7, 11),
    ("x: [0, 1]", "x: [1, 0]", "is empty", 3, 6),
    ("x: [0, 1]", "x: [0]", "must be two numbers", 3, 6),
    ("x: [0, 1]", "x: [0, q]", "unknown name 'q'", 3, 10),
    ("x: [0, 1]", "x: [q, 1]", "unknown name 'q'", 3, 7),
    ("x: [0, 1]", "shape: {ball: {center: [0, 0, 0], radius: 1}}", "the shape 'ball' is not available yet", 3, 10),
    ("t: [0, 1]", "t: [0, 1]\n  periodic: [t]", "time cannot be periodic", 5, 14),
    ("t: [0, 1]", "t: [0, 1]\n  periodic: [y]", "'y' is not a coordinate", 5, 14),
    ("u_t = k*u_xx", "u_t = k*u_yy", "needs the coordinate 'y'", 9, 13),
    ("u_t = k*u_xx", "u_t - k*u_xx", "needs a '='", 9, 5),
    ("u_t = k*u_xx", "u_t == k*u_xx", "'=='", 9, 9),
    ("u_t = k*u_xx", "u_t = k*u_xx = 0", "a second '='", 9, 18),
    ("u_t = k*u_xx", "u_t = k*u_xx + 1/x", "not finite at x = 0", 9, 5),
    ("u_t = k*u_xx", "u_t = k*u_xx + log(x - 2)", "not finite", 9, 5),
    ("u_t = k*u_xx", "u_t = k*u_xx + sqrt(x - 0.5)", "sqrt(x - 0.5) where x - 0.5 = -0.5", 9, 5),
    ("u_t = k*u_xx", "u_t = k*u_xx + log(x)", "not finite at x = 0, t = 0: log(x)", 9, 5),
    ("u_t = k*u_xx", "u_t = k*u_xx + abs(x - 0.5)/(x - 0.5)", "not finite at x = 0.5", 9, 5),
    ("u_t = k*u_xx", "k = x", "does not contain an unknown", 9, 5),
    ("  - u_t = k*u_xx", "  - u_t = k*u_xx\n  - u = 0", "2 equations for 1 unknown", 10, 5),
    ("  - u_t = k*u_xx", "  - - u_t = k*u_xx", "must be a text", 9, 5),
    ("[left, right]", "left", "the side 'right' (x = 1) has no condition", 10, 1),
    ("[left, right]", "[left, rihgt, right]", "unknown place 'rihgt'", 13, 19),
    ("[left, right]", "[left, top, right]", "needs the coordinate y", 13, 19),
    ("[left, right]", "[left, left, right]", "stands twice", 13, 19),
    ("[left, right]", "[left, {point: [0]}, right]", "the side 'left' stands twice", 13, 19),
    ("[left, right]", "[left, {point: [0, 0]}, right]", "a point of this domain has 1 coordinate: x", 13, 27),
    ("[left, right]", "[left, {point: [2]}, right]", "outside of the domain: x = 2", 13, 28),
    ("[left, right]", "[left, {point: [t]}, right]", "the coordinate 't' cannot stand in a point", 13, 28),
    ("[left, right]", "[left, {pont: [1]}, right]", "unknown key 'pont'", 13, 20),
    ("equation: u = 0", "equation: x = 0", "does not contain the unknown", 14, 15),
    ("equation: u = 0", "equation: u_xx = 0", "a condition of order 2", 14, 15),
    ("equation: u = 0", "equation: u = 0\n    enforce: hard", "'enforce' must be one of", 15, 14),
    (
        "equation: u = 0",
        "equation: u = 0\n  - where: left\n    equation: u = 1",
        "u = 0 against u = 1 at x = 0",
        16,
        15,
    ),
    ("equation: u = 0", "equation: u = 0\n  - where: left\n    equation: 2*u = 0", "both say the same", 16, 15),
    ("equation: u = 0", "equation: u = 0\n  - where: left\n    equation: none", "and `none` as well", 16, 15),
    ("equation: u = sin(pi*x)", "equation: none", "`none` is for sides only", 12, 15),
    ("equation: u = sin(pi*x)", "equation: u = dn(u)", "dn has a meaning only on a side", 12, 19),
    (
        "u: exp(-k*pi**2*t)*sin(pi*x)",
        "u: exp(-2*k*pi**2*t)*sin(pi*x)",
        "does not satisfy the equation of line 9",
        16,
        6,
    ),
    ("u: exp(-k*pi**2*t)*sin(pi*x)", "u: exp(-k*pi**2*t)*cos(pi*x)", "does not satisfy the condition", 16, 6),
    ("u: exp(-k*pi**2*t)*sin(pi*x)", "u: exp(1000/x)", "`exact` is not finite at", 16, 6),
    ("u: exp(-k*pi**2*t)*sin(pi*x)", "u: u", "'u' cannot stand in an exact solution", 16, 6),
    ("u: exp(-k*pi**2*t)*sin(pi*x)", "v: 1", "'v' is not an unknown", 16, 3),
    ("exact:", "data: {file: a.csv}\nexact:", "data determine nothing here", 15, 7),
    ("exact:", "estimate: {b: 1}\nexact:", "'exact' lacks the unknown 'b'", 17, 3),
    ("exact:", "solver: {network: product, method: adam}\nexact:", "is for deep and ridge networks", 15, 36),
    ("exact:", "solver: {degree: 2}\nexact:", "degree 2 cannot represent a derivative of order 2", 15, 18),
    ("exact:", "solver: {tolerance: 1e-14}\nexact:", "out of range", 15, 21),
    ("exact:", "solver: {tolerance: 1}\nexact:", "out of range", 15, 21),
    ("exact:", "solver: {tolerance: tight}\nexact:", "must be a number", 15, 21),
    ("exact:", "solver: {knots: 2.5}\nexact:", "must be a whole number", 15, 17),
    ("exact:", "solver: {hidden: [0]}\nexact:", "out of range", 15, 19),
    ("exact:", "solver: {tolerence: 1e-3}\nexact:", "unknown key 'tolerence'", 15, 10),
    ("exact:", "output: {resolution: 1}\nexact:", "out of range", 15, 22),
    ("name: rod", "name: ../rod", "cannot name a results folder", 1, 7),
    ("name: rod", "name: Rod", "cannot name a results folder", 1, 7),
]


@pytest.mark.parametrize(("old", "new", "reason", "line", "column"), CASES, ids=[f"{c[1]}" for c in CASES])
def test_a_slip_is_reported_at_its_place(old: str, new: str, reason: str, line: int, column: int) -> None:
    found = [f for f in faults(edited(old, new)) if reason in f.message]
    assert [(f.line, f.column) for f in found][:1] == [(line, column)]


def test_both_of_two_equal_signs_are_underlined() -> None:
    assert only_fault(edited("u_t = k*u_xx", "u_t == k*u_xx", without_exact())).length == 2


def test_two_contradicting_conditions_show_both_places() -> None:
    fault = only_fault(edited("equation: u = 0", "equation: u = 0\n  - where: left\n    equation: u = 1"))
    assert (fault.line, fault.column) == (16, 15)
    assert "14:15" in fault.hint


def test_two_conditions_are_compared_where_they_differ_most() -> None:
    """u = t and u = -t agree at the start only."""
    text = edited("equation: u = 0", "equation: u = t\n  - where: left\n    equation: u = -t", without_exact())
    assert "u = 1 against u = -1 at x = 0, t = 1" in only_fault(text).message


def test_a_corner_where_two_sides_disagree_is_a_warning_with_place_and_values() -> None:
    said = warnings(edited("equation: u = 0", "equation: u = 2", without_exact()))
    assert "rod.yaml:14:15: conditions disagree at x = 0, t = 0: u = 0 on 'initial', u = 2 on 'left'" in said


def test_a_corner_where_a_large_wave_is_zero_but_for_rounding_is_none() -> None:
    """sin(pi) is 1e-16, and 1e9 times that is 1e-7."""
    for amplitude, gap, disagrees in (("1e9", "0", False), ("1e9", "1e-3", True)):
        start = f"u = {amplitude}*sin(2*pi*x)"
        text = edited("equation: u = sin(pi*x)", f"equation: {start}", without_exact())
        said = warnings(text.replace("equation: u = 0", f"equation: u = {gap}"))
        assert ("conditions disagree" in said) == disagrees


def test_values_that_hardly_differ_are_shown_with_the_digits_that_do() -> None:
    said = warnings(
        edited("equation: u = 0", "equation: u = 2e-8", without_exact()).replace("sin(pi*x)", "0*sin(pi*x)")
    )
    assert "u = 0 on 'initial', u = 2e-08 on 'left'" in said
    text = edited("equation: u = 0", "equation: u = 1.00000002", without_exact()).replace("sin(pi*x)", "1 + 0*x")
    assert "u = 1 on 'initial', u = 1.00000002 on 'left'" in warnings(text)


def test_where_sides_disagree_is_data() -> None:
    """'left' starts at 2, 'right' at 0 as 'initial' does there."""
    text = edited("equation: u = 0", "equation: u = 2 - 2*x + x*t", without_exact())
    assert problem(text).disagreements == (Point((0.0, 0.0)),)
    assert problem(edited("equation: u = 0", "equation: u = t*x", without_exact())).disagreements == ()


def test_corners_that_agree_are_not_mentioned() -> None:
    assert warnings(edited("equation: u = 0", "equation: u = t*x", without_exact())) == ""


def test_data_that_jump_at_the_seam_of_a_period_are_a_warning() -> None:
    assert "not periodic: 0 at x = 0, 1 at x = 1" in warnings(PERIODIC.replace("sin(pi*x)", "x"))


def test_an_exact_solution_that_is_not_periodic_is_refused() -> None:
    text = PERIODIC.replace("sin(pi*x)", "x") + "exact: {u: x}\n"
    assert "not periodic in x" in faults(text)[0].message


def test_an_unused_parameter_is_a_warning() -> None:
    assert "rod.yaml:7:3: the parameter 'm' is never used" in warnings(edited("k: 0.1", "k: 0.1\n  m: 2"))


@pytest.mark.parametrize("setting", ["hidden: [4]", "network: product, hidden: [4]"])
def test_a_setting_without_effect_is_a_warning(setting: str) -> None:
    assert "'hidden' has no effect" in warnings(TEXT + f"solver: {{{setting}}}\n")


def test_more_conditions_than_the_order_are_a_warning() -> None:
    text = without_exact() + "  - where: left\n    equation: u_x = 0\n"
    assert "3 conditions along x, where the equation has order 2" in warnings(text)


def test_a_solution_known_up_to_a_constant_is_a_warning() -> None:
    text = edited("  t: [0, 1]\n", "", without_exact()).replace("u_t = k*u_xx", "k*u_xx = 0")
    text = edited("equation: u = 0", "equation: u_x = 0", text)
    text = edited("  - where: initial\n    equation: u = sin(pi*x)\n", "", text)
    assert "nothing fixes the level of u" in warnings(text)


def test_an_exact_solution_whose_derivatives_overflow_cannot_be_checked_and_says_so() -> None:
    text = edited("u: exp(-k*pi**2*t)*sin(pi*x)", "u: 1e-300*sin(1e308*x)")
    assert "cannot be checked against the equation of line 9: not finite at" in warnings(without_conditions(text))


def without_conditions(text: str) -> str:
    """The text with initial and boundary data that are those of its exact solution."""
    return text.replace("= sin(pi*x)", "= 1e-300*sin(1e308*x)").replace("equation: u = 0", "equation: none")


def test_an_equation_that_needs_a_positive_unknown_is_finite() -> None:
    assert problem(edited("k*u_xx", "k*u_xx + sqrt(u)", without_exact())).equations


def test_all_faults_of_a_file_are_reported_in_its_order() -> None:
    text = edited("k: 0.1", "k: q").replace("u_xx", "u_zz").replace("[left, right]", "lefft")
    text = text.replace("name: rod", "name: R")
    assert [(f.line, f.column) for f in faults(text)] == [(1, 7), (6, 6), (9, 13), (13, 12)]


def test_a_fault_on_several_sides_is_reported_once() -> None:
    assert len(faults(edited("equation: u = 0", "equation: u = q"))) == 1


def test_a_file_full_of_faults_is_given_up_soon() -> None:
    assert len(faults("".join(f"k{i}: 1\n" for i in range(9000)))) <= 51


def test_many_warnings_are_no_error() -> None:
    """Fourteen unknowns, each of which jumps at four corners."""
    names = [f"c{i}" for i in range(14)]
    given = "".join(
        f"  - {{where: boundary, equation: {c} = 0}}\n  - {{where: initial, equation: {c} = 1}}\n" for c in names
    )
    equations = "".join(f"  - {c}_t = lap({c})\n" for c in names)
    text = f"name: rod\ndomain: {{x: [0, 1], y: [0, 1], t: [0, 1]}}\nunknowns: [{', '.join(names)}]\n"
    assert len(problem(f"{text}equations:\n{equations}conditions:\n{given}").warnings) == 50


def test_expressions_of_a_file_have_a_common_limit() -> None:
    text = "functions:\n" + "".join(f"  f{i}: {'+'.join(['x'] * 900)}\n" for i in range(200)) + TEXT
    assert "all expressions together" in faults(text)[0].message


def test_functions_that_double_each_other_are_refused() -> None:
    lines = "".join(f"  f{i}: f{i - 1}*sin(f{i - 1})\n" for i in range(1, 60))
    assert "more than 20,000" in faults(edited("unknowns:", f"functions:\n  f0: x + t\n{lines}unknowns:"))[0].message
