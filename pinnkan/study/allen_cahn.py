"""``pinnkan study allen_cahn``: the Allen-Cahn experiment of arXiv:2603.04827, its residual's spectrum level by level.

``u_t = 1e-4 u_xx + 5 (u - u^3)`` on [-1, 1] x [0, 1], periodic in x, u = x^2 cos(pi x) at first. (The sign and the
coefficient of the printed equation are doubtful; this is the usual problem of Raissi et al. 2019.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from pinnkan.kan.field import Array
from pinnkan.kan.layers.deep_field import Inputs
from pinnkan.kan.layers.jet import JetSet
from pinnkan.problem.registry import load_problem
from pinnkan.solver.minimise.first_order import linear_ramp
from pinnkan.study import contest, references
from pinnkan.study.chunked import perceptrons, splines
from pinnkan.study.contest import FIRST_SEED, Contender, ContestOutcome, Say, median
from pinnkan.study.curves import attach_outcomes, markdown, outcomes_markdown
from pinnkan.study.report import StudyReport
from pinnkan.study.space_time import SpaceTimeEquation, comparison, draw_errors, grid, solved
from pinnkan.study.task import StudyNetwork, Task

DIFFUSION, REACTION = 1e-4, 5.0
#: The paper's [2,5,5,1]; here the first layer sees cos(pi x), sin(pi x) and t, which makes u periodic.
WIDTHS, INTERVALS = (3, 5, 5, 1), 4
#: The paper's steps per level; coarse only, fine only and a perceptron take as many in all, as in its Poisson
#: experiment (an evaluation takes the same time on every level here).
LEVELS = (2500, 2500, 2500, 2500)
COARSE, FINE, SINGLE = (sum(LEVELS), 0, 0, 0), (0, 0, 0, sum(LEVELS)), (sum(LEVELS),)
#: What we divide the steps by, training points (the paper's), seeds (the paper's), and processes that share the work.
FULL = {"share": 1, "points": 20_000, "seeds": 5, "workers": 2}
QUICK = {"share": 20, "points": 1000, "seeds": 1, "workers": 1}
#: Weights of the equation and of the initial condition (the paper's), and the rate of attention (that of its Poisson
#: experiment: it gives none here).
WEIGHTS, ATTENTION = (0.1, 1.0), 1e-4
#: Adam climbs over ten steps at every change of level.
LOW, HIGH, CLIMB = 1e-4, 1e-2, 10


def study_allen_cahn(report: StudyReport, quick: bool, say: Say) -> None:
    """The contest, its table, curves, fields and spectra, and our own solver on the same problem."""
    size = QUICK if quick else FULL
    equation = allen_cahn_equation()
    seeds = range(FIRST_SEED, FIRST_SEED + size["seeds"])
    trial = partial(allen_cahn_trial, size["points"], size["share"], quick)
    outcomes = contest.compete_in_processes(trial, seeds, say, size["workers"])
    trained = sum(o.last.seconds * len(o.seeds) for o in outcomes)
    report.say(
        f"[2,5,5,1] with cubic edges, tanh before the second and the third layer; the first sees cos(pi x), sin(pi x) "
        f"and t. Loss: {WEIGHTS[0]:g} times the mean square of the equation at {size['points']} random points, with "
        f"residual-based attention (rate {ATTENTION:g}), plus the mean square of the initial condition. Steps of Adam: "
        f"{sum(LEVELS) // size['share']} for every contender (the paper: {sum(LEVELS)}), in single precision at the "
        "points and double precision in the coefficients; an evaluation takes much the same time on every level here. "
        f"Points: {size['points']} (20,000). Seeds: {size['seeds']} (five). Processes, of one thread each: "
        f"{size['workers']}; all trainings took {trained:.0f} CPU seconds. The paper gives figures "
        "only, no numbers. Error: relative L2 against a cosine series with ETDRK4."
    )
    report.say(outcomes_markdown(outcomes))
    report.say(comparison(outcomes, {}))
    attach_outcomes(report, outcomes, "loss", "relative L2 error")
    draw_errors(report, equation, outcomes)
    levels = say_spectra(report, outcomes, lambda network: residual_map(equation, network))
    say_beside(report, equation, outcomes, levels)
    say("the product network by Gauss-Newton")
    report.say("## The same equation by `pinnkan solve`: product network, multilevel Gauss-Newton")
    report.say(solved(equation, load_problem("allen_cahn"), (1e-3,) if quick else (1e-3, 1e-4)))


def allen_cahn_trial(count: int, share: int, quick: bool) -> tuple[Task, list[Contender]]:
    """The task on ``count`` points, and everyone who takes part, with 1/share of the paper's steps."""
    return allen_cahn_task(allen_cahn_equation(), count), contenders(share, quick)


