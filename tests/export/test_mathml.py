"""Equations of problem files are typeset: the structure that stands on paper, and XML that parses."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from pinnkan.export.mathml import equation
from pinnkan.problem.registry import load_problem, shipped_problems


def plain(text: str) -> str:
    """What is read, without its structure."""
    return re.sub(r"<[^>]*>|\s", "", equation(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("u_t + u*u_x = nu*u_xx", "ut+uux=νuxx"),
        ("-div(k*grad(u)) = 1", "−∇·(k∇u)=1"),
        ("(a + b)*c - (d - e) = 0", "(a+b)c−(d−e)=0"),
        ("dn(u) = 2*3*x", "∂∂nu=2·3x"),
        ("(-x)**2 = 1e-6", "(−x)2=10−6"),
        ("integral(p) = 0", "∫p=0"),
        ("k = 5e4", "k=5·104"),
        ("k = 1.10E-4*u", "k=1.10·10−4u"),
        ("dn(T) = -10*(T - 20)", "∂∂nT=−10(T−20)"),
        ("u = a*(-2*b)", "u=a(−2b)"),
        ("u = (-x)*y + 2**(-x*y)", "u=−xy+2−xy"),
        ("u = sqrt(abs(x1))", "u=|x1|"),
    ],
)
def test_it_reads_as_on_paper(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_brackets_are_no_higher_than_letters_unless_a_fraction_stands_inside() -> None:
    assert 'stretchy="false"' in equation("u = exp(k*x)")
    assert "stretchy" not in equation("u = exp(x/2)")
    assert equation("u = (exp(k*x) + 1)*exp(x/2)").count("stretchy") == 4


def test_an_index_is_lowered_whatever_the_font() -> None:
    """Beside a letter that reaches below the line, and one that has a strut instead."""
    tree = ElementTree.fromstring(equation("u_xx = u_max"))
    first, second = tree.findall(".//msub")
    assert [e.tag for e in first[0]] == ["mi", "mpadded"]
    assert [e.text for e in first[1]] == ["x", "x"]  # slanted, as single letters are
    assert [e.text for e in second[1]] == ["max"]


def test_quotients_are_fractions_and_powers_are_raised() -> None:
    tree = ElementTree.fromstring(equation("u = (a + b)/c**2"))
    fraction = tree.find(".//mfrac")
    assert fraction is not None
    assert fraction.find(".//msup") is not None
    assert "(" not in "".join(tree.itertext())


@pytest.mark.parametrize("name", ["burgers", "kdv", "poisson_multiscale", "curved_layer", "poisson5d_gaussian"])
def test_every_equation_of_a_shipped_problem_is_typeset(name: str) -> None:
    assert name in shipped_problems()
    problem = load_problem(name)
    for stated in [*problem.equations, *(c.equation for c in problem.conditions if c.equation is not None)]:
        assert ElementTree.fromstring(equation(stated.text)).tag == "math"


def test_what_is_no_formula_stays_a_text() -> None:
    assert equation("<b> ? = 1") == "<code>&lt;b&gt; ? = 1</code>"
