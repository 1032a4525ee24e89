"""DeepXDE (torch): networks as its own examples set them up, examples/pinn_forward of the repository.

poisson     Poisson_Lshape.py: 1200 points inside, 120 on the boundary, 4 x 50 tanh
helmholtz   Helmholtz_Dirichlet_2d.py: ten points per wave each way, 3 x 150 sin, zero on the boundary by construction
burgers     Burgers.py: 2540 points inside, 80 on the sides, 160 at the start, 3 x 20 tanh
allen_cahn  Allen_Cahn.py: 8000 points, 3 x 20 tanh, the start by construction; periodic by PeriodicBC of order 0 and 1
cavity      Kovasznay_flow.py: 2601 points inside, 400 on the boundary, 4 x 50 tanh
heat2d_lt   as allen_cahn, in three coordinates, start and sides by construction

Adam at 1e-3 as in the examples (Helmholtz: all through), at most for half of the budget, then L-BFGS.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from typing import Any

os.environ["DDE_BACKEND"] = "pytorch"
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    import deepxde as dde
import numpy as np
import torch
from deepxde.optimizers.config import LBFGS_options
from protocol import Run, main

#: Steps of Adam and of L-BFGS between two looks at the error.
LOOK, LOOK_LBFGS = 100, 20
jacobian, hessian = dde.grad.jacobian, dde.grad.hessian
sin, cos, pi = torch.sin, torch.cos, np.pi
SQUARE = dde.geometry.Rectangle([0, 0], [1, 1])


class Watch(dde.callbacks.Callback):
    """Reports the error now and then; ends the first optimiser at half of the budget."""

    def __init__(self, run: Run, words: str, until: float, look: int) -> None:
        super().__init__()
        self.run, self.words, self.until, self.look, self.count = run, words, until, look, 0

    def on_epoch_end(self) -> None:
        """Called by DeepXDE after each step."""
        self.count += 1
        if self.count % self.look == 0:
            self.run.report(self.words, self.predict)
            self.model.stop_training = self.run.spent > self.until

    def predict(self, points: Any) -> Any:
        """The compared components, without a pressure."""
        return self.model.predict(points.astype(np.float32)).T[: len(self.run.values)]


def train(run: Run, data: Any, net: Any, steps: int, words: str, second: bool = True) -> None:
    """Adam for `steps` or half of the budget, then L-BFGS."""
    model = dde.Model(data, net)
    with contextlib.redirect_stdout(io.StringIO()):
        model.compile("adam", lr=1e-3)
        watch = Watch(run, f"{words}, Adam", run.budget / 2 if second else np.inf, LOOK)
        model.train(iterations=steps, display_every=10**9, callbacks=[watch])
        if second:
            LBFGS_options.update(iter_per_step=LOOK_LBFGS, fun_per_step=2 * LOOK_LBFGS)
            model.compile("L-BFGS")
            watch = Watch(run, f"{words}, L-BFGS", np.inf, 1)
            model.train(display_every=10**9, callbacks=[watch])


def on_boundary(_: Any, on: bool) -> bool:
    """All of the boundary."""
    return on


def laplacian(u: Any, x: Any, component: int = 0) -> Any:
    """u_xx + u_yy of one component."""
    return hessian(u, x, component=component, i=0, j=0) + hessian(u, x, component=component, i=1, j=1)


def network(sizes: list[int], activation: str = "tanh", start: str = "Glorot normal") -> Any:
    """A plain network."""
    return dde.nn.FNN(sizes, activation, start)


def poisson(run: Run) -> None:
    """-lap u = 2 pi^2 sin(pi x) sin(pi y)."""

    def equation(x: Any, u: Any) -> Any:
        return -laplacian(u, x) - 2 * pi**2 * sin(pi * x[:, :1]) * sin(pi * x[:, 1:])

    bc = dde.icbc.DirichletBC(SQUARE, lambda x: 0, on_boundary)
    data = dde.data.PDE(SQUARE, equation, bc, num_domain=1200, num_boundary=120)
    train(run, data, network([2, *[50] * 4, 1], start="Glorot uniform"), 50_000, "4 x 50 tanh, 1200 points")


def helmholtz(run: Run) -> None:
    """lap u + u = (1 - 17 pi^2) sin(pi x) sin(4 pi y) on [-1, 1]^2."""

    def equation(x: Any, u: Any) -> Any:
        return laplacian(u, x) + u - (1 - 17 * pi**2) * sin(pi * x[:, :1]) * sin(4 * pi * x[:, 1:])

    square = dde.geometry.Rectangle([-1, -1], [1, 1])
    data = dde.data.PDE(square, equation, [], num_domain=40 * 40, num_boundary=160)
    net = network([2, *[150] * 3, 1], "sin", "Glorot uniform")
    net.apply_output_transform(lambda x, u: (1 - x[:, :1] ** 2) * (1 - x[:, 1:] ** 2) * u)
    train(run, data, net, 10**6, "3 x 150 sin, 1600 points", second=False)


def in_time(space: Any, end: float) -> Any:
    """Space times [0, end]."""
    return dde.geometry.GeometryXTime(space, dde.geometry.TimeDomain(0, end))


def burgers(run: Run) -> None:
    """u_t + u u_x = 0.01/pi u_xx."""

    def equation(x: Any, u: Any) -> Any:
        return jacobian(u, x, i=0, j=1) + u * jacobian(u, x, i=0, j=0) - 0.01 / pi * hessian(u, x, i=0, j=0)

    domain = in_time(dde.geometry.Interval(-1, 1), 1)
    bc = dde.icbc.DirichletBC(domain, lambda x: 0, on_boundary)
    ic = dde.icbc.IC(domain, lambda x: -np.sin(pi * x[:, :1]), lambda _, on: on)
    data = dde.data.TimePDE(domain, equation, [bc, ic], num_domain=2540, num_boundary=80, num_initial=160)
    train(run, data, network([2, *[20] * 3, 1]), 15_000, "3 x 20 tanh, 2540 points")


def allen_cahn(run: Run) -> None:
    """u_t = 1e-4 u_xx + 5 (u - u^3), periodic."""

    def equation(x: Any, u: Any) -> Any:
        return jacobian(u, x, i=0, j=1) - 1e-4 * hessian(u, x, i=0, j=0) - 5 * (u - u**3)

    domain = in_time(dde.geometry.Interval(-1, 1), 1)
    bcs = [dde.icbc.PeriodicBC(domain, 0, on_boundary, derivative_order=order) for order in (0, 1)]
    data = dde.data.TimePDE(domain, equation, bcs, num_domain=8000, num_boundary=400, num_initial=800)
    net = network([2, *[20] * 3, 1])
    net.apply_output_transform(lambda x, u: x[:, :1] ** 2 * cos(pi * x[:, :1]) + x[:, 1:] * u)
    train(run, data, net, 40_000, "3 x 20 tanh, 8000 points")


def cavity(run: Run) -> None:
    """Steady Navier-Stokes, Re 100, lid 16 x^2 (1 - x)^2."""

    def equation(x: Any, w: Any) -> list[Any]:
        u, v = w[:, :1], w[:, 1:2]

        def slope(i: int, j: int) -> Any:
            return jacobian(w, x, i=i, j=j)

        return [
            u * slope(0, 0) + v * slope(0, 1) + slope(2, 0) - laplacian(w, x, 0) / 100,
            u * slope(1, 0) + v * slope(1, 1) + slope(2, 1) - laplacian(w, x, 1) / 100,
            slope(0, 0) + slope(1, 1),
        ]

    def lid(x: Any) -> Any:
        return np.where(x[:, 1:] > 1 - 1e-6, 16 * x[:, :1] ** 2 * (1 - x[:, :1]) ** 2, 0.0)

    sides: list[tuple[int, Callable[[Any], Any]]] = [(0, lid), (1, lambda x: np.zeros((len(x), 1)))]
    bcs = [dde.icbc.DirichletBC(SQUARE, value, on_boundary, component=i) for i, value in sides]
    data = dde.data.PDE(SQUARE, equation, bcs, num_domain=2601, num_boundary=400)
    net = network([2, *[50] * 4, 3])
    train(run, data, net, 30_000, "4 x 50 tanh, 2601 points")


def heat2d_lt(run: Run) -> None:
    """u_t = 0.001 lap u + 5 sin(u^2) (1 + 2 sin(pi t / 4)) sin(4 pi x) sin(2 pi y), to t = 8."""

    def equation(x: Any, u: Any) -> Any:
        growth = 5 * (1 + 2 * sin(pi * x[:, 2:] / 4)) * sin(4 * pi * x[:, :1]) * sin(2 * pi * x[:, 1:2])
        return jacobian(u, x, i=0, j=2) - 0.001 * laplacian(u, x) - growth * sin(u**2)

    def transform(x: Any, u: Any) -> Any:
        a, b, t = x[:, :1], x[:, 1:2], x[:, 2:]
        return sin(4 * pi * a) * sin(3 * pi * b) + t * a * (1 - a) * b * (1 - b) * u

    data = dde.data.TimePDE(in_time(SQUARE, 8), equation, [], num_domain=8000, num_boundary=400, num_initial=800)
    net = network([3, *[20] * 3, 1])
    net.apply_output_transform(transform)
    train(run, data, net, 40_000, "3 x 20 tanh, 8000 points")


if __name__ == "__main__":
    torch.set_num_threads(1)
    dde.config.set_random_seed(0)
    problems = (poisson, helmholtz, burgers, allen_cahn, cavity, heat2d_lt)
    main({problem.__name__: problem for problem in problems}, ("deepxde", "torch"))
