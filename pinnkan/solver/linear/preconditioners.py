"""Preconditioners for conjugate gradients on J^T J, from the cheapest to the most reliable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.solver import memory
from pinnkan.solver.linear.capacitance import (
    CapacitanceInverse,
    capacitance_bytes,
    capacitance_size,
    capacitance_work,
    find_coupled_side_rows,
)
from pinnkan.solver.linear.coarse_space import CoarseSpaceInverse, FactoredSpace
from pinnkan.solver.linear.diagonalisation import FastDiagonalisation
from pinnkan.solver.linear.joint_modes import JointModeInverse
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.linear.row_scaling import (
    OperatorSizes,
    ScaledInverse,
    coarse_mean_square,
    coefficient_scale,
    divide_by_size,
)
from pinnkan.solver.linear.time_modes import TimeModeInverse
from pinnkan.solver.linear.triangular_inverse import Inverse
from pinnkan.solver.predicted_work import (
    free_factor_work,
    has_joint_preconditioner,
    mode_work,
    separates_time_only,
    time_mode_work,
)

#: Largest variation of the size of an operator over points up to which it counts as separable (heuristic).
MAX_SEPARABLE_SPREAD = 2.0
#: Damping from which on the diagonal is a good preconditioner itself.
DOMINANT_DAMPING = 1.0
#: After how many steps convergence is predicted, and how many it may need in all; separable operators need few.
SHORT_TRIAL, LONG_TRIAL = (8, 30.0), (40, 200.0)
#: Most multiplications of a factor as the last preconditioner: some minutes.
MAX_FACTOR_WORK = 3e12
#: Multiplications of a factor in the time of a step for one derivative at one point: 10 ms a step on 96 x 96 intervals
#: of degree 10, whose factor takes 0.9 s.
WORK_PER_POINT = 100.0
#: Largest size of a capacitance matrix: 0.2 GB, its factor 2.4 s.
MAX_CAPACITANCE_SIZE = 5000
#: Multiples ``kept`` of a capacitance matrix, tried in turn until it is definite: 54, 136 and 195 steps to 1e-10 for a
#: wave that leaves a square.
ADDED_SHARES = (0.02, 0.3, 1.0)
#: Multiplications of the singular vectors of a coordinate, over the cube of its coefficients.
WORK_OF_MODES = 20.0


@dataclass(frozen=True, eq=False)
class PreconditionerOption:
    """How to ``make`` an approximate inverse in ``work`` multiplications; ``is_exact``: up to rounding.

    After ``trial_steps`` steps the next one is taken if more than ``max_steps`` steps in all are predicted.
    """

    make: Callable[[], Inverse]
    trial_steps: int
    max_steps: float
    work: float = 0.0
    is_exact: bool = False


def preconditioner_options(
    rows: Sequence[TensorRows],
    ordering: Ordering,
    diagonal: torch.Tensor,
    damping: float,
    coarse_factor: FactoredSpace | None = None,
) -> list[PreconditionerOption]:
    """Return approximate inverses of J^T J + ``damping`` times its ``diagonal`` (coefficient, .., unknown), in turn.

    Of all unknowns together; for each mode of time; with a capacitance matrix; by fast diagonalisation, if the operator
    hardly varies; by that of divided rows and a coarse space, factored or ``coarse_factor``; a factor, if affordable.
    """
    own = diagonal.reshape(-1, 1)[ordering.free].clamp_min(1e-300)
    if damping >= DOMINANT_DAMPING:
        return [PreconditionerOption(lambda: lambda right: right / ((1.0 + damping) * own), *LONG_TRIAL)]
    space = rows[0].space
    ladder, in_time = [], separates_time_only(space)
    if has_joint_preconditioner(space):
        patience = SHORT_TRIAL if in_time or space.unknowns == 1 else LONG_TRIAL
        joint = partial(JointModeInverse, rows, ordering, damping)
        ladder.append(PreconditionerOption(joint, *patience, mode_work(space)))
    if in_time:
        by_mode = partial(TimeModeInverse, rows, ordering, damping)
        ladder.append(PreconditionerOption(by_mode, *LONG_TRIAL, time_mode_work(space)))
    of_modes = WORK_OF_MODES * sum(axis.count**3 for axis in space.axes)
    sizes = [OperatorSizes(r) for r in rows]
    room, joined = memory.available_bytes(ordering.position.device), find_coupled_side_rows(rows)
    size = capacitance_size(rows, joined) if joined else 0
    if joined and size <= MAX_CAPACITANCE_SIZE and capacitance_bytes(size) <= room:
        work = of_modes + capacitance_work(space, size)
        makers = [partial(CapacitanceInverse, rows, ordering, joined, kept, damping) for kept in ADDED_SHARES]
        ladder += [PreconditionerOption(make, *LONG_TRIAL, work) for make in makers]
    if max(map(_size_spread, sizes)) <= MAX_SEPARABLE_SPREAD:
        fast = partial(FastDiagonalisation, rows, ordering, damping)
        ladder.append(PreconditionerOption(fast, *SHORT_TRIAL, of_modes))
    free, work = ordering.size, free_factor_work(space, ordering.size)
    is_afforded = work <= MAX_FACTOR_WORK and memory.bytes_of_factor(space, free) <= room
    looked_at, promised = LONG_TRIAL
    promised = min(promised, max(looked_at, work / step_work(rows))) if is_afforded else promised
    two_level = partial(_two_level_inverse, sizes, ordering, diagonal, damping, coarse_factor)
    ladder.append(PreconditionerOption(two_level, looked_at, promised, of_modes))
    if is_afforded:
        factor = partial(_factor_inverse, rows, ordering, damping)
        ladder.append(PreconditionerOption(factor, *LONG_TRIAL, work, is_exact=True))
    return ladder


def step_work(rows: Sequence[TensorRows]) -> float:
    """The multiplications of a factor in the time of one step of conjugate gradients."""
    return WORK_PER_POINT * sum(r.count for r in rows) * (max(len(r.jets) for r in rows) + 1.0)


def _size_spread(sizes: OperatorSizes) -> float:
    """The largest size of an operator over its smallest."""
    low, high = sizes.size_range()
    return high / low


@dataclass(frozen=True, eq=False)
class TwoLevelInverse:
    """The sum of an approximate ``fine_inverse`` and the exact ``coarse_inverse``, 0 outside its space."""

    fine_inverse: Inverse
    coarse_inverse: CoarseSpaceInverse

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """Return the approximate inverse times ``right`` (free coefficient, rhs)."""
        return self.fine_inverse(right) + self.coarse_inverse(right)


def _two_level_inverse(
    sizes: Sequence[OperatorSizes],
    ordering: Ordering,
    diagonal: torch.Tensor,
    damping: float,
    coarse_factor: FactoredSpace | None = None,
) -> Inverse:
    """Return the inverse of rows divided by their size plus a coarse space, to which it leaves smooth functions.

    Divided rows weigh these too little where lower orders count: a multiple of the mass is added (25 steps, not 40).
    """
    rows, simpler = [s.rows for s in sizes], [divide_by_size(s) for s in sizes]
    scale = coefficient_scale(rows, simpler, diagonal, ordering)
    coarse = CoarseSpaceInverse(rows, ordering, coarse_factor)
    smooth = [sum(coarse_mean_square(r, coarse.space, u) for r in simpler) for u in range(coarse.space.unknowns)]
    return TwoLevelInverse(ScaledInverse(FastDiagonalisation(simpler, ordering, damping, smooth), scale), coarse)


def _factor_inverse(rows: Sequence[TensorRows], ordering: Ordering, damping: float) -> Inverse:
    return NormalEquations(rows, ordering, damping).inverse()
