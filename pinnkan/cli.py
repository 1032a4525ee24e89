"""The command line: commands to calls to exit codes. No numerics; torch is imported by the commands that need it."""

import argparse
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from pinnkan.errors import Exit, PinnkanError, ProblemError, UsageError
from pinnkan.haste import bare_numpy, ended_at_once, hasten, settle, undocumented_artists
from pinnkan.parser import GREETING, build_parser, commands_of, completion
from pinnkan.processes.job import current_job
from pinnkan.version import __version__

_REPORT = "please report it as an issue of the project, with the problem file and this line"
Run = Callable[[argparse.Namespace], int]
_PIPE_CLOSED = 141  # what a shell reports for a program ended by SIGPIPE


def command() -> int:
    """:func:`main` of the command line in a process that is all its own."""
    return ended_at_once(main)


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
    if arguments.command is None:
        print(GREETING, file=sys.stderr)
        return Exit.USAGE
    if not current_job().is_leader and arguments.command != "solve":
        return Exit.CONVERGED  # one process of a job does what is no work for many
    try:
        arguments.begun = begun
        code = int(_run(arguments, argv is None))
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
    from pinnkan.problem.report import escape_unprintable

    for i, line in enumerate(message.splitlines() or [""]):
        print(("pinnkan: " if i == 0 else "  ") + escape_unprintable(line), file=sys.stderr)
    return int(code)


def _bug(error: Exception, verbose: bool) -> int:
    if verbose:
        traceback.print_exception(error)
    hint = "" if verbose else "; -v shows the traceback"
    kind = type(error).__name__
    return _say(f"a bug in pinnkan {__version__}: {kind}: {error}\n{_REPORT}{hint}", Exit.BUG)


def _run(arguments: argparse.Namespace, hastened: bool) -> int:
    if arguments.command in AT_ONCE:
        return AT_ONCE[arguments.command](arguments)
    with bare_numpy(hastened):
        run = _solve(arguments, hastened) if arguments.command == "solve" else _imported(IMPORTED[arguments.command])
    settle(hastened)
    return run(arguments)


def _imported(place: str) -> Run:
    module, name = place.split(":")
    return getattr(import_module(module), name)


def _solve(arguments: argparse.Namespace, hastened: bool) -> Run:
    if not current_job().is_leader:
        from pinnkan.run.together import run_serving

        return lambda given: run_serving(given.device)
    from pinnkan.problem.registry import load_problem

    problem = load_problem(arguments.file, set=arguments.set)  # a bad file is refused at once, before torch is imported
    if problem.output.pictures:
        undocumented_artists(hastened)
    from pinnkan.run.commands import run_solve

    return lambda given: run_solve(given, problem)


def _check(arguments: argparse.Namespace) -> int:
    from pinnkan.problem.registry import load_problem

    problem = load_problem(arguments.file, set=arguments.set)
    if arguments.resolved:
        from pinnkan.problem.resolved_file import resolved_text

        print(resolved_text(problem), end="")
    else:
        from pinnkan.problem.description import describe

        print(describe(problem))
    for warning in problem.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if arguments.vtk is not None:
        from pinnkan.export.setup import write_setup

        write_setup(problem, Path(arguments.vtk))
        print(f"{arguments.vtk} written; open it in ParaView", file=sys.stderr)
    return Exit.CONVERGED


def _list(arguments: argparse.Namespace) -> int:
    from pinnkan.problem.registry import read_about, shipped_problems
    from pinnkan.problem.report import escape_unprintable

    problems = shipped_problems()
    width = max(map(len, problems), default=0) + 2
    for name, path in problems.items():
        print(escape_unprintable(f"{name:<{width}}{read_about(path)}".rstrip()))
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
    from pinnkan.problem.registry import shipped_problems
    from pinnkan.problem.starter import STARTERS

    print(completion(arguments.shell, commands_of(build_parser(), list(shipped_problems()), list(STARTERS))), end="")
    return Exit.CONVERGED


def _schema(arguments: argparse.Namespace) -> int:
    from pinnkan.problem.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return Exit.CONVERGED


#: What the commands do that need no torch.
AT_ONCE: dict[str, Run] = {"check": _check, "list": _list, "new": _new, "schema": _schema, "completion": _completion}
#: Where the others are, which import torch.
IMPORTED = {
    "sweep": "pinnkan.run.sweep:run_sweep",
    "eval": "pinnkan.run.commands:run_eval",
    "report": "pinnkan.run.commands:run_report",
    "export": "pinnkan.run.commands:run_export",
    "study": "pinnkan.study.command:run_study",
}


if __name__ == "__main__":
    sys.exit(command())
