"""Train the edges of a sum of products: a new term by alternating least squares, all edges by Levenberg-Marquardt.

On a sum of three products in four coordinates this reaches 2e-10 in 16 steps. Alternation alone reaches 2e-6 in 148
sweeps; Levenberg-Marquardt from random edges 2e-12 in 28 steps, or stays at 9e-2. Alternation starts from smooth
products: the few lowest waves of each coordinate in random proportion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from pinnkan.assembly.separable.system import SeparableSystem
from pinnkan.kan.field import Array
from pinnkan.kan.separable import Separable
from pinnkan.solver.linear.scaled_system import solve_scaled
from pinnkan.solver.minimise import levenberg_marquardt as lm
from pinnkan.solver.minimise.descent import Iterate
from pinnkan.solver.solver_state import Step
from pinnkan.solver.verify.hidden_errors.least_product import lower_quotient

Edges = tuple[Array, ...]

#: A loss below this share of the source is rounding.
ROUNDING = 1e-15
#: Sweeps of a new term; they end where one gains less than LEAST_SWEEP_GAIN of the loss.
SWEEPS, LEAST_SWEEP_GAIN = 8, 1e-2
#: Damping of the first step, relative to the diagonal. A term begins at the least squares of alternation, and
#: damping slows a nearly resonant mode most: with 1e-3 its estimate was 1.2e-4 after eight levels, now 7e-6 after five.
FIRST_DAMPING = 1e-8
#: Training ends after STALLED_STEPS steps that gain less than a share LEAST_STEP_GAIN of the loss.
LEAST_STEP_GAIN, STALLED_STEPS = 1e-2, 3


@dataclass(frozen=True, eq=False)
class TrainedEdges:
    """Trained edges, their loss, and the Levenberg-Marquardt steps."""

    edges: Edges
    loss: float
    steps: tuple[Step, ...] = ()


def balance_edges(edges: Sequence[Array], trained: Sequence[np.ndarray]) -> Edges:
    """Return the same products with trained edges of equal size: only the product of their sizes is determined."""
    out = [e.copy() for e in edges]
    for term in range(len(edges[0])):
        moved = [i for i, mask in enumerate(trained) if mask[term].any()]
        sizes = np.array([np.linalg.norm(edges[i][term]) / np.sqrt(edges[i].shape[1]) for i in moved])
        if len(moved) < 2 or not (sizes > 0.0).all():
            continue
        mean = np.exp(np.log(sizes).mean())
        for i, size in zip(moved, sizes, strict=True):
            out[i][term] *= mean / size
    return tuple(out)


def alternating_least_squares(
    system: SeparableSystem, edges: Sequence[Array], trained: Sequence[np.ndarray], sweeps: int = SWEEPS
) -> TrainedEdges:
    """Least squares for the edges of one coordinate after the other (Carroll, Chang 1970; Harshman 1970)."""
    now, loss = tuple(edges), system.loss(edges)
    for _ in range(sweeps):
        for k, mask in enumerate(trained):
            chosen = mask.ravel()
            if not chosen.any():
                continue
            matrix, right = system.edge_normal_equations(now, k)
            left = right - matrix @ now[k].ravel()
            moved = now[k].ravel().copy()
            moved[chosen] += solve_scaled(matrix[np.ix_(chosen, chosen)], left[chosen])
            now = (*now[:k], moved.reshape(now[k].shape), *now[k + 1 :])
        now, before, loss = balance_edges(now, trained), loss, system.loss(now)
        if loss > (1.0 - LEAST_SWEEP_GAIN) * before or loss <= ROUNDING * system.source_square:
            break
    return TrainedEdges(now, loss)


def levenberg_marquardt(
    system: SeparableSystem,
    edges: Sequence[Array],
    trained: Sequence[np.ndarray],
    max_steps: int,
    is_expired: Callable[[], bool] = lambda: False,
) -> TrainedEdges:
    """Levenberg-Marquardt for all trained edges at once, at most ``max_steps`` steps, each of which lowers the loss."""
    chosen, begun = np.concatenate([m.ravel() for m in trained]), balance_edges(edges, trained)
    flat, ends = np.concatenate([e.ravel() for e in begun]), np.cumsum([e.size for e in begun])[:-1]
    steps: list[Step] = []
    stalled = 0

    def edges_of(x: torch.Tensor) -> Edges:
        moved = flat.copy()
        moved[chosen] = x.numpy()
        return tuple(part.reshape(e.shape) for part, e in zip(np.split(moved, ends), begun, strict=True))

    def normal_equations(at: Edges) -> tuple[torch.Tensor, torch.Tensor]:
        matrix, left = system.joint_normal_equations(at)
        return torch.from_numpy(-left[chosen]), torch.from_numpy(matrix[np.ix_(chosen, chosen)])

    def evaluate(x: torch.Tensor) -> tuple[float, Callable[[], tuple[torch.Tensor, torch.Tensor]]]:
        return system.loss(edges_of(x)), partial(normal_equations, edges_of(x))

    def is_over(before: Iterate[lm.ScaledPoint], now: Iterate[lm.ScaledPoint]) -> bool:
        nonlocal stalled
        if now.number:
            steps.append(Step(now.loss, now.size, now.control))
            stalled = stalled + 1 if before.loss - now.loss < LEAST_STEP_GAIN * abs(before.loss) else 0
        is_done = now.number > 0 and now.loss <= ROUNDING * system.source_square
        return stalled == STALLED_STEPS or is_done or is_expired()

    end = lm.levenberg_marquardt(evaluate, torch.from_numpy(flat[chosen]), is_over, max_steps, damping=FIRST_DAMPING)
    return TrainedEdges(balance_edges(edges_of(end.point.x), trained), end.loss, tuple(steps))


def add_term(system: SeparableSystem, edges: Sequence[Array], starts: Sequence[Edges]) -> TrainedEdges:
    """Add one product, with the others fixed: the best that alternation finds from ``starts``."""
    terms = len(edges[0])
    trained = system.trained_masks(terms + 1)
    for mask in trained:
        mask[:terms] = False
    found = []
    for start in starts:
        both = tuple(np.concatenate(pair) for pair in zip(edges, start, strict=True))
        found.append(alternating_least_squares(system, both, trained))
        if found[-1].loss <= ROUNDING * system.source_square:
            break
    return min(found, key=lambda t: t.loss)


#: Random starts, and waves in each.
RANDOM_STARTS, WAVES = 3, 5
#: Sweeps of the power iteration, whose result least squares improve.
POWER_SWEEPS = 6
#: Sweeps that lower the residual of a fitted product.
QUOTIENT_SWEEPS = 3


def starting_products(
    system: SeparableSystem, edges: Edges, seed: int, hints: Sequence[Separable] = ()
) -> tuple[Edges, ...]:
    """Products to start from: that nearest to the residual, it with a lower quotient, ``hints``, smooth ones.

    Near a resonance the remaining residual is the missing mode, whose edges must fit the knots before its amplitude can
    be found: their representation error exceeds the residual of the mode.
    """
    smooth = _smooth_products(system, seed, hints)
    fitted = max((_nearest_product(system, edges, s) for s in smooth), key=lambda f: f[0])[1]
    return (fitted, lower_quotient(system, fitted, QUOTIENT_SWEEPS)[1], *smooth)


def _nearest_product(system: SeparableSystem, edges: Edges, start: Edges) -> tuple[float, Edges]:
    """The product of norm one nearest to the residual inside, from a start, and its squared inner product with it.

    Power iteration (De Lathauwer, De Moor, Vandewalle 2000).
    """
    size = 0.0
    for _ in range(POWER_SWEEPS):
        for k in range(len(start)):
            factor = system.rows[0].residual_moments(edges, start, k)
            size = float(np.linalg.norm(factor))
            if size > 0.0:
                start = (*start[:k], factor[None] / size, *start[k + 1 :])
    return size, start


def _smooth_products(system: SeparableSystem, seed: int, hints: Sequence[Separable]) -> tuple[Edges, ...]:
    counts = [min(w.count, WAVES) for w in system.waves]
    out: list[Edges] = [system.edges(h.prolonged(system.axes)) for h in hints]
    out.append(tuple(np.eye(1, w.count) for w in system.waves))
    rng = np.random.default_rng(seed)
    for _ in range(RANDOM_STARTS):
        mixed = [np.zeros((1, w.count)) for w in system.waves]
        for edge, n in zip(mixed, counts, strict=True):
            edge[0, :n] = rng.standard_normal(n) / (1.0 + np.arange(n))
        out.append(tuple(mixed))
    return tuple(out)
