"""jaxKAN: Kolmogorov-Arnold networks as its tutorials set them up.

allen_cahn   tutorial 10: residual-gated KAN (two blocks of 8, degree 5), periodic by construction, 4096 of 128 x 128
             points drawn anew by residual, weights by residual, causal in 32 chunks, Adam at 0.001 falling by a tenth
             in 1000 steps; without its annealing of the two weights of the loss
the others   tutorial 6 (Burgers): Chebyshev KAN, two layers of 6, degree 5, 4096 Sobol points, 64 a side, Adam at 0.001
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxkan.models.KAN import KAN
from jaxkan.models.RGAKAN import RGAKAN
from jaxkan.pikan.adaptive import get_causal_weights, get_colloc_indices, get_rad_indices, update_rba_weights
from jaxkan.pikan.pde import get_ac_res, get_burgers_res, get_helmholtz_res
from jaxkan.pikan.sampling import get_collocs_grid, get_collocs_sobol
from protocol import Run, main

#: Steps between two looks at the error.
LOOK = 50
SEED, INSIDE, SIDE = 42, 2**12, 2**6
sin, pi = jnp.sin, jnp.pi
Ranges = list[tuple[float, float]]
Residual = Callable[[Any, Any], Any]


def report(run: Run, model: Any, words: str, order: list[int]) -> None:
    """The error; `order` puts the columns of points as the network has them."""
    evaluate = nnx.jit(lambda m, x: m(x))

    def predict(points: Any) -> Any:
        return np.asarray(evaluate(model, jnp.asarray(points[:, order], dtype=jnp.float32))).T[: len(run.values)]

    run.report(words, predict)


def plain(
    run: Run, ranges: Ranges, residual: Residual, sides: list[tuple[Any, Any]], outputs: int = 1, order: Any = None
) -> None:
    """Tutorial 6; `sides` are points and what the first outputs are there, (point, output)."""
    inside = get_collocs_sobol(ranges=ranges, total_points=INSIDE, seed=SEED)
    layers = {"D": 5, "flavor": "exact", "residual": None, "external_weights": False, "add_bias": True}
    layers["init_scheme"] = {"type": "glorot_fine"}
    model = KAN([len(ranges), 6, 6, outputs], "chebyshev", layers, seed=SEED)
    optimizer = nnx.Optimizer(model, optax.adam(learning_rate=1e-3), wrt=nnx.Param)
    places = jnp.concatenate([p for p, _ in sides])
    values = jnp.concatenate([v for _, v in sides])

    @nnx.jit
    def step(model: Any, optimizer: Any) -> None:
        def loss(model: Any) -> Any:
            off = model(places)[:, : values.shape[1]] - values
            return jnp.mean(residual(model, inside) ** 2) + jnp.mean(off**2)

        optimizer.update(model, nnx.grad(loss)(model))

    while True:
        for _ in range(LOOK):
            step(model, optimizer)
        jax.block_until_ready(nnx.state(model))
        report(run, model, "Chebyshev KAN 6-6, degree 5, 4096 points, Adam", order or list(range(len(ranges))))


def side(ranges: Ranges, values: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Points on a side and what is known there."""
    points = get_collocs_sobol(ranges=ranges, total_points=SIDE, seed=SEED)
    return points, values(points)


def zero(points: Any) -> Any:
    """Nothing."""
    return jnp.zeros((points.shape[0], 1))


def around(low: float, high: float, rest: Ranges, values: Callable[[Any], Any] = zero) -> list[tuple[Any, Any]]:
    """The four sides of a square, times `rest` in front."""
    all_of = (low, high)
    pairs = [[(low, low), all_of], [(high, high), all_of], [all_of, (low, low)], [all_of, (high, high)]]
    return [side([*rest, *pair], values) for pair in pairs]


def by_points(function: Callable[..., Any]) -> Residual:
    """A residual of points from one of (u, coordinates), as those of jaxkan.pikan.pde are made."""

    def residual(model: Any, points: Any) -> Any:
        def u(*place: Any) -> Any:
            return model(jnp.array([place]))[0]

        return jax.vmap(lambda place: function(u, *place))(points)

    return residual


def slope(u: Callable[..., Any], i: int, order: int = 1) -> Callable[..., Any]:
    """The derivative of all components by coordinate i."""
    for _ in range(order):
        u = jax.jacrev(u, argnums=i)
    return u


def poisson(run: Run) -> None:
    """-lap u = 2 pi^2 sin(pi x) sin(pi y)."""

    def function(u: Any, x: Any, y: Any) -> Any:
        return slope(u, 0, 2)(x, y) + slope(u, 1, 2)(x, y) + 2 * pi**2 * sin(pi * x) * sin(pi * y)

    plain(run, [(0, 1), (0, 1)], by_points(function), around(0, 1, []))


def helmholtz(run: Run) -> None:
    """Its own residual is ours."""
    plain(run, [(-1, 1), (-1, 1)], get_helmholtz_res(), around(-1, 1, []))