def allen_cahn_equation() -> SpaceTimeEquation:
    """The true solution on a grid."""
    x, t = np.linspace(-1.0, 1.0, 97), np.linspace(0.0, 1.0, 17)
    inputs = Inputs(((-1.0, 1.0), (0.0, 1.0)), (True, False))
    exact = references.allen_cahn(x, t.tolist(), DIFFUSION, REACTION)
    return SpaceTimeEquation(inputs, JetSet([(2, 0), (0, 1)]), x, t, exact)


def allen_cahn_task(equation: SpaceTimeEquation, count: int) -> Task:
    """The equation at ``count`` random points, the initial condition at 257."""
    random = np.random.default_rng(FIRST_SEED)
    points = np.stack([random.uniform(-1.0, 1.0, count), random.uniform(0.0, 1.0, count)], 1)
    points = points[np.lexsort((points[:, 1], np.floor(2.0 * points[:, 0])))]  # fewer functions live in a piece
    x = np.linspace(-1.0, 1.0, 257)
    start = torch.from_numpy(x**2 * np.cos(np.pi * x))
    terms = [
        equation.term("equation", points, lambda u: residual(equation.jets, u), WEIGHTS[0], ATTENTION),
        equation.term("initial", grid(x, np.zeros(1)), lambda u: u[0, ..., 0] - start, WEIGHTS[1]),
    ]
    return Task(equation.jets, terms, equation.error, single=True)


def residual(jets: JetSet, u: torch.Tensor) -> torch.Tensor:
    """``u_t - D u_xx - r (u - u^3)`` (..., point) from the jets of u."""
    value, bend, rate = (u[jets.position[order], ..., 0] for order in ((0, 0), (2, 0), (0, 1)))
    return rate - DIFFUSION * bend - REACTION * (value - value**3)


def contenders(share: int, quick: bool) -> list[Contender]:
    """Everyone who takes part, with 1/share of the paper's steps."""
    schedules = {"coarse": COARSE, "fine": FINE, "multilevel": LEVELS}
    climb = linear_ramp(LOW, HIGH, CLIMB)  # begun anew on every level
    shorter = {kind: contest.shortened(steps, share) for kind, steps in schedules.items()}
    both = contest.in_both_bases(lambda _, powers: splines(WIDTHS, INTERVALS, powers), shorter, {})
    found = [replace(c, rate=lambda _: climb) for c in both]
    mlp = Contender(
        "MLP [3,16,16,1]", "MLP", perceptrons((3, 16, 16, 1)), contest.shortened(SINGLE, share), rate=lambda _: climb
    )
    damped = Contender("spline, multilevel LM", "Gauss-Newton", splines(WIDTHS, INTERVALS), (20, 10, 5, 2),
                       "gauss_newton")  # fmt: skip
    if quick:
        damped = replace(damped, schedule=(6, 3, 2, 1))
    name = f"{mlp.name}, LM"
    second = replace(mlp, name=name, family="Gauss-Newton", schedule=(10 if quick else 150,), method="gauss_newton")
    return [*found, mlp, damped, second]


def residual_map(equation: SpaceTimeEquation, network: StudyNetwork) -> Array:
    """The residual (t, x) of the first run on SAMPLES x SAMPLES points."""
    x, t = -1.0 + 2.0 * np.arange(SAMPLES) / SAMPLES, np.linspace(0.0, 1.0, SAMPLES)
    u, _ = network.forward(equation.jets, equation.inputs.jets(equation.jets, torch.from_numpy(grid(x, t))))
    return residual(equation.jets, u).reshape(-1, SAMPLES, SAMPLES)[0].numpy()


#: Samples per axis of the residual's spectrum.
SAMPLES = 128
#: The networks whose spectra the paper draws.
DRAWN = ("spline, multilevel", "power ReLU, multilevel")


@dataclass(frozen=True)
class Levels:
    """By level: mean square of the residual on points never trained on, and its root mean square frequency."""

    energy: tuple[float, ...]
    width: tuple[float, ...]


def spectrum(values: Array) -> Array:
    """Moduli of the two-dimensional Fourier coefficients, frequency zero in the middle."""
    return np.abs(np.fft.fftshift(np.fft.fft2(values, norm="forward")))


def width(values: Array) -> float:
    """Root mean square frequency of a map (t, x), weighted by its energy."""
    frequency = np.fft.fftshift(np.fft.fftfreq(SAMPLES, 1.0 / SAMPLES))
    energy = spectrum(values) ** 2
    return float(np.sqrt((energy * (frequency**2 + frequency[:, None] ** 2)).sum() / energy.sum()))


