"""The page of the comparison from its rows: CPU seconds to each error by problem, and who is faster than pinnkan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from environments import PEERS
from grids import COMPARED

#: The errors of the columns.
ERRORS = (1e-2, 1e-4, 1e-6, 1e-8)
US = "pinnkan"


@dataclass(frozen=True)
class Attempt:
    """One solve, or one look at a network; or, with `end`, how a peer ended with a problem (the numbers are NaN).

    `budget`: CPU seconds that the peer had for the problem.
    """

    peer: str
    problem: str
    setting: str
    error: float
    cpu_seconds: float
    wall_seconds: float
    end: str
    budget: float
    versions: str


def fastest(rows: Iterable[Attempt], error: float) -> Attempt | None:
    """The attempt with the fewest CPU seconds that reached `error`, None when there is none."""
    reached = [row for row in rows if not row.end and row.error <= error]
    return min(reached, key=lambda row: row.cpu_seconds, default=None)


def cell(rows: Sequence[Attempt], ours: Sequence[Attempt], error: float) -> str:
    """Seconds and the ratio to ours; where it was not reached, the smallest error and when."""
    found, own = fastest(rows, error), fastest(ours, error)
    if found is not None:
        ratio = f" ({_ratio(found.cpu_seconds / own.cpu_seconds)})" if own is not None and rows != ours else ""
        return f"{_seconds(found.cpu_seconds)}{ratio}"
    best = min((row for row in rows if not row.end), key=lambda row: row.error, default=None)
    column = next((e for e in ERRORS if best is not None and best.error > e), None)
    if best is None or column != error:
        return "-"
    spent = max(row.cpu_seconds for row in rows if not row.end)
    return f"{best.error:.1e} at {_seconds(spent)}"


def _ratio(value: float) -> str:
    return f"{value:.0f} x" if value >= 10 else f"{value:.2g} x"


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def page(rows: Sequence[Attempt], facts: Mapping[str, str]) -> str:
    """The page: what is measured, circumstances, one table a problem, who beats us, settings, versions."""
    lines = ["# Side by side", "", *WORDS, "", *(f"* {key}: {value}" for key, value in facts.items()), ""]
    for problem, compared in COMPARED.items():
        here = [row for row in rows if row.problem == problem]
        if here:
            lines += [f"## {compared.title}", "", f"Truth: {compared.source}.", "", *_table(here), ""]
    lines += ["## Faster than pinnkan", "", *faster(rows), ""]
    lines += ["## Settings of the fastest and of the most exact", "", *_settings(rows), ""]
    lines += ["## Versions", "", *_versions(rows)]
    return "\n".join(lines) + "\n"


WORDS = (
    "CPU seconds until the true relative L2 error is below the head of the column, one thread, and in brackets the "
    "ratio to pinnkan's. Where it was not reached: the smallest error seen, and the CPU seconds spent by then. Imports "
    "do not count; what a peer compiles at run time does.",
    "",
    "pinnkan is given a tolerance and nothing else, and its time includes its estimate of the error. The resolutions "
    "of the other classical codes are chosen beforehand, each time is that of the one solve that was fine enough, not "
    "of the search for it, and nothing tells their error; but an adaptive mesh pays for all meshes before it, and "
    "BACOLI is given tolerances. Networks are trained once, with the settings of their own examples; the error is "
    "looked at now and then, free of charge, and the smallest counts.",
)


def _table(rows: Sequence[Attempt]) -> list[str]:
    ours = [row for row in rows if row.peer == US]
    lines = ["| | " + " | ".join(f"{e:.0e}" for e in ERRORS) + " |", "|---" * (len(ERRORS) + 1) + "|"]
    for name, peer in PEERS.items():
        own = [row for row in rows if row.peer == name]
        if own:
            solved = any(not row.end for row in own)
            cells = [cell(own, ours, e) for e in ERRORS] if solved else [_unsolved(own), *[""] * (len(ERRORS) - 1)]
            lines.append(f"| {peer.title} | " + " | ".join(cells) + " |")
    return lines


def _unsolved(rows: Sequence[Attempt]) -> str:
    """Why there is no number."""
    last = rows[-1]
    return f"nothing within {last.budget:g} s" if last.end == "budget" else last.end


def faster(rows: Sequence[Attempt]) -> list[str]:
    """One line a problem and error: the peers that took less time than pinnkan, the fastest first."""
    lines = []
    for problem, compared in COMPARED.items():
        for error in ERRORS:
            own = fastest((r for r in rows if (r.peer, r.problem) == (US, problem)), error)
            seconds = own.cpu_seconds if own else math.inf
            found = (fastest((r for r in rows if (r.peer, r.problem) == (name, problem)), error) for name in PEERS)
            better = sorted((r for r in found if r and r.cpu_seconds < seconds), key=lambda r: r.cpu_seconds)
            if better:
                told = ", ".join(f"{PEERS[r.peer].title} {_seconds(r.cpu_seconds)}" for r in better)
                mine = _seconds(seconds) if own else "does not reach it in its budget"
                lines.append(f"* {compared.title}, {error:.0e}: {told}; pinnkan {mine}.")
    return lines or ["Nobody, in what has been run so far."]


def _settings(rows: Sequence[Attempt]) -> list[str]:
    lines = ["| problem | peer | error | CPU s | wall s | budget s | setting |", "|---" * 7 + "|"]
    for problem in COMPARED:
        for name in PEERS:
            own = [row for row in rows if (row.peer, row.problem) == (name, problem)]
            solved = [row for row in own if not row.end]
            chosen = {row for row in (fastest(own, e) for e in ERRORS) if row}
            chosen |= {min(solved, key=lambda row: row.error)} if solved else set()
            lines += [
                f"| {problem} | {name} | {r.error:.1e} | {r.cpu_seconds:.3g} | {r.wall_seconds:.3g} | {r.budget:g} | "
                f"{r.setting} |"
                for r in sorted(chosen, key=lambda row: -row.error)
            ]
    return lines


def _versions(rows: Sequence[Attempt]) -> list[str]:
    return [
        f"* {name}: {v}" for name in PEERS for v in sorted({r.versions for r in rows if r.peer == name and r.versions})
    ]
