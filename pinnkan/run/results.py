"""Everything that a run leaves in its folder, in the order in which it is written; the manifest comes last."""

import datetime
import importlib.metadata
import json
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinnkan.errors import Exit
from pinnkan.export.allowance import Allowance
from pinnkan.export.arrays import shown_of
from pinnkan.export.fits import data_csv
from pinnkan.export.page import page_of
from pinnkan.export.paraview_script import paraview_script
from pinnkan.export.report import report_of
from pinnkan.export.tables import history_csv, levels_csv, quantities_csv
from pinnkan.export.vtk import stem_of, write_vtk
from pinnkan.problem.resolved_file import resolved_text
from pinnkan.problem.statement import Problem
from pinnkan.run.checkpoint import save_checkpoint
from pinnkan.run.folder import MANIFEST, write_atomically
from pinnkan.solution import Solution
from pinnkan.verdict.fit_records import FoundNumber
from pinnkan.verdict.records import Certificate, Reading
from pinnkan.verdict.verdict import Verdict
from pinnkan.version import __version__

#: Share of the time for files that those for ParaView may take; the rest is for pictures.
OF_FIELDS = 0.5
_PACKAGES = ("torch", "numpy", "scipy", "sympy", "pyyaml", "safetensors", "pyvista", "vtk", "matplotlib")


@dataclass(frozen=True)
class Circumstances:
    """How a run was asked for: the command line, the device, the bytes and the place of the file, when it began."""

    command: tuple[str, ...]
    device: str
    source: bytes
    file: str
    started: datetime.datetime


def write_results(
    solution: Solution, folder: Path, circumstances: Circumstances, code: Exit, seconds: float = math.inf
) -> tuple[list[str], list[str]]:
    """Writes all files of a run that ends with exit ``code`` into ``folder``, in about so many ``seconds``.

    Returns the names written, the one to open first in front; and warnings about what could not be drawn or written.

    Raises OSError: the disk is full or the folder cannot be written.
    """
    begun = time.perf_counter()
    allowance = Allowance(seconds)
    output = solution.problem.output
    files = write_vtk(solution, folder, most=allowance.points(solution, OF_FIELDS)) if output.vtk else []
    pictures, warnings = _pictures(solution, folder, allowance) if output.pictures else ([], [])
    if seconds < math.inf and warnings:
        warnings.append(f"files hold what could be written in {seconds:.0f} s: `pinnkan export` writes all points")
    script = f"{stem_of(solution)}.paraview.py"
    scripts = {script: paraview_script(solution, script, files[0]).encode()} if files else {}
    pages = ["report.html", "report.md"] if output.report else []
    names = [shown.name for shown in shown_of(solution.problem)]
    read, units = solution.quantities, solution.problem.units
    coordinates = [c.name for c in solution.problem.coordinates]
    texts = {
        **({} if solution.fit is None else {"data.csv": data_csv(solution.fit, coordinates).encode()}),
        **({"quantities.csv": quantities_csv(read, units).encode()} if read else {}),
        **scripts,
        "levels.csv": levels_csv(solution.levels, names).encode(),
        "history.csv": history_csv(solution.history).encode(),
        "problem.yaml": circumstances.source,
        "resolved.yaml": resolved_text(solution.problem).encode(),
    }
    files += [*pictures, *pages, *texts, "checkpoint", MANIFEST]
    if pages:
        texts |= reports(solution, folder, files, warnings, allowance)
    for name, content in texts.items():
        write_atomically(folder / name, content)
    save_checkpoint(solution, folder / "checkpoint")
    facts = manifest(solution, circumstances, files, time.perf_counter() - begun, code)
    write_atomically(folder / MANIFEST, (json.dumps(facts, indent=2, allow_nan=False) + "\n").encode())
    return files, warnings


def _pictures(solution: Solution, folder: Path, allowance: Allowance) -> tuple[list[str], list[str]]:
    from pinnkan.export.pictures import draw_pictures  # half a second, and only here

    return draw_pictures(solution, folder, allowance)


def reports(
    solution: Solution, folder: Path, files: Sequence[str], warnings: Sequence[str], allowance: Allowance
) -> dict[str, bytes]:
    """The two reports on a run whose pictures lie in ``folder``: name -> content."""
    markdown = report_of(solution, files, warnings)
    page = page_of(solution, markdown, folder, files, allowance)
    return {"report.md": markdown.encode(), "report.html": page.encode()}


