"""Problems in four and five coordinates of space, as texts, and the first levels of their solve."""

import torch

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.blocks.levels import BlocksLevels
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.verifier import Verifier

UNIT = {f"x{i}": "[0, 1]" for i in range(1, 5)}
SQUARES = "(x1**2 + x2**2 + x3**2 + x4**2 + x5**2)"


def stated(equation, exact, ranges=UNIT, conditions=(("boundary", "u = v"),), periodic="", solver="tolerance: 1e-5"):
    """A problem whose solution is ``exact``, named v."""
    lines = ["name: many", "domain:", *(f"  {c}: {ends}" for c, ends in ranges.items())]
    lines += [f"  periodic: [{periodic}]"] if periodic else []
    lines += ["functions:", f"  v: {exact}", "unknowns: [u]", "equations:", f"  - {equation}", "conditions:"]
    lines += [line for place, text in conditions for line in (f"  - where: {place}", f"    equation: {text}")]
    return parse_problem("\n".join([*lines, "exact:", "  u: v", f"solver: {{{solver}}}\n"]), "many.yaml")


def coupled(**settings):
    """Three functions of one coordinate, one of two."""
    return stated("lap(u) = lap(v)", "cos(2*x1) + exp(x2) + x3*x4", **settings)


def bell(solver="tolerance: 1e-6"):
    """All five coordinates coupled, by a composition."""
    ranges = UNIT | {"x5": "[0, 1]"}
    return stated(f"lap(u) = ({SQUARES} - 5)*v", f"exp(-{SQUARES}/2)", ranges, solver=solver)


VARIANTS = {
    "time": stated("u_t = lap(u)/9 + dt(v) - lap(v)/9", "exp(-t)*sin(x1) + x2*t + x3 - x4", UNIT | {"t": "[0, 2]"},
                   (("initial", "u = v"), ("boundary", "u = v"))),
    "normal": stated("u - lap(u) = v - lap(v)", "cos(pi*x1) + cos(pi*x2)*cos(pi*x3)", UNIT,
                     (("boundary", "dn(u) = 0"),), solver="tolerance: 1e-3"),
    "nonlinear": stated("lap(u) = u**3 + lap(v) - v**3", "sin(x1) + x2*x3 + exp(-x4)"),
    "periodic": stated("u - lap(u) = v - lap(v)", "exp(sin(x1)/2) + x2*cos(x1) + x3 + x4", UNIT | {"x1": "[0, 2*pi]"},
                       (("[x2_low, x2_high, x3_low, x3_high, x4_low, x4_high]", "u = v"),), "x1"),
    "wide": stated("lap(u) = lap(v)", "cos(x1/100) + x2*x3/9e4 + x4/100", {c: "[-300, 500]" for c in UNIT}),
}  # fmt: skip


def model_of(problem):
    return compile_model(problem, sort_conditions(problem), torch.device("cpu"))


def block_levels(problem, degree=None, most=20):
    return BlocksLevels(model_of(problem), degree, most, "asked for")


def reached(family, count):
    """The outcome of the first ``count`` levels, fewer where the solve ends."""
    state, verify = initial_levels_state(family), Verifier(family.model)
    return solve_levels(family, verify, Monitor(None, None), state, lambda s: len(s.family_levels) == count)[0]


def told(problem):
    """A problem solved, the states on the way, and the result."""
    states = []
    return solve(problem, monitor=Monitor(None, None, lambda state, _: states.append(state))), states
