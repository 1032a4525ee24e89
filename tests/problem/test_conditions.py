"""Conditions with integrals and normals."""

from __future__ import annotations

import pytest
import sympy
from edited import edited, faults, problem
from flow import TEXT

P, U = sympy.symbols("p u")
GAUGE = "integral(p) = 0"


@pytest.mark.parametrize(
    ("text", "density"),
    [
        ("integral(p) = 0", P),
        ("0 = integral(p)", -P),
        ("integral(p) = 3", P - 1.5),
        ("2*integral(p + 1) = 4", 2 * P),
        ("integral(p) = integral(u)/2", P - U / 2),
    ],
)
def test_an_integral_over_the_domain_becomes_a_density_whose_integral_vanishes(text: str, density: sympy.Expr) -> None:
    equation = problem(edited(GAUGE, text, TEXT)).conditions[-1].equation
    assert equation is not None
    assert sympy.simplify(equation.residual - density) == 0
    assert equation.text == text


def test_the_value_of_an_integral_may_depend_on_time() -> None:
    text = edited("  y: [0, 2]", "  t: [0, 3]", TEXT).replace("boundary\n    equation: v", "initial\n    equation: v")
    text = text[: text.index("quantities")].replace("[left, right, bottom]", "boundary")
    text = edited("  - where: top\n    equation: u = x*(1 - x)\n", "", text)
    text = text.replace("p_x = lap(u)", "p_x = u_t").replace("p_y = lap(v)", "v_t = lap(v)")
    text = text.replace("div(velocity) = 0", "u_x = 0").replace(GAUGE, "integral(p) = t")
    (t,) = sympy.symbols("t,")
    assert problem(text).conditions[-1].equation.residual == P - 1.0 * t  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("p = 0", "a condition on all of the domain is an integral", 15),
        ("integral(x) = 0", "no unknown stands in this integral", 15),
        ("integral(p) = x", "can only be multiplied and added to", 15),
        ("integral(p) = u", "can only be multiplied and added to", 15),
        ("x*integral(p) = 0", "can only be multiplied and added to", 15),
        ("integral(p)**2 = 1", "can only be multiplied and added to", 15),
        ("integral(integral(p)) = 0", "an integral inside an integral", 15),
        ("integral(q) = 0", "unknown name 'q'", 24),
        ("integral(p, u) = 0", "integral takes 1 argument, here are 2", 15),
        ("none", "`none` is for sides only", 15),
    ],
)
def test_what_is_no_integral_condition_is_refused_at_its_place(text: str, reason: str, column: int) -> None:
    found = [f for f in faults(edited(GAUGE, text, TEXT)) if reason in f.message]
    assert [(f.line, f.column) for f in found] == [(20, column)]


def test_an_integral_stands_nowhere_else() -> None:
    for old, new in (("div(velocity) = 0", "integral(p) = 0"), ("u = x*(1 - x)", "u = integral(p)")):
        assert any("an integral cannot stand in" in f.message for f in faults(edited(old, new, TEXT)))


def test_the_normal_is_a_number_on_each_side() -> None:
    text = edited("  - where: [left, right, bottom]\n    equation: u = 0\n", "", TEXT)
    given = problem(edited("equation: v = 0", "equation: n_x*u + n_y*v = 0", text))
    found = {c.name: str(c.equation.residual) for c in given.conditions if c.equation and "n_x" in c.equation.text}
    assert found == {"left": "-u", "right": "u", "bottom": "-v", "top": "v"}


def test_a_normal_off_the_boundary_or_with_two_meanings_is_refused() -> None:
    assert "only on a side" in faults(edited("div(velocity) = 0", "n_x*u = 0", TEXT))[0].message
    dense = TEXT.replace("p_x", "n_x").replace("p_y", "n_y").replace("v, p]", "v, n]").replace("(p)", "(n)")
    dense = dense[: dense.index("quantities")]
    assert problem(dense).equations  # in an equation n_x is the derivative
    said = faults(edited("equation: v = 0", "equation: v = n_x", dense))[0]
    assert "could be the outward normal or a derivative of the unknown 'n'" in said.message
    assert "write dx(n) for the derivative" in said.hint
    assert (
        "'n_x' already has a meaning" in faults(edited("unknowns", "parameters: {n_x: 1}\nunknowns", TEXT))[0].message
    )


def test_a_vector_is_its_unknowns_and_takes_a_divergence() -> None:
    flow = problem(TEXT)
    assert flow.vectors == {"velocity": ("u", "v")}
    assert str(flow.equations[2].residual) == "u_x + v_y"
    other = problem(edited("div(velocity) = 0", "div(velocity + grad(p)) = 0", TEXT))
    assert str(other.equations[2].residual) == "p_xx + p_yy + u_x + v_y"


@pytest.mark.parametrize(
    ("vector", "reason", "column"),
    [
        ("velocity: [u, w]", "'w' is not an unknown", 17),
        ("velocity: [u, u]", "'u' is twice in it", 17),
        ("velocity: [u, v]\n  other: [p, v]", "part of the vector 'velocity' already", 14),
        ("velocity: []", "has no components", 13),
        ("velocity: u", "must be a list", 13),
        ("u: [u, v]", "'u' is also an unknown", 3),
        ("velocity: [u]", "'velocity' has 1 components, where space has 2", 9),
    ],
)
def test_a_vector_of_anything_else_is_refused_at_its_place(vector: str, reason: str, column: int) -> None:
    found = [f for f in faults(edited("velocity: [u, v]", vector, TEXT)) if reason in f.message]
    assert [f.column for f in found] == [column]


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("unknowns: [u, v, p]", "unknowns: u, v, p"),
        ("velocity: [u, v]", "velocity: u v"),
    ],
)
def test_a_list_without_its_brackets_is_one_fault_and_no_cascade(line: str, plain: str) -> None:
    assert line in TEXT
    found = faults(edited(line, plain, TEXT))
    assert [f.message.split("must")[1] for f in found] == [" be a list"]
    assert len(faults(edited(line, line.replace("u", "u u", 1), TEXT))) > 0


@pytest.mark.parametrize("plain", ["equations: u_xx = 1", "conditions: u = 0"])
def test_an_equation_or_condition_in_place_of_their_list_is_one_fault(plain: str) -> None:
    parts = {"equations": "equations: [u_xx = 1]", "conditions": "conditions: [{where: boundary, equation: u = 0}]"}
    head = "name: a\ndomain: {x: [0, 1]}\nunknowns: [u]\n"
    assert problem(head + "\n".join(parts.values())).unknowns == ("u",)
    parts[plain.split(":")[0]] = plain
    assert [f.message.split("must")[1] for f in faults(head + "\n".join(parts.values()))] == [" be a list"]
