"""The correction of any field: a known perturbation of an exact solution is found again."""

from dataclasses import dataclass

import numpy as np
import pytest
import sympy
import torch
from closed_form import ClosedForm

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.estimate import correction
from pinnkan.solver.estimate.correction import estimate_by_correction
from pinnkan.solver.monitor import Monitor

STEADY = """
name: steady
domain:
  x: [0, 1]
unknowns: [u]
functions:
  v: sin(3*x)
equations:
  - u_xx - u**3 = dx(dx(v)) - v**3
conditions:
  - where: boundary
    equation: u = v
"""
TIME = """
name: heat
domain:
  x: [0, 1]
  t: [0, 1]
unknowns: [u]
functions:
  v: exp(-t)*sin(3*x)
equations:
  - u_t = u_xx/10 + dt(v) - dx(dx(v))/10
conditions:
  - where: initial
    equation: u = v
  - where: boundary
    equation: u = v
"""
X, T = sympy.symbols("x t")


@dataclass(frozen=True)
class WithBreaks(ClosedForm):
    """A closed form in two slabs."""

    def breaks(self, axis, time=None):
        return np.linspace(0, 1, 3)


def estimated(text, v, perturbation, monitor=None):
    problem = parse_problem(text, "t.yaml")
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    return estimate_by_correction(
        model, WithBreaks((v + perturbation,), tuple(problem.coordinates)), monitor or Monitor(None, None)
    )


def norm(expression, coordinates):
    x, w = np.polynomial.legendre.leggauss(40)
    grid = np.meshgrid(*[0.5 * (x + 1)] * len(coordinates), indexing="ij")
    values = sympy.lambdify(coordinates, expression, "numpy")(*grid)
    weights = w if len(coordinates) == 1 else np.multiply.outer(w, w)
    return float(np.sqrt((values**2 * weights).sum() / 2 ** len(coordinates)))


@pytest.mark.parametrize(
    ("text", "v", "shape"),
    [
        (STEADY, sympy.sin(3 * X), sympy.exp(X) * sympy.cos(4 * X)),
        (TIME, sympy.exp(-T) * sympy.sin(3 * X), sympy.cos(2 * X + T) + X),
    ],
    ids=["steady", "time"],
)
def test_a_known_perturbation_is_found_also_where_it_breaks_the_conditions(text, v, shape):
    coordinates = (X,) if text is STEADY else (X, T)
    size, error = estimated(text, v, 1e-4 * shape)
    true = norm(1e-4 * shape, coordinates) / norm(v, coordinates)
    assert size == pytest.approx(true, rel=0.1)
    nodes = [np.linspace(0.02, 0.98, 25)] * len(coordinates)
    grid = np.meshgrid(*nodes, indexing="ij")
    wanted = -1e-4 * sympy.lambdify(coordinates, shape, "numpy")(*grid)
    ours = error.grid(nodes, (0,) * len(coordinates))[..., 0]
    assert np.abs(ours - wanted).max() < 0.1 * np.abs(wanted).max()
    assert np.abs(ours + wanted).max() > np.abs(wanted).max()


def test_an_exact_field_has_no_correction():
    assert estimated(STEADY, sympy.sin(3 * X), sympy.Integer(0))[0] < 1e-8


def test_one_agreement_of_two_sizes_is_not_yet_a_settled_correction(monkeypatch):
    sizes = iter([1.0, 1.05, 2.0, 2.1, 2.05, 9.0])
    monkeypatch.setattr(correction, "_correct", lambda *_: (next(sizes), None))
    assert estimated(STEADY, sympy.sin(3 * X), 0)[0] == 2.1
    assert next(sizes) == 9.0


def test_a_correction_that_has_no_time_to_settle_is_not_known(monkeypatch):
    seen = []
    monkeypatch.setattr(correction, "_correct", lambda *given: (seen.append(given[-1]) or 1.0 / len(seen), None))
    size, _ = estimated(STEADY, sympy.sin(3 * X), X, Monitor(1.0, None, spent=2.0))
    assert (size, len(seen)) == (np.inf, 1)
    assert estimated(STEADY, sympy.sin(3 * X), X)[0] < np.inf
    assert len(seen) > 3


@pytest.mark.parametrize(("largest", "tried"), [(8 * 38 - 1, [16]), (8 * 38, [16, 32])])
def test_a_correction_has_no_more_coefficients_than_allowed(monkeypatch, largest, tried):
    """32 intervals, degree 6: 38 coefficients, counted eightfold."""
    seen = []
    monkeypatch.setattr(correction, "MAX_COEFFICIENTS", largest)
    monkeypatch.setattr(correction, "_correct", lambda *given: (seen.append(given[-1]) or 1.0 / len(seen), None))
    estimated(STEADY, sympy.sin(3 * X), X)
    assert seen == tried
