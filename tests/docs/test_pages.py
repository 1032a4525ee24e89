"""What README and documentation show is true: problems are understood and solved, commands and snippets run."""

from __future__ import annotations

from pathlib import Path

import pytest
from snippets import PAGES, ROOT, blocks, do, problems, with_sections

import pinnkan
from pinnkan.errors import ProblemError

SHOWING = [page for page in PAGES if any(True for _ in blocks(page.read_text(encoding="utf-8")))]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", SHOWING, ids=named)
def test_every_problem_of_a_page_is_understood_without_a_warning(page: Path) -> None:
    for block, problem in problems(page.read_text(encoding="utf-8")):
        assert problem.warnings == (), f"line {block.line}"


@pytest.mark.slow
@pytest.mark.parametrize("page", SHOWING, ids=named)
def test_every_problem_of_a_page_is_solved(page: Path) -> None:
    for block, problem in problems(page.read_text(encoding="utf-8")):
        if problem.numbers:  # its data are made by the page, whose commands solve it
            continue
        solution = pinnkan.solve(problem)
        assert solution.verdict.converged, f"line {block.line}: {solution}"
        assert solution.true_error is None or solution.true_error <= problem.solver.tolerance


@pytest.mark.slow
@pytest.mark.parametrize("page", SHOWING, ids=named)
def test_commands_and_snippets_of_a_page_do_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert do(page.read_text(encoding="utf-8")) == []


PAGE = """
```yaml title="a.yaml"
name: a
domain:
  x: [0, 1]
unknowns: [u]
equations:
  - -u_xx = 1
conditions:
  - where: boundary
    equation: u = 0
```

```yaml
equations:
  - -u_xx = v
```

```console
$ pinnkan check a.yaml
nothing of the kind
$ pinnkan check b.yaml
...
```
"""


def test_a_page_that_says_something_else_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other_words, no_file = do(PAGE)
    assert "pinnkan check a.yaml" in other_words
    assert "no file and no shipped problem" in no_file
    with pytest.raises(ProblemError, match="unknown name 'v'"):
        list(problems(PAGE))


def test_sections_replace_those_of_the_problem_above_and_others_are_added() -> None:
    text = with_sections(
        "name: a\nequations:\n  - u = 1\nexact:\n  u: 1\n", "equations:\n  - u = 2\noutput:\n  times: 3\n"
    )
    assert text == "name: a\nequations:\n  - u = 2\nexact:\n  u: 1\noutput:\n  times: 3\n"
