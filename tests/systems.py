"""Problems of several unknowns that tests share, as the text of a file."""

from pinnkan.problem.registry import parse_problem

KOVASZNAY = """
name: kovasznay
domain: {{x: [-0.5*{L}, {L}], y: [-0.5*{L}, 1.5*{L}]}}
parameters:
  Re: 40
  k: 20 - sqrt(400 + 4*pi**2)
functions:
  U: {U}*(1 - exp(k*x/{L})*cos(2*pi*y/{L}))
  V: {U}*k/(2*pi)*exp(k*x/{L})*sin(2*pi*y/{L})
  P: {P}*(1 - exp(2*k*x/{L}))/2
unknowns: [u, v, p]
vectors: {{velocity: [u, v]}}
equations:
  - {M}*(u*u_x + v*u_y + {U}**2/{P}*p_x - {U}*{L}*lap(u)/Re) = 0
  - {M}*(u*v_x + v*v_y + {U}**2/{P}*p_y - {U}*{L}*lap(v)/Re) = 0
  - {C}*(u_x + v_y) = 0
conditions:
  - {{where: boundary, equation: u = U}}
  - {{where: boundary, equation: v = V}}
  - {{where: {{point: [{L}, 0]}}, equation: p = P}}
exact: {{u: U, v: V, p: P}}
solver: {{tolerance: {tolerance}}}
"""

LOTKA_VOLTERRA = """
name: lotka-volterra
domain: {t: [0, 4]}
unknowns: [u, v]
equations:
  - u_t = u*(1.5 - v)
  - v_t = v*(u - 3)
conditions:
  - {where: initial, equation: u = 1}
  - {where: initial, equation: v = 1}
solver: {tolerance: 1e-6}
"""

#: The same and sound in a pipe in units of one's choice: of unknowns A and B, equations E and G, length L and time T.
IN_UNITS = {
    "ordinary": """
name: preys
domain: {{t: [0, 2*{T}]}}
unknowns: [a, b]
equations:
  - {E}*({T}/{A}*a_t - a/{A}*(1.5 - b/{B})) = 0
  - {G}*({T}/{B}*b_t - b/{B}*(a/{A} - 3)) = 0
conditions:
  - {{where: initial, equation: 'a = {A}'}}
  - {{where: initial, equation: 'b = {B}'}}
solver: {{tolerance: 1e-4}}
""",
    "slabs": """
name: pipe
domain: {{x: [0, {L}], t: [0, {T}]}}
unknowns: [a, b]
equations:
  - {E}*({T}/{A}*a_t + {L}/{B}*b_x) = 0
  - {G}*({T}/{B}*b_t + {L}/{A}*a_x) = 0
conditions:
  - {{where: initial, equation: 'a = {A}*cos(pi*x/{L})'}}
  - {{where: initial, equation: 'b = 0'}}
  - {{where: [left, right], equation: 'b = 0'}}
solver: {{tolerance: 1e-3}}
""",
}


def in_units(kind, **units):
    """A problem of IN_UNITS, where nothing is said in units of one."""
    text = IN_UNITS[kind].format(**(dict.fromkeys("ABEGLT", "1") | units))
    return parse_problem(text.encode(), "units.yaml")


def kovasznay(tolerance=1e-2, length=1, velocity=1, pressure=1, momentum=1, continuity=1):
    """Kovasznay's flow (1948), Reynolds number 40, in units of one's choice."""
    text = KOVASZNAY.format(tolerance=tolerance, L=length, U=velocity, P=pressure, M=momentum, C=continuity)
    return parse_problem(text.encode(), "kovasznay.yaml")
