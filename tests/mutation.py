"""Turns operators of the program round, one at a time, and counts how often the fast tests notice.

    python tests/mutation.py --count 100 --seed 1          a hundred operators drawn at random: about an hour
    python tests/mutation.py --count 100 --seed 1 --jobs 2
    python tests/mutation.py --at pinnkan/run/keeper.py:70 every operator on one line (may be repeated)

+ and -, * and /, < and >=, > and <=, == and !=, ``and`` and ``or`` change places, ``not`` goes (DeMillo, Lipton and
Sayward 1978). Each mutant lives in a temporary copy of the tree. First the fast tests run there once, unchanged, and
which test enters which function is recorded (``calls.py``; kept in ``.pytest_cache/mutation.json`` until a file of the
program or of the tests changes). A mutant then meets the tests that enter its function, the mirrored test file first
and quick ones before slow ones, and after them others of the same files and of its module for some seconds (``SPARE``
in ``calls.py``). Nothing here names a module, so that modules may move. A mutant is killed by the first test that fails
or hangs; the survivors are listed at the end, and the exit code is 1 if fewer than ``--least`` percent are killed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from calls import CHOICE, RECORD, Callers, read_calls, read_durations

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / ".pytest_cache" / "mutation.json"
#: What a copy of the tree has: all that the tests read.
PARTS = (
    "pinnkan",
    "problems",
    "results",
    "tests",
    "docs",
    "README.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "pyproject.toml",
)
#: The studies of the paper are read by people, not by ``solve``.
OUTSIDE = "pinnkan/study/"
SWAP = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.Lt: ("<", ">="),
    ast.GtE: (">=", "<"),
    ast.Gt: (">", "<="),
    ast.LtE: ("<=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}
#: A test hangs when it takes this many times as long as unchanged, and some seconds more: other work runs beside it.
PATIENCE, GRACE = 10.0, 20.0

Position = tuple[int, int]  # line from 1, character from 0


@dataclass(frozen=True)
class Mutant:
    """``text`` takes the place of the ``length`` characters at ``position`` in ``path``.

    ``scope`` is the first line of the innermost function around it, None for what runs at import; ``line`` is the
    whole line as it was.
    """

    path: str
    position: Position
    length: int
    text: str
    scope: int | None
    line: str

    def apply(self, source: str) -> str:
        """The source with the operator turned round."""
        lines = source.splitlines(keepends=True)
        row, column = self.position
        line = lines[row - 1]
        lines[row - 1] = line[:column] + self.text + line[column + self.length :]
        return "".join(lines)

    def described(self) -> str:
        """Where, and the line before and after."""
        column, line = self.position[1], self.line
        after = f"{line[:column]}[{line[column : column + self.length]} -> {self.text}]{line[column + self.length :]}"
        return f"{self.path}:{self.position[0]}  {after.strip()}"


def mutants_of(path: str) -> list[Mutant]:
    """Every operator of a file that can be turned round."""
    source = (ROOT / path).read_text(encoding="utf-8")
    lines = source.splitlines()
    tree = ast.parse(source)
    tokens = [(t.string, t.start) for t in tokenize.generate_tokens(io.StringIO(source).readline)]

    def characters(row: int, column: int) -> Position:
        return row, len(lines[row - 1].encode()[:column].decode())

    found = []
    for scope, begin, end, old, new in _operators(tree, None):
        first, last = characters(*begin), characters(*end)
        place = next((start for text, start in tokens if text == old and first <= start < last), None)
        if place is not None:  # none inside formatted strings, which are one token before Python 3.12
            found.append(Mutant(path, place, len(old), new, scope, lines[place[0] - 1]))
    return found


def _operators(node: ast.AST, scope: int | None) -> Iterator[tuple[int | None, Position, Position, str, str]]:
    """Scope, the gap that holds the operator (line, byte) to (line, byte), the operator and its opposite."""
    if isinstance(node, ast.JoinedStr):
        return
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        scope = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    for left, operator, right in _pairs(node):
        if type(operator) in SWAP:
            assert left.end_lineno is not None
            assert left.end_col_offset is not None
            gap = (left.end_lineno, left.end_col_offset), (right.lineno, right.col_offset)
            yield scope, *gap, *SWAP[type(operator)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield scope, (node.lineno, node.col_offset), (node.operand.lineno, node.operand.col_offset), "not", ""
    for child in ast.iter_child_nodes(node):
        yield from _operators(child, scope)


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.AST, ast.expr]]:
    """Neighbours with the operator between them."""
    if isinstance(node, ast.BinOp):
        yield node.left, node.op, node.right
    elif isinstance(node, ast.AugAssign):
        yield node.target, node.op, node.value
    elif isinstance(node, ast.BoolOp):
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield left, node.op, right
    elif isinstance(node, ast.Compare):
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            yield left, operator, right


def copy_tree(folder: Path) -> Path:
    """A copy of what the tests need."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder)
    return folder


