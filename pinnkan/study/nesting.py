"""``pinnkan study nesting``: refinement leaves the function unchanged, for both bases and any nested knots."""

from dataclasses import dataclass
from math import comb

import numpy as np
import torch
from matplotlib.axes import Axes

from pinnkan.domain.rounding import EPS
from pinnkan.export.style import BLUE, GREY, ORANGE, RED
from pinnkan.kan.spline import Basis, Breaks, uniform_breaks
from pinnkan.study import regression
from pinnkan.study.bases.change_of_basis import to_powers
from pinnkan.study.bases.power_relu import PowerRelu
from pinnkan.study.contest import FIRST_SEED, ContestOutcome, Say, train
from pinnkan.study.curves import markdown
from pinnkan.study.report import StudyReport

#: Nested knots: coarse, then all of them and others, on [-1, 1].
UNEVEN = (-1.0, -0.4, -0.1, 0.05, 0.5, 0.8, 1.0)
INSERTED = (-0.93, -0.7, -0.25, -0.03, 0.27, 0.4, 0.61, 0.9)
#: Of one operation in float64.
ROUNDING = 0.5 * EPS


@dataclass(frozen=True)
class Change:
    """Largest change of a random function on [-1, 1] by a refinement, relative to its largest value.

    ``rounding``: the rounding of one evaluation in powers of ReLU, the largest sum of its terms' sizes times
    :data:`EQUAL_TIME_SHARE`.
    """

    spline: float
    powers: float
    rounding: float


