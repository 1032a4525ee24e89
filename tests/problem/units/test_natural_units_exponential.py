"""Exponentials of unknowns in algebraic equations beside equations in time: the diode of every circuit."""

import numpy as np
from edited import problem

from pinnkan.problem.units import term_sizes
from pinnkan.problem.units.natural_units import natural_sizes
from pinnkan.solver.driver import solve

#: A source behind a resistor and a diode loads what leaks: its voltage is such that v and i are in closed form.
DIODE = """
name: diode
domain: {t: [0, 3]}
functions:
  v0: 1 - exp(-t)
  i0: 0.2 + 0.8*exp(-t)
unknowns: [v, i]
equations:
  - v_t = i - 0.2*v
  - i = 1e-9*(exp(40*(v0 + i0 + log(1 + 1e9*i0)/40 - v - i)) - 1)
conditions:
  - {where: initial, equation: v = 0}
exact: {v: v0, i: i0}
solver: {tolerance: 1e-6}
"""


def test_a_diode_is_solved_from_a_current_of_zero():
    solution = solve(problem(DIODE))
    assert solution.verdict.converged
    assert solution.true_error < solution.verdict.estimate < 1e-6


def test_one_that_rectifies_is_not_where_the_exponential_weighs_its_equation_away(monkeypatch):
    text = """
name: rectifier
domain: {t: [0, 3]}
unknowns: [v, i]
equations: [v_t = i - 0.2*v, i = 1e-9*(exp((5*sin(t) - v)/0.026) - 1)]
conditions: [{where: initial, equation: v = 0}]
solver: {tolerance: 1e-4}
"""
    assert solve(problem(text)).verdict.converged
    monkeypatch.setattr(term_sizes, "MAX_EXPONENT", np.inf)
    assert not solve(problem(text)).verdict.converged


def test_an_equation_weighs_what_others_make_of_it_not_what_an_exponential_might_be(monkeypatch):
    (_, i), (_, law) = natural_sizes(problem(DIODE))
    assert 1e-3 < i < 10.0
    assert 1e-4 * i < law < 1e4 * i
    monkeypatch.setattr(term_sizes, "MAX_EXPONENT", np.inf)
    assert natural_sizes(problem(DIODE))[1][1] > 1e9
