"""Equations of problem files are typeset: the structure that stands on paper, and XML that parses."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from pinnkan.export.mathml import equation
from pinnkan.problem.registry import load_problem, shipped


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
        ("(-x)**2 = 1e-6", "(−x)2=10-6"),
        ("integral(p) = 0", "∫p=0"),
        ("u = sqrt(abs(x1))", "u=|x1|"),
    ],
)
def test_it_reads_as_on_paper(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_quotients_are_fractions_and_powers_are_raised() -> None:
    tree = ElementTree.fromstring(equation("u = (a + b)/c**2"))
    fraction = tree.find(".//mfrac")
    assert fraction is not None
    assert fraction.find(".//msup") is not None
    assert "(" not in "".join(tree.itertext())


@pytest.mark.parametrize("name", ["burgers", "kdv", "poisson_multiscale", "curved_layer", "poisson5d_gaussian"])
def test_every_equation_of_a_shipped_problem_is_typeset(name: str) -> None:
    assert name in shipped()
    problem = load_problem(name)
    for stated in [*problem.equations, *(c.equation for c in problem.conditions if c.equation is not None)]:
        assert ElementTree.fromstring(equation(stated.text)).tag == "math"


def test_what_is_no_formula_stays_a_text() -> None:
    assert equation("<b> ? = 1") == "<code>&lt;b&gt; ? = 1</code>"
