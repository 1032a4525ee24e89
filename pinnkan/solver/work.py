"""What solvers of linear least squares cost, predicted from the space: multiplications, and who is the cheaper one."""

from pinnkan.kan.product import Space

#: Multiplications of a factor in the time that conjugate gradients take for one derivative at one point, preconditioner
#: and 30 steps included: 1.9e10 a second (Helmholtz, 96 x 96 intervals of degree 10) against 7e-9 s a step.
STEPS_AT_POINT = 4000.0
#: So many times as many steps where there are several unknowns that no preconditioner takes together: 213 for
#: Kovasznay's flow on 6 x 24 intervals of degree 10.
OF_SYSTEMS = 20.0
#: The same where all unknowns are taken together, where coordinates are periodic and between walls: there 40 to 150 for
#: Maxwell's equations in a cavity.
TOGETHER, BETWEEN_WALLS = 2.0, 5.0
#: A factor of no more multiplications, ten milliseconds, is taken whatever is predicted: it leaves nothing out. Of
#: 0.02 t - 1 around a circle a factor knew errors at the ends of slabs to a digit, conjugate gradients, after one step,
#: a thousand times too large, and then not what grew: 1e-5 was the estimate of an error of 7.
CHEAP = 1e8
#: Multiplications that the factors of all waves may take, some seconds.
MOST_TOGETHER = 1e11
#: The same of those of all functions of space, one for each of time, fixed coefficients counted: a third or less of
#: them is worked out. 4e11, in 4 s, for 22,439 free coefficients of a flow.
MOST_IN_SPACE = 1e12


def bandwidth(space: Space) -> float:
    """Largest distance in the matrix of two coefficients that share a cell, the longest coordinate outermost."""
    stride, width = float(space.unknowns), space.unknowns - 1.0
    for axis in sorted(space.axes, key=lambda a: a.count):
        reach = min(2 * axis.degree + 1 if axis.periodic else axis.degree, axis.count - 1)
        width += reach * stride
        stride *= axis.count
    return width


def factor_work(space: Space) -> float:
    """Multiplications of a banded factorisation: coefficients times the square of the band."""
    return space.size * min(bandwidth(space) + 1.0, float(space.size)) ** 2


def free_factor_work(space: Space, free: int) -> float:
    """Multiplications of a factor of ``free`` coefficients of a space, where conditions fix the others.

    A third of the cube of their number at most, in a full matrix. In a slab of a flow in space on one interval each
    way, degree 8 and 5 in time, 9,519 of 17,496 are free: 2.9e11, in 12 s, where all of them would be 5.3e12.
    """
    return free * min((bandwidth(space) + 1.0) ** 2, free**2 / 3.0)


def is_full(width: float, coefficients: float) -> bool:
    """Whether a matrix with so wide a band is factored as a full one."""
    return 3.0 * width > coefficients


def steps_work(space: Space, points: float, derivatives: int) -> float:
    """Multiplications of a factor in the time that conjugate gradients are predicted to take."""
    work = STEPS_AT_POINT * points * (derivatives + 1.0)
    if space.unknowns == 1:
        return work
    if not are_together(space):
        return work * OF_SYSTEMS
    return work * (TOGETHER if is_around(space) else BETWEEN_WALLS) + waves_work(space)


def are_together(space: Space) -> bool:
    """Whether several unknowns, or several circles, are preconditioned together: :mod:`pinnkan.solver.linear.waves`.

    Of several unknowns on two coordinates a factor costs less. In a cube two that are joined near a resonance take 9
    steps, one after the other 144; and what joins coordinates around circles, u_x + 1.618 u_y, 2 in place of 106.
    """
    several = space.unknowns > 1 and len(space.axes) > 2
    circles = sum(axis.periodic for axis in space.axes) > 1
    return (several or circles) and waves_work(space) <= MOST_TOGETHER


def is_told_in_time(space: Space) -> bool:
    """Whether functions of time are told apart and space is taken whole: :mod:`pinnkan.solver.linear.moments`.

    For several unknowns between walls in a slab of space, as long as its factors are cheap.
    """
    between = space.unknowns > 1 and len(space.axes) > 3 and not is_around(space)
    return between and space.axes[-1].intervals == 1 and moments_work(space) <= MOST_IN_SPACE


def moments_work(space: Space) -> float:
    """Multiplications of the factors, one for each function of time; fixed coefficients are counted as well."""
    count = space.axes[-1].count
    return count * (space.size / count) ** 3 / 3.0


def told_apart(space: Space) -> list[int]:
    """The coordinates whose functions are told apart where several unknowns are preconditioned together.

    Those around circles; without, those with walls: of several intervals, or in a slab of one interval each way all but
    the time.
    """
    around = [i for i, a in enumerate(space.axes) if a.periodic]
    several = [i for i, a in enumerate(space.axes) if a.intervals > 1]
    return around or several or list(range(len(space.axes) - 1))


def is_around(space: Space) -> bool:
    """Whether there are circles."""
    return any(a.periodic for a in space.axes)


def waves_work(space: Space) -> float:
    """Multiplications of the factors, one for each product of waves around circles or, without, between walls."""
    told = told_apart(space)
    blocks, size = 1.0, float(space.unknowns)
    for i, axis in enumerate(space.axes):
        if axis.periodic:
            blocks, size = blocks * axis.count / 2.0, 2.0 * size
        elif i in told:
            blocks *= axis.count
        else:
            size *= axis.count
    return blocks * size**3 / 3.0


def is_factored(space: Space, points: float, derivatives: int) -> bool:
    """Whether a factor is predicted to cost less than conjugate gradients on so many points and derivatives."""
    return factor_work(space) <= max(steps_work(space, points, derivatives), CHEAP)