def exit_code(verdict: Verdict) -> Exit:
    """What the command returns for a verdict."""
    if verdict.converged:
        return Exit.CONVERGED
    return Exit.DIVERGED if verdict.reason in ("diverged", "not_finite") else Exit.NOT_CONVERGED


def summary(solution: Solution, run: Path) -> dict[str, Any]:
    """The object that ``--json`` prints; numbers that JSON does not know become null."""
    verdict = solution.verdict
    read = {"quantities": {n: _reading(r) for n, r in solution.quantities.items()}} if solution.quantities else {}
    found = {"estimate": {n: _number(x) for n, x in solution.estimate.items()}} if solution.estimate else {}
    proven = {"certificate": _proven(solution.certificate)} if solution.certificate is not None else {}
    return {
        "name": solution.problem.name,
        "verdict": "converged" if verdict.converged else "not_converged",
        "reason": verdict.reason,
        "tolerance": verdict.tolerance,
        "error_estimate": finite(verdict.estimate),
        "true_error": finite(solution.true_error),
        "levels": len(solution.levels),
        "parameters": solution.parameters,
        "seconds": solution.seconds,
        "run": str(run),
        **found,
        **read,
        **proven,
    }


def _proven(certificate: Certificate) -> dict[str, Any]:
    """A certificate as JSON: distances are null where nothing is proven, ``alone`` where all others are excluded."""
    proven, names = not certificate.refusal, ("largest", "mean_square", "relative", "alone")
    bounds = {name: finite(getattr(certificate, name)) if proven else None for name in names}
    return {"certified": proven, **bounds, "sentence": certificate.sentence}


def _number(number: FoundNumber) -> dict[str, Any]:
    """A number that was found as JSON."""
    deviation = {} if number.standard_error is None else {"standard_error": finite(number.standard_error)}
    return {"value": finite(number.value), "error": finite(number.error), **deviation}


def _reading(reading: Reading) -> dict[str, Any]:
    """A quantity as JSON: ``value`` and ``error``, of a curve ``times``, ``values``, ``errors``; a ``note`` if any."""
    said = {"note": reading.note} if reading.note else {}
    values = [finite(value) for value in reading.values]
    errors = [None] * len(values) if reading.errors is None else [finite(error) for error in reading.errors]
    if reading.times is None:
        return {"value": values[0], "error": errors[0], **said}
    return {"times": [float(t) for t in reading.times], "values": values, "errors": errors, **said}


def finite(number: float | None) -> float | None:
    """The number, or None where it is none."""
    return None if number is None or not abs(number) < float("inf") else float(number)


def manifest(
    solution: Solution, circumstances: Circumstances, files: list[str], writing_seconds: float, code: Exit
) -> dict[str, Any]:
    """What someone needs to repeat the run, and to know what wrote these files."""
    return {
        "pinnkan": __version__,
        "command": list(circumstances.command),
        "result": {key: value for key, value in summary(solution, Path()).items() if key != "run"},
        "exit_code": int(code),
        "set": dict(solution.problem.parameter_overrides),
        "seed": solution.problem.solver.seed,
        "device": circumstances.device,
        "file": circumstances.file,
        "timings": {
            "started": circumstances.started.isoformat(timespec="seconds"),
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "solve_seconds": solution.seconds,
            "writing_seconds": writing_seconds,
        },
        "machine": machine(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _PACKAGES},
        "files": files,
    }


def machine() -> dict[str, Any]:
    """System, processor and number of cores that this process may use."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def _processor() -> str:
    """The name of the processor where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def circumstances_of(device: str, source: bytes, path: str = "") -> Circumstances:
    """The circumstances of the running command, beginning now; ``path``: of the problem file, if it is one."""
    file = str(Path(path).absolute()) if path and Path(path).is_file() else ""
    return Circumstances(tuple(sys.argv), device, source, file, datetime.datetime.now(datetime.UTC))


def replaced(folder: Path, problem: Problem) -> list[str]:
    """A warning where the folder holds the results of another file, which are replaced; none else."""
    try:
        before = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["file"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if not before or not problem.path or Path(before) == Path(problem.path).absolute() or not Path(before).is_file():
        return []
    hint = "give one of them another `name`, or another folder with --out, to keep both"
    return [f"{folder} holds the results of {before}, which are replaced: {hint}"]
