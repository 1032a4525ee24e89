"""``pinnkan study burgers``: the Burgers experiment of arXiv:2603.04827, with the true error beside the loss.

``u_t + u u_x = nu u_xx`` with nu = 0.01 on [-1, 1] x [0, 1], u = -sin(pi x) at first and 0 at the sides.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from pinnkan.kan.layers.deep_field import Inputs
from pinnkan.kan.layers.jet import JetSet
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.minimise.first_order import RateSchedule, cyclic_rate, linear_ramp
from pinnkan.study import references
from pinnkan.study.chunked import perceptrons, ridges
from pinnkan.study.contest import FIRST_SEED, Contender, Say, compete, in_both_bases, median, shortened
from pinnkan.study.curves import attach_outcomes, markdown, outcomes_markdown
from pinnkan.study.report import StudyReport
from pinnkan.study.space_time import SpaceTimeEquation, comparison, draw_errors, grid, solved
from pinnkan.study.task import Task

NU = 0.01
#: The paper's network and its coarsest knots: 3400 parameters, 9700 after two refinements.
WIDTHS, INTERVALS = (2, 20, 20, 1), 5
#: The paper's schedules, what we divide their steps by, its grid (64 x 64) and its seeds (five).
COARSE, FINE, LEVELS = (3200, 0, 0), (0, 0, 800), (800, 400, 200)
FULL = {"share": 1, "points": 64, "seeds": 5}
QUICK = {"share": 10, "points": 24, "seeds": 1}
#: Adam's rates: triangles of 100 steps up and 100 down from LOW to HIGH, whose height falls by 0.9995 a step; a ramp
#: over ten steps at every change of level. "1e-3 with exponentially decaying cycles (100, 0.9995)" may mean that the
#: cycles end there (torch's CyclicLR with its usual base of a tenth), or that they start there (OTHER).
LOW, HIGH, HALF, DECAY, CLIMB = 1e-4, 1e-3, 100, 0.9995, 10
OTHER = (1e-3, 1e-2)
#: Points per axis of the comparison of both readings, one seed.
SMALL = 24
PAPER = {"coarse": 6.6e-3, "fine": 4.1e-3, "multilevel": 2.4e-5}

PROBLEM = """
name: burgers
domain: {x: [-1, 1], t: [0, 1]}
unknowns: [u]
equations: [u_t + u*u_x = 0.01*u_xx]
conditions: [{where: initial, equation: u = -sin(pi*x)}, {where: [left, right], equation: u = 0}]
"""


def study_burgers(report: StudyReport, quick: bool, say: Say) -> None:
    """The contest, its table, curves and fields, and our own solver on the same problem."""
    size = QUICK if quick else FULL
    equation = burgers_equation()
    task, seeds = burgers_task(equation, size["points"]), range(FIRST_SEED, FIRST_SEED + size["seeds"])
    outcomes = compete(task, contenders(size["share"], quick), seeds, say)
    report.say(
        f"[2,20,20,1] is a linear layer, then cubic splines (or powers of ReLU) with tanh before them. Loss: mean "
        f"squares of the equation on a {size['points']} x {size['points']} grid (the paper: 64 x 64), of the initial "
        f"and of the boundary condition, weights one; the paper does not say how the boundary enters. Steps: those of "
        f"the paper divided by {size['share']}; of powers of ReLU it says nothing here. Seeds: {size['seeds']} (five). "
        f"Adam's rate goes up and down between {LOW:g} and {HIGH:g} in cycles of {2 * HALF} steps. Error: relative L2 "
        "against Cole-Hopf."
    )
    report.say(outcomes_markdown(outcomes))
    report.say(comparison(outcomes, PAPER))
    report.say(
        f"The front is about 4 nu = {4 * NU:g} wide, the points are {2 / (size['points'] - 1):.2g} apart in x (in the "
        "paper 0.032): between two columns of points it can stand anywhere at little loss; see the fields. The loss "
        "of a global solve in space and time is not the error; `pinnkan solve` goes by slabs and refines knots and "
        "points together."
    )
    attach_outcomes(report, outcomes, "loss", "relative L2 error")
    draw_errors(report, equation, outcomes)
    _rates(report, equation, size["share"], quick, say)
    say("the product network by Gauss-Newton")
    report.say("## The same equation by `pinnkan solve`: product network, multilevel Gauss-Newton")
    problem = parse_problem(PROBLEM, "burgers.yaml")
    report.say(solved(equation, problem, (1e-3, 1e-5) if quick else (1e-3, 1e-5, 1e-7)))


def burgers_equation() -> SpaceTimeEquation:
    """The true solution on a grid that resolves its front."""
    x, t = np.linspace(-1.0, 1.0, 129), np.linspace(0.0, 1.0, 33)
    inputs = Inputs(((-1.0, 1.0), (0.0, 1.0)), (False, False))
    return SpaceTimeEquation(inputs, JetSet([(2, 0), (0, 1)]), x, t, references.burgers(x, t[:, None], NU))


def burgers_task(equation: SpaceTimeEquation, count: int) -> Task:
    """Equation on ``count`` x ``count`` points, initial and boundary conditions on ``count`` points a side."""
    x, t = np.linspace(-1.0, 1.0, count), np.linspace(0.0, 1.0, count)
    at = equation.jets.position
    start = torch.from_numpy(-np.sin(np.pi * x))

    def inside(u: torch.Tensor) -> torch.Tensor:
        value, slope, bend, rate = (u[at[order], ..., 0] for order in ((0, 0), (1, 0), (2, 0), (0, 1)))
        return rate + value * slope - NU * bend

    sides = np.concatenate([grid(x[:1], t), grid(x[-1:], t)])
    terms = [
        equation.term("equation", grid(x, t), inside),
        equation.term("initial", grid(x, t[:1]), lambda u: u[0, ..., 0] - start),
        equation.term("boundary", sides, lambda u: u[0, ..., 0]),
    ]
    return Task(equation.jets, terms, equation.error)


def contenders(share: int, quick: bool) -> list[Contender]:
    """Everyone who takes part, with 1/share of the paper's steps."""
    schedules = {"coarse": COARSE, "fine": FINE, "multilevel": LEVELS}
    shorter = {kind: shortened(steps, share) for kind, steps in schedules.items()}
    both = in_both_bases(lambda _, powers: ridges(WIDTHS, INTERVALS, powers), shorter, {})
    found = [replace(c, rate=rates(LOW, HIGH), paper=PAPER[c.kind] if c.family == "spline" else None) for c in both]
    for widths, paper in (((2, 20, 20, 1), 2.3e-2), ((2, 56, 56, 1), 1.7e-2)):
        name = f"MLP [{','.join(map(str, widths))}]"
        found.append(
            Contender(
                name, "MLP", perceptrons(widths), shortened(COARSE[:1], share), rate=rates(LOW, HIGH), paper=paper
            )
        )
    small = ((4, 2, 1), (8,)) if quick else ((30, 20, 10), (100,))
    name = "spline [2,8,8,1], multilevel LM"
    found.append(Contender(name, "Gauss-Newton", ridges((2, 8, 8, 1), INTERVALS), small[0], "gauss_newton"))
    mlp = found[-3]
    return [*found, replace(mlp, name=f"{mlp.name}, LM", family="Gauss-Newton", schedule=small[1],
                            method="gauss_newton", paper=None)]  # fmt: skip


