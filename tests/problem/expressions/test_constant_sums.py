"""Constants of which float64 leaves nothing where they are folded."""

import math

import pytest

from pinnkan.problem.expressions import constant_sums
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.registry import parse_problem

TEXT = """
name: constant
domain: {x: [0, 1]}
parameters: {a: 1e-17, b: 0.3}
unknowns: [u]
equations: [u_xx = a*b]
conditions: [{where: left, equation: u = 0}, {where: right, equation: "u = %s"}]
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e17*(exp(1e-17) - 1)", 1.0),  # was 0
        ("(exp(a) - 1)/a", 1.0),
        ("1e16*(1 - cos(1e-8))", 0.5),
        ("1e10*(sqrt(1 + 1e-10) - 1)", 0.5),
        ("1e17*(tanh(20) - 1)", -1e17 * 2 / (math.exp(40) + 1)),
        ("1e16*(0.1 + 0.2 - b)", 0.0),  # decimals as they are written
        ("1e20 + 1 - 1e20", 1.0),
        ("1e3*(1.5 - 1.499)", 1.0),
        ("1e9*(1.0000001**1e7 - 2.718281692544966)", 2.711985502257778e-07),  # as a fraction, 70 million digits
    ],
)
def test_what_is_left_of_two_numbers_is_worked_out_with_all_its_digits(text, value):
    (_, right) = parse_problem(TEXT % text, "t.yaml").conditions
    (symbol,) = right.equation.jets
    assert float(symbol - right.equation.residual) == pytest.approx(value, rel=1e-9, abs=1e-300)


def test_every_function_of_a_file_is_known_to_any_number_of_digits():
    assert set(constant_sums._FUNCTIONS) == set(FUNCTIONS)
