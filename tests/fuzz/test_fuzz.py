"""Any text is a problem or a ``ProblemError``: the corpus, any bytes, and expressions built from the grammar."""

from pathlib import Path

import pytest
from fuzz.target import CORPUS, target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pinnkan.problem import report

RUNS = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
FILE = """\
name: fuzz
domain:
  x: [0, 1]
  t: [0, {end}]
parameters:
  k: {constant}
functions:
  f: {source}
unknowns: [u]
equations:
  - {left} = {right}
conditions:
  - where: initial
    equation: u = {source}
  - where: [left, right]
    equation: u = 0
"""
NUMBERS = st.one_of(st.integers(-9, 9).map(str), st.floats(allow_nan=True).map(repr), st.just("1e-6"))
NAMES = st.sampled_from(["x", "t", "k", "pi", "f", "y", "u.real", "__name__", "E", "I"])
UNKNOWNS = st.sampled_from(["u", "u_x", "u_xx", "u_tt", "u_xt", "u_xxxxx", "v", "u_q"])
CALLS = [
    "sin",
    "exp",
    "log",
    "sqrt",
    "abs",
    "sign",
    "heaviside",
    "erf",
    "tanh",
    "acos",
    "dx",
    "dt",
    "lap",
    "grad",
    "dn",
]


SIGNS = st.sampled_from(["+", "-", "*", "/", "**", "^", "<", ",", "%"])


def grown(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions, well-formed and less so, over the leaves."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, SIGNS, inner).map(lambda p: f"({' '.join(p)})"),
            st.tuples(st.sampled_from(CALLS), inner).map(lambda p: f"{p[0]}({p[1]})"),
            inner.map(lambda e: f"-{e}"),
            st.tuples(inner, inner).map(lambda p: f"min({p[0]}, {p[1]})"),
        ),
        max_leaves=12,
    )


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda p: p.stem)
def test_the_corpus_is_problems_and_problem_errors(path: Path) -> None:
    target(path.read_bytes())


@RUNS
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_a_problem_or_a_problem_error(data: bytes) -> None:
    target(data)


@RUNS
@given(
    end=NUMBERS, constant=grown(NUMBERS), source=grown(st.one_of(NUMBERS, NAMES)),
    left=grown(st.one_of(UNKNOWNS, UNKNOWNS, NAMES)), right=grown(st.one_of(NUMBERS, NAMES, UNKNOWNS)),
)  # fmt: skip
def test_any_expression_is_understood_or_refused(**parts: str) -> None:
    target(FILE.format(**parts).encode())


@RUNS
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_what_is_shown_cannot_move_the_terminal(text: str) -> None:
    target(f"name: fuzz\nabout: {text}\ndomain: {text}\n{text}: [{text}]\n".encode())


def test_the_target_sees_a_character_that_a_terminal_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "escape_unprintable", lambda text: text)
    with pytest.raises(AssertionError, match="a terminal obeys"):
        target("name: fuzz\ndomain: {x: [0, 1]}\nunknowns: [u]\nequations: ['\u202eu = 1']\n".encode())


def test_the_target_sees_an_error_that_is_no_problem_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report.Text, "locate", lambda self, index: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        target(b"name: [")
