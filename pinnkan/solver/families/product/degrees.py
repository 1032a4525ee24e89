"""Degrees of the splines of a product network, by what is asked for: what each costs was measured, and stands here."""

import numpy as np

from pinnkan.problem.statement import Problem

#: Degree by number of coordinates: a cell has (degree + 1)^d coefficients. In the plane 10 takes the time of 9 for a
#: fourth to a twentieth of the error (Poisson, Helmholtz); 11 needs more levels for fronts.
DEGREES = {1: 9, 2: 10, 3: 8}
SLAB_DEGREES = {1: 8, 2: 8, 3: 6, 4: 5}
#: Of three unknowns or more at rest in the plane, least and most, and by digits that are asked for: their matrix is
#: wide, and few digits take as many intervals with 8 as with 10. Cavities at 1e-4 take 0.5 (a lid that is
#: singular at its corners) to 0.8 of the time with 8; at 1e-5 the first one and Re 1000 take less with 10.
PLANE_DEGREES, PLANE_BY_DIGIT = (8, 10), 2
#: Degrees in space of several unknowns around circles, where nothing is factored, least and most, and by digits that
#: are asked for. Taylor and Green's vortices take half the points of degree 6 at 1e-4 with 10, a third at 1e-7 with 14.
WAVES_DEGREES, BY_DIGIT = (10, 14), 2
#: The same between walls in the plane and time, where more steps are taken the higher the degree: Maxwell's equations
#: in a cavity take 17 s with 10 and 14 s with 6 at 1e-6; at 1e-7 five times as many coefficients with 6 as with 10.
WALLS_DEGREES, WALLS_BY_DIGIT = (6, 10), 1.5
#: Degree in space of a single unknown in slabs on three coordinates of it, as on levels. Against 5 on four intervals: a
#: standing wave in a cube at 1e-5 in 8 s of processor time on 3 x 3 x 3 intervals, not 53 s on 14 x 14 x 14.
DEGREE_IN_SPACE = 8
#: The same of several unknowns between walls in space: what is smooth takes fewest coefficients there. Beltrami's flow
#: at 1e-4: in the unit cube degree 7, in one of length two degree 9, 14,000 free coefficients and five slabs.
CUBE_DEGREES, CUBE_BY_DIGIT = (6, 9), 1.75
#: The same around circles in space, which take an interval more than degrees. Sound in a cube, four unknowns, with 5,
#: 6, 7 and 8 in one run: to 1e-2 in 15, 23, 29 and 68 s of processor time, to 1e-4 in 49, 42, 36 and 85 s; with 10
#: not to 1e-2 in 60 s.
AROUND_DEGREES = (5, 9)


def degree_of(problem: Problem, order: int) -> int:
    """The degree along all coordinates, in slabs that along time, for equations of an ``order``."""
    d, is_in_time = problem.dimension, problem.time_axis is not None
    usual = SLAB_DEGREES[d] if is_in_time else DEGREES[d]
    if d == 2 and not is_in_time and len(problem.unknowns) > 2:
        usual = _by_digit(problem, PLANE_DEGREES, PLANE_BY_DIGIT)
    return problem.solver.degree or max(usual, order + 3)


def degree_in_space(problem: Problem, usual: int) -> int:
    """Of slabs: higher than the usual in space, and for several unknowns by the digits asked for."""
    if problem.solver.degree:
        return problem.solver.degree
    if len(problem.unknowns) == 1:
        return max(usual, DEGREE_IN_SPACE) if problem.space_dimension == 3 else usual
    if problem.space_dimension < 2:
        return usual
    is_around = any(problem.box.periodic)
    limits, by_digit = (WAVES_DEGREES, BY_DIGIT) if is_around else (WALLS_DEGREES, WALLS_BY_DIGIT)
    if problem.space_dimension == 3:
        limits, by_digit = AROUND_DEGREES if is_around else CUBE_DEGREES, CUBE_BY_DIGIT
    return max(_by_digit(problem, limits, by_digit), usual)


def is_walled(problem: Problem) -> bool:
    """Whether there are several unknowns between walls in space."""
    return len(problem.unknowns) > 1 and problem.space_dimension > 2 and not any(problem.box.periodic)


def _by_digit(problem: Problem, limits: tuple[int, int], by_digit: float) -> int:
    return int(np.clip(np.floor(-by_digit * np.log10(problem.solver.tolerance)), *limits))
