"""``pinnkan study poisson``: a material interface, seen by the network through the level-set function |x|.

``div(eps grad u) = f`` on [-1, 1]^2, eps = 1 for x < 0 and 1/2 for x >= 0, ``u = sin(pi x) sin(3 pi y)`` left and
``sin(2 pi x) sin(3 pi y)`` right: u and the flux eps u_x are continuous, u_x is not. With |x| as a third input u has
its kink by construction (Tseng et al. 2023, cusp-capturing networks).
"""

from collections.abc import Sequence
from dataclasses import replace
from math import pi

import numpy as np
import torch

from pinnkan.kan.field import Array
from pinnkan.kan.layers.jet import JetSet
from pinnkan.solver.minimise.first_order import linear_ramp
from pinnkan.study.chunked import perceptrons, splines
from pinnkan.study.contest import FIRST, FIRST_SEED, Contender, ContestOutcome, Say, compete, in_both_bases, median
from pinnkan.study.curves import attach_outcomes, outcomes_markdown
from pinnkan.study.report import StudyReport
from pinnkan.study.task import StudyNetwork, Task, Term

JETS = JetSet([(2, 0), (0, 2)])
#: The paper's weights of volume, interface and boundary, its rate of attention and its learning rates.
VOLUME, INTERFACE, BOUNDARY = 1e-2, 1e-1, 1.0
ATTENTION, LOW, HIGH, CLIMB = 1e-4, 1e-4, 1e-2, 10
#: The paper's network with the level-set input: 140, 220, 380 and 700 parameters on the four levels.
WIDTHS, INTERVALS = (3, 5, 1), 4
#: The paper's steps, and what we divide them by; points per axis (the paper: 2401 = 49^2); seeds (the paper: five).
STEPS = 5000
FULL = {"share": 1, "points": 49, "seeds": 5}
QUICK = {"share": 20, "points": 24, "seeds": 2}


def permittivity(points: Array) -> Array:
    """eps at ``points`` (point, coordinate)."""
    return np.where(points[:, 0] < 0.0, 1.0, 0.5)


def solution(points: Array) -> Array:
    """u at ``points``."""
    k = np.where(points[:, 0] < 0.0, pi, 2.0 * pi)
    return np.asarray(np.sin(k * points[:, 0]) * np.sin(3.0 * pi * points[:, 1]))


def source(points: Array) -> Array:
    """f at ``points``."""
    k = np.where(points[:, 0] < 0.0, pi, 2.0 * pi)
    return np.asarray(-permittivity(points) * (k**2 + 9.0 * pi**2) * solution(points))


def inputs(points: Array, side: Array | None = None) -> torch.Tensor:
    """Jets (alpha, point, 3) of x, y and 2 |x| - 1; ``side``: the sign of x to take, where x may be zero."""
    sign = np.where(points[:, 0] < 0.0, -1.0, 1.0) if side is None else side
    jets = np.zeros((len(JETS), len(points), 3))
    jets[0] = np.stack([*points.T, 2.0 * np.abs(points[:, 0]) - 1.0], 1)
    jets[JETS.position[(1, 0)], :, 0] = 1.0
    jets[JETS.position[(1, 0)], :, 2] = 2.0 * sign
    jets[JETS.position[(0, 1)], :, 1] = 1.0
    return torch.from_numpy(jets)


def grid(count: int) -> Array:
    """``count`` x ``count`` equally spaced points inside."""
    axis = np.linspace(-1.0, 1.0, count + 2)[1:-1]
    return np.stack([m.ravel() for m in np.meshgrid(axis, axis)], 1)


def boundary(count: int) -> Array:
    """``count`` equally spaced points on each side."""
    s, one = np.linspace(-1.0, 1.0, count), np.ones(count)
    return np.concatenate([np.stack(p, 1) for p in ((s, -one), (s, one), (-one, s), (one, s))])


def poisson_task(count: int) -> Task:
    """Equation inside, jump of the flux at x = 0, boundary values: count^2 + count + 4 (count + 1) points."""
    points, sides = grid(count), boundary(count + 1)
    eps, f = (torch.from_numpy(g(points)) for g in (permittivity, source))
    given = torch.from_numpy(solution(sides))
    xx, yy, x = (JETS.position[order] for order in ((2, 0), (0, 2), (1, 0)))
    line = np.stack([np.zeros(count), np.linspace(-1.0, 1.0, count + 2)[1:-1]], 1)
    both = torch.cat([inputs(line, -np.ones(count)), inputs(line, np.ones(count))], 1)

    def jump(u: torch.Tensor) -> torch.Tensor:
        left, right = u[x, ..., :count, 0], u[x, ..., count:, 0]
        return 0.5 * right - left

    terms = [
        Term("volume", inputs(points), lambda u: eps * (u[xx, ..., 0] + u[yy, ..., 0]) - f, VOLUME, 1, ATTENTION),
        Term("interface", both, jump, INTERFACE, copies=2),
        Term("boundary", inputs(sides), lambda u: u[0, ..., 0] - given, BOUNDARY),
    ]
    return Task(JETS, terms, error)