def rates(low: float, high: float) -> Callable[[int], RateSchedule]:
    """The cycles between two rates, begun anew on every level."""
    climb, wave = linear_ramp(0.1, 1.0, CLIMB), cyclic_rate(low, high, HALF, DECAY)
    return lambda level: lambda n: climb(n) * wave(n)


def _rates(report: StudyReport, equation: SpaceTimeEquation, share: int, quick: bool, say: Say) -> None:
    """Both readings of the paper's rates, on fewer points."""
    task, rows = burgers_task(equation, 12 if quick else SMALL), []
    for low, high in ((LOW, HIGH), OTHER):
        say(f"rates from {low:g} to {high:g}")
        finer = [c for c in contenders(share, quick) if c.family == "spline" and c.kind != "coarse"]
        found = compete(task, [replace(c, rate=rates(low, high)) for c in finer], [FIRST_SEED], say)
        rows.append([f"{low:g} to {high:g}", *(f"{median(o.last.loss):.1e}" for o in found)])
    report.say("## The other reading of the rates")
    report.say(markdown(["Adam's rate", "fine only", "multilevel"], rows))
    report.say(
        f"Losses of the spline networks, first seed, {len(task.inputs[0])} points in all. The paper's words allow for "
        "both; its own losses are "
        f"{', '.join(f'{kind} {PAPER[kind]:.1e}' for kind in ('fine', 'multilevel'))}."
    )
