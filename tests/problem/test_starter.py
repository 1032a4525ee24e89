"""Starters and copies are problems that check accepts, and editors find their schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinnkan.errors import UsageError
from pinnkan.problem.registry import parse_problem, shipped_folder, shipped_problems
from pinnkan.problem.starter import SCHEMA_LINE, STARTERS, starter


@pytest.mark.parametrize("like", [None, *STARTERS, "burgers", "kdv"])
def test_a_new_file_is_a_problem_of_that_name_without_warnings(like: str | None) -> None:
    text = starter("mine", like)
    problem = parse_problem(text, "mine.yaml")
    assert (problem.name, problem.warnings) == ("mine", ())
    first = text.splitlines()[0]
    assert first.startswith(SCHEMA_LINE)
    assert Path(first.removeprefix(SCHEMA_LINE)).is_file()


def test_a_copy_states_the_same_equations_and_no_figures_of_the_original() -> None:
    text = starter("mine", "burgers")
    original = shipped_problems()["burgers"].read_text()
    assert "Expected" in original
    assert "Expected" not in text
    assert text.count(SCHEMA_LINE) == 1
    assert [e.text for e in parse_problem(text, "").equations] == [
        e.text for e in parse_problem(original, "").equations
    ]


def test_what_is_neither_a_kind_nor_a_problem_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'burgers'"):
        starter("mine", "burgrs")


def test_every_shipped_file_starts_with_its_schema() -> None:
    for path in shipped_folder().rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith(SCHEMA_LINE), path
        assert (path.parent / first.removeprefix(SCHEMA_LINE)).resolve() == shipped_folder() / "schema.json"
