"""The command line: commands to calls to exit codes. No numerics; torch is imported by the commands that need it."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from pinnkan.completion import SHELLS, commands_of, completion
from pinnkan.errors import Exit, PinnkanError, ProblemError, UsageError
from pinnkan.imports import hasten, settle
from pinnkan.options import Assignments, number, whole
from pinnkan.processes.job import this_job
from pinnkan.version import __version__

_REPORT = "please report it as an issue of the project, with the problem file and this line"
_ANOTHER = "another value for a parameter of the file, e.g. nu=0.02; may be given again"
_PIPE_CLOSED = 141  # what a shell reports for a program ended by SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    begun = time.perf_counter()
    if argv is None:
        hasten()
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    if not this_job().leads and arguments.run_command is not _solve:
        return Exit.CONVERGED  # one process of a job does what is no work for many
    try:
        arguments.begun, arguments.hastened = begun, argv is None
        code = int(arguments.run_command(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return _say("interrupted", Exit.INTERRUPTED)
    except ProblemError as error:
        from pinnkan.problem.report import render

        print(render(error), file=sys.stderr)
        return int(error.exit_code)
    except PinnkanError as error:
        return _say(str(error), error.exit_code)
    except MemoryError:
        return _say("out of memory; a looser tolerance or a smaller degree needs less", Exit.RESOURCES)
    except Exception as error:
        return _bug(error, arguments.verbose)


def _say(message: str, code: Exit) -> int:
    from pinnkan.problem.report import visible

    for i, line in enumerate(message.splitlines() or [""]):
        print(("pinnkan: " if i == 0 else "  ") + visible(line), file=sys.stderr)
    return int(code)


def _bug(error: Exception, verbose: bool) -> int:
    if verbose:
        traceback.print_exception(error)
    hint = "" if verbose else "; -v shows the traceback"
    kind = type(error).__name__
    return _say(f"a bug in pinnkan {__version__}: {kind}: {error}\n{_REPORT}{hint}", Exit.BUG)


class Parser(argparse.ArgumentParser):
    """Names the command or option that was probably meant."""

    def error(self, message: str) -> NoReturn:
        """What is wrong with the command line, with exit code 2."""
        from pinnkan.problem.report import did_you_mean

        wrong = re.search(r"invalid choice: '([^']*)'|unrecognized arguments: (\S+)", message)
        hint = ""
        if wrong:
            commands = commands_of(build_parser(), ())
            known = [option for c in commands for option, _ in c.options] if wrong[2] else [c.name for c in commands]
            hint = did_you_mean((wrong[1] or wrong[2]).split("=")[0], dict.fromkeys(known))
        super().error(f"{message}; {hint}" if hint else message)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = Parser(
        prog="pinnkan", description="Partial differential equations from a YAML file, solved to a requested accuracy."
    )
    parser.add_argument("--version", action="version", version=f"pinnkan {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("-v", "--verbose", action="store_true", help="say more, show tracebacks")
        sub.set_defaults(run_command=run)
        return sub

    _add_solve(command("solve", _solve, "solve a problem and write its results folder"))
    _add_sweep(command("sweep", _sweep, "solve a problem for every combination of values of its parameters"))
    check = command("check", _check, "validate a problem file and show how it is understood")
    check.add_argument("file", metavar="FILE", help="a path, or the name of a shipped problem")
    _add_set(check, _ANOTHER)
    check.add_argument("--resolved", action="store_true", help="print the file with every default written out")
    command("list", _list, "name the shipped problems")
    new = command("new", _new, "write a commented starter file NAME.yaml")
    new.add_argument("name", metavar="NAME", help="small letters, digits, - and _")
    new.add_argument("--like", metavar="LIKE", help="a kind (heat, ode, system) or a problem to start from")
    _add_eval(command("eval", _eval, "evaluate a solved run at given points"))
    report = command("report", _write_report, "write report.html and report.md of a run again")
    report.add_argument("run", metavar="RUN", help="a results folder")
    _add_export(command("export", _export, "write the VTK files of a run again at another resolution"))
    _add_study(command("study", _study, "repeat an experiment of arXiv:2603.04827 and compare with what it prints"))
    command("schema", _schema, "print the JSON schema that editors complete from")
    shells = command("completion", _completion, "print what a shell reads to complete commands and names")
    shells.add_argument(
        "shell", choices=SHELLS, help='eval "$(pinnkan completion bash)" in the file a shell starts with'
    )
    return parser


def _add_solve(sub: argparse.ArgumentParser) -> None:
    _add_settings(sub, _ANOTHER)


def _add_sweep(sub: argparse.ArgumentParser) -> None:
    _add_settings(sub, "values of a parameter, nu=0.01,0.02 or Re=10:100:10 for ten from 10 to 100; may be given again")
    sub.add_argument("--workers", type=whole(1, 1024), default=1, metavar="N", help="processes that solve (default: 1)")


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
    sub.add_argument("--resolution", type=whole(2, 10_000), metavar="N", help="samples per axis")
    sub.add_argument("--times", type=whole(1, 100_000), metavar="N", help="frames")


def _add_study(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", metavar="NAME", nargs="?", help="which one; without a name the error lists them")
    sub.add_argument("--quick", action="store_true", help="the same tables and pictures, smaller, in two minutes")
    sub.add_argument("--out", metavar="DIR", help="the folder (default: results/study/NAME, or study_quick/NAME)")
    sub.add_argument("-q", "--quiet", action="store_true", help="no progress and no messages but errors")


def _solve(arguments: argparse.Namespace) -> int:
    if not this_job().leads:
        from pinnkan.run.together import run_serving

        settle(arguments.hastened)
        return run_serving(arguments.device)
    from pinnkan.problem.registry import load_problem

    problem = load_problem(arguments.file, set=arguments.set)  # a bad file is refused at once, before torch is imported
    from pinnkan.run.commands import run_solve

    settle(arguments.hastened)
    return run_solve(arguments, problem)


def _sweep(arguments: argparse.Namespace) -> int:
    from pinnkan.run.sweep import run_sweep

    settle(arguments.hastened)
    return run_sweep(arguments)


def _eval(arguments: argparse.Namespace) -> int:
    from pinnkan.run.commands import run_eval

    settle(arguments.hastened)
    return run_eval(arguments)


def _write_report(arguments: argparse.Namespace) -> int:
    from pinnkan.run.commands import run_report

    settle(arguments.hastened)
    return run_report(arguments)


def _export(arguments: argparse.Namespace) -> int:
    from pinnkan.run.commands import run_export

    settle(arguments.hastened)
    return run_export(arguments)


def _study(arguments: argparse.Namespace) -> int:
    from pinnkan.study.command import run_study

    settle(arguments.hastened)
    return run_study(arguments)


def _check(arguments: argparse.Namespace) -> int:
    from pinnkan.problem.registry import load_problem

    problem = load_problem(arguments.file, set=arguments.set)
    if arguments.resolved:
        from pinnkan.problem.resolved import resolved_text

        print(resolved_text(problem), end="")
    else:
        from pinnkan.problem.written import describe

        print(describe(problem))
    for warning in problem.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return Exit.CONVERGED


def _list(arguments: argparse.Namespace) -> int:
    from pinnkan.problem.registry import about, shipped
    from pinnkan.problem.report import visible

    problems = shipped()
    width = max(map(len, problems), default=0) + 2
    for name, path in problems.items():
        print(visible(f"{name:<{width}}{about(path)}".rstrip()))
    return Exit.CONVERGED


def _new(arguments: argparse.Namespace) -> int:
    from pinnkan.problem.starter import starter

    name = arguments.name.removesuffix(".yaml")
    if not re.match(r"[a-z0-9][a-z0-9_-]{0,59}\Z", name):
        raise UsageError(f"'{arguments.name}' cannot name a problem: small letters, digits, - and _; at most 60")
    path, text = Path(f"{name}.yaml"), starter(name, arguments.like)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"'{path}' exists already; choose another name") from None
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror}") from None
    print(f"{path} written; next: pinnkan check {path}", file=sys.stderr)
    return Exit.CONVERGED


def _completion(arguments: argparse.Namespace) -> int:
    from pinnkan.problem.registry import shipped
    from pinnkan.problem.starter import KINDS

    print(completion(arguments.shell, commands_of(build_parser(), [*shipped(), *KINDS])), end="")
    return Exit.CONVERGED


def _schema(arguments: argparse.Namespace) -> int:
    from pinnkan.problem.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return Exit.CONVERGED


if __name__ == "__main__":
    sys.exit(main())
