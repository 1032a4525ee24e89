"""Preconditioners for conjugate gradients on J^T J, from the cheapest to the most reliable."""

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

#: Largest variation of the size of an operator over points up to which it counts as separable (heuristic).
VARIES = 2.0
#: Damping from which on the diagonal is a good preconditioner itself.
DAMPED = 1.0
#: After how many steps convergence is predicted, and how many it may need in all; separable operators need few.
QUICK, PATIENT = (8, 30.0), (40, 200.0)
#: Most multiplications of a factor as the last preconditioner: some minutes.
MOST_WORK = 3e12
#: Multiplications of a factor in the time of a step for one derivative at one point: 10 ms a step on 96 x 96 intervals
#: of degree 10, whose factor takes 0.9 s.
OF_A_STEP = 100.0
#: Largest size of a capacitance matrix: 0.2 GB, its factor 2.4 s.
MOST_JOINED = 5000
#: Multiples ``kept`` of a capacitance matrix, tried in turn until it is definite: 54, 136 and 195 steps to 1e-10 for a
#: wave that leaves a square.
KEPT = (0.02, 0.3, 1.0)
#: Multiplications of the singular vectors of a coordinate, over the cube of its coefficients.
OF_MODES = 20.0


@dataclass(frozen=True, eq=False)
class Rung:
    """How to ``make`` an approximate inverse in ``work`` multiplications; ``is_exact``: up to rounding.

    After ``looked_at`` steps the next one is taken if more than ``promised`` steps in all are predicted.
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
    """Return approximate inverses of J^T J + ``damping`` times its ``diagonal`` (coefficient, .., unknown), in turn.

    All unknowns together; a factor for each mode of time; a capacitance matrix; fast diagonalisation, if the operator
    hardly varies; that of divided rows and a coarse space, factored or ``known``; a factor, if there is time for it.
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
    """The multiplications of a factor in the time of one step of conjugate gradients."""
    return OF_A_STEP * sum(r.count for r in rows) * (max(len(r.jets) for r in rows) + 1.0)


def _spread(sizes: OperatorSizes) -> float:
    """The largest size of an operator over its smallest."""
    low, high = sizes.range()
    return high / low


@dataclass(frozen=True, eq=False)
class Varying:
    """The sum of an approximate inverse ``fine`` and the exact one in a ``coarse`` space, 0 outside of it."""

    fine: Inverse
    coarse: NestedSpace

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """Return the approximate inverse times ``right`` (free coefficient, rhs)."""
        return self.fine(right) + self.coarse(right)


def _varying(
    sizes: Sequence[OperatorSizes],
    ordering: Ordering,
    diagonal: torch.Tensor,
    damping: float,
    known: Factored | None = None,
) -> Inverse:
    """Return the inverse of rows divided by their size plus a coarse space, to which it leaves smooth functions.

    Divided rows weigh these too little where lower orders count: a multiple of the mass is added (25 steps, not 40).
    """
    rows, simpler = [s.rows for s in sizes], [divided(s) for s in sizes]
    scale = scale_of(rows, simpler, diagonal, ordering)
    coarse = NestedSpace(rows, ordering, known)
    smooth = [sum(square_on(r, coarse.space, u) for r in simpler) for u in range(coarse.space.unknowns)]
    return Varying(Scaled(FastDiagonalisation(simpler, ordering, damping, smooth), scale), coarse)


def _factor(rows: Sequence[TensorRows], ordering: Ordering, damping: float) -> Inverse:
    return NormalEquations(rows, ordering, damping).inverse()
