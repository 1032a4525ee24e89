"""What pages show, as something that can be done: problem files, command lines, Python.

A page is one session in one folder, from top to bottom. A block of YAML with a ``title="heat.yaml"`` becomes that file;
one that is no whole problem replaces sections of the last one that was. In a block of ``console`` lines that begin with
``$`` are commands and the others what they print: every number may be another one, and ``...`` stands for anything.
Blocks of ``python`` share their names. A file whose name begins with ``wrong`` is meant to be refused.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pinnkan
from pinnkan.cli import main
from pinnkan.problem.statement import Problem

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^( *)```(\w+)(?: title=\"([^\"]+)\")?[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^(\w+):.*\n(?:(?:[ #-].*)?\n)*", re.MULTILINE)
#: What is run elsewhere, and where: commands that install are those of .ci/run, ParaView needs a screen (tests/export).
ELSEWHERE = (
    "git clone",
    "python3 -m venv",
    ".venv/bin/",
    "source ",
    "pip install",
    "paraview ",
    "eval ",
    "make ",
    "python ",
)
_NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")
_CHECKER = doctest.OutputChecker()
_LOOSELY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A block of code of a page: its language, the name of its file or "", its text, and the line it begins at."""

    language: str
    title: str
    text: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page in Markdown, those in lists and notes without their indent."""
    for found in _FENCE.finditer(page):
        indent, language, title, text = found.groups()
        lines = [line.removeprefix(indent) for line in text.splitlines()]
        yield Block(language, title or "", "\n".join(lines) + "\n", page[: found.start()].count("\n") + 1)


def is_whole(text: str) -> bool:
    """Whether a text in YAML is a problem, rather than some sections of one."""
    return {"domain", "unknowns", "equations"} <= {found[1] for found in _SECTION.finditer(text)}


def with_sections(text: str, sections: str) -> str:
    """A problem with ``sections`` in place of its own of the same name, new ones at its end."""
    for found in _SECTION.finditer(sections):
        own = re.compile(rf"^{found[1]}:.*\n(?:(?:[ #-].*)?\n)*", re.MULTILINE)
        new = found[0].rstrip() + "\n"
        text = own.sub(lambda _, new=new: new, text) if own.search(text) else text + new
    return text


def problems(page: str) -> Iterator[tuple[Block, Problem]]:
    """The problems that a page states, read and checked, without the data that the page makes.

    Raises:
        ProblemError: one of them is none.
    """
    whole = ""
    for block in blocks(page):
        if block.language != "yaml" or block.title.startswith("wrong"):
            continue
        if is_whole(block.text):
            whole = (
                block.text if block.text.startswith("name:") or "\nname:" in block.text else "name: a\n" + block.text
            )
            text = whole
        else:
            assert whole, f"line {block.line}: these sections belong to no problem"
            text = with_sections(whole, block.text)
        yield block, pinnkan.load_problem(text, reads_data=False)


@dataclass(frozen=True)
class Said:
    """A command, what the page says that it prints ("" for nothing said), what it printed, and its exit code."""

    command: str
    expected: str
    printed: str
    code: int

    @property
    def is_true(self) -> bool:
        """Whether the page says what holds; a command that fails is one whose error the page shows."""
        may_fail = "error: " in self.expected
        return (self.code == 0 or may_fail) and (not self.expected or self._matches)

    @property
    def _matches(self) -> bool:
        expected, printed = (_NUMBER.sub("0", text) for text in (self.expected, self.printed))
        return _CHECKER.check_output(expected, printed, _LOOSELY)


def run(block: Block) -> Iterator[Said]:
    """Every command of a block of ``console``, done in the current folder."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        if command.startswith(ELSEWHERE):
            continue
        words = shlex.split(command, comments=True)
        assert words[0] == "pinnkan", f"line {block.line}: '{command}' is not run by this test"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = main(words[1:])
        yield Said(command, expected.strip() and expected, printed.getvalue(), code)


def do(page: str) -> list[str]:
    """Everything that a page shows, in the current folder; returns what did not hold, in words."""
    names: dict[str, object] = {"__name__": "page"}
    failed = []
    for block in blocks(page):
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            exec(compile(block.text, f"line {block.line}", "exec"), names)
        elif block.language == "console":
            failed += [f"line {block.line}: {s.command}\n{s.printed}" for s in run(block) if not s.is_true]
    return failed
