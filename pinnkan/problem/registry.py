"""Find a problem by path or by the name of a shipped one, and read it."""

from __future__ import annotations

from pathlib import Path

from pinnkan.errors import UsageError
from pinnkan.problem.assemble import assemble
from pinnkan.problem.report import did_you_mean
from pinnkan.problem.source import MAX_BYTES, Mapping, Scalar, read
from pinnkan.problem.statement import Problem


def shipped_folder() -> Path:
    """The folder of the shipped problems: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "problems"
    return installed if installed.is_dir() else package.parent / "problems"


def shipped() -> dict[str, Path]:
    """The shipped problems: name -> file, sorted by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}


def find(path_or_name: str) -> Path:
    """The file that a path or the name of a shipped problem means.

    Raises:
        UsageError: there is none.
    """
    path = Path(path_or_name)
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):
        raise UsageError(f"'{path_or_name[:200]}' is not a path") from None
    known = shipped()
    if path_or_name in known:
        return known[path_or_name]
    if path_or_name and path.is_dir():
        raise UsageError(f"'{path_or_name}' is a folder, not a problem file")
    hint = did_you_mean(path_or_name.removesuffix(".yaml"), known) or "`pinnkan list` names the shipped problems"
    raise UsageError(f"no file and no shipped problem is named '{path_or_name[:200]}'; {hint}")


def load_problem(path_or_name: str | Path) -> Problem:
    """Read and check a problem file, or a shipped problem by name.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        ProblemError: the file is invalid; carries every fault.
    """
    path = find(str(path_or_name))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}") from None
    return parse_problem(data, str(path))


def parse_problem(text: str | bytes, path: str) -> Problem:
    """The problem that a text states; ``path`` names it in messages.

    Raises:
        ProblemError: the text is invalid; carries every fault.
    """
    return assemble(*read(text, path))


def about(path: Path) -> str:
    """The ``about`` line of a problem file, without reading its meaning."""
    root, _ = read(path.read_bytes(), str(path))
    node = root.values.get("about") if isinstance(root, Mapping) else None
    return node.text if isinstance(node, Scalar) else ""
