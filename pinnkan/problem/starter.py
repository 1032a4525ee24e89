"""The files that ``pinnkan new`` writes: a commented starter for a kind of problem, or a copy of a shipped one."""

import re
from pathlib import Path

from pinnkan.errors import UsageError
from pinnkan.problem.registry import find_problem_file, shipped_folder, shipped_problems
from pinnkan.problem.report import did_you_mean

_HEAT = """\
# NAME: say here in words what is solved, and where it comes from.
name: NAME
domain:                # the coordinates are x, y, z and, for time, t
  x: [0, 1]
  t: [0, 1]
  # periodic: [x]      # a coordinate that wraps around needs no conditions at its ends
parameters:            # numbers, or constant expressions such as 0.01/pi
  k: 0.1
functions:             # expressions of the coordinates and parameters, usable below
  u0: sin(pi*x)
unknowns: [u]
equations:             # left = right; derivatives are u_x, u_xx, u_xt or dx(u), lap(u), div(k*grad(u))
  - u_t = k*u_xx
conditions:            # every side needs one: left right (x), bottom top (y), front back (z); boundary is all of them
  - where: initial
    equation: u = u0
  - where: left
    equation: u = 0
  - where: right
    equation: dn(u) = -pi*exp(-k*pi**2*t)   # dn is the derivative along the outward normal
exact:                 # optional, only to report the true error: delete it if the solution is not known
  u: exp(-k*pi**2*t)*sin(pi*x)
solver:
  tolerance: 1e-4      # the relative L2 error to reach; all else is chosen by pinnkan
"""
_ODE = """\
# NAME: a damped pendulum; say here in words what is solved, and where it comes from.
name: NAME
domain:                # t alone makes an ordinary equation
  t: [0, 10]
parameters:            # numbers, or constant expressions such as 0.01/pi
  damping: 0.1
unknowns: [a]
equations:             # left = right; derivatives are a_t, a_tt
  - a_tt + damping*a_t + sin(a) = 0
conditions:            # one for each order of derivative
  - where: initial
    equation: a = 1
  - where: initial
    equation: a_t = 0
quantities:            # what is read off the solution, each with its error
  end: {value: a, at: [10]}
solver:
  tolerance: 1e-6      # the relative L2 error to reach; all else is chosen by pinnkan
"""
_SYSTEM = """\
# NAME: two substances diffuse and turn into each other; say here in words what is solved, and where it comes from.
name: NAME
domain:                # the coordinates are x, y, z and, for time, t
  x: [0, 1]
  t: [0, 1]
parameters:            # numbers, or constant expressions such as 0.01/pi
  k: 0.1
unknowns: [u, v]       # as many equations as unknowns
# vectors: {velocity: [u, v]}   # unknowns that form a vector: one arrow, one error, div(velocity)
equations:
  - u_t = k*u_xx - u*v
  - v_t = k*v_xx + u*v
conditions:            # for each unknown
  - where: initial
    equation: u = 1 + cos(pi*x)
  - where: initial
    equation: v = 1
  - where: [left, right]
    equation: dn(u) = 0
  - where: [left, right]
    equation: dn(v) = 0
quantities:            # what is read off the solution, each with its error
  mass: {integral: u + v}
solver:
  tolerance: 1e-4      # the relative L2 error to reach, of the worst unknown; all else is chosen by pinnkan
"""
_SHAPE = """\
# NAME: heat flows through a plate with a round hole; say here in words what is solved, and where it comes from.
name: NAME
domain:
  shape:               # disk, ellipse, rectangle, polygon; union, intersection, difference, move
    difference:        # the first one without the others
      - rectangle: {x: [0, 2], y: [0, 1], name: plate}
      - disk: {center: [0.7, 0.5], radius: 0.25, name: hole}
parameters:            # numbers, or constant expressions such as 0.01/pi
  k: 1
unknowns: [T]
equations:             # left = right; derivatives are T_x, T_xx or dx(T), lap(T), div(k*grad(T))
  - -k*lap(T) = 1
conditions:            # every piece of the boundary needs one; plate.left is a side, boundary is all
  - where: plate
    equation: T = 0
  - where: hole
    equation: dn(T) = 0   # dn is the derivative along the outward normal (n_x, n_y)
quantities:            # what is read off the solution, each with its error
  heat: {integral: -k*dn(T), over: plate}
solver:
  tolerance: 1e-4      # the relative L2 error to reach; all else is chosen by pinnkan
"""
#: Kind of problem -> its starter; the first one is the default.
STARTERS = {"heat": _HEAT, "ode": _ODE, "system": _SYSTEM, "shape": _SHAPE}
#: Begin of the first line of a file, which tells editors the schema.
SCHEMA_LINE = "# yaml-language-server: $schema="


def starter(name: str, like: str | None = None) -> str:
    """A commented starter of a kind, or a copy of a problem, with that name. Raises UsageError: ``like`` is neither."""
    text = STARTERS[next(iter(STARTERS))] if like is None else STARTERS.get(like)
    if text is None:
        known = [*STARTERS, *shipped_problems()]
        if like not in known and not Path(str(like)).is_file():
            hint = did_you_mean(str(like), known) or f"kinds: {', '.join(STARTERS)}; `pinnkan list` names the problems"
            raise UsageError(f"no kind and no problem is named '{str(like)[:200]}'; {hint}")
        lines = find_problem_file(str(like)).read_text(encoding="utf-8").splitlines()
        kept = [x for x in lines if not x.startswith((SCHEMA_LINE, "# Expected:"))]  # not valid for the copy
        text = re.sub(r"^name:.*$", "name: NAME", "\n".join(kept) + "\n", count=1, flags=re.MULTILINE)
    return f"{SCHEMA_LINE}{shipped_folder() / 'schema.json'}\n" + text.replace("NAME", name)