#: Where errors are measured: points between those of the training.
SIDE = 60
_UNSEEN = grid(SIDE)
VALUE = JetSet([(0, 0)])


def on_grid(network: StudyNetwork) -> torch.Tensor:
    """u (..., point) of every run on a finer grid, never trained on."""
    u, _ = network.forward(VALUE, inputs(_UNSEEN)[:1])
    return u[0, ..., 0]


def error(network: StudyNetwork) -> torch.Tensor:
    """Relative L2 error (...) on that grid."""
    exact = torch.from_numpy(solution(_UNSEEN))
    return (on_grid(network) - exact).norm(dim=-1) / exact.norm()


def contenders(share: int) -> list[Contender]:
    """Everyone who takes part, with 1/share of the paper's steps: as many for each, whatever its level."""
    steps, climb = STEPS // share, linear_ramp(LOW, HIGH, CLIMB)  # begun anew after every change of level
    schedules = {"coarse": (steps, 0, 0, 0), "fine": (0, 0, 0, steps), "multilevel": (steps // 4,) * 4}
    both = in_both_bases(lambda halved, powers: splines(WIDTHS, INTERVALS * 2**halved, powers), schedules, FIRST)
    found = [replace(c, rate=lambda _: climb) for c in both]
    mlp = perceptrons((3, 16, 16, 1))
    found.append(Contender("MLP [3,16,16,1]", "MLP", mlp, (steps,), rate=lambda _: climb))
    lm = tuple(max(2, n // max(1, share // 4)) for n in (30, 15, 10, 10))
    found.append(Contender("spline, multilevel LM", "Gauss-Newton", splines(WIDTHS, INTERVALS), lm, "gauss_newton"))
    return [*found, Contender("MLP [3,16,16,1], LM", "Gauss-Newton", mlp, (2 * sum(lm),), "gauss_newton")]


def study_poisson(report: StudyReport, quick: bool, say: Say) -> None:
    """The contest, its table, curves and fields."""
    size = QUICK if quick else FULL
    task, seeds = poisson_task(size["points"]), range(FIRST_SEED, FIRST_SEED + size["seeds"])
    outcomes = compete(task, contenders(size["share"]), seeds, say)
    report.say(
        "[3,5,1] with the inputs x, y and 2|x| - 1, cubic edges, four intervals at first, tanh before the second. "
        f"Steps of Adam: {STEPS // size['share']} for every contender (the paper: {STEPS}); seeds: {size['seeds']} "
        f"(five); points inside: {size['points']}^2 (49^2). The paper gives curves only, no figures. Loss: its "
        "weights, without the attention. LM is Levenberg-Marquardt, ours."
    )
    report.say(outcomes_markdown(outcomes))
    report.say(verdict(outcomes))
    attach_outcomes(report, outcomes, "loss", "relative L2 error")
    _draw_fields(report, outcomes)


def verdict(outcomes: Sequence[ContestOutcome]) -> str:
    """What the paper's curves claim, in our figures."""
    by = {o.contender.name: median(o.last.error) for o in outcomes}
    best, mlp = by["spline, multilevel"], by["MLP [3,16,16,1]"]
    seen = "as in the paper" if best < mlp else "the MLP is ahead here"
    return (
        "The paper's curves: spline multilevel below the MLP, powers of ReLU stagnate slightly below an error of 1. "
        f"Ours: spline multilevel {best:.1e}, MLP {mlp:.1e} ({seen}), powers of ReLU, multilevel, "
        f"{by['power ReLU, multilevel']:.1e}. Coarse only {by['spline, coarse only']:.1e}, fine only "
        f"{by['spline, fine only']:.1e}. Levenberg-Marquardt on the same levels: {by['spline, multilevel LM']:.1e}."
    )


def _draw_fields(report: StudyReport, outcomes: Sequence[ContestOutcome]) -> None:
    """The solution and the errors of the first seed."""
    exact = solution(_UNSEEN)
    names = {"spline, multilevel": "spline", "power ReLU, multilevel": "power ReLU", "MLP [3,16,16,1]": "MLP",
             "spline, multilevel LM": "spline, LM"}  # fmt: skip
    caption = "The solution, and the error of the first seed: multilevel in both bases, MLP, Levenberg-Marquardt."
    with report.figure("fields", caption, 13.0, 2.9) as drawing:
        panels = drawing.subplots(1, 1 + len(names), sharey=True)
        ends = {names[o.contender.name]: o.ends[-1] for o in outcomes if o.contender.name in names}
        maps = [("u", exact), *((f"error, {label}", on_grid(n).numpy()[0] - exact) for label, n in ends.items())]
        for axes, (label, values) in zip(panels, maps, strict=True):
            high, colours = float(np.abs(values).max()), "RdBu_r" if label == "u" else "PuOr_r"
            image = values.reshape(SIDE, SIDE)
            shown = axes.imshow(image, origin="lower", extent=(-1, 1, -1, 1), cmap=colours, vmin=-high, vmax=high)
            axes.set(title=label, xticks=[-1, 0, 1], yticks=[-1, 0, 1])
            drawing.colorbar(shown, ax=axes, shrink=0.8)
