"""The page on refusals: a section for each check, whose files make the check say what the section quotes."""

from __future__ import annotations

import re

import pytest
from snippets import ROOT, Block, blocks

import pinnkan
from pinnkan.solver.verify.checks import CHECKS

PAGE = ROOT / "docs" / "refused.md"
TEXT = PAGE.read_text(encoding="utf-8")
#: Each section of the page by its heading, in order.
SECTIONS = dict(zip(*[iter(re.split(r"^## (.+)$", TEXT, flags=re.MULTILINE)[1:])] * 2, strict=True))
#: Files whose solve takes more than three seconds.
SLOW = {"wrong_hidden_products.yaml", "wrong_periodic_waves.yaml", "wrong_conditions_at_points.yaml"}
_NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")


def traps(section: str) -> list[Block]:
    return [block for block in blocks(SECTIONS[section]) if block.language == "yaml"]


def said(text: str) -> str:
    """A sentence without what differs between machines and between a page and a report: numbers, lines, escapes."""
    return _NUMBER.sub("0", " ".join(text.replace("\\", "").split()))


def quotes(section: str) -> list[str]:
    """The quotes of a section, each with the blocks of code taken out."""
    found = re.findall(r"(?:^> .*\n)+", SECTIONS[section], re.MULTILINE)
    return [said(re.sub(r"^> ", "", quote, flags=re.MULTILINE)) for quote in found]


ALL = [
    pytest.param(name, trap, id=trap.title, marks=[pytest.mark.slow] if trap.title in SLOW else [])
    for name in SECTIONS
    for trap in traps(name)
]


def test_every_check_has_a_section_in_the_order_of_the_table() -> None:
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == [check.name for check in CHECKS]
    assert "\n<!-- made: checks -->\n" in TEXT.partition("\n## ")[0]


def test_every_section_has_a_quote_for_each_file_and_ends_with_source_and_test() -> None:
    for name, section in SECTIONS.items():
        assert len(quotes(name)) == len(traps(name)) > 0, name
        last = section.strip().splitlines()[-1]
        assert re.fullmatch(r"\[source\]\(\.\./pinnkan/\S+\.py\), \[test\]\(\.\./tests/\S+\.py\)", last), name


def test_every_file_that_the_page_links_to_exists() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", TEXT)]
    assert links
    assert [link for link in links if not (PAGE.parent / link).is_file()] == []


@pytest.mark.parametrize(("name", "trap"), ALL)
def test_a_file_makes_its_check_say_what_the_page_quotes(name: str, trap: Block) -> None:
    solution = pinnkan.solve(pinnkan.load_problem(trap.text))
    verdict = solution.verdict
    found = [text for level in solution.levels for check, text in level.answers if check == name and text]
    assert not verdict.converged
    assert found or f"[check: {name}]" in verdict.sentence
    quote = quotes(name)[traps(name).index(trap)]
    assert any(quote in said(text) for text in (verdict.sentence, *found)), (verdict.sentence, found)