def say_spectra(
    report: StudyReport, outcomes: Sequence[ContestOutcome], residual: Callable[[StudyNetwork], Array]
) -> dict[str, Levels]:
    """Residual energy and spectrum after every level of the two multilevel trainings, first seed; the same by name."""
    shown = [o for o in outcomes if o.contender.name in DRAWN]
    found, rows, half = dict[str, Levels](), [], SAMPLES // 2
    caption = "Spectrum of the residual (log10 of the moduli) after every level, first seed: splines, powers of ReLU."
    with report.figure("spectra", caption, 13.0, 6.2) as drawing:
        panels = drawing.subplots(len(shown), len(shown[0].ends), sharex=True, sharey=True)
        for line, outcome in zip(panels, shown, strict=True):
            maps = [residual(network) for network in outcome.ends]
            for level, (axes, values) in enumerate(zip(line, maps, strict=True)):
                moduli = np.log10(spectrum(values) + 1e-12)
                extent = (-half, half, -half, half)
                image = axes.imshow(moduli, origin="lower", extent=extent, vmin=-6.0, vmax=0.0, cmap="viridis")
                axes.set(title=f"{outcome.contender.family}, level {level}", xlabel="frequency in x")
            line[0].set(ylabel="frequency in t")
            levels = Levels(tuple(float((m**2).mean()) for m in maps), tuple(map(width, maps)))
            found[outcome.contender.name] = levels
            pairs = enumerate(zip(levels.energy, levels.width, strict=True))
            rows += [[outcome.contender.name, n, f"{energy:.2e}", f"{wide:.1f}"] for n, (energy, wide) in pairs]
        drawing.colorbar(image, ax=panels)
    report.say("## The residual level by level")
    report.say(markdown(["network", "level", "mean square of the residual", "rms frequency"], rows))
    report.say(f"On {SAMPLES} x {SAMPLES} points never trained on; the paper does not say where it draws its residual.")
    return found


def say_beside(
    report: StudyReport, equation: SpaceTimeEquation, outcomes: Sequence[ContestOutcome], levels: dict[str, Levels]
) -> None:
    """What the paper's figures show, and what ours show."""
    by = {o.contender.name: o for o in outcomes}
    ends = ", ".join(f"{loss:.1e}" for loss in ends_of_levels(by[DRAWN[0]]))
    others = [f"{o.contender.name} {median(o.last.loss):.1e}" for o in outcomes if o.contender.family != "spline"]
    ranked = sorted(outcomes, key=lambda o: median(o.last.error))
    spread = " to ".join(f"{median(o.last.error):.2g} ({o.contender.name})" for o in (ranked[0], ranked[-1]))
    late = equation.t >= 0.5 * (equation.t[0] + equation.t[-1])
    u = equation.on_grid(by[DRAWN[0]].ends[-1]).numpy()[0][late]
    left = float(np.linalg.norm(u) / np.linalg.norm(equation.exact[late]))
    nothing = "; u = 0, an unstable steady state, solves the equation as well" if left < 0.5 else ""
    report.say("## Beside the paper's figures")
    report.say(
        f"* Loss. The paper: a staircase for splines, failure for powers of ReLU and the MLP. Ours: splines end their "
        f"levels at {ends}; {', '.join(others)}.\n"
        f"* Spectrum. The paper: for splines the energy falls and the support widens level by level, for powers of "
        f"ReLU it stays narrow. Ours: for splines the energy {told(levels[DRAWN[0]].energy, down=True)} and the "
        f"frequency {told(levels[DRAWN[0]].width, down=False)}; for powers of ReLU the energy "
        f"{told(levels[DRAWN[1]].energy, down=True)} and the frequency {told(levels[DRAWN[1]].width, down=False)}.\n"
        f"* True error, which the paper does not give: from {spread}. In the second half of the time spline multilevel "
        f"(first seed) has {100 * left:.0f} % of the norm of the solution{nothing}."
    )


def ends_of_levels(outcome: ContestOutcome) -> list[float]:
    """The median loss at the end of every level."""
    return [median(r.loss) for r in outcome.level_ends]


def told(values: Sequence[float], down: bool) -> str:
    """Whether values fall (or rise) from each level to the next, and from where to where."""
    steps = [b < a if down else b > a for a, b in pairwise(values)]
    verb = "falls" if down else "widens"
    often = "at every level" if all(steps) else f"at {sum(steps)} of {len(steps)} changes"
    return f"{verb} {often} ({values[0]:.2g} to {values[-1]:.2g})"