def burgers(run: Run) -> None:
    """Time comes first in jaxKAN."""
    start = side([(0, 0), (-1, 1)], lambda p: -sin(pi * p[:, 1:]))
    sides = [side([(0, 1), (x, x)], zero) for x in (-1, 1)]
    plain(run, [(0, 1), (-1, 1)], get_burgers_res(), [start, *sides], order=[1, 0])


def cavity(run: Run) -> None:
    """Steady Navier-Stokes, Re 100, lid 16 x^2 (1 - x)^2."""

    def function(w: Any, x: Any, y: Any) -> Any:
        here, by_x, by_y = w(x, y), slope(w, 0)(x, y), slope(w, 1)(x, y)
        lap = slope(w, 0, 2)(x, y) + slope(w, 1, 2)(x, y)
        flow = here[0] * by_x + here[1] * by_y - lap / 100
        return jnp.array([flow[0] + by_x[2], flow[1] + by_y[2], by_x[0] + by_y[1]])

    def walls(points: Any) -> Any:
        x, y = points[:, 0], points[:, 1]
        return jnp.stack([jnp.where(y == 1, 16 * x**2 * (1 - x) ** 2, 0.0), 0 * x], axis=1)

    plain(run, [(0, 1), (0, 1)], by_points(function), around(0, 1, [], walls), outputs=3)


def heat2d_lt(run: Run) -> None:
    """Time first."""

    def function(u: Any, t: Any, x: Any, y: Any) -> Any:
        factor = 5 * (1 + 2 * sin(pi * t / 4)) * sin(4 * pi * x) * sin(2 * pi * y)
        lap = slope(u, 1, 2)(t, x, y) + slope(u, 2, 2)(t, x, y)
        return slope(u, 0)(t, x, y) - 0.001 * lap - factor * sin(u(t, x, y) ** 2)

    start = side([(0, 0), (0, 1), (0, 1)], lambda p: sin(4 * pi * p[:, 1:2]) * sin(3 * pi * p[:, 2:]))
    sides = [start, *around(0, 1, [(0, 8)])]
    plain(run, [(0, 8), (0, 1), (0, 1)], by_points(function), sides, order=[2, 0, 1])


def allen_cahn(run: Run) -> None:
    """Tutorial 10."""
    pool = get_collocs_grid(ranges=[(0, 1, 2**7), (-1, 1, 2**7)])
    first = get_collocs_grid(ranges=[(0, 0, 1), (-1, 1, SIDE)])
    known = (first[:, 1] ** 2 * jnp.cos(pi * first[:, 1])).reshape(-1, 1)
    gates = {"alpha": 0.0, "beta": 0.0, "ref": None, "rff_std": None, "sine_D": 5, "seed": SEED}
    periods = {1: (pi, False)}
    model = RGAKAN(2, 1, 8, 2, flavor="exact", D=5, init_scheme={"type": "glorot_fine"}, period_axes=periods, **gates)
    falling = optax.exponential_decay(init_value=1e-3, transition_steps=1000, decay_rate=0.9)
    optimizer = nnx.Optimizer(model, optax.adam(learning_rate=falling), wrt=nnx.Param)
    chunks, residual = 32, get_ac_res()
    earlier = jnp.triu(jnp.ones((chunks, chunks)), k=1).T

    @nnx.jit
    def step(model: Any, optimizer: Any, points: Any, weights: Any, weights_0: Any) -> Any:
        def loss(model: Any) -> Any:
            found, off = residual(model, points), model(first) - known
            new, new_0 = (update_rba_weights(r, w, 0.999, 0.01) for r, w in ((found, weights), (off, weights_0)))
            parts = jnp.mean((new * found).reshape(chunks, -1) ** 2, axis=1)
            causal = jax.lax.stop_gradient(get_causal_weights(parts, earlier, 1.0))
            return jnp.mean(causal * parts) + jnp.mean((new_0 * off) ** 2), (new, new_0)

        gradient, found = nnx.grad(loss, has_aux=True)(model)
        optimizer.update(model, gradient)
        return found

    chosen = get_colloc_indices(collocs_pool=pool, batch_size=INSIDE, px=None, seed=SEED)
    pooled, weights_0 = jnp.ones((pool.shape[0], 1)), jnp.ones((first.shape[0], 1))
    points, weights, count = pool[chosen], pooled[chosen], 0
    while True:
        weights, weights_0 = step(model, optimizer, points, weights, weights_0)
        count += 1
        if count % 2000 == 0:
            chosen, pooled, _ = get_rad_indices(
                pool, residual(model, pool), chosen, weights, pooled, INSIDE, 1.0, 1.0, SEED
            )
            points, weights = pool[chosen], pooled[chosen]
        if count % LOOK == 0:
            report(run, model, "residual-gated KAN, 2 blocks of 8, degree 5, 4096 points, Adam", [1, 0])


if __name__ == "__main__":
    problems = (poisson, helmholtz, burgers, allen_cahn, cavity, heat2d_lt)
    main({problem.__name__: problem for problem in problems}, ("jaxkan", "jax", "flax"))
