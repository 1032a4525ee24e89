"""Degrees of the splines of a product network, by kind of problem and tolerance, chosen by run time."""

import numpy as np

from pinnkan.problem.statement import Problem

#: Degree by number of coordinates, of steady problems and of slabs. In the plane 10 takes the time of 9 for at most a
#: fourth of the error.
DEGREES = {1: 9, 2: 10, 3: 8}
SLAB_DEGREES = {1: 8, 2: 8, 3: 6, 4: 5}
#: Of three or more steady unknowns in the plane: limits, and degrees per digit of the tolerance. Lid-driven cavities
#: take 0.5 to 0.8 of the time with 8 at 1e-4.
PLANE_DEGREES, PLANE_BY_DIGIT = (8, 10), 2
#: In space, of several unknowns on periodic coordinates in the plane: limits, degrees per digit. Heuristic.
PERIODIC_PLANE_DEGREES, PERIODIC_PLANE_BY_DIGIT = (10, 14), 2
#: The same between walls. Maxwell's equations: 14 s with 6 and 17 s with 10 at 1e-6, five times the coefficients with 6
#: at 1e-7.
BOUNDED_PLANE_DEGREES, BOUNDED_PLANE_BY_DIGIT = (6, 10), 1.5
#: Of a single unknown in slabs on three space coordinates. A standing wave at 1e-5: 8 s, with degree 5 53 s.
DEGREE_IN_SPACE = 8
#: Of several unknowns there between walls: limits, degrees per digit. Heuristic.
BOUNDED_SPACE_DEGREES, SPACE_BY_DIGIT = (6, 9), 1.75
#: Limits of several unknowns there with periodic coordinates. Sound in a cube at 1e-4: 36 s with 7, 85 s with 8.
PERIODIC_SPACE_DEGREES = (5, 9)


def degree_of(problem: Problem, order: int) -> int:
    """Return the degree along all coordinates, in slabs along time; ``order``: highest order of derivative."""
    d, is_in_time = problem.dimension, problem.time_axis is not None
    usual = SLAB_DEGREES[d] if is_in_time else DEGREES[d]
    if d == 2 and not is_in_time and len(problem.unknowns) > 2:
        usual = _by_digit(problem, PLANE_DEGREES, PLANE_BY_DIGIT)
    return problem.solver.degree or max(usual, order + 3)


def degree_in_space(problem: Problem, least_degree: int) -> int:
    """Return the degree in space of slabs, at least ``least_degree`` unless the file names it."""
    if problem.solver.degree:
        return problem.solver.degree
    if len(problem.unknowns) == 1:
        return max(least_degree, DEGREE_IN_SPACE) if problem.space_dimension == 3 else least_degree
    if problem.space_dimension < 2:
        return least_degree
    is_around = any(problem.box.periodic)
    limits, by_digit = (
        (PERIODIC_PLANE_DEGREES, PERIODIC_PLANE_BY_DIGIT)
        if is_around
        else (BOUNDED_PLANE_DEGREES, BOUNDED_PLANE_BY_DIGIT)
    )
    if problem.space_dimension == 3:
        limits, by_digit = PERIODIC_SPACE_DEGREES if is_around else BOUNDED_SPACE_DEGREES, SPACE_BY_DIGIT
    return max(_by_digit(problem, limits, by_digit), least_degree)


def is_bounded_space_system(problem: Problem) -> bool:
    """Whether several unknowns are solved for in three space coordinates, none of them periodic."""
    return len(problem.unknowns) > 1 and problem.space_dimension > 2 and not any(problem.box.periodic)


def _by_digit(problem: Problem, limits: tuple[int, int], by_digit: float) -> int:
    return int(np.clip(np.floor(-by_digit * np.log10(problem.solver.tolerance)), *limits))
