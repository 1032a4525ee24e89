"""Corners between two clamped sides at which equations have derivatives that neither side gives.

Along a side with given values all derivatives along it are known, so that -lap u = f leaves nothing open in a corner. A
mixed derivative does, as in elasticity, in a plate, in a flow: there the solution is r^s but by chance, s not whole,
however smooth the data (Williams 1952, J. Appl. Mech. 19; Kozlov, Maz'ya and Rossmann 1997).
"""

from pinnkan.problem.checks.linearised import Weights, offsets
from pinnkan.problem.checks.system_count import is_elliptic
from pinnkan.problem.corners import Corner, equations_on, meetings
from pinnkan.problem.statement import Problem, Side


def clamped_corners(problem: Problem) -> tuple[Corner, ...]:
    """Those of a steady elliptic problem in the plane."""
    weights = offsets(problem)
    if weights is None or problem.dimension != 2 or problem.time_axis is not None or any(problem.box.periodic):
        return ()
    if not _leaves_open(problem, weights) or not is_elliptic(problem):
        return ()
    every = frozenset(range(len(problem.unknowns)))
    found = [at for at, sides in meetings(problem) if all(_is_clamped(problem, side, weights) for side in sides)]
    return tuple(Corner(position, jumps=False, held=every, inside=False) for position in found)


def _leaves_open(problem: Problem, weights: Weights) -> bool:
    """Whether a principal term is mixed, or of an unknown that no side holds, such as a pressure."""
    held = {j for j, d in enumerate(weights.unknowns) if d == max(weights.unknowns)}
    pairs = ((k, jet) for k, equation in enumerate(problem.equations) for jet in equation.jets.values())
    principal = (jet for k, jet in pairs if jet.total == weights.difference(k, jet.unknown))
    return any(all(jet.order) or jet.unknown not in held for jet in principal)


def _is_clamped(problem: Problem, side: Side, weights: Weights) -> bool:
    """Whether a side has all its conditions, and nothing but derivatives of less than half the order in them."""
    given = equations_on(problem, side)
    is_low = all(2 * jet.total < max(weights.unknowns) for e in given for jet in e.jets.values())
    return is_low and 2 * len(given) == weights.total
