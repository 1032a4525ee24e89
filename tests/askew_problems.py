"""Problems in the plane with a front askew to the axes, steady and in time, as texts, and what compiles them."""

import torch
from errors_of import true_error

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.kan.coordinates.warped import rotated_coordinates
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.fitted.levels import first_space
from pinnkan.solver.families.fitted.system import ImmersedSystem

FRONT = """
name: front
domain:
  x: [0, 1]
  y: [0, 1]
parameters:
  eps: 1e-2
  a: pi/6
functions:
  v: tanh((cos(a)*(y - 0.4) - sin(a)*(x - 0.5))/0.01) + x*y
unknowns: [u]
equations:
  - -eps*lap(u) + cos(a)*u_x + sin(a)*u_y = -eps*lap(v) + cos(a)*dx(v) + sin(a)*dy(v)
conditions:
  - where: boundary
    equation: u = v
exact:
  u: v
solver:
  tolerance: 1e-3
"""
#: Wide enough to be resolved in a second.
WIDE = FRONT.replace("0.01)", "0.03)").replace("1e-3", "1e-2")
SMOOTH = FRONT.replace("tanh((cos(a)*(y - 0.4) - sin(a)*(x - 0.5))/0.01) + x*y", "sin(2*x + y)*exp(y)")
TURNING = """
name: turning
domain:
  x: [-0.5, 0.5]
  y: [-0.5, 0.5]
  t: [0, END]
parameters:
  eps: 2e-3
  spin: pi/2
functions:
  a: pi/6 + spin*t
  s: cos(a)*x + sin(a)*y
  v: erf(s/sqrt(4*eps*(t + 0.5)))
unknowns: [u]
equations:
  - u_t + spin*(x*u_y - y*u_x) = eps*lap(u)
conditions:
  - where: initial
    equation: u = v
  - where: boundary
    equation: u = v
exact:
  u: v
solver:
  tolerance: 1e-2
"""
BURGERS = """
name: burgers
domain:
  x: [0, 1]
  y: [0, 1]
  t: [0, 0.4]
parameters:
  nu: 0.004
functions:
  v: 0.5*(1 - tanh((0.8*x + 0.6*y - 0.7*t - 0.4)*0.35/nu))
unknowns: [u]
equations:
  - u_t + 1.4*u*(0.8*u_x + 0.6*u_y) = nu*lap(u)
conditions:
  - where: initial
    equation: u = v
  - where: boundary
    equation: u = v
exact:
  u: v
"""


def model_of(text, end="0.1"):
    """The model of a problem; ``end``: the last time of TURNING."""
    problem = parse_problem(text.replace("END", end), "t.yaml")
    return compile_model(problem, sort_conditions(problem), torch.device("cpu"))


def steady_system(text, intervals, degree=7, angle=2.0):
    """The least-squares problem of a steady text on few intervals of turned coordinates."""
    model = model_of(text)
    coordinates = rotated_coordinates(angle, model.problem.box.ranges, 0.3)
    space = first_space(coordinates, model.problem.box.ranges, (degree, degree), intervals, 1)
    return ImmersedSystem(model, space, coordinates, model.problem.domain)


def error_of(system, coefficients):
    """Relative L2 error of the worst unknown against ``exact``."""
    return true_error(system.model.problem, system.samples(coefficients))


def step_from(system, coefficients):
    """The coefficients after one Gauss-Newton step."""
    return coefficients + system.gauss_newton_steps(coefficients, [coefficients], system.fixed)[0]
