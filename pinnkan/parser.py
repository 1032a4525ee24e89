"""What a command line may hold, what is said of one that cannot be, and completion for shells, generated from it."""

import argparse
import math
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pinnkan.version import __version__

#: What `pinnkan` alone says.
GREETING = """\
pinnkan solves differential equations written in a text file, to the accuracy you ask for.

  pinnkan solve burgers              solves a shipped problem; `pinnkan list` names them
  pinnkan new mine --like burgers    writes a file mine.yaml of your own to start from
  pinnkan check mine.yaml            says how it is understood, or what is wrong with it

`pinnkan --help` names all commands, `pinnkan solve --help` what one of them takes. Five minutes to an equation of your
own: docs/start.md."""
#: What other programs call a command -> what is written here.
_ELSEWHERE = {
    **dict.fromkeys(("help", "commands", "man"), "--help"),
    "version": "--version",
    **dict.fromkeys(("run", "train", "simulate", "compute", "start"), "solve FILE"),
    **dict.fromkeys(("init", "create", "template", "starter"), "new NAME"),
    **dict.fromkeys(("validate", "lint", "verify", "show", "info"), "check FILE"),
    **dict.fromkeys(("examples", "problems", "ls", "gallery", "demo"), "list"),
    **dict.fromkeys(("evaluate", "sample", "predict", "interpolate"), "eval RUN --points CSV --out CSV"),
    **dict.fromkeys(("plot", "view", "open", "picture", "html"), "report RUN"),
    **dict.fromkeys(("vtk", "paraview", "convert"), "export RUN"),
}

_ANOTHER = "another value for a parameter of the file, e.g. nu=0.02; may be given again"


