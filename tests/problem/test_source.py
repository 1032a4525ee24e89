"""YAML to nodes: values, places, limits, and no input that escapes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from edited import TEXT, edited, faults, only_fault, problem, without_exact
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkan.errors import Fault, ProblemError
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.report import render
from pinnkan.problem.source import Scalar, read_tree


def scalar(text: str) -> tuple[Scalar, str]:
    root, report = read_tree("a: " + text, "f.yaml")
    node = root.values["a"]
    assert isinstance(node, Scalar)
    return node, report.text.content


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("010", 10),
        ("true", True),
        ("null", None),
        ("on", "on"),
        ("no", "no"),
        ("'1'", "1"),
        ('"1e-6"', "1e-6"),
        (".inf", ".inf"),
        ("1_000", "1_000"),
    ],
)
def test_a_scalar_reads_as_what_it_looks_like(text: str, value: object) -> None:
    found = scalar(text)[0].value
    assert found == value
    assert type(found) is type(value)


def test_keys_are_strings_whatever_they_look_like() -> None:
    root, _ = read_tree("on: 1\n1: 2\nnull: 3\n", "f.yaml")
    assert list(root.values) == ["on", "1", "null"]


@pytest.mark.parametrize(
    "text",
    [
        "u = zz + 1",
        "'u = zz + 1'",
        '"u = zz + 1"',
        '"\\x75 = zz + 1"',
        '"u \\u003d zz + 1"',
        "u =\n   zz + 1",
        "'u =\n\n   zz + 1'",
        '"u = \\\n    zz + 1"',
        ">\n  u =\n  zz + 1",
        "|\n  u =\n  zz + 1",
        "'u=''zz'",
        '"u \\\n  = zz"',
    ],
)
def test_a_character_of_a_value_is_found_in_the_file(text: str) -> None:
    node, content = scalar(text)
    at = node.text.index("zz")
    span = node.part(at, at + 2)
    assert content[span.start : span.end] == "zz"


def test_line_and_column_count_from_one_and_a_byte_order_mark_does_not_count() -> None:
    text = edited("k*u_xx", "q*u_xx")
    fault = only_fault(b"\xef\xbb\xbf" + text.encode())
    assert (fault.line, fault.column, fault.length) == (9, 11, 1)


def test_windows_line_ends_leave_places_unchanged() -> None:
    text = edited("k*u_xx", "q*u_xx").replace("\n", "\r\n")
    assert (only_fault(text).line, only_fault(text).column) == (9, 11)


@pytest.mark.parametrize(
    ("data", "reason", "line", "column"),
    [
        (b"", "holds no problem", 1, 1),
        (b"# a comment\n", "holds no problem", 1, 1),
        (b"- a\n", "holds no problem", 1, 1),
        (b"name: \xff\xfe", "not UTF-8", 1, 7),
        (b"name: a\nabout: \x00", "control character", 2, 8),
        (b"name: a\n---\nname: b\n", "second document", 2, 1),
        (b"name: a\ndomain:\n\tx: 1\n", "tab", 3, 1),
        (b"name: [a\n", "not valid YAML", 1, 7),
        (b'name: "\\UFFFFFFFF"\n', "not valid YAML", 1, 10),
        (b"a: b: c\n", "mapping values", 1, 5),
        (b"? [a, b]\n: c\n", "a key must be a word", 1, 3),
        (b"x: " + b"a" * 1_000_000, "larger than 1,000,000 bytes", 1, 1),
        (b"x: " + b"a" * 6_000, "longer than 5,000 characters", 1, 1),
        (b"[" * 4_000, "nested more than 20 deep", 1, 21),
        (b"- " * 2_000, "nested more than 20 deep", 1, 41),
        (b"a:\n" + b"- [a,b,c]\n" * 6_000, "more than 20,000 values", 5001, 4),
        (b"#\n" * 30_000, "more than 20,000 lines", 1, 1),
    ],
)
def test_what_is_no_problem_file_is_refused_with_its_place(data: bytes, reason: str, line: int, column: int) -> None:
    fault = faults(data)[0]
    assert reason in fault.message
    assert (fault.line, fault.column) == (line, column)


def test_a_key_given_twice_names_both_places() -> None:
    fault = only_fault(edited("  x: [0, 1]\n", "  x: [0, 1]\n  x: [0, 2]\n"))
    assert (fault.line, fault.column, fault.message) == (4, 3, "the key 'x' stands twice")
    assert "line 3" in fault.hint


def test_anchors_aliases_and_tags_are_refused_each_at_its_place() -> None:
    found = faults("name: &a rod\nabout: *a\nunknowns: !!python/tuple [u]\nequations: !x [u = 1]\n")
    places = [(f.line, f.column, f.message) for f in found if f.column > 1]
    assert places == [(1, 7, "an anchor (&a)"), (2, 8, "an alias (*a)"), (3, 11, "a tag (!)"), (4, 12, "a tag (!)")]
    assert [f.length for f in found if f.column > 1] == [2, 2, 1, 1]


def test_an_alias_bomb_is_not_expanded() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert any("an alias" in f.message for f in faults("\n".join(lines)))


def result(make: Callable[[], object]) -> object:
    """What is made, or the faults; anything else that is raised goes through."""
    try:
        return make()
    except ProblemError as error:
        return error.faults


@settings(max_examples=150, deadline=1000)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_tree_or_a_problem_error(data: bytes) -> None:
    assert result(lambda: read_tree(data, "f.yaml")[0])


_PIECES = st.sampled_from(
    [
        "name: rod",
        "domain:",
        "  x: [0, 1]",
        "  t: [0, 1]",
        "unknowns: [u]",
        "equations:",
        "  - u_t = u_xx",
        "&a",
        "*a",
        "!!x",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "|",
        ">",
        "? ",
        ": ",
        "- ",
        "\n",
        " ",
        "\t",
        "#",
        "---",
        "...",
        "%YAML 1.1",
        "\\",
        "\x85",
        "é",
    ]
)


@settings(max_examples=200, deadline=1000)
@given(st.lists(_PIECES, max_size=25).map("".join))
def test_any_text_in_the_letters_of_yaml_gives_a_problem_or_a_problem_error(text: str) -> None:
    assert result(lambda: parse_problem(text, "f.yaml"))


@settings(max_examples=150, deadline=2000)
@given(
    st.integers(0, len(TEXT) - 1),
    st.integers(0, 12),
    st.sampled_from(["", "(", ")", "^", "\n", ": ", "'", "{", "u", "9**9", "-"]),
)
def test_a_valid_file_with_any_hole_gives_a_problem_or_a_problem_error(at: int, length: int, put: str) -> None:
    assert result(lambda: problem(TEXT[:at] + put + TEXT[at + length :]))


def test_carets_stand_below_what_is_wide_or_combined() -> None:
    text = "\u6f22e\u0301 \u6f22x"  # a wide character, a letter with an accent of its own, a wide one at fault
    rendered = render(ProblemError((Fault("no name", 1, 5, 1),), "f.yaml", text)).splitlines()
    assert rendered[2] == "      | " + " " * 4 + "^^"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("parameters:\n  k: 0.1", "functions: {v: max(1 - x**2/12, 0)*x, w: max(t,0)}\nparameters: {k: 0.1}"),
        ("equations:\n  - u_t = k*u_xx", "equations: [u_t = max(u_xx, 0, k)*1]"),
        ("  - where: initial\n    equation: u = sin(pi*x)", "  - {where: initial, equation: u = max(x, 0)}"),
    ],
)
def test_a_comma_that_cuts_parentheses_between_braces_is_the_only_fault_there(old: str, new: str) -> None:
    """It was a '(' never closed, a function '0)*x' that needs an expression, an unknown key '0)'."""
    found = faults(edited(old, new, without_exact()))
    assert found[0].column == new.index(",", new.index("max(")) + 1
    assert {(f.message, f.hint) for f in found} == {
        ("this comma ends the value: between { } or [ ] every comma does", "put the expression in quotes")
    }
    assert len(found) == new.count("max(")


def test_in_quotes_or_apart_commas_are_as_they_were() -> None:
    quoted = edited("u = sin(pi*x)", '"u = max(x, 0)"', without_exact())
    assert problem(quoted).conditions
    assert "this '(' is never closed" in only_fault(edited("u_t = k*u_xx", "u_t = (k*u_xx", without_exact())).message


def test_a_list_of_open_parentheses_costs_no_more_than_a_moment() -> None:
    with pytest.raises(ProblemError):
        read_tree("a: [" + ", ".join(["("] * 19_000) + "]\nb: [x, x]\na: 1\n" + "c: {", "f.yaml")
