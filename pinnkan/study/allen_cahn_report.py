"""What the Allen-Cahn experiment shows beside the paper's figures: the residual's spectrum by level, and words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.study.contest import ContestOutcome, median
from pinnkan.study.report import StudyReport
from pinnkan.study.space_time import SpaceTimeEquation
from pinnkan.study.tables import markdown
from pinnkan.study.task import StudyNetwork

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
    found: Array = np.abs(np.fft.fftshift(np.fft.fft2(values, norm="forward")))
    return found


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
    return [
        median([r for r in outcome.records if r.level == n][-1].loss)
        for n in sorted({r.level for r in outcome.records})
    ]


def told(values: Sequence[float], down: bool) -> str:
    """Whether values fall (or rise) from each level to the next, and from where to where."""
    steps = [b < a if down else b > a for a, b in pairwise(values)]
    verb = "falls" if down else "widens"
    often = "at every level" if all(steps) else f"at {sum(steps)} of {len(steps)} changes"
    return f"{verb} {often} ({values[0]:.2g} to {values[-1]:.2g})"
