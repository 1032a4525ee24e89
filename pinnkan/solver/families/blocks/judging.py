"""Judge any function in many coordinates: a correction in a sum of blocks, and the residual that it cannot explain.

The linearised equation is solved for the error in blocks. What they do not hold is seen by the residual at points never
trained on: it is divided by the smallest singular value of the rows, the least residual that a function of size one can
have. So a block that is missing altogether is part of the estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import sobol
from pinnkan.errors import SolverError
from pinnkan.kan.blocks import BlockField, BlockSum
from pinnkan.kan.field import Array, Jets
from pinnkan.solver.estimate.norms import nonzero
from pinnkan.solver.families.blocks.system import Factor, ScatteredRows, jacobian, scattered
from pinnkan.solver.family import ErrorEstimate
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.records import Evidence

#: ScatteredRows inside per coefficient (method.md, section 3: 3 to 4).
ROWS = 3.0
#: Points inside of the held-out residual, fewer where the sum is small: a mean to a few per cent.
HELD_OUT = 2048
#: Between the seeds of training and held-out points; every place has a seed of its own.
STRIDE = 1000


@dataclass(frozen=True, eq=False, kw_only=True)
class BlocksEstimate(ErrorEstimate):
    """A correction in a sum of blocks; the relative sizes of it and of what it leaves unexplained; held-out loss."""

    correction: BlockField
    explained: float
    unexplained: float
    heldout: float


def row_count(space: BlockSum) -> int:
    """Points inside for a sum of blocks."""
    return int(ROWS * space.size) + 50


def held_out(model: Model, space: BlockSum, seed: int, function: Jets | None) -> tuple[ScatteredRows, ...]:
    """ScatteredRows never trained on, for the training rows of that seed."""
    return scattered(model, min(row_count(space), HELD_OUT), seed + STRIDE, function)


def weigh(
    held: Sequence[ScatteredRows],
    error: BlockField,
    function: Jets | None,
    here: Array | None,
    factor: Factor,
    scale: Array,
) -> BlocksEstimate:
    """The judgement of a function with that correction.

    The rows are linearised at ``function``, or at zero for a linear problem, where ``here`` holds the coefficients;
    ``scale`` is the size of each unknown.
    """
    matrix, residual = jacobian(held, error.space, function)
    own = residual if here is None else residual + matrix @ here.ravel()
    rest = own + matrix @ error.coefficients.ravel()
    scale = nonzero(scale)
    explained = float((error.space.norm(error.coefficients) / scale).max())
    left = float(np.linalg.norm(rest))
    unexplained = left / factor.smallest() / float(scale.min())
    size = SAFETY * (explained + unexplained)
    return BlocksEstimate(
        size, error, evidence=Evidence.BLOCKS, correction=error, explained=explained, unexplained=unexplained,
        heldout=float(own @ own), left=left,
    )  # fmt: skip


def judge_by_blocks(model: Model, field: Jets, space: BlockSum, seed: int) -> BlocksEstimate:
    """Solve the linearised equation for the error of a field in a sum of blocks, and weigh it.

    Raises:
        SolverError: the rows do not determine it.
    """
    problem = model.problem
    rows = scattered(model, row_count(space), seed, field)
    try:
        with model.clock.working("blocks", row_count(space) * float(space.size) ** 2):
            factor = Factor.of(*jacobian(rows, space, field))
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"the error of the network could not be estimated: {failed}") from failed
    correction = factor.step(space.size).reshape(space.products, space.unknowns)
    values = field(problem.domain.sample(HELD_OUT, sobol(seed + STRIDE)), [(0,) * problem.dimension])[..., 0]
    scale = np.sqrt((values**2).mean(0))
    held = held_out(model, space, seed, field)
    return weigh(held, BlockField(space, correction), field, None, factor, scale)
