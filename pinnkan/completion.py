"""Completion for shells, generated from the parser: commands, options, names of shipped problems, files."""

import argparse
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class Command:
    """A command of the parser: what it is for, its options with theirs, the words that its arguments may be."""

    name: str
    about: str
    options: tuple[tuple[str, str], ...]
    words: tuple[str, ...]


def commands_of(parser: argparse.ArgumentParser, problems: Sequence[str], kinds: Sequence[str] = ()) -> list[Command]:
    """The commands of a parser; where one takes a FILE ``problems`` are offered, to be like one the ``kinds`` too."""
    subs = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    abouts = {choice.dest: choice.help or "" for choice in subs._choices_actions}
    options = {
        name: tuple((o, a.help or "") for a in sub._actions for o in a.option_strings if o.startswith("--"))
        for name, sub in subs.choices.items()
    }
    return [
        Command(name, abouts.get(name, ""), options[name], tuple(_words(sub, problems, kinds)))
        for name, sub in subs.choices.items()
    ]


def _words(parser: argparse.ArgumentParser, problems: Sequence[str], kinds: Sequence[str]) -> Iterator[str]:
    for action in parser._actions:
        yield from map(str, action.choices or ())
        if action.metavar in ("FILE", "LIKE"):
            yield from problems
        if action.metavar == "LIKE":
            yield from kinds


def completion(shell: str, commands: Sequence[Command]) -> str:
    """The script that a shell reads: ``eval "$(pinnkan completion bash)"`` in bash and zsh, a file in fish."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)


def _bash(commands: Sequence[Command]) -> str:
    cases = "\n".join(
        f"    {c.name}) words={shlex.quote(' '.join([*(o for o, _ in c.options), *c.words]))} ;;" for c in commands
    )
    names = " ".join([*(c.name for c in commands), "--help", "--version"])
    return f"""_pinnkan() {{
  local words current=${{COMP_WORDS[COMP_CWORD]}}
  case ${{COMP_WORDS[1]}} in
{cases}
    *) words={shlex.quote(names)} ;;
  esac
  [ "$COMP_CWORD" -gt 1 ] || words={shlex.quote(names)}
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ $current == -* || $COMP_CWORD -le 1 ]] || COMPREPLY+=($(compgen -f -- "$current"))
}}
complete -o filenames -F _pinnkan pinnkan
"""


def _zsh(commands: Sequence[Command]) -> str:
    listed = "\n".join(f"    {shlex.quote(f'{c.name}:{c.about}')}" for c in commands)
    cases = "\n".join(
        f"    {c.name}) compadd -- {' '.join(map(shlex.quote, [*(o for o, _ in c.options), *c.words]))} ;;"
        for c in commands
    )
    return f"""#compdef pinnkan
_pinnkan() {{
  local -a names
  names=(
{listed}
  )
  if (( CURRENT == 2 )); then
    _describe command names
    return
  fi
  case $words[2] in
{cases}
  esac
  _files
}}
compdef _pinnkan pinnkan
"""


def _fish(commands: Sequence[Command]) -> str:
    lines = []
    for c in commands:
        lines.append(f"complete -c pinnkan -n __fish_use_subcommand -f -a {c.name} -d {_fished(c.about)}")
        inside = f"-n '__fish_seen_subcommand_from {c.name}'"
        lines += [f"complete -c pinnkan {inside} -l {o.removeprefix('--')} -d {_fished(h)}" for o, h in c.options]
        lines += [f"complete -c pinnkan {inside} -a {_fished(' '.join(c.words))}"] if c.words else []
    return "\n".join(lines) + "\n"


def _fished(text: str) -> str:
    """A text between single quotes, where fish knows two escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
