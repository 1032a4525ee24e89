"""Keys, places and values as other programs and YAML write them are answered with what is written here."""

from __future__ import annotations

import pytest
from edited import edited, faults, only_fault

UNKNOWNS, SIDES, RANGE = "unknowns: [u]", "where: [left, right]", "  x: [0, 1]"
VALUE, INITIAL = "    equation: u = 0", "where: initial"
LINES = "or lines of that kind indented below it"


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        (UNKNOWNS, f"{UNKNOWNS}\noutput: {{pictures: yes}}", "write true"),
        (UNKNOWNS, f"{UNKNOWNS}\noutput: {{pictures: off}}", "write false"),
        (UNKNOWNS, f"{UNKNOWNS}\noutput: off", f"write {{pictures: false}}, {LINES}"),
        (UNKNOWNS, f"{UNKNOWNS}\nsolver: 1e-3", f"write {{tolerance: 1e-6}}, {LINES}"),
        (UNKNOWNS, f"{UNKNOWNS}\nsolver: {{tolerance: '1e-3'}}", "write 1e-3 without quotes: relative L2 error"),
        (UNKNOWNS, f"{UNKNOWNS}\nsolver: {{tolerance: 1%}}", "write 0.01: relative L2 error"),
        (UNKNOWNS, f"{UNKNOWNS}\nsolver: {{max_time: 5 min}}", "write the number alone: seconds before giving up"),
        (UNKNOWNS, f"{UNKNOWNS}\nsolver: {{degree: 3.5}}", "degree of the splines"),
        (UNKNOWNS, f"{UNKNOWNS}\nsolver: {{tol: 1e-3}}", "write tolerance"),
        ("  k: 0.1", "  - k: 0.1", "leave the `- ` before the names out"),
        ("  k: 0.1", "  k = 0.1", "write a colon and a blank for the =, as k: 0.1"),
        ("  k: 0.1", "  k:0.1", "a blank follows the colon, as k: 0.1"),
        (RANGE, "  - x: [0, 1]", "look for an unclosed bracket or quote, or a text that needs quotes"),
        (f"{RANGE}\n  t: [0, 1]", "  - x: [0, 1]\n  - t: [0, 1]", "leave the `- ` before the names out"),
        ("  t: [0, 1]", "  time: [0, 1]", "write t"),
        ("  - u_t = k*u_xx", "  -u_t = k*u_xx", "a blank follows the `-` of each line"),
        ("  - u_t = k*u_xx", "  - u_t: k*u_xx", "write = for the colon"),
        ("  - u_t = k*u_xx", "  - [u_t, k*u_xx]", "one equation each, without [ ]"),
        (INITIAL, "where: start", "write initial"),
        (
            INITIAL,
            "where: final",
            "nothing is held at the end of t: let time run backwards, T - t for t and -u_t for u_t, and write initial",
        ),
        (SIDES, "where: left, right", "write [left, right]"),
        (SIDES, "where: (left, right)", "write [left, right]"),
        (SIDES, "where: walls", "write boundary"),
        (SIDES, "where: {x: 0}", "write left"),
        (VALUE, "    equation: dirichlet", "write the value: u = 0"),
        (VALUE, "    equation: neumann", "write the slope: dn(u) = 0"),
        (VALUE, "    equation: 100", "write left = right, as u = 100"),
        (VALUE, f"    type: dirichlet\n{VALUE}", "the equation says it, as u = 0 or dn(u) = 0; leave the key out"),
        ("exact:\n", "solution:\n", "write exact"),
        ("exact:\n  u: ", "exact: ", f"write {{u: ...}}, {LINES}"),
    ],
)
def test_one_fault_says_how_it_is_written(old: str, new: str, hint: str) -> None:
    if old == RANGE:  # YAML itself is at a loss where a mapping turns into a list
        hint = "keys of one section begin in the same column; a text that begins with a quote, [ or * ends with it"
    assert only_fault(edited(old, new)).hint == hint


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        (INITIAL, "at: initial", "write where"),
        (VALUE, "    value: 0", "write equation: u = ..."),
        ("domain:", "geometry:", "write domain"),
        ("equations:", "pde:", "write equations"),
        (UNKNOWNS, "variables: [u]", "write unknowns"),
    ],
)
def test_a_key_called_otherwise_is_two_faults_and_no_more(old: str, new: str, hint: str) -> None:
    found = faults(edited(old, new))
    assert len(found) == 2
    assert hint in [fault.hint for fault in found]


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("- u_t = k*u_xx", "- '-k*u_xx + u_t = 0", (9, 5), "a quote that is never closed"),
        ("exact:\n", "exact: {\n", (15, 8), "this '{' is not closed as a list or mapping"),
        (VALUE, f" {VALUE.strip()}", (14, 2), "this does not go on what stands before it"),
        ("  k: 0.1", "\tk: 0.1", (6, 1), "a tab where YAML wants spaces"),
        ("  k: 0.1", "  k: 0.1\n  c=2\n  d: 1", (7, 3), "this line is no `key: value`"),
    ],
)
def test_what_yaml_cannot_read_is_told_where_it_began(old: str, new: str, place: tuple[int, int], says: str) -> None:
    fault = only_fault(edited(old, new))
    assert ((fault.line, fault.column), fault.message) == (place, f"not valid YAML: {says}")


def test_a_fault_elsewhere_is_still_said_beside_one_in_a_value() -> None:
    """Only what makes every other name unknown hides the rest."""
    found = faults(edited("  k: 0.1", "  k: 0,1").replace("u = 0\n", "v = 0\n"))
    assert [fault.line for fault in found] == [6, 14]
