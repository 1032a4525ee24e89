"""Products from which alternation begins: smooth ones.

With exact integrals a single product is found from any start; of sums, the few lowest waves of each coordinate in
random proportion reach the term that lowers the loss most (measured: four starts, 0.02 s in four coordinates).
"""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.separable.system import SeparableSystem
from pinnkan.kan.separable import Separable
from pinnkan.solver.families.separable.minimise import Edges
from pinnkan.solver.verify.rank_one import lowered

#: Random starts, and the waves that each mixes.
RANDOM, WAVES = 3, 5
#: Sweeps of the power iteration: what it has not settled, least squares do.
POWER = 6
#: Sweeps that fit a product to the knots.
LOWERED = 3


def starts(system: SeparableSystem, edges: Edges, seed: int, hints: Sequence[Separable] = ()) -> tuple[Edges, ...]:
    """The product most like the residual, what the equations see least near it, ``hints``, and smooth products.

    Near a resonance the residual that is left is the mode that is missing. Its edges must fit the knots before least
    squares ask for its amplitude: what their representation leaves is far larger than the residual of the mode.
    """
    smooth = _smooth(system, seed, hints)
    fitted = max((_fitted(system, edges, s) for s in smooth), key=lambda f: f[0])[1]
    return (fitted, lowered(system, fitted, LOWERED)[1], *smooth)


def _fitted(system: SeparableSystem, edges: Edges, start: Edges) -> tuple[float, Edges]:
    """The product of norm one nearest to the residual inside, from a start; the square of their inner product.

    Power iteration (De Lathauwer, De Moor, Vandewalle 2000).
    """
    size = 0.0
    for _ in range(POWER):
        for k in range(len(start)):
            factor = system.rows[0].match(edges, start, k)
            size = float(np.linalg.norm(factor))
            if size > 0.0:
                start = (*start[:k], factor[None] / size, *start[k + 1 :])
    return size, start


def _smooth(system: SeparableSystem, seed: int, hints: Sequence[Separable]) -> tuple[Edges, ...]:
    counts = [min(w.count, WAVES) for w in system.waves]
    out: list[Edges] = [system.edges(h.prolonged(system.axes)) for h in hints]
    out.append(tuple(np.eye(1, w.count) for w in system.waves))
    rng = np.random.default_rng(seed)
    for _ in range(RANDOM):
        mixed = [np.zeros((1, w.count)) for w in system.waves]
        for edge, n in zip(mixed, counts, strict=True):
            edge[0, :n] = rng.standard_normal(n) / (1.0 + np.arange(n))
        out.append(tuple(mixed))
    return tuple(out)
