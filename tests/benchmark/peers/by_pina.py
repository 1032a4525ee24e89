"""PINA: plain PINNs of its problem zoo, set up as its tutorials and examples do.

poisson      tutorial 2: 2 x 10 Softplus, 25 x 25 points, Adam at 0.006 with weight decay 1e-8
burgers      examples/run_burgers.py: 30-20-10-5 Softplus, 2000 points, Adam at 0.006 with weight decay 1e-8
allen_cahn   tutorial 9: 2 x 64 tanh behind a periodic embedding; 1000 points and Adam at 0.001 (the default) as in
             tutorial 3
helmholtz, cavity, heat2d_lt   the same without the embedding
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from pina import Condition, LabelTensor, Trainer
from pina.domain import CartesianDomain
from pina.equation import Equation, SystemEquation
from pina.equation.zoo import FixedValue
from pina.model import FeedForward
from pina.model.block import PeriodicBoundaryEmbedding
from pina.operator import grad, laplacian
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem, TimeDependentProblem
from pina.problem.zoo import AllenCahnProblem, BurgersProblem, HelmholtzProblem, Poisson2DSquareProblem
from pina.solver import PhysicsInformedSingleModelSolver
from protocol import Run, main

#: Epochs, of one step each, between two looks at the error.
LOOK = 50
pi, sin = torch.pi, torch.sin


class Watch(Callback):
    """Reports the error now and then."""

    def __init__(self, run: Run, solver: Any, words: str, sign: float) -> None:
        self.run, self.solver, self.words, self.sign = run, solver, words, sign

    def on_train_epoch_end(self, trainer: Any, *_: Any) -> None:
        """Called by Lightning after each step."""
        if trainer.current_epoch % LOOK == LOOK - 1:
            self.run.report(self.words, self.predict)

    def predict(self, points: Any) -> Any:
        """The compared components."""
        labels = self.solver.problem.input_variables
        columns = {"x": 0, "y": 1, "t": points.shape[1] - 1}
        ordered = torch.tensor(points[:, [columns[name] for name in labels]], dtype=torch.float32)
        with torch.no_grad():
            found = self.solver(LabelTensor(ordered, labels)).as_subclass(torch.Tensor)
        return self.sign * found.numpy().T[: len(self.run.values)]


def train(run: Run, problem: Any, model: Any, words: str, optimizer: dict[str, float], sign: float = 1.0) -> None:
    """Adam until the budget is spent."""
    solver = PhysicsInformedSingleModelSolver(problem, model, optimizer=TorchOptimizer(torch.optim.Adam, **optimizer))
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
    }
    watch = Watch(run, solver, words, sign)
    Trainer(solver, max_epochs=10**7, accelerator="cpu", callbacks=[watch], **quiet).train()


def default(run: Run, problem: Any, model: Any = None) -> None:
    """2 x 64 tanh, 1000 points."""
    outputs, inputs = len(problem.output_variables), len(problem.input_variables)
    model = model or FeedForward(layers=[64, 64], output_dimensions=outputs, input_dimensions=inputs)
    problem.discretise_domain(1000, "random")
    train(run, problem, model, "2 x 64 tanh, 1000 points, Adam", {"lr": 1e-3})


SMALL = {"lr": 0.006, "weight_decay": 1e-8}


def poisson(run: Run) -> None:
    """The zoo has lap u = 2 pi^2 sin sin, and so minus our solution."""
    problem = Poisson2DSquareProblem()
    problem.discretise_domain(25, "grid", domains=["D"])
    problem.discretise_domain(100, "random", domains=["boundary"])
    model = FeedForward(layers=[10, 10], func=torch.nn.Softplus, output_dimensions=1, input_dimensions=2)
    train(run, problem, model, "2 x 10 Softplus, 25 x 25 points, Adam", SMALL, -1.0)


def helmholtz(run: Run) -> None:
    """The zoo's own is ours."""
    default(run, HelmholtzProblem())


def burgers(run: Run) -> None:
    """The zoo's own is ours."""
    problem = BurgersProblem(nu=0.01 / pi)
    problem.discretise_domain(2000, "lh", domains=["D"])
    problem.discretise_domain(150, "random", domains=["t0", "boundary"])
    model = FeedForward(layers=[30, 20, 10, 5], func=torch.nn.Softplus, output_dimensions=1, input_dimensions=2)
    train(run, problem, model, "30-20-10-5 Softplus, 2000 points, Adam", SMALL)


