"""The tables that the site makes from the code: complete, and the pages around them too."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from pinnkan.errors import Exit
from pinnkan.parser import build_parser
from pinnkan.problem import schema
from pinnkan.problem.registry import shipped_folder, shipped_problems
from pinnkan.verdict.records import Reason

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs" / "hooks"))

import code_tables  # noqa: E402
import gallery_page  # noqa: E402  (after its path)

VERDICTS = (ROOT / "docs" / "verdict.md").read_text(encoding="utf-8")
#: Bytes of all pictures of the gallery together: a page that opens at once, a repository that stays small.
MOST_BYTES = 1_000_000


def test_every_reason_has_a_row_with_its_advice_and_a_section() -> None:
    rows = code_tables.reasons()
    for reason in filter(None, Reason):
        assert re.search(rf"^\| \[`{reason}`\]\(#{reason}\) \| \w.+ \| \w.+ \|$", rows, re.MULTILINE)
        assert f"\n### {reason}\n" in VERDICTS


def test_every_exit_code_is_explained() -> None:
    table = VERDICTS.partition("## Exit codes")[2].partition("##")[0]
    assert {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in row.split(",")
    } == set(Exit)


def test_every_key_and_every_default_is_in_the_reference() -> None:
    page = code_tables.problem_keys()
    for key in (*schema.PROBLEM, *schema.CONDITION, *schema.QUANTITY, *schema.SOLVER, *schema.OUTPUT):
        assert f"| `{key.name}`" in page
    assert "| `tolerance` | a number from 1e-13 to 1 | `0.0001` | relative L2 error |" in page


def test_every_option_of_every_command_is_in_the_reference() -> None:
    page = code_tables.commands()
    subs = build_parser()._subparsers
    assert subs is not None
    (choices,) = (action.choices for action in subs._group_actions)
    for name, parser in dict(choices or {}).items():
        section = page.partition(f"## pinnkan {name}\n")[2].partition("\n## ")[0]
        for action in parser._actions:
            assert all(option in section for option in action.option_strings if option != "--help")


def test_numbers_come_with_the_comment_above_them_and_nothing_else_does() -> None:
    source = (
        '#: Why it\n#: is three.\nTHREE = 3\nFOUR = 4\n#: No number.\nNAME = "a"\n#: Two.\nPAIR: tuple = (1, -2.5)\n'
    )
    assert list(code_tables.named_numbers(source)) == [
        ("THREE", "3", "Why it is three."),
        ("PAIR", "(1, -2.5)", "Two."),
    ]
    assert "`HELDOUT_RATIO`" in code_tables.numbers()


def test_every_shipped_problem_stands_in_the_gallery_with_picture_and_measured_error() -> None:
    page = gallery_page.problems()
    for name in shipped_problems():
        assert f"{{ #{name} }}" in page
        assert (gallery_page.PICTURES / f"{name}.png").is_file()
    assert page.count("true error") >= len(shipped_problems())
    assert sum(path.stat().st_size for path in gallery_page.PICTURES.glob("*.png")) < MOST_BYTES


def test_every_trap_stands_in_the_gallery_with_what_is_answered() -> None:
    page = gallery_page.traps()
    for path in (shipped_folder() / "traps").glob("*.yaml"):
        assert re.search(rf"### {path.stem}\n\n\S.+\n\n\*pinnkan says:\* \w", page)


def test_a_page_that_wants_a_table_that_there_is_not_is_refused() -> None:
    exceptions = pytest.importorskip("mkdocs.exceptions")
    import site_hooks

    with pytest.raises(exceptions.PluginError, match="'verdicts'"):
        site_hooks.made("a\n<!-- made: verdicts -->\n")
    assert site_hooks.made("a\n<!-- made: evidence -->\n").startswith("a\n* correction")


def test_links_that_leave_the_pages_are_found() -> None:
    pytest.importorskip("mkdocs")
    import site_hooks

    text = '[a](../../problems/wave.yaml) [b](../start.md#x) <img src="../../no.png">'
    assert dict(site_hooks.leaving(text, "docs/recipes/heat.md")) == {"../../problems/wave.yaml": "problems/wave.yaml"}
