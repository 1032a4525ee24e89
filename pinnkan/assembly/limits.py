"""Limits of an equation and its slopes where a formula is 0/0: ``abs(u)**0.75*u`` and a p-Laplacian where u is at rest.

A function that bends less than once has slopes that are written as 0*inf there, and a start, or what has not moved yet,
is exactly there. They are computed, not recognised: the same instructions a hair to both sides and a sixteenth of it.
"""

from collections.abc import Sequence
from typing import Any

import torch

from pinnkan.problem.expressions.tape import Tape

#: How far to either side: of a derivative that is not zero, and of one that is. Its fourth power is a float64 still.
ASIDE, BESIDE_ZERO = 2.0**-30, 2.0**-200
#: And how much nearer.
NEARER = 1.0 / 16.0
#: What two sides differ by shrinks by at least this where there is a limit, as abs(u)**0.04 does.
SHRINKS = 0.9
#: Slopes grow by no more than this where they are bounded.
GROWS = 1.001
#: Derivatives are moved by different shares, so that no two of them stay equal.
UNEVEN = 0.6180339887498949


def may_be_undefined(tape: Tape, coordinates: int) -> bool:
    """Whether roots, logarithms or quotients of derivatives of unknowns, the inputs after so many, are taken."""
    depends = [i >= coordinates for i in range(tape.inputs)]
    for name, arguments, value in tape.instructions:
        depends.append(any(depends[a] for a in arguments))
        is_root = name in ("sqrt", "log") or (name == "power" and (len(arguments) > 1 or value < 0 or value % 1.0))
        if is_root and depends[-1]:
            return True
    return False


def with_limits(
    tape: Tape, coordinates: Sequence[torch.Tensor], jets: Sequence[torch.Tensor], results: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """F and its slopes, as far as there are any, with limits where they are not numbers.

    ``coordinates`` and ``jets`` broadcast to the shape of the ``results``. F has the one value that both sides come to,
    a slope, if it is bounded, the mean of both sides; what becomes less and less is zero. What has none stays as it is.
    """
    if not bool(torch.stack([r.isnan().any() for r in results]).any()):
        return list(results)
    bad = torch.stack([r.isnan() for r in results]).any(0)
    at = [x.expand(bad.shape)[bad] for x in coordinates]
    here = [j.expand(bad.shape)[bad] for j in jets]
    far, near = (_two_sides(tape, at, here, share, len(results)) for share in (1.0, NEARER))
    found = []
    for i, result in enumerate(results):
        (up, down), (above, below) = far[i], near[i]
        before, after = torch.maximum(up.abs(), down.abs()), torch.maximum(above.abs(), below.abs())
        settles = (above - below).abs() <= SHRINKS * (up - down).abs() if i == 0 else after <= GROWS * before
        limit = torch.where(after <= SHRINKS * before, 0.0, 0.5 * (above + below))
        own = result[bad]
        value = torch.where(own.isnan() & settles, limit, own)
        found.append(result.clone().masked_scatter_(bad, value))
    return found


def _two_sides(
    tape: Tape, at: Sequence[torch.Tensor], jets: Sequence[torch.Tensor], share: float, results: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Each of so many results, a share of the way off, to both sides."""
    moves = []
    for k, jet in enumerate(jets):
        size = torch.where(jet == 0.0, torch.full_like(jet, BESIDE_ZERO), ASIDE * jet.abs())
        moves.append(share * (1.0 + (UNEVEN * k) % 1.0) * size)
    sides: list[list[Any]] = [
        tape([*at, *(j + sign * d for j, d in zip(jets, moves, strict=True))], torch) for sign in (1.0, -1.0)
    ]
    up, down = ([torch.as_tensor(r).to(jets[0]).expand(jets[0].shape) for r in side[:results]] for side in sides)
    return list(zip(up, down, strict=True))
