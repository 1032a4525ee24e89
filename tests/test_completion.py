"""Completion scripts name every command and option of the parser, and bash runs them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pinnkan.completion import SHELLS, commands_of, completion
from pinnkan.parser import build_parser

COMMANDS = commands_of(build_parser(), ["burgers", "poisson2d"])


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_the_script(shell: str) -> None:
    script = completion(shell, COMMANDS)
    for command in COMMANDS:
        assert command.name in script
        assert all(option.removeprefix("--") in script for option, _ in command.options)
    assert {"solve", "completion"} <= {c.name for c in COMMANDS}


@pytest.mark.parametrize("shell", [s for s in SHELLS if shutil.which(s)])
def test_shells_that_are_there_read_it(shell: str) -> None:
    done = subprocess.run([shell, "-n"], input=completion(shell, COMMANDS), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("pinnkan so", "solve"), ("pinnkan solve bur", "burgers"), ("pinnkan solve --tol", "--tolerance")],
)
def test_bash_completes_commands_problems_and_options(words: str, wanted: str) -> None:
    count = len(words.split()) - 1
    asks = f"COMP_WORDS=({words}); COMP_CWORD={count}; _pinnkan; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", completion("bash", COMMANDS) + asks], capture_output=True, text=True)
    assert done.stdout.split() == [wanted]


def test_kinds_of_starters_are_offered_to_be_like_and_not_to_be_solved() -> None:
    """`pinnkan solve heat` is no problem."""
    found = {c.name: c.words for c in commands_of(build_parser(), ["burgers"], ["heat"])}
    assert (found["solve"], found["new"]) == (("burgers",), ("burgers", "heat"))


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_command_says_what_it_is_for(shell: str) -> None:
    solve = next(c for c in COMMANDS if c.name == "solve")
    assert all(c.about for c in COMMANDS)
    assert solve.about in completion(shell, COMMANDS)