class Periodic(torch.nn.Module):
    """Periodic in x, plain in t."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = PeriodicBoundaryEmbedding(input_dimension=1, periods={"x": 2.0})
        self.layers = FeedForward(layers=[64, 64], output_dimensions=1, input_dimensions=4)

    def forward(self, points: Any) -> Any:
        """u at points (point, 2)."""
        waves = self.embedding(points.extract(["x"])).as_subclass(torch.Tensor)
        return self.layers(torch.cat([waves, points.extract(["t"]).as_subclass(torch.Tensor)], dim=1))


def allen_cahn(run: Run) -> None:
    """The zoo's own is ours."""
    default(run, AllenCahnProblem(), Periodic())


UNIT = {"x": [0, 1], "y": [0, 1]}


def moving(points: Any, values: Any) -> Any:
    """Momentum along x and y, and the divergence; Re 100."""
    u, v = values.extract(["u"]), values.extract(["v"])
    slopes = grad(values, points, components=["u", "v", "p"], d=["x", "y"])
    d = {name: slopes.extract([name]) for name in slopes.labels}
    lap_u, lap_v = (laplacian(values, points, components=[name], d=["x", "y"]) for name in "uv")
    return [
        u * d["dudx"] + v * d["dudy"] + d["dpdx"] - lap_u / 100,
        u * d["dvdx"] + v * d["dvdy"] + d["dpdy"] - lap_v / 100,
        d["dudx"] + d["dvdy"],
    ]


def part(index: int) -> Any:
    """One of the three equations, as an equation of its own."""
    return Equation(lambda points, values: moving(points, values)[index])


def lid(points: Any, values: Any) -> Any:
    """u = 16 x^2 (1 - x)^2."""
    x = points.extract(["x"])
    return values.extract(["u"]) - 16 * x**2 * (1 - x) ** 2


class Cavity(SpatialProblem):
    """The flow driven by a smooth lid."""

    output_variables = ["u", "v", "p"]  # noqa: RUF012
    spatial_domain = CartesianDomain(UNIT)
    domains = {  # noqa: RUF012
        "D": spatial_domain,
        "top": CartesianDomain({"x": [0, 1], "y": 1}),
        "bottom": CartesianDomain({"x": [0, 1], "y": 0}),
        "left": CartesianDomain({"x": 0, "y": [0, 1]}),
        "right": CartesianDomain({"x": 1, "y": [0, 1]}),
    }
    conditions = {  # noqa: RUF012
        "D": Condition(domain="D", equation=SystemEquation([part(i) for i in range(3)])),
        "top": Condition(domain="top", equation=SystemEquation([Equation(lid), FixedValue(0.0, ["v"])])),
        **{side: Condition(domain=side, equation=FixedValue(0.0, ["u", "v"])) for side in ("bottom", "left", "right")},
    }


def cavity(run: Run) -> None:
    """Steady Navier-Stokes."""
    default(run, Cavity())


def heated(points: Any, values: Any) -> Any:
    """The residual of Heat2d-LT."""
    x, y, t = (points.extract([name]) for name in "xyt")
    factor = 5 * (1 + 2 * sin(pi * t / 4)) * sin(4 * pi * x) * sin(2 * pi * y)
    slope = grad(values, points, components=["u"], d=["t"])
    return slope - 0.001 * laplacian(values, points, components=["u"], d=["x", "y"]) - factor * sin(values**2)


def start(points: Any, values: Any) -> Any:
    """u = sin(4 pi x) sin(3 pi y)."""
    return values - sin(4 * pi * points.extract(["x"])) * sin(3 * pi * points.extract(["y"]))


class Heat(TimeDependentProblem, SpatialProblem):
    """Heat2d-LT, to t = 8."""

    output_variables = ["u"]  # noqa: RUF012
    spatial_domain = CartesianDomain(UNIT)
    temporal_domain = CartesianDomain({"t": [0, 8]})
    domains = {  # noqa: RUF012
        "D": spatial_domain.update(temporal_domain),
        "t0": spatial_domain.update(CartesianDomain({"t": 0})),
        "boundary": spatial_domain.partial().update(temporal_domain),
    }
    conditions = {  # noqa: RUF012
        "D": Condition(domain="D", equation=Equation(heated)),
        "t0": Condition(domain="t0", equation=Equation(start)),
        "boundary": Condition(domain="boundary", equation=FixedValue(0.0)),
    }


def heat2d_lt(run: Run) -> None:
    """In three coordinates."""
    default(run, Heat())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    problems = (poisson, helmholtz, burgers, allen_cahn, cavity, heat2d_lt)
    main({problem.__name__: problem for problem in problems}, ("pina-mathlab", "torch"))
