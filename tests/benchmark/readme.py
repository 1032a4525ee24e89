"""Carries measured accuracies to where users read them: README, documentation, the headers of shipped problems.

    python tests/benchmark/readme.py

Source: results/tables/accuracy.csv and deep.csv. The README has one row of some problems; the table of the
documentation has all but those that repeat the row above, and is made while the site is built. Headers that say more
than one error and one time are written by hand.
"""

from __future__ import annotations

import csv
import re
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "results" / "tables"
#: What stands before and after the table.
BEGIN, END = "<!-- tests/benchmark/readme.py writes from here -->\n", "<!-- to here -->\n"
HEAD = (
    "| problem | tolerance | true error | estimate | time | deep: true error | time |\n|---|---|---|---|---|---|---|\n"
)
SHORT_HEAD = "| problem | | true error | estimate | time |\n|---|---|---|---|---|\n"
#: What the README shows: some of each kind, what is slow or not reached among them, and the tolerance asked for.
SHOWN = (
    "poisson2d", "boundary_layer", "oblique_layer", "wave", "burgers", "allen_cahn",
    "turning_front", "four_disks", "kirsch", "kovasznay", "cavity",
    "schroedinger", "maxwell", "lorenz", "burgers_coefficients", "van_der_pol",
)  # fmt: skip
ASKED = 1e-6
ABOUT = re.compile(r"^about: (.+)$", re.MULTILINE)
HEADER = re.compile(r"^# Expected: error \S+ at the default tolerance, in \S+ s on two cores\.$", re.MULTILINE)
DEFAULT = 1e-4

Row = dict[str, str]


def rows_of(name: str) -> list[Row]:
    """The rows of a table."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def power(text: str) -> str:
    """``8.3e-09`` as ``8e-9``; what is not known as a dash."""
    if float(text) != float(text):
        return "–"
    digit, exponent = f"{float(text):.0e}".split("e")
    return f"{digit}e{int(exponent)}"


def duration(text: str) -> str:
    """Seconds with three digits at most."""
    return f"{float(text):.2f} s" if float(text) < 10 else f"{float(text):.0f} s"


def table(accuracy: list[Row], deep: list[Row]) -> str:
    """The table in Markdown: one line per error reached, the deep network beside the first of a problem."""
    others = {row["problem"]: row for row in deep}
    out = HEAD
    for name, group in groupby(accuracy, key=lambda row: row["problem"]):
        before = ""
        for row in group:
            if row["error"] == before:
                continue
            other = others.get(name) if not before else None
            said = "" if row["verdict"] == "converged" else f" ({row['verdict']})"
            cells = [name if not before else "", power(row["tolerance"]), power(row["error"]) + said]
            cells += [power(row["estimate"]), duration(row["seconds"])]
            if other is None:
                cells += ["", ""]
            else:
                missed = "" if other["verdict"] == "converged" else " (not converged)"
                cells += [power(other["error"]) + missed, duration(other["seconds"])]
            out += "| " + " | ".join(cells) + " |\n"
            before = row["error"]
    return out


def short_table(accuracy: list[Row]) -> str:
    """The table of the README: one line for each problem shown, at the tolerance asked for."""
    asked = {row["problem"]: row for row in accuracy if float(row["tolerance"]) == ASKED}
    out = SHORT_HEAD
    for name in SHOWN:
        row = asked[name]
        about = ABOUT.search((ROOT / "problems" / f"{name}.yaml").read_text(encoding="utf-8"))
        said = "" if row["verdict"] == "converged" else f" ({row['verdict']})"
        cells = [name, about[1] if about else "", power(row["error"]) + said, power(row["estimate"])]
        out += f"| {' | '.join([*cells, duration(row['seconds'])])} |\n"
    return out


def with_table(text: str, new: str) -> str:
    """The README with another table; raises ValueError if its place is not marked."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + new + END + after


def with_header(text: str, row: Row) -> str:
    """A problem file with the error and time of ``row`` in its header."""
    error, seconds = power(row["error"]), float(row["seconds"])
    said = f"# Expected: error {error} at the default tolerance, in {seconds:.1f} s on two cores."
    return HEADER.sub(said, text)


def main() -> None:
    """Write the README and the headers."""
    accuracy, readme = rows_of("accuracy"), ROOT / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), short_table(accuracy)), encoding="utf-8")
    for row in accuracy:
        path = ROOT / "problems" / f"{row['problem']}.yaml"
        if float(row["tolerance"]) == DEFAULT and path.exists():
            path.write_text(with_header(path.read_text(encoding="utf-8"), row), encoding="utf-8")


if __name__ == "__main__":
    main()