def pytest_in(copy: Path, arguments: Sequence[str], limit: float | None, **variables: str) -> tuple[int, str]:
    """Exit code (-1 out of time) and what was printed."""
    environment = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"} | variables
    command = [sys.executable, "-m", "pytest", "-p", "tests.calls", "-p", "no:cacheprovider", *arguments]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, cwd=copy, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            _end_group(process)
        out.seek(0)
        return code, out.read().decode(errors="replace")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends the tests and whatever they have started."""
    import signal

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def digest() -> str:
    """Of the program and its tests."""
    total = hashlib.sha256()
    for path in sorted([*(ROOT / "pinnkan").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]):
        total.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return total.hexdigest()


def test_map() -> Callers:
    """The one kept, or a new one from a run of the fast tests."""
    now = digest()
    if MAP.exists():
        kept = json.loads(MAP.read_text(encoding="utf-8"))
        if kept["digest"] == now:
            return Callers(kept["seconds"], kept["callers"])
    print("which test enters which function: the fast tests run once", flush=True)
    with tempfile.TemporaryDirectory() as name:
        copy = copy_tree(Path(name))
        record = copy / "record"
        record.mkdir()
        (copy / "sitecustomize.py").write_text("import tests.calls\n", encoding="utf-8")
        _, printed = pytest_in(copy, ["tests", "--tb=line"], None, **{RECORD: str(record)})
        seconds = read_durations(record)
        print("\n".join(line for line in printed.splitlines() if line.startswith(("FAILED", "ERROR"))), flush=True)
        print(f"{len(seconds)} tests pass, {sum(seconds.values()):.0f} s", flush=True)
        callers: dict[str, list[str]] = {}
        for test, place in read_calls(record):
            if test in seconds:
                callers.setdefault(place, []).append(test)
    MAP.parent.mkdir(exist_ok=True)
    MAP.write_text(json.dumps({"digest": now, "seconds": seconds, "callers": callers}), encoding="utf-8")
    return Callers(seconds, callers)


def try_out(mutant: Mutant, tests: Callers, copy: Path) -> str | None:
    """The test that kills it, None if it survives."""
    chosen = tests.tests_for(mutant.path, mutant.scope)
    if not chosen:
        return None
    choice = copy / "choice.json"
    choice.write_text(json.dumps({t: PATIENCE * tests.seconds[t] + GRACE for t in chosen}), encoding="utf-8")
    path = copy / mutant.path
    source = path.read_text(encoding="utf-8")
    cached = Path(cache_from_source(str(path)))
    files = list(dict.fromkeys(t.partition("::")[0] for t in chosen))
    limit = PATIENCE * sum(tests.seconds[t] for t in chosen) + 60.0 + GRACE
    try:
        path.write_text(mutant.apply(source), encoding="utf-8")
        cached.unlink(missing_ok=True)  # its date has whole seconds, too few to tell two mutants apart
        code, printed = pytest_in(copy, ["-x", "--tb=no", "-rfE", *files], limit, **{CHOICE: str(choice)})
    finally:
        path.write_text(source, encoding="utf-8")
        cached.unlink(missing_ok=True)
    if code == 0:
        return None
    failed = [line for line in printed.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0] if failed else f"pytest ended with {code} after {len(chosen)} tests: {printed.strip()[-200:]!r}"


def drawn(arguments: argparse.Namespace) -> list[Mutant]:
    """The mutants asked for."""
    paths = sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "pinnkan").rglob("*.py"))
    found = [m for path in paths for m in mutants_of(path)]
    if arguments.at:
        return [m for m in found if f"{m.path}:{m.position[0]}" in arguments.at]
    inside = [m for m in found if not m.path.startswith(OUTSIDE)]
    print(f"{min(arguments.count, len(inside))} of {len(inside)} operators, seed {arguments.seed}", flush=True)
    return random.Random(arguments.seed).sample(inside, min(arguments.count, len(inside)))


def main() -> int:
    """Runs the mutants and prints what became of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--least", type=float, default=90.0, help="percent that must be killed")
    parser.add_argument("--at", action="append", metavar="FILE:LINE", help="instead of a random choice")
    arguments = parser.parse_args()
    mutants, tests = drawn(arguments), test_map()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(arguments.jobs) as pool:
        copies: queue.Queue[Path] = queue.Queue()
        for i in range(arguments.jobs):
            copies.put(copy_tree(Path(name) / str(i)))

        def one(mutant: Mutant) -> bool:
            copy, begun = copies.get(), time.perf_counter()
            killer = try_out(mutant, tests, copy)
            copies.put(copy)
            fate = "SURVIVED" if killer is None else f"killed by {killer}"
            print(f"{mutant.described()}\n    {fate} ({time.perf_counter() - begun:.1f} s)", flush=True)
            return killer is not None

        killed = list(pool.map(one, mutants))
    print(f"\n{sum(killed)} of {len(mutants)} killed; survivors:")
    for mutant, gone in zip(mutants, killed, strict=True):
        if not gone:
            print(f"    {mutant.described()}")
    return int(100.0 * sum(killed) < arguments.least * len(mutants))


if __name__ == "__main__":
    sys.exit(main())
