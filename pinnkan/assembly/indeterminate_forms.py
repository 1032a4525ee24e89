"""Limits of an equation and its slopes where a formula is 0/0, such as ``abs(u)**0.75*u`` at u = 0 or a p-Laplacian.

Slopes of such formulas evaluate to 0*inf at zero, where solves often start. The limits are computed numerically: the
same instructions are evaluated at two distances on both sides of the jet.
"""

from collections.abc import Sequence
from typing import Any

import torch

from pinnkan.problem.expressions.tape import Tape

#: Distance to either side of a jet: relative, and absolute of a zero jet. Its fourth power is still a float64.
OFFSET_SHARE, OFFSET_AT_ZERO = 2.0**-30, 2.0**-200
#: The ratio of the second distance to the first.
NEAR_RATIO = 1.0 / 16.0
#: A limit exists where the difference of the two sides shrinks by at least this factor, as for abs(u)**0.04.
SHRINK_FACTOR = 0.9
#: Slopes count as bounded where they grow by no more than this factor.
GROWTH_FACTOR = 1.001
#: Golden ratio: spreads the distances of the jets, so that no two of them stay equal.
GOLDEN_RATIO = 0.6180339887498949


def may_be_undefined(tape: Tape, coordinates: int) -> bool:
    """Whether roots, logarithms or negative powers of jets, the inputs after so many ``coordinates``, are taken."""
    depends = [i >= coordinates for i in range(tape.input_count)]
    for name, arguments, value in tape.instructions:
        depends.append(any(depends[a] for a in arguments))
        is_root = name in ("sqrt", "log") or (name == "power" and (len(arguments) > 1 or value < 0 or value % 1.0))
        if is_root and depends[-1]:
            return True
    return False


def fill_limits(
    tape: Tape, coordinates: Sequence[torch.Tensor], jets: Sequence[torch.Tensor], results: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """Replace NaN in F and its slopes by limits, where these exist; other values are unchanged.

    ``coordinates`` and ``jets`` broadcast to the shape of the ``results``: F, then its slopes or none. F gets the
    common limit of both sides, a bounded slope the mean of both sides; what shrinks gets zero.
    """
    if not bool(torch.stack([r.isnan().any() for r in results]).any()):
        return list(results)
    bad = torch.stack([r.isnan() for r in results]).any(0)
    at = [x.expand(bad.shape)[bad] for x in coordinates]
    here = [j.expand(bad.shape)[bad] for j in jets]
    far, near = (_two_sides(tape, at, here, share, len(results)) for share in (1.0, NEAR_RATIO))
    found = []
    for i, result in enumerate(results):
        (up, down), (above, below) = far[i], near[i]
        before, after = torch.maximum(up.abs(), down.abs()), torch.maximum(above.abs(), below.abs())
        settles = (
            (above - below).abs() <= SHRINK_FACTOR * (up - down).abs() if i == 0 else after <= GROWTH_FACTOR * before
        )
        limit = torch.where(after <= SHRINK_FACTOR * before, 0.0, 0.5 * (above + below))
        own = result[bad]
        value = torch.where(own.isnan() & settles, limit, own)
        found.append(result.clone().masked_scatter_(bad, value))
    return found


def _two_sides(
    tape: Tape, coordinates: Sequence[torch.Tensor], jets: Sequence[torch.Tensor], share: float, result_count: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The first so many ``result_count`` on both sides of the jets, at the ``share`` of the first distance."""
    moves = []
    for k, jet in enumerate(jets):
        size = torch.where(jet == 0.0, torch.full_like(jet, OFFSET_AT_ZERO), OFFSET_SHARE * jet.abs())
        moves.append(share * (1.0 + (GOLDEN_RATIO * k) % 1.0) * size)
    sides: list[list[Any]] = [
        tape([*coordinates, *(j + sign * d for j, d in zip(jets, moves, strict=True))], torch) for sign in (1.0, -1.0)
    ]
    up, down = ([torch.as_tensor(r).to(jets[0]).expand(jets[0].shape) for r in side[:result_count]] for side in sides)
    return list(zip(up, down, strict=True))
