"""``report.md``: what was solved, whether to trust it, how it was reached, and how to look at it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from pinnkan.export.arrays import error_name, hidden_in_words, limited, sampled, shown_of, sliced, space_breaks
from pinnkan.export.fits import fit_section
from pinnkan.export.shape_cells import bounded_in_words
from pinnkan.export.tables import by_x
from pinnkan.kan.field import Array
from pinnkan.problem.description import conditions_by_place, quantity_words
from pinnkan.problem.evolution import as_time_problem
from pinnkan.problem.report import escape_unprintable
from pinnkan.problem.source import Mapping, Scalar, read_tree
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution
from pinnkan.solver.verify.checks import CHECKS
from pinnkan.verdict.records import Reading
from pinnkan.version import __version__

#: Rows of a table that are shown from its beginning and from its end; the whole is in levels.csv.
_SHOWN = 12
_ADVICE = "Raise `solver: max_levels` or `max_time`, or ask for a larger `tolerance`."
_FILES = {
    ".pvd": "the solution over time, for ParaView",
    ".vtu": "the solution, for ParaView",
    ".spacetime.vtu": "the solution as one surface over space and time, for ParaView",
    ".frames": "the frames that the `.pvd` file lists",
    ".paraview.py": "shows the field, its error and the mesh: `paraview --script=` this file",
    ".gif": "the solution over time, as a film",
    ".mp4": "the same film for players and slides",
    "convergence.png": "error estimate and true error against size, time and seconds",
    ".png": "the solution as a picture, with its knots and its error",
    "data.png": "measured values beside computed ones, and their differences over the noise",
    "data.csv": "measured and computed values, with the noise",
    "quantities.csv": "the quantities with their errors, over time where they are curves",
    "levels.csv": "every level or time slab: intervals, parameters, loss, held-out residual, estimate, seconds",
    "history.csv": "every step of the solver",
    "problem.yaml": "the problem as it was given, byte for byte",
    "resolved.yaml": "the problem with every default filled in",
    "manifest.json": "versions, seed, command, machine, timings, exit code",
    "report.html": "this report as a page, with an interactive view of the solution",
    "report.md": "this report",
    "checkpoint": "the network itself, for `pinnkan eval`, `pinnkan export` and `pinnkan.load_solution`",
}


def report_of(solution: Solution, files: Sequence[str], warnings: Sequence[str] = ()) -> str:
    """The report as Markdown; ``files`` are the names in the results folder."""
    sections = [
        f"# {solution.problem.name}",
        escape_unprintable(solution.problem.about),
        _verdict(solution),
        _list("## Warnings", [*solution.problem.warnings, *warnings]),
        _problem(solution.problem),
        _by_name(solution),
        fit_section(solution),
        _quantities(solution),
        f"## Network\n\n{solution.network}.",
        _levels(solution),
        _checks(solution),
        _files(files, solution.problem),
        f"Written by pinnkan {__version__}.",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def verdict_words(solution: Solution) -> str:
    """The verdict with its numbers, as the terminal and the report say it."""
    verdict = solution.verdict
    reason = f" ({verdict.reason})" if verdict.reason else ""
    state = "Converged" if verdict.converged else f"NOT CONVERGED{reason}"
    true = "" if solution.true_error is None else f", true error {solution.true_error:.2g}"
    known = math.isfinite(verdict.estimate)
    size = f"estimated relative L2 error {verdict.estimate:.2g}" if known else "error not known"
    beside = f"; {verdict.beside}" if verdict.beside else ""
    return f"{state}: {size}, tolerance {verdict.tolerance:.2g}{true}{beside}."


def _verdict(solution: Solution) -> str:
    verdict = solution.verdict
    lines = ["## Verdict", f"**{verdict_words(solution)}**"]
    if not verdict.converged:
        lines.append(verdict.sentence)
    if verdict.evidence:
        lines.append(f"Evidence for the estimate: {verdict.evidence}.")
    if verdict.bound_sentence:
        lines.append(verdict.bound_sentence)
    if solution.certificate is not None:
        lines.append(solution.certificate.sentence)
    if not verdict.converged:
        lines.append(f"### What to try\n\n{verdict.remedy or _ADVICE}")
    return "\n\n".join(lines)


def _problem(problem: Problem) -> str:
    ranges = [
        f"{problem.label(c.name)} in [{low:g}, {high:g}]{', periodic' if wrapped else ''}"
        for c, (low, high), wrapped in zip(problem.coordinates, problem.box.ranges, problem.box.periodic, strict=True)
    ]
    equations = "\n".join(f"    {equation.text}" for equation in problem.equations)
    stated = [(c.name, "none" if c.equation is None else c.equation.text) for c in conditions_by_place(problem)]
    conditions = "\n".join(f"    {name}: {text}" for name, text in stated)
    parts = [f"## Problem\n\n{'; '.join(ranges)}{bounded_in_words(problem)}.", equations]
    for section, named in definitions_of(problem).items():
        parts += [section, "\n".join(f"    {name} = {text}" for name, text in named.items())]
    return "\n\n".join([*parts, "with", conditions])


def definitions_of(problem: Problem) -> dict[str, dict[str, str]]:
    """The sections ``parameters`` and ``functions``, those that there are: name -> what it stands for, as written."""
    root, _ = read_tree(problem.source, problem.path) if problem.source else (None, None)
    sections = {} if root is None else {key: root.values.get(key) for key in ("parameters", "functions")}
    named = {
        key: {name: " ".join(v.text.split()) for name, v in node.values.items() if isinstance(v, Scalar)}
        for key, node in sections.items()
        if isinstance(node, Mapping)
    }
    return {key: found for key, found in named.items() if found}


def _by_name(solution: Solution) -> str:
    """The errors of several unknowns and vectors, each relative to its own size."""
    if len(solution.problem.unknowns) == 1:
        return ""
    rows = ["| | root mean square | estimate | true error |", "|---|---|---|---|"]
    for found in errors_by_name(solution):
        errors = ["" if e is None else f"{e:.1e}" for e in (found.estimate, found.true_error)]
        rows.append(f"| {solution.problem.label(found.name)} | {found.size:.3g} | {errors[0]} | {errors[1]} |")
    return "## Unknowns\n\n" + "\n".join(rows) + "\n\nErrors are relative to the size of each; no margin is added."


def _quantities(solution: Solution) -> str:
    """A table of what was read off; of a curve over time its end, the whole is in ``quantities.csv``."""
    if not solution.quantities:
        return ""
    rows = ["| quantity | what | value | error |", "|---|---|---|---|"]
    for name, reading in solution.quantities.items():
        what = quantity_words(solution.problem, solution.problem.quantities[name]).replace("|", "\\|")
        when = "" if reading.times is None else f" at {solution.problem.format_march_position(reading.times[-1], 4)}"
        label = solution.problem.label(name).replace("|", "\\|")
        rows.append(f"| {label} | {what} | {value_words(reading)}{when} | {error_words(reading)} |")
    notes = [f"`{name}`: {reading.note}." for name, reading in solution.quantities.items() if reading.note]
    return "\n\n".join(["## Quantities", "\n".join(map(escape_unprintable, rows)), *map(escape_unprintable, notes)])


def value_words(reading: Reading) -> str:
    """The last value, with as many digits as its error leaves."""
    value = float(reading.values[-1])
    if math.isnan(value):
        return "not known"
    error = math.nan if reading.errors is None else float(reading.errors[-1])
    if not (math.isfinite(value) and 0.0 < error < math.inf and value != 0.0):
        return f"{value:.10g}"
    return f"{value:.{min(max(math.ceil(math.log10(abs(value) / error)) + 2, 2), 16)}g}"


def error_words(reading: Reading) -> str:
    """The error of the last value."""
    error = math.inf if reading.errors is None else float(reading.errors[-1])
    return f"{error:.1e}" if math.isfinite(error) else "not known"


def quantity_lines(solution: Solution) -> list[str]:
    """Each quantity in a line for the terminal; of a curve over time its end."""
    lines = []
    for name, reading in solution.quantities.items():
        when = "" if reading.times is None else f" at {solution.problem.format_march_position(reading.times[-1], 4)}"
        unit = f" {solution.problem.units[name]}" if name in solution.problem.units else ""
        value = f"{value_words(reading)}{unit}, error {error_words(reading)}" + f"; {reading.note}" * bool(reading.note)
        lines.append(escape_unprintable(f"{name}{when} = {value}"))
    return lines


def _levels(solution: Solution) -> str:
    levels = solution.levels
    if not levels:
        return "## Levels\n\nNo level was completed."
    slabs = levels[0].time is not None
    march = [as_time_problem(solution.problem).coordinates[-1].name] if slabs else []
    names = ["slab" if slabs else "level", *march, "intervals", "parameters", "loss",
             "held-out", "estimate", "true error", "seconds"]  # fmt: skip
    rows = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for index, level in enumerate(levels):
        if _SHOWN <= index < len(levels) - _SHOWN:
            if index == _SHOWN:
                rows.append("| … " + "| " * (len(names) - 1) + "|")
            continue
        time = [] if level.time is None else [f"{level.time[0]:.4g} to {level.time[1]:.4g}"]
        true = "" if level.true_error is None else f"{level.true_error:.2e}"
        cells = [
            str(level.number), *time, by_x(level.intervals), str(level.parameters), f"{level.loss:.2e}",
            f"{level.heldout:.2e}", f"{level.estimate:.2e}", true, f"{level.seconds:.2f}",
        ]  # fmt: skip
        rows.append("| " + " | ".join(cells) + " |")
    title = "## Time slabs" if slabs else "## Levels"
    return f"{title}\n\n" + "\n".join(rows) + f"\n\n{solution.seconds:.2f} s in all, {solution.parameters} parameters."


def _checks(solution: Solution) -> str:
    """What was asked before the verdict, of how many levels or slabs, and what was found last."""
    asked: dict[str, list[str]] = {}
    for level in solution.levels:
        for name, found in level.answers:
            asked.setdefault(name, []).append(found and f"{found} ({'slab' if level.time else 'level'} {level.number})")
    if not asked:
        return "## Checks\n\nNone was asked of what was kept: no estimate was below the tolerance."
    rows = ["| check | question | asked | found |", "|---|---|---|---|"]
    for check in CHECKS:
        if check.name in asked:
            found = next((x for x in reversed(asked[check.name]) if x), "nothing").replace("|", "\\|")
            rows.append(
                f"| `{check.name}` | {check.question} | {len(asked[check.name])} | {escape_unprintable(found)} |"
            )
    return "## Checks\n\n" + "\n".join(rows)


def _files(files: Sequence[str], problem: Problem) -> str:
    longest_first = sorted(_FILES.items(), key=lambda entry: -len(entry[0]))
    shown = [f"`{name}`: {next(text for end, text in longest_first if name.endswith(end))}" for name in files]
    hidden = hidden_in_words(problem)
    slices = f"\n\nFiles and pictures show the first three coordinates where {hidden}." if hidden else ""
    opening = next((name for name in files if name.endswith((".pvd", ".vtu"))), None)
    how = ""
    if opening is not None:
        how = (
            f"\n\nIn ParaView: File > Open > `{opening}`, press Apply, choose an array to colour by (the unknowns, "
            f"`{error_name('error_estimate', problem, shown_of(problem)[0].name)}`, `residual_1`). `Warp By Scalar` "
            "shows a plane as a surface, `Plot Data` a line."
        )
        if problem.vectors:
            how += f" `Glyph` and `Stream Tracer` show a vector: {', '.join(f'`{name}`' for name in problem.vectors)}."
    return _list("## Files", shown) + how + slices


def _list(title: str, items: Sequence[str]) -> str:
    return "" if not items else f"{title}\n\n" + "\n".join(f"- {item}" for item in items)


#: Samples per knot interval and of the time that was reached, both in the middle of equal parts: two digits of a norm.
_PER_INTERVAL, _TIMES = 4, 20
#: Samples of space in all, a choice: a tenth of a second.
_MOST = 40_000


@dataclass(frozen=True)
class NamedError:
    """The size (root mean square) of an unknown or vector, and its relative errors; None where not known."""

    name: str
    size: float
    estimate: float | None
    true_error: float | None


def errors_by_name(solution: Solution) -> list[NamedError]:
    """One per unknown that is in no vector, one per vector; in many coordinates on the slice shown."""
    problem = solution.problem
    squares: dict[str, float] = {}
    inside = 0.0
    for weight, arrays in _weighed(solution):
        for name, array in arrays.items():
            squares[name] = squares.get(name, 0.0) + float(np.nansum(array**2 * weight))
        inside += float(weight[np.isfinite(arrays[problem.unknowns[0]])].sum())
    found = []
    for shown in shown_of(problem):
        size = float(np.sqrt(squares[shown.name] / (inside or 1.0)))
        errors = [squares.get(error_name(kind, problem, shown.name)) for kind in ("error_estimate", "error")]
        relative = [None if e is None else float(np.sqrt(e / (inside or 1.0))) / (size or 1.0) for e in errors]
        found.append(NamedError(shown.name, size, *relative))
    return found


def _weighed(solution: Solution) -> Sequence[tuple[Array, dict[str, Array]]]:
    """Weights that add up to one over all, with the arrays of a file at the same places."""
    problem = solution.problem
    shown = [axis for axis in range(problem.dimension) if axis != problem.time_axis or problem.dimension == 1][:3]
    rules = [_midpoints(space_breaks(solution, axis)) for axis in shown]
    axes = limited([x for x, _ in rules], _MOST)
    if any(len(x) < len(rule[0]) for x, rule in zip(axes, rules, strict=True)):
        rules = [(x, np.gradient(x)) for x in axes]
    weight = reduce(np.multiply.outer, (w / w.sum() for _, w in rules))
    full = sliced(problem, [x for x, _ in rules])
    if problem.time_axis is None or problem.dimension == 1:
        shape = [len(a) for a in full]
        return [(weight.reshape(shape), sampled(solution, full))]
    start, end = solution.domain.box.ranges[-1]
    times = start + (end - start) * (np.arange(_TIMES) + 0.5) / _TIMES
    shape = [len(a) for a in full] + [1]
    return [((weight / _TIMES).reshape(shape), sampled(solution, [*full, np.array([t])])) for t in times]


def _midpoints(knots: Array) -> tuple[Array, Array]:
    """The middles of equal parts of every interval, and the lengths of these."""
    steps = np.repeat(np.diff(knots) / _PER_INTERVAL, _PER_INTERVAL)
    return knots[0] + np.cumsum(steps) - steps / 2, steps
