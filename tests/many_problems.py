"""Problems in four and five coordinates of space, as texts."""

from pinnkan.problem.registry import parse_problem

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