def change(coarse: Breaks, fine: Breaks, degree: int) -> Change:
    """The change from knots ``coarse`` to the nested ``fine``, with random spline coefficients, in both bases."""
    x = torch.linspace(-1.0, 1.0, 2001, dtype=torch.float64)
    old, new = Basis.extended(coarse, degree), Basis.extended(fine, degree)
    u = torch.randn(old.count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    w = to_powers(old, u)
    before = old.dense(x)[0] @ u
    spline = new.dense(x)[0] @ old.prolong(u, new) - before
    powers, finer = PowerRelu.of(old), PowerRelu.of(new)
    table, prolonged = finer.dense(x)[0], powers.prolong(w, finer)
    moved = table @ prolonged - powers.dense(x)[0] @ w
    size = float(before.abs().max())
    terms = float((table.abs() @ prolonged.abs()).max())
    return Change(float(spline.abs().max()) / size, float(moved.abs().max()) / size, ROUNDING * terms / size)


def study_nesting(report: StudyReport, quick: bool, say: Say) -> None:
    """The table of changes, and a training that shows no jump at a level."""
    say("changes by refinement")
    rows = []
    for label, coarse, fine in _pairs():
        for degree in (1, 2, 3, 4, 5):
            c = change(coarse, fine, degree)
            rows.append([label, degree, f"{c.spline:.0e}", f"{c.powers:.0e}", f"{c.rounding:.0e}"])
    report.say("Largest change of a random function by a refinement, relative to its largest value.")
    report.say(markdown(["knots", "degree", "splines", "powers of ReLU", "rounding of their terms"], rows))
    report.say(
        "Splines stay below 1e-12 throughout. Powers of ReLU stay within ten times the rounding of their own terms, "
        "which cancel: below 1e-12 for linear and quadratic edges, growing with degree and number of intervals."
    )
    say("training across levels")
    _no_jump(report, quick)


def _pairs() -> list[tuple[str, Breaks, Breaks]]:
    uniform = [uniform_breaks(-1.0, 1.0, n) for n in (5, 10, 40)]
    fine = sorted([*UNEVEN, *INSERTED])
    return [
        ("uniform, 5 to 10", uniform[0], uniform[1]),
        ("uniform, 5 to 40", uniform[0], uniform[2]),
        ("arbitrary, 6 to 14", UNEVEN, fine),
    ]


def jumps(outcome: ContestOutcome) -> list[float]:
    """Relative change of the loss, first run, at every change of level: last record before against first after."""
    pairs = zip(outcome.records, outcome.records[1:], strict=False)
    return [abs(float(b.loss[0] / a.loss[0]) - 1.0) for a, b in pairs if a.level != b.level]


def multilevel(powers: bool, quick: bool) -> ContestOutcome:
    """The regression experiment's multilevel training, one seed."""
    task = regression.regression_task(500 if quick else 2000)
    family = "power ReLU" if powers else "spline"
    found = next(c for c in regression.contenders() if c.name == f"{family}, multilevel")
    return train(task, found, [FIRST_SEED])


def _no_jump(report: StudyReport, quick: bool) -> None:
    caption = "Loss along a multilevel training (regression, one seed). Vertical lines: knots halved."
    told = []
    with report.figure("nesting", caption, 10.0, 3.8) as drawing:
        for axes, powers, label in zip(
            drawing.subplots(1, 2, sharey=True), (False, True), ("splines", "powers of ReLU"), strict=True
        ):
            outcome = multilevel(powers, quick)
            _draw_levels(axes, outcome, ORANGE if powers else BLUE)
            axes.set(xlabel="work (evaluations on the coarsest level)", title=label)
            told.append(f"{label} {max(jumps(outcome)):.0e}")
            if not powers:
                axes.set_ylabel("mean squared error")
                _draw_printed(axes, outcome)
                axes.legend(loc="lower left")
    report.say(
        f"Largest relative change of the loss at a change of level: {', '.join(told)}. The stencil as the paper prints "
        "it is half of the exact one; the marks show the loss that it would leave."
    )


def _draw_levels(axes: Axes, outcome: ContestOutcome, colour: str) -> None:
    work = np.array([r.work for r in outcome.records])
    loss = np.array([float(r.loss[0]) for r in outcome.records])
    axes.semilogy(work, loss, ".-", ms=4, color=colour, label="exact prolongation")
    for before, after in zip(outcome.records, outcome.records[1:], strict=False):
        if before.level != after.level:
            axes.axvline(before.work, color=GREY, lw=0.7)


def _draw_printed(axes: Axes, outcome: ContestOutcome) -> None:
    """The loss right after each refinement with the printed stencil: every spline halved."""
    task = regression.regression_task(2000)
    for network, record in zip(outcome.ends, outcome.level_ends, strict=True):
        if record.level == 3:
            continue
        flat = network.halved().flat()
        edges = slice(3 * regression.UNITS, None)
        old = network.flat()[..., edges].unflatten(-1, (regression.UNITS, -1))
        flat[..., edges] = 0.5 * halve_coefficients(old, regression.DEGREE).flatten(-2)
        loss, _ = task.descend(network.halved().with_flat(flat))
        axes.plot(
            record.work, float(loss[0]), "x", ms=7, color=RED, label="stencil as printed" if record.level == 0 else None
        )


def dyadic_stencil(degree: int) -> torch.Tensor:
    """Halving uniform knots: ``c_fine[2i - p + m] += stencil[m] c_coarse[i]``, m = 0..p+1, outside indices dropped.

    ``2**-p C(p+1, m)`` (Lane and Riesenfeld 1980); arXiv:2603.04827 prints half of it.
    """
    return torch.tensor([comb(degree + 1, m) / 2**degree for m in range(degree + 2)], dtype=torch.float64)


def halve_coefficients(coefficients: torch.Tensor, degree: int) -> torch.Tensor:
    """Coefficients (..., n + degree) on n uniform extended intervals, on the 2 n halves: (..., 2 n + degree)."""
    count = coefficients.shape[-1]
    fine = coefficients.new_zeros((*coefficients.shape[:-1], 2 * count + degree))
    for m, weight in enumerate(dyadic_stencil(degree).tolist()):
        fine[..., m : m + 2 * count : 2] += weight * coefficients
    return fine[..., degree : 2 * count]
