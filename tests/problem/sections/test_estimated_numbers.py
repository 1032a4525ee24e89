"""The section ``estimate``: starts, ranges, logarithms, priors, and what is wrong with them."""

from pathlib import Path

import pytest

from pinnkan.errors import ProblemError
from pinnkan.problem.registry import load_problem, parse_problem, with_numbers
from pinnkan.problem.settings import EstimatedNumber

TEXT = """
name: growth
domain: {t: [0, 2]}
parameters: {two: 2}
unknowns: [u]
estimate:
  k: NUMBER
equations: [u_t = k*u]
conditions:
  - {where: initial, equation: u = 1}
data:
  counts: {file: counts.csv}
"""


def growth(folder: Path, number: str) -> str:
    (folder / "counts.csv").write_text("t,u\n1,2.7\n2,7.4\n", encoding="utf-8")
    path = folder / "growth.yaml"
    path.write_text(TEXT.replace("NUMBER", number), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0.3", EstimatedNumber(0.3)),
        ("two/4", EstimatedNumber(0.5)),
        ("{start: 1, range: [0.5, two]}", EstimatedNumber(1.0, 0.5, 2.0)),
        ("{start: 1, scale: log}", EstimatedNumber(1.0, 0.0, is_logarithmic=True)),
        ("{start: 1, prior: [1, 0.2]}", EstimatedNumber(1.0, prior=(1.0, 0.2))),
    ],
)
def test_a_number_is_read_with_what_is_known_of_it(tmp_path: Path, number: str, expected: EstimatedNumber) -> None:
    problem = load_problem(growth(tmp_path, number))
    assert problem.numbers == {"k": expected}
    assert str(problem.equations[0].residual) == str(problem.equations[0].residual.xreplace({}))
    assert f"{expected.start:g}" in str(problem.equations[0].residual) or expected.start == 1.0


@pytest.mark.parametrize("number", ["0.3", "{start: 0.3, range: [0.1, 2]}"])
def test_other_values_stand_in_the_equations_and_in_the_text(tmp_path: Path, number: str) -> None:
    moved = with_numbers(load_problem(growth(tmp_path, number)), {"k": 0.7})
    assert moved.numbers["k"].start == 0.7
    assert "0.7" in str(moved.equations[0].residual)
    assert moved.parameter_overrides == {"k": "0.7"}
    assert load_problem(moved.path, set=moved.parameter_overrides).source == moved.source


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("{start: 3, range: [0, 1]}", "starts at 3, outside of its range"),
        ("{start: -1, scale: log}", "a logarithmic scale needs positive numbers"),
        ("{start: 1, scale: cubic}", "this must be one of: linear, log"),
        ("{start: 1, prior: [1]}", "a prior is a mean and a standard deviation"),
        ("{start: 1, prior: [1, 0]}", "the deviation of a prior is positive"),
        ("{range: [0, 1]}", "lacks the key 'start'"),
        ("[1, 2]", "needs a start value"),
        ("fast", "unknown name 'fast' in a start value"),
    ],
)
def test_a_faulty_number_is_refused_at_its_place(tmp_path: Path, number: str, fault: str) -> None:
    with pytest.raises(ProblemError) as caught:
        load_problem(growth(tmp_path, number))
    assert fault in str(caught.value)
    assert caught.value.faults[0].line == 7


def test_a_number_that_nothing_uses_is_refused(tmp_path: Path) -> None:
    text = Path(growth(tmp_path, "1")).read_text(encoding="utf-8").replace("k*u", "u")
    with pytest.raises(ProblemError, match="the number 'k' is never used"):
        parse_problem(text, str(tmp_path / "growth.yaml"))


def test_numbers_need_data_and_as_many_values(tmp_path: Path) -> None:
    text = Path(growth(tmp_path, "1\n  a: 1\n  b: 1")).read_text(encoding="utf-8").replace("k*u", "k*u + a + b")
    with pytest.raises(ProblemError, match="3 numbers from 2 measured values"):
        parse_problem(text, str(tmp_path / "growth.yaml"))
