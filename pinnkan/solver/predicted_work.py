"""The predicted cost of linear least squares in a space, in multiplications, and which solver is cheaper."""

from pinnkan.kan.product import Space

#: Multiplications of a factor in the time of conjugate gradients per derivative and point, for 30 steps with
#: preconditioner: 1.9e10 a second against 7e-9 s a step (Helmholtz, 96 x 96 intervals of degree 10).
WORK_PER_POINT = 4000.0
#: Factor on the steps for several unknowns without a joint preconditioner: Kovasznay's flow takes 213 steps.
SYSTEM_FACTOR = 20.0
#: Factors on the steps with a joint preconditioner: with periodic coordinates, and between walls (40 to 150 steps for
#: Maxwell's equations in a cavity).
PERIODIC_FACTOR, WALL_FACTOR = 2.0, 5.0
#: Multiplications, ten milliseconds, up to which a factor is always taken, since it is exact: of 0.02 t - 1 around a
#: circle conjugate gradients left an error of 7 with an estimate of 1e-5.
CHEAP_WORK = 1e8
#: Multiplications of the factors of all waves at most, some seconds.
MAX_MODE_WORK = 1e11
#: The same for the factors of all functions of time, fixed coefficients counted: a third or less of them is computed. A
#: flow with 22,439 free coefficients has 4e11, in 4 s.
MAX_TIME_MODE_WORK = 1e12


def bandwidth(space: Space) -> float:
    """The largest distance in the matrix of two coefficients that share a cell, the longest coordinate outermost."""
    stride, width = float(space.unknowns), space.unknowns - 1.0
    for axis in sorted(space.axes, key=lambda a: a.count):
        reach = min(2 * axis.degree + 1 if axis.periodic else axis.degree, axis.count - 1)
        width += reach * stride
        stride *= axis.count
    return width


def factor_work(space: Space) -> float:
    """Multiplications of a banded factorisation: coefficients times the square of the band width."""
    return space.size * min(bandwidth(space) + 1.0, float(space.size)) ** 2


def free_factor_work(space: Space, free: int) -> float:
    """Multiplications of a factor of ``free`` coefficients (others are fixed): as by their band, at most free^3 / 3."""
    return free * min((bandwidth(space) + 1.0) ** 2, free**2 / 3.0)


def is_factored_as_full(width: float, coefficients: float) -> bool:
    """Whether a matrix with a band of this ``width`` is factored as a full one."""
    return 3.0 * width > coefficients


def iteration_work(space: Space, points: float, derivatives: int) -> float:
    """The predicted time of conjugate gradients, as the multiplications of a factor that take as long."""
    work = WORK_PER_POINT * points * (derivatives + 1.0)
    if space.unknowns == 1:
        return work
    if not has_joint_preconditioner(space):
        return work * SYSTEM_FACTOR
    return work * (PERIODIC_FACTOR if has_periodic_coordinate(space) else WALL_FACTOR) + mode_work(space)


def has_joint_preconditioner(space: Space) -> bool:
    """Whether several unknowns, or periodic coordinates, share a preconditioner of joint modes.

    With several unknowns in the plane a factor is cheaper. In a cube two coupled near a resonance take 9 steps instead
    of 144.
    """
    several = space.unknowns > 1 and len(space.axes) > 2
    circles = sum(axis.periodic for axis in space.axes) > 1
    return (several or circles) and mode_work(space) <= MAX_MODE_WORK


def separates_time_only(space: Space) -> bool:
    """Whether a preconditioner separates functions of time only: :mod:`pinnkan.solver.linear.time_modes`.

    For several unknowns between walls in a slab of space, as long as its factors are cheap.
    """
    between = space.unknowns > 1 and len(space.axes) > 3 and not has_periodic_coordinate(space)
    return between and space.axes[-1].intervals == 1 and time_mode_work(space) <= MAX_TIME_MODE_WORK


def time_mode_work(space: Space) -> float:
    """Multiplications of the factors, one for each function of time; fixed coefficients are counted as well."""
    count = space.axes[-1].count
    return count * (space.size / count) ** 3 / 3.0


def separated_coordinates(space: Space) -> list[int]:
    """Coordinates a joint preconditioner separates: periodic ones, else of several intervals, else all but time."""
    around = [i for i, a in enumerate(space.axes) if a.periodic]
    several = [i for i, a in enumerate(space.axes) if a.intervals > 1]
    return around or several or list(range(len(space.axes) - 1))


def has_periodic_coordinate(space: Space) -> bool:
    """Whether a coordinate is periodic."""
    return any(a.periodic for a in space.axes)


def mode_work(space: Space) -> float:
    """Multiplications of the factors, one per product of waves around circles or, without, of wall functions."""
    told = separated_coordinates(space)
    blocks, size = 1.0, float(space.unknowns)
    for i, axis in enumerate(space.axes):
        if axis.periodic:
            blocks, size = blocks * axis.count / 2.0, 2.0 * size
        elif i in told:
            blocks *= axis.count
        else:
            size *= axis.count
    return blocks * size**3 / 3.0


def is_factor_cheaper(space: Space, points: float, derivatives: int) -> bool:
    """Whether a factor is predicted to cost less than conjugate gradients on so many points and derivatives."""
    return factor_work(space) <= max(iteration_work(space, points, derivatives), CHEAP_WORK)
