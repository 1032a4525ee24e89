"""Problems of one and two coordinates with one unknown, compiled, and their systems with the conditions written in."""

from dataclasses import replace

import numpy as np
import torch

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear.system import System

CPU = torch.device("cpu")
LINE = """
name: line
domain:
  x: [0, 1]
unknowns: [u]
equations:
  - {equation}
conditions:
  - where: left
    equation: u = {left}
  - where: right
    equation: {right}
"""
PLANE = """
name: plane
domain:
  x: [0, 1]
  y: [0, 2]
functions:
  v: {v}
unknowns: [u]
equations:
  - lap(u) + u**2 = lap(v) + v**2
conditions:
  - where: [left, bottom, top]
    equation: u = v
  - where: right
    equation: {right}
"""
SQUARE = """
name: square
domain:
  x: [0, 1]
  y: [0, {height}]
unknowns: [u]
equations:
  - {equation}
conditions:
  - where: [left, right]
    equation: u = 0
  - where: bottom
    equation: u = 0
"""
STEEP = "u_xx = 3*exp(u) + sin(5*x)"
RATE = """
name: line
domain: {{t: [0, 1]}}
unknowns: [a]
equations: ["a_t = {right}"]
conditions: [{{where: initial, equation: a = 0}}]
solver: {{tolerance: 1.0e-3}}
"""
ALGEBRAIC = """
name: algebraic
domain: {{t: [0, 7]}}
unknowns: [v, s, w, q]
equations: ["v_t = -s", "s_t = v", "{first}", "{second}"]
conditions: [{{where: initial, equation: v = 1}}, {{where: initial, equation: s = 0}}]
"""


def compiled(problem):
    return compile_model(problem, sort_conditions(problem), CPU)


def model_of(text, **settings):
    """The problem of a text, with ``settings`` of the solver in place of its own, compiled."""
    problem = parse_problem(text, "t.yaml")
    return compiled(replace(problem, solver=replace(problem.solver, **settings)))


def line(equation=STEEP, left="0", right="u_x + u**3 = 1"):
    return model_of(LINE.format(equation=equation, left=left, right=right))


def square(equation, top="u = 0", slope="", height=1):
    """Zero on three sides, ``top`` there, and ``slope`` as a second condition at the bottom."""
    text = SQUARE.format(equation=equation, height=height) + f"  - where: top\n    equation: {top}\n"
    return model_of(text + (f"  - where: bottom\n    equation: {slope}\n" if slope else ""))


def prepared(model, space):
    start, fixed = with_conditions(model, space, np.zeros(space.shape))
    return System(model, space), start, fixed


def jacobian(system, c):
    ordering = order_coefficients(system.space, np.zeros(system.space.shape, dtype=bool), system.model.device)
    unit = torch.eye(ordering.size, dtype=torch.float64)
    rows = [p.rows(torch.from_numpy(c), []).apply(ordering, unit).reshape(-1, ordering.size) for p in system.patches]
    return torch.cat(rows)[:, ordering.position].numpy()


def residual(system, c):
    rows = [p.rows(torch.from_numpy(c), []).residual.reshape(-1) for p in system.patches]
    return torch.cat(rows).numpy()
