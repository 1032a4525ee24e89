"""Preconditioners for conjugate gradients on J^T J, from the cheapest to the surest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.solver import memory
from pinnkan.solver.linear.band import NormalEquations
from pinnkan.solver.linear.capacitance import Capacitance, capacitance_bytes, capacitance_work, capacity, joining
from pinnkan.solver.linear.diagonalisation import FastDiagonalisation
from pinnkan.solver.linear.moments import Moments
from pinnkan.solver.linear.nested import Factored, NestedSpace
from pinnkan.solver.linear.scaling import OperatorSizes, Scaled, divided, scale_of, square_on
from pinnkan.solver.linear.triangles import Inverse
from pinnkan.solver.linear.waves import Together
from pinnkan.solver.work import are_together, free_factor_work, is_told_in_time, moments_work, waves_work

#: An operator whose size at points varies by more than this is not taken for one that separates.
VARIES = 2.0
#: A diagonal enlarged by so much is a good preconditioner itself.
DAMPED = 1.0
#: When the steps of a rung are looked at, and how many it may promise: where the operator separates it shows at once.
QUICK, PATIENT = (8, 30.0), (40, 200.0)
#: Multiplications of a factor that are worth while where nothing else leads on: some minutes.
MOST_WORK = 3e12
#: Multiplications of a factor in the time that a step takes for one derivative at one point: a product with J^T J and a
#: preconditioner, 10 ms with 96 x 96 intervals of degree 10, whose factor takes 0.9 s.
OF_A_STEP = 100.0
#: The largest capacitance matrix: 0.2 GB, its factor 2.4 s.
MOST_JOINED = 5000
#: Shares of the slopes at sides that a capacitance matrix leaves to the rest, as large as makes it definite. A wave
#: that leaves a square of 4 x 3 intervals takes 54, 136 and 195 steps to 1e-10.
KEPT = (0.02, 0.3, 1.0)
#: Multiplications of the singular vectors of a coordinate, over the cube of its coefficients.
OF_MODES = 20.0


@dataclass(frozen=True, eq=False)
class Rung:
    """How to ``make`` an approximate inverse, in so many multiplications (``work``).

    After so many steps (``looked_at``) it is left for the next rung if it promises more than ``promised`` in all.
    ``is_exact``: but for rounding.
    """

    make: Callable[[], Inverse]
    looked_at: int
    promised: float
    work: float = 0.0
    is_exact: bool = False


def rungs(
    rows: Sequence[TensorRows],
    ordering: Ordering,
    diagonal: torch.Tensor,
    damping: float,
    known: Factored | None = None,
) -> list[Rung]:
    """Approximate inverses of J^T J + ``damping`` times its ``diagonal`` (coefficient, .., unknown).

    Of all unknowns together, waves or functions between walls, and a factor for each function of time; fast
    diagonalisation, where the size of the operator hardly varies; that of rows divided by their size, and a coarse
    space beside it, factored or ``known``; a factor, where it can be afforded.
    """
    own = diagonal.reshape(-1, 1)[ordering.free].clamp_min(1e-300)
    if damping >= DAMPED:
        return [Rung(lambda: lambda right: right / ((1.0 + damping) * own), *PATIENT)]
    space = rows[0].space
    ladder, in_time = [], is_told_in_time(space)
    if are_together(space):
        patience = QUICK if in_time or space.unknowns == 1 else PATIENT
        ladder.append(Rung(lambda: Together(rows, ordering, damping), *patience, waves_work(space)))
    if in_time:
        ladder.append(Rung(lambda: Moments(rows, ordering, damping), *PATIENT, moments_work(space)))
    of_modes = OF_MODES * sum(axis.count**3 for axis in space.axes)
    sizes = [OperatorSizes(r) for r in rows]
    room, joined = memory.available(ordering.position.device), joining(rows)
    size = capacity(rows, joined) if joined else 0
    if joined and size <= MOST_JOINED and capacitance_bytes(size) <= room:
        work = of_modes + capacitance_work(space, size)
        for kept in KEPT:
            ladder.append(Rung(partial(Capacitance, rows, ordering, joined, kept, damping), *PATIENT, work))
    if max(map(_spread, sizes)) <= VARIES:
        ladder.append(Rung(lambda: FastDiagonalisation(rows, ordering, damping), *QUICK, of_modes))
    free = ordering.size
    work = free_factor_work(space, free)
    is_afforded = work <= MOST_WORK and memory.bytes_of_factor(space, free) <= room
    looked_at, promised = PATIENT
    if is_afforded:
        promised = min(promised, max(looked_at, work / step_work(rows)))
    ladder.append(Rung(lambda: _varying(sizes, ordering, diagonal, damping, known), looked_at, promised, of_modes))
    if is_afforded:
        ladder.append(Rung(lambda: _factor(rows, ordering, damping), *PATIENT, work, is_exact=True))
    return ladder


def step_work(rows: Sequence[TensorRows]) -> float:
    """Multiplications of a factor in the time of one step of conjugate gradients."""
    return OF_A_STEP * sum(r.count for r in rows) * (max(len(r.jets) for r in rows) + 1.0)


def _spread(sizes: OperatorSizes) -> float:
    """By how much the size of an operator varies."""
    low, high = sizes.range()
    return high / low


@dataclass(frozen=True, eq=False)
class Varying:
    """The sum of an inverse that sees ``fine`` functions and the exact one in a ``coarse`` space.

    With the residual as what is right, the latter is what is missing in the coarse space.
    """

    fine: Inverse
    coarse: NestedSpace

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """The approximate inverse times (free coefficient, side)."""
        return self.fine(right) + self.coarse(right)


def _varying(
    sizes: Sequence[OperatorSizes],
    ordering: Ordering,
    diagonal: torch.Tensor,
    damping: float,
    known: Factored | None = None,
) -> Inverse:
    """Rows divided by their size see little of smooth functions where lower orders count, the coarse space has them.

    To 1e-9 on 96 and 192 intervals 25 and 21 steps, in place of 40 and 34, with a tenth to ten times as much as well.
    """
    rows, simpler = [s.rows for s in sizes], [divided(s) for s in sizes]
    scale = scale_of(rows, simpler, diagonal, ordering)
    coarse = NestedSpace(rows, ordering, known)
    smooth = [sum(square_on(r, coarse.space, u) for r in simpler) for u in range(coarse.space.unknowns)]
    return Varying(Scaled(FastDiagonalisation(simpler, ordering, damping, smooth), scale), coarse)


def _factor(rows: Sequence[TensorRows], ordering: Ordering, damping: float) -> Inverse:
    return NormalEquations(rows, ordering, damping).inverse()
