"""Files with several unknowns to edit: Stokes flow in a square, driven by its lid, and others."""

from __future__ import annotations

TEXT = """\
name: flow
domain:
  x: [0, 1]
  y: [0, 2]
unknowns: [u, v, p]
vectors:
  velocity: [u, v]
equations:
  - p_x = lap(u)
  - p_y = lap(v)
  - div(velocity) = 0
conditions:
  - where: [left, right, bottom]
    equation: u = 0
  - where: top
    equation: u = x*(1 - x)
  - where: boundary
    equation: v = 0
  - where: domain
    equation: integral(p) = 0
quantities:
  drag: {integral: n_y*u_y - n_x*p, over: boundary}
  middle: {value: "u**2 + v**2", at: [0.5, 1]}
  top_pressure: {max: p}
"""
#: An ordinary system: t is the only coordinate.
ORDINARY = """\
name: circle
domain: {t: [0, 2]}
unknowns: [a, b]
equations:
  - a_t = b
  - b_t = -a
conditions:
  - {where: initial, equation: a = 1}
  - {where: initial, equation: b = 0}
"""

#: Slow flow under a lid that moves at full speed into the corners, where its pressure is not of finite norm.
LID = """\
name: case
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u, v, p]
vectors: {velocity: [u, v]}
equations: [p_x = lap(u), p_y = lap(v), div(velocity) = 0]
conditions:
  - {where: [left, right, bottom], equation: u = 0}
  - {where: top, equation: u = 1}
  - {where: boundary, equation: v = 0}
  - {where: domain, equation: integral(p) = 0}
solver: {tolerance: TOLERANCE, max_time: 100}
"""
