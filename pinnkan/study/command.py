"""The command ``pinnkan study NAME``: which studies there are, and where their results go."""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pinnkan.errors import Exit, UsageError
from pinnkan.run.folder import disk_errors, replacing
from pinnkan.run.signals import Stopped, stoppable
from pinnkan.study.allen_cahn import study_allen_cahn
from pinnkan.study.burgers import study_burgers
from pinnkan.study.contest import Say
from pinnkan.study.geometry import study_geometry
from pinnkan.study.nesting import study_nesting
from pinnkan.study.poisson import study_poisson
from pinnkan.study.regression import study_regression
from pinnkan.study.report import StudyReport


@dataclass(frozen=True)
class Study:
    """``run(report, quick, say)`` computes and writes everything but the end of the report."""

    title: str
    run: Callable[[StudyReport, bool, Say], None]


STUDIES: dict[str, Study] = {
    "allen_cahn": Study("The Allen-Cahn equation, D = 1e-4, periodic", study_allen_cahn),
    "burgers": Study("Burgers' equation, nu = 0.01", study_burgers),
    "geometry": Study("The geometry of gradient descent in the two bases", study_geometry),
    "nesting": Study("Properly nested levels", study_nesting),
    "poisson": Study("Poisson's equation with an interface", study_poisson),
    "regression": Study("Regression at equal work", study_regression),
}


def run_study(arguments: argparse.Namespace) -> int:
    """Runs a study into its folder.

    Raises:
        UsageError: there is no such study; the message names those there are.
        PinnkanError: the folder cannot be used.
    """
    name = arguments.name
    if name not in STUDIES:
        asked = "name a study" if name is None else f"there is no study '{name}'"
        raise UsageError(f"{asked}: {', '.join(STUDIES)}")
    place = "study_quick" if arguments.quick else "study"
    target = Path(arguments.out) if arguments.out is not None else Path("results") / place / name
    console = Console(file=sys.stderr, quiet=arguments.quiet, highlight=False)

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    try:
        with stoppable(), replacing(target) as folder, disk_errors(folder):
            start = time.perf_counter()
            report = StudyReport(STUDIES[name].title, folder)
            STUDIES[name].run(report, arguments.quick, say)
            report.close(time.perf_counter() - start)
    except Stopped as stopped:
        say(f"interrupted; {target} is as it was before")
        return stopped.exit_code
    say(f"written: {target / 'report.md'}")
    return Exit.CONVERGED
