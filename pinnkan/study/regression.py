"""``pinnkan study regression``: fit a sum of ridges with kinks from 20,000 values by L-BFGS, at equal work.

``cos 4 pi x + sin pi y + sin 2 pi y + |sin 3 pi y^2|``, turned counterclockwise by 0.175, scaled to [0, 1], on the unit
square.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import cos, pi, sin

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinnkan.kan.field import Array
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network, perceptron
from pinnkan.kan.layers.pointwise import Affine
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis, uniform_breaks
from pinnkan.study.bases.power_relu import network_in_powers
from pinnkan.study.chunked import Start, stacked_runs
from pinnkan.study.contest import FIRST, FIRST_SEED, Contender, ContestOutcome, Say, compete, in_both_bases, median
from pinnkan.study.curves import attach_outcomes, markdown, outcomes_markdown, spread
from pinnkan.study.report import StudyReport
from pinnkan.study.task import StudyNetwork, Task, Term

#: The paper's angle, schedules (equal work, 128 units) and numbers of points.
ANGLE, TRAINING = 0.175, 20_000
SCHEDULES = {"coarse": (128, 0, 0, 0), "fine": (0, 0, 0, 16), "multilevel": (32, 16, 8, 4)}
#: The only choice that fits the paper's 55 and 230 parameters together with cubic splines: five units, five intervals
#: at first, a linear layer with a bias.
UNITS, DEGREE, INTERVALS = 5, 3, 5
#: Start (the paper gives none): directions with absolute values that sum to REACH, so that the units stay inside the
#: knots on [-1, 1]; coefficients normal with deviation SPREAD. The constant input is the size of its bias's steps.
REACH, SPREAD, CONSTANT = 0.8, 0.3, 0.25
#: Iterations of L-BFGS per step; the paper does not say. See the last section of the report.
INNER = 1
PAPER = {
    "spline": {"coarse": 1.65e-3, "fine": 2.54e-3, "multilevel": 3.67e-5},
    "power ReLU": {"coarse": 1.10e-2, "fine": 1.35, "multilevel": 1.06e-2},
}
PERCEPTRONS = {(2, 5, 1): 2.94e-2, (2, 30, 1): 1.02e-3, (2, 20, 20, 1): 3.33e-4}
VALUE = JetSet([(0, 0, 0)])


def target(points: Array) -> Array:
    """The function at ``points`` (point, coordinate), before scaling."""
    c, s = cos(ANGLE), sin(ANGLE)
    x, y = c * points[:, 0] + s * points[:, 1], c * points[:, 1] - s * points[:, 0]
    return np.asarray(np.cos(4 * pi * x) + np.sin(pi * y) + np.sin(2 * pi * y) + np.abs(np.sin(3 * pi * y**2)))


def inputs(points: Array) -> torch.Tensor:
    """Input jets (1, point, 3): the centred point and the constant that carries the bias."""
    rows = np.concatenate([points - 0.5, np.full((len(points), 1), CONSTANT)], 1)
    return torch.from_numpy(rows).unsqueeze(0)


def regression_task(count: int, unseen_count: int = 4000) -> Task:
    """Mean square at ``count`` random points; relative L2 error at others."""
    rng = np.random.default_rng(FIRST_SEED)
    points, others = (rng.uniform(0.0001, 0.9999, (n, 2)) for n in (count, unseen_count))
    raw = target(points)
    low, scale = raw.min(), raw.max() - raw.min()
    values, exact = (torch.from_numpy((target(p) - low) / scale) for p in (points, others))
    unseen = inputs(others)

    def error(network: StudyNetwork) -> torch.Tensor:
        u, _ = network.forward(VALUE, unseen)
        return (u[0, ..., 0] - exact).norm(dim=-1) / exact.norm()

    return Task(VALUE, [Term("fit", inputs(points), lambda u: u[0, ..., 0] - values)], error)


def ridge(seed: int, intervals: int, powers: bool) -> Network:
    """A linear layer with random directions and no bias at first, then random cubic edges."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn((UNITS, 2), generator=generator, dtype=torch.float64)
    directions = 2.0 * REACH * directions / directions.abs().sum(1, keepdim=True)
    first = torch.cat([directions, directions.new_zeros((UNITS, 1))], 1)
    basis = Basis.extended(uniform_breaks(-1.0, 1.0, intervals), DEGREE)
    edges = SPREAD * torch.randn((1, UNITS, basis.count), generator=generator, dtype=torch.float64)
    network = Network((Affine(first), Spline(basis, edges)))
    return network_in_powers(network) if powers else network


def _ridges(intervals: int, powers: bool) -> Start:
    return stacked_runs(lambda seed: ridge(seed, intervals, powers))


def _perceptrons(widths: tuple[int, ...]) -> Start:
    """Plain networks of x and y; their biases are their own, the constant input is left out."""
    both = Affine(torch.eye(2, 3, dtype=torch.float64), trained=False)
    return stacked_runs(lambda seed: Network((both, *perceptron(widths, "relu", seed).layers)))


def contenders(inner: int = INNER) -> list[Contender]:
    """Everyone who takes part."""
    both = in_both_bases(lambda halved, powers: _ridges(INTERVALS * 2**halved, powers), SCHEDULES, FIRST)
    found = [replace(c, method="lbfgs", paper=PAPER[c.family][c.kind], inner=inner) for c in both]
    for widths, paper in PERCEPTRONS.items():
        name = f"MLP [{','.join(map(str, widths))}]"
        found.append(Contender(name, "MLP", _perceptrons(widths), (128,), "lbfgs", paper=paper, inner=inner))
    damped, mlp = _ridges(INTERVALS, False), _perceptrons((2, 30, 1))
    found.append(Contender("spline, multilevel LM", "Gauss-Newton", damped, (12, 6, 4, 4), "gauss_newton"))
    return [*found, Contender("MLP [2,30,1], LM", "Gauss-Newton", mlp, (40,), "gauss_newton")]