class Assignments(argparse.Action):
    """Collects NAME=VALUE."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        name, equals, value = (part.strip() for part in values.partition("="))
        if not (name and equals and value):
            raise argparse.ArgumentError(self, f"'{values}' is not NAME=VALUE")
        given = dict(getattr(namespace, self.dest))
        if name in given:
            raise argparse.ArgumentError(self, f"'{name}' is given twice")
        setattr(namespace, self.dest, given | {name: value})


def number(low: float, high: float) -> Callable[[str], float]:
    """Reads a number between the ends, which count only where they are positive lower ones."""

    def convert(text: str) -> float:
        value = float(text)
        if not (low < value or value == low > 0) or not value < high:
            meant = f"between {low:g} and {high:g}" if high < math.inf else f"a number above {low:g}"
            raise argparse.ArgumentTypeError(f"{text} is not {meant}")
        return value

    convert.__name__ = "number"
    return convert


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number, both ends included."""

    def convert(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        return value

    convert.__name__ = "whole number"
    return convert


class Parser(argparse.ArgumentParser):
    """Names the command or option that was probably meant."""

    def error(self, message: str) -> NoReturn:
        """What is wrong with the command line, with exit code 2."""
        wrong = re.search(r"COMMAND: invalid choice: '([^']*)'|unrecognized arguments: (\S+)", message)
        hint = "" if wrong is None else _command_meant(wrong[1]) if wrong[1] else _option_meant(wrong[2])
        super().error(f"{message}; {hint}" if hint else message)


def _command_meant(word: str) -> str:
    """A hint for what is no command: what other programs call one, a problem, or what is spelled alike."""
    from pinnkan.problem.registry import shipped_problems
    from pinnkan.problem.report import did_you_mean

    if word in _ELSEWHERE:
        return f"write `pinnkan {_ELSEWHERE[word]}`"
    if word.endswith((".yaml", ".yml")) or word in shipped_problems():
        return f"write `pinnkan solve {word}`"
    return did_you_mean(word, [c.name for c in commands_of(build_parser(), ())])


def _option_meant(word: str) -> str:
    """A hint for what is no option: one that is spelled alike, or begins with the letter."""
    from pinnkan.problem.report import did_you_mean

    known = dict.fromkeys(option for c in commands_of(build_parser(), ()) for option, _ in c.options)
    initial = [option for option in known if re.fullmatch(r"-\w", word) and option[2] == word[1]]
    return f"did you mean '{initial[0]}'?" if initial else did_you_mean(word.split("=")[0], known)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = Parser(
        prog="pinnkan", description="Partial differential equations from a YAML file, solved to a requested accuracy."
    )
    parser.add_argument("--version", action="version", version=f"pinnkan {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("-v", "--verbose", action="store_true", help="say more, show tracebacks")
        return sub

    _add_settings(command("solve", "solve a problem and write its results folder"), _ANOTHER)
    sweep = command("sweep", "solve a problem for every combination of values of its parameters")
    _add_settings(
        sweep, "values of a parameter, nu=0.01,0.02 or Re=10:100:10 for ten from 10 to 100; may be given again"
    )
    sweep.add_argument(
        "--workers", type=whole(1, 1024), default=1, metavar="N", help="processes that solve (default: 1)"
    )
    check = command("check", "validate a problem file and show how it is understood")
    check.add_argument("file", metavar="FILE", help="a path, or the name of a shipped problem")
    _add_set(check, _ANOTHER)
    check.add_argument("--resolved", action="store_true", help="print the file with every default written out")
    check.add_argument("--vtk", metavar="FILE.vtm", help="write domain, places and conditions for ParaView")
    command("list", "name the shipped problems")
    new = command("new", "write a commented starter file NAME.yaml")
    new.add_argument("name", metavar="NAME", help="small letters, digits, - and _")
    new.add_argument("--like", metavar="LIKE", help="a kind (heat, ode, system, shape) or a problem to start from")
    _add_eval(command("eval", "evaluate a solved run at given points"))
    report = command("report", "write report.html and report.md of a run again")
    report.add_argument("run", metavar="RUN", help="a results folder")
    _add_export(command("export", "write the VTK files of a run again at another resolution"))
    _add_study(command("study", "repeat an experiment of arXiv:2603.04827 and compare with what it prints"))
    command("schema", "print the JSON schema that editors complete from")
    shells = command("completion", "print what a shell reads to complete commands and names")
    shells.add_argument(
        "shell", choices=SHELLS, help='eval "$(pinnkan completion bash)" in the file a shell starts with'
    )
    return parser


def _add_settings(sub: argparse.ArgumentParser, text: str) -> None:
    sub.add_argument("file", metavar="FILE", help="a path, or the name of a shipped problem")
    _add_set(sub, text)
    sub.add_argument("--out", metavar="DIR", help="the results folder (default: results/NAME)")
    sub.add_argument("--tolerance", type=number(1e-13, 1.0), metavar="E", help="the relative L2 error to reach")
    sub.add_argument("--max-time", type=number(0.0, float("inf")), metavar="S", help="seconds before giving up")
    sub.add_argument("--device", metavar="DEV", help="cpu (default), cuda, cuda:1, ...")
    sub.add_argument("--seed", type=whole(0, 2**32 - 1), metavar="N", help="seed of everything random")
    sub.add_argument(
        "--certify", action="store_true", help="prove how far the exact solution is, where that can be done"
    )
    sub.add_argument("--resume", action="store_true", help="go on with a run that was interrupted")
    sub.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    sub.add_argument("-q", "--quiet", action="store_true", help="no progress and no messages but errors")


def _add_set(sub: argparse.ArgumentParser, text: str) -> None:
    sub.add_argument("--set", action=Assignments, default={}, metavar="NAME=VALUE", help=text)


def _add_eval(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("run", metavar="RUN", help="a results folder")
    sub.add_argument("--points", required=True, metavar="CSV", help="points, one column per coordinate")
    sub.add_argument("--out", required=True, metavar="CSV", help="where the values go")
    sub.add_argument("--fields", metavar="LIST", help="what to evaluate, e.g. u,u_x (default: the unknowns)")


def _add_export(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("run", metavar="RUN", help="a results folder")
    sub.add_argument("--out", metavar="DIR", help="where the files go (default: into the run)")
    sub.add_argument(
        "--resolution", type=whole(2, 10_000), metavar="N", help="samples per axis, at least (knots have theirs)"
    )
    sub.add_argument("--times", type=whole(1, 100_000), metavar="N", help="frames")


def _add_study(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", metavar="NAME", nargs="?", help="which one; without a name the error lists them")
    sub.add_argument("--quick", action="store_true", help="the same tables and pictures, smaller, in two minutes")
    sub.add_argument("--out", metavar="DIR", help="the folder (default: results/study/NAME, or study_quick/NAME)")
    sub.add_argument("-q", "--quiet", action="store_true", help="no progress and no messages but errors")


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
