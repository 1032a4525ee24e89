"""Find a problem by path or by the name of a shipped one, and read it."""

import re
from collections.abc import Mapping as Given
from dataclasses import replace
from numbers import Real
from os import PathLike
from pathlib import Path

from pinnkan.errors import UsageError
from pinnkan.problem.assemble import assemble
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.resolved_file import yaml_scalar
from pinnkan.problem.schema import SMALLEST_TOLERANCE
from pinnkan.problem.source import MAX_BYTES, Mapping, Node, Scalar, read_tree
from pinnkan.problem.statement import Problem

#: The path in messages about a problem that is no file.
TEXT_SOURCE = "<text>"


def shipped_folder() -> Path:
    """The folder of the shipped problems: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "problems"
    return installed if installed.is_dir() else package.parent / "problems"


def shipped_problems() -> dict[str, Path]:
    """The shipped problems: name -> file, sorted by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}


def find_problem_file(path_or_name: str) -> Path:
    """The file that a path or the name of a shipped problem means. Raises UsageError: there is none."""
    path = Path(path_or_name)
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):
        raise UsageError(f"'{path_or_name[:200]}' is not a path") from None
    known = shipped_problems()
    if path_or_name in known:
        return known[path_or_name]
    if path_or_name and path.is_dir():
        raise UsageError(f"'{path_or_name}' is a folder, not a problem file")
    hint = did_you_mean(path_or_name.removesuffix(".yaml"), known) or "`pinnkan list` names the shipped problems"
    raise UsageError(f"no file and no shipped problem is named '{path_or_name[:200]}'; {hint}")


def load_problem(
    path_or_name: str | PathLike[str],
    *,
    set: Given[str, float | str] | None = None,
    tolerance: float | None = None,
    reads_data: bool = True,
) -> Problem:
    """Read and check a problem: a path, the name of a shipped one, or the text itself (several lines).

    ``set`` gives parameters of the file other values, as numbers or constant expressions; ``tolerance`` overrides that
    of the file; ``reads_data``: whether the files of its section ``data`` are read.

    Raises:
        UsageError: there is no such file, it cannot be read, or the tolerance is out of range.
        ProblemError: the file is invalid, or has no such parameter; carries every fault.
    """
    if not isinstance(path_or_name, str | PathLike):
        wanted = "a path, the name of a shipped problem or a text is wanted; pinnkan.Problem(...) states one in Python"
        raise UsageError(f"load_problem({type(path_or_name).__name__}): {wanted}")
    if set is not None and not isinstance(set, Given):
        raise UsageError(f"set={set!r}: names with their values are wanted, as set={{'nu': 0.02}}")
    if isinstance(path_or_name, str) and "\n" in path_or_name:
        problem = parse_problem(path_or_name, TEXT_SOURCE, set, reads_data)
    else:
        path = find_problem_file(str(path_or_name))
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise UsageError(f"'{path}' cannot be read: {error.strerror}") from None
        problem = parse_problem(data, str(path), set, reads_data)
    return problem if tolerance is None else with_tolerance(problem, tolerance)


def with_tolerance(problem: Problem, tolerance: float) -> Problem:
    """The problem with another tolerance. Raises UsageError: it is no number, or out of range."""
    if not isinstance(tolerance, int | float | Real):
        raise UsageError(f"tolerance {tolerance!r}: a number is wanted, as 1e-6")
    if not SMALLEST_TOLERANCE <= tolerance < 1.0:
        raise UsageError(f"tolerance {tolerance:g}: from {SMALLEST_TOLERANCE:g} to below 1 is wanted")
    return replace(problem, solver=replace(problem.solver, tolerance=float(tolerance)))


def parse_problem(
    text: str | bytes, path: str, set: Given[str, float | str] | None = None, reads_data: bool = True
) -> Problem:
    """Parse a text, with values ``set`` for parameters; messages call it ``path``. Raises ProblemError: a fault.

    ``reads_data``: whether the files of its section ``data`` are read.
    """
    given = {name: str(value) for name, value in (set or {}).items()}
    root, report = read_tree(text, path)
    if given:
        root, report = read_tree(text_with_parameters(root, report, given), path)
    return replace(assemble(root, report, reads_data), parameter_overrides=given)


def with_numbers(problem: Problem, values: Given[str, float]) -> Problem:
    """The problem with other values of the numbers to be found. Raises ProblemError: it is none with these."""
    given = {name: repr(float(value)) for name, value in values.items()}
    found = parse_problem(problem.source, problem.path, given)
    overrides = {**problem.parameter_overrides, **given}
    return replace(found, solver=problem.solver, output=problem.output, parameter_overrides=overrides)


def read_about(path: Path) -> str:
    """The ``about`` line of a problem file; the rest is not checked."""
    root, _ = read_tree(path.read_bytes(), str(path))
    node = root.values.get("about")
    return node.text if isinstance(node, Scalar) else ""


def text_with_parameters(root: Mapping, report: Report, values: Given[str, str]) -> str:
    """The text with the given values of parameters. Raises ProblemError: no such parameter, or no single value."""
    sections = [root.values.get(name) for name in ("parameters", "estimate")]
    known = {name: _start_node(n) for s in sections if isinstance(s, Mapping) for name, n in s.values.items()}
    place = root.keys.get("parameters", root.span)
    text = report.text.content
    spans = []
    for name, value in values.items():
        found = known.get(name)
        if re.fullmatch(r"[^()]*,[^()]*", value):
            hint = f"decimals have a dot; several values: `pinnkan sweep FILE --set {name}={value}`"
            report.error_at(place, f"{name}={value}: one number is wanted", hint)
        elif isinstance(found, Scalar) and found.raw:
            spans.append((found.span, found.raw, value))
        elif found is not None:
            report.error_at(found.span, f"{name}={value}: only a parameter that is a number can be set")
        else:
            listed = f"parameters: {', '.join(known)}" if known else "the file has no parameters"
            hint = did_you_mean(name, known) or listed
            report.error(place.start, place.end - place.start or 1, f"{name}={value}: no parameter '{name[:60]}'", hint)
    if report.failed:
        raise report.failure()
    for span, raw, value in sorted(spans, key=lambda found: -found[0].start):
        text = text[: span.start] + yaml_scalar(value) + "\n" * raw.endswith("\n") + text[span.end :]
    return text


def _start_node(node: Node) -> Node:
    """The node of a parameter, or of the start value of a number to be found."""
    return node.values.get("start", node) if isinstance(node, Mapping) else node
