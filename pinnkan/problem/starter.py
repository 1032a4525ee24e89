"""The commented file that ``pinnkan new`` writes."""

from __future__ import annotations

_TEXT = """\
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


def starter(name: str) -> str:
    """A complete problem of that name: the heat equation, with a comment at every key."""
    return _TEXT.replace("NAME", name)