def study_regression(report: StudyReport, quick: bool, say: Say) -> None:
    """The contest, its table and curves, the fit, and what more iterations a step do."""
    count, seeds = (5000, 3) if quick else (TRAINING, 5)
    task = regression_task(count)
    outcomes = compete(task, contenders(), range(FIRST_SEED, FIRST_SEED + seeds), say)
    report.say(
        f"[2,5,1]: a linear layer with bias, then cubic edges with 5 intervals on [-1, 1], {count} values. Start: "
        f"random directions inside the knots, coefficients of deviation {SPREAD}; both bases start from the same "
        f"functions. L-BFGS of torch, rate 1, no line search, {INNER} iteration(s) a step; MLPs take 128 steps. "
        f"Seeds: {seeds} (the paper: five). The paper gives neither start nor iterations per step. LM is "
        "Levenberg-Marquardt, ours."
    )
    report.say(outcomes_markdown(outcomes))
    report.say(verdict(outcomes))
    attach_outcomes(report, outcomes, "mean squared error", "relative L2 error, unseen points")
    _draw_fit(report, outcomes)
    _more_iterations(report, task, range(FIRST_SEED, FIRST_SEED + (1 if quick else seeds)), say)


def verdict(outcomes: Sequence[ContestOutcome]) -> str:
    """The ordering that the paper claims, in our figures."""
    loss = {o.contender.name: median(o.last.loss) for o in outcomes}
    best = loss["spline, multilevel"]
    others = [f"{loss[f'spline, {kind} only'] / best:.0f} times below {kind} only" for kind in ("coarse", "fine")]
    printed = [PAPER["spline"][kind] / PAPER["spline"]["multilevel"] for kind in ("coarse", "fine")]
    return (
        f"Spline multilevel ends at {best:.2e}, {' and '.join(others)} (the paper: 3.67e-5, {printed[0]:.0f} and "
        f"{printed[1]:.0f} times) and {loss['power ReLU, multilevel'] / best:.0f} times below the same network in "
        f"powers of ReLU (the paper: {PAPER['power ReLU']['multilevel'] / PAPER['spline']['multilevel']:.0f}). "
        f"Levenberg-Marquardt on the same levels ends at {loss['spline, multilevel LM']:.2e}."
    )


def _more_iterations(report: StudyReport, task: Task, seeds: Sequence[int], say: Say) -> None:
    """The three schedules with more iterations a step: the advantage of levels is one of little work."""
    rows, found = [], []
    for inner in (1, 4, 20):
        say(f"{inner} iterations a step")
        three = [c for c in contenders(inner=inner) if c.family == "spline"]
        found.append([o.last.loss for o in compete(task, three, seeds, say)])
        rows.append([inner, *map(spread, found[-1])])
    report.say("## More iterations a step")
    report.say(markdown(["at most", "coarse only", "fine only", "multilevel"], rows))
    ahead = [str(row[0]) for row, (*others, best) in zip(rows, found, strict=True) if median(best) < least(others)]
    report.say(
        f"Losses, {len(seeds)} seed(s). The paper does not give the number of iterations, and the ordering depends on "
        f"it: multilevel has the smallest median with {' and '.join(ahead) or 'none of them'} iteration(s) a step. "
        "L-BFGS at rate 1 without a line search may leave a level that has converged for worse."
    )


def least(losses: Sequence[torch.Tensor]) -> float:
    """The smallest median."""
    return min(map(median, losses))


def _draw_fit(report: StudyReport, outcomes: Sequence[ContestOutcome]) -> None:
    axis = (np.arange(150) + 0.5) / 150
    points = np.stack([m.ravel() for m in np.meshgrid(axis, axis)], 1)
    exact = target(points)
    low, scale = exact.min(), exact.max() - exact.min()
    caption = "The target, and the error of the first seed: coarse only, fine only, multilevel, Levenberg-Marquardt."
    shown = [o for o in outcomes if o.contender.family == "spline" or o.contender.name == "spline, multilevel LM"]
    with report.figure("fit", caption, 13.0, 2.9) as drawing:
        panels = drawing.subplots(1, 1 + len(shown), sharey=True)
        _map(drawing, panels[0], (exact - low) / scale, "target", "viridis", 0.0, 1.0)
        for axes, outcome in zip(panels[1:], shown, strict=True):
            u = outcome.ends[-1].forward(VALUE, inputs(points))[0][0, 0, :, 0].numpy()
            error = u - (exact - low) / scale
            high = float(np.quantile(np.abs(error), 0.999))
            _map(drawing, axes, error, outcome.contender.name.removeprefix("spline, "), "PuOr_r", -high, high)


def _map(drawing: Figure, axes: Axes, values: Array, label: str, colours: str, low: float, high: float) -> None:
    image = values.reshape(150, 150)
    shown = axes.imshow(image, origin="lower", extent=(0, 1, 0, 1), cmap=colours, vmin=low, vmax=high)
    axes.set(title=label, xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    drawing.colorbar(shown, ax=axes, shrink=0.8)
