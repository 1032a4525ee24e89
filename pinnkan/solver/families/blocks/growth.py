"""Which blocks to add: the margin of a sum of blocks, and the part of it that a correction says is worth its cost."""

from collections.abc import Sequence

import numpy as np

from pinnkan.kan.blocks import BlockSum, Levels, support
from pinnkan.kan.field import Array

#: Groups are added, best gain per coefficient first, until this share of the correction's norm is left. Heuristic:
#: smaller shares add groups that the next correction would find too small, larger ones need more rounds.
LEFT = 0.1
#: A group's share must exceed that of noise by this factor. Heuristic: with two or three products in most groups, noise
#: does so once in twenty.
CLEAR = 3.0
#: A correction below this share of what the residual leaves unexplained sees nothing: then all of the margin is added.
BLIND = 0.1


def first_groups(dimension: int, levels: int) -> tuple[Levels, ...]:
    """The constant, and the first levels of every coordinate alone."""
    alone = [tuple(level * (i == axis) for i in range(dimension)) for axis in range(dimension)
             for level in range(1, levels + 1)]  # fmt: skip
    return ordered([(0,) * dimension, *alone])


def ordered(groups: Sequence[Levels]) -> tuple[Levels, ...]:
    """Sorted by the coordinates they depend on, fewest first."""
    return tuple(sorted(groups, key=lambda g: (len(support(g)), support(g), g)))


def margin(groups: Sequence[Levels]) -> tuple[Levels, ...]:
    """The groups one level above some, whose lower neighbours are all there (Gerstner and Griebel 2003)."""
    known, dimension = set(groups), len(groups[0])
    found = {_moved(g, axis, 1) for g in groups for axis in range(dimension)} - known
    return ordered([g for g in found if all(_moved(g, i, -1) in known for i in support(g))])


def _moved(group: Levels, axis: int, by: int) -> Levels:
    return tuple(level + by * (i == axis) for i, level in enumerate(group))


def worthwhile(space: BlockSum, correction: Array, chance: Array, known: int) -> tuple[Levels, ...]:
    """The groups after the first ``known`` that carry the correction (product, unknown), best gain per cost first.

    ``chance`` (product, unknown): squares that mere noise would give; what does not exceed it clearly is left out.
    """
    noise = np.stack([chance[p].sum(0) for p in space.places])
    shares = np.maximum(space.shares(correction) - CLEAR * noise, 0.0).max(1)[known:]
    sizes = np.array([space.count(g) for g in space.groups[known:]])
    order = np.argsort(-shares / sizes, kind="stable")
    rest = shares.sum() - np.cumsum(shares[order])
    needed = 1 + int(np.searchsorted(-rest, -(LEFT**2) * shares.sum()))
    return tuple(space.groups[known + k] for k in order[:needed] if shares[k] > 0.0)


def in_words(groups: Sequence[Levels], names: Sequence[str]) -> str:
    """Which coordinates the blocks couple: ``5 on one coordinate, 2 on two (x1 x2, x3 x4)``."""
    sets = sorted({support(g) for g in groups if any(g)}, key=lambda s: (len(s), s))
    parts = []
    for count in sorted({len(s) for s in sets}):
        of = [s for s in sets if len(s) == count]
        listed = f" ({', '.join(' '.join(names[i] for i in s) for s in of)})" if count > 1 and len(of) <= 10 else ""
        word = ("one", "two", "three", "four", "five", "six")[count - 1] if count <= 6 else str(count)
        parts.append(f"{len(of)} on {word}{' coordinate' if count == 1 else ''}{listed}")
    return ", ".join(parts)
