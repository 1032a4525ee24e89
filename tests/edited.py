"""A valid problem file to edit: each test changes the one thing it is about."""

from __future__ import annotations

from pinnkan.errors import Fault, ProblemError
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Problem

TEXT = """\
name: rod
domain:
  x: [0, 1]
  t: [0, 1]
parameters:
  k: 0.1
unknowns: [u]
equations:
  - u_t = k*u_xx
conditions:
  - where: initial
    equation: u = sin(pi*x)
  - where: [left, right]
    equation: u = 0
exact:
  u: exp(-k*pi**2*t)*sin(pi*x)
"""


def edited(old: str, new: str, text: str = TEXT) -> str:
    """The text with its one occurrence of ``old`` replaced."""
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    return text.replace(old, new)


def without_exact(text: str = TEXT) -> str:
    """The text without its last section."""
    return text[: text.index("exact:")]


def problem(text: str) -> Problem:
    """The problem it states."""
    return parse_problem(text, "rod.yaml")


def faults(text: str | bytes) -> list[Fault]:
    """The faults of a file that must have some, warnings left out."""
    try:
        parse_problem(text, "rod.yaml")
    except ProblemError as error:
        return [f for f in error.faults if f.severity == "error"]
    raise AssertionError("the file was accepted")


def only_fault(text: str | bytes) -> Fault:
    """The fault of a file that must have exactly one."""
    found = faults(text)
    assert len(found) == 1, found
    return found[0]


def warnings(text: str) -> str:
    """The warnings of a file, one a line."""
    return "\n".join(problem(text).warnings)


#: The text around a circle.
PERIODIC = (
    without_exact()
    .replace("  t: [0, 1]\n", "  t: [0, 1]\n  periodic: [x]\n")
    .replace("  - where: [left, right]\n    equation: u = 0\n", "")
)
