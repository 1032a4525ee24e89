"""Side by side with other programs: time to a true error of 1e-2 .. 1e-8, each in an environment of its own.

    python tests/benchmark/peers.py --cache FOLDER                  everything: an hour, and the environments before it
    python tests/benchmark/peers.py --cache FOLDER --only NAME ...  these peers, these problems; the other rows stay
    python tests/benchmark/peers.py --cache FOLDER --table          peers.md anew from peers.csv

Peers: those of tests/benchmark/peers/environments.py. Problems: those of tests/benchmark/peers/grids.py. One process
after the other, one thread each, CPU seconds. Rows are appended to peers.csv as they become known: what has ended there
is not run again, except with --again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(HERE), str(HERE / "peers")]

from environments import PEERS, NotInstalledError, interpreter  # noqa: E402
from grids import COMPARED, grid_file  # noqa: E402
from side_by_side import Attempt, page  # noqa: E402
from tables import append_row, circumstances, read_rows  # noqa: E402

#: One thread for every library that counts its own.
ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC")
} | {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "JAX_PLATFORMS": "cpu"}
#: Seconds on the clock, in budgets, after which a process that does not end by itself is ended.
PATIENCE = 40.0


@dataclass(frozen=True)
class Options:
    """Where the environments and grids are, CPU seconds for a peer and a problem, the error that is enough."""

    cache: Path
    budget: float
    target: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, and write the table after each pair."""
    given = _parser().parse_args(arguments)
    options = Options(given.cache.resolve(), given.budget, given.target)
    path = given.out / "peers.csv"
    given.out.mkdir(parents=True, exist_ok=True)
    command = "python tests/benchmark/peers.py --cache FOLDER"
    if given.table:
        _write(path, command)
        return 0
    for problem in COMPARED:
        for peer in PEERS:
            if not _wanted(peer, problem, given.only) or (_ended(path, peer, problem) and not given.again):
                continue
            _forget(path, peer, problem)
            for row in attempts(peer, problem, options):
                append_row(path, row)
                print(_line(row), flush=True)
            _write(path, command)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder of environments and grids, not in here")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[*PEERS, *COMPARED], default=[])
    parser.add_argument("--budget", type=float, default=120.0, help="CPU seconds for a peer and a problem (120)")
    parser.add_argument("--target", type=float, default=1e-8, help="the error at which a peer may stop (1e-8)")
    parser.add_argument("--again", action="store_true", help="also what has ended before")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "tables", help="folder of the table")
    return parser


def _wanted(peer: str, problem: str, only: Sequence[str]) -> bool:
    """Named, where peers are named; and likewise for problems."""
    peers, problems = [n for n in only if n in PEERS], [n for n in only if n in COMPARED]
    return (not peers or peer in peers) and (not problems or problem in problems)


def _ended(path: Path, peer: str, problem: str) -> bool:
    return any(r.end for r in read_rows(path, Attempt) if (r.peer, r.problem) == (peer, problem))


def _forget(path: Path, peer: str, problem: str) -> None:
    """Take out the rows of a pair that is run again, or was cut short."""
    kept = [r for r in read_rows(path, Attempt) if (r.peer, r.problem) != (peer, problem)]
    path.unlink(missing_ok=True)
    for row in kept:
        append_row(path, row)


def attempts(peer: str, problem: str, options: Options) -> Iterator[Attempt]:
    """Rows of one peer and one problem as they become known; the last says how it ended."""
    nothing = Attempt(peer, problem, "", float("nan"), float("nan"), float("nan"), "", options.budget, "")
    try:
        python = interpreter(PEERS[peer], options.cache)
    except (NotInstalledError, subprocess.TimeoutExpired) as reason:
        yield replace(nothing, end=f"not installed: {reason}")
        return
    grid = grid_file(options.cache / "grids", problem)
    command = [python, str(HERE / "peers" / PEERS[peer].script), problem, "--grid", str(grid)]
    command += ["--budget", str(options.budget), "--target", str(options.target)]
    versions, end = "", "failed: ended without a word"
    for line in _lines(command, PATIENCE * options.budget):
        versions, end = str(line.get("versions", versions)), str(line.get("end", end))
        if "error" in line:
            numbers = {name: float(line[name]) for name in ("error", "cpu_seconds", "wall_seconds")}
            yield replace(nothing, setting=str(line["setting"]), versions=versions, **numbers)
    yield replace(nothing, versions=versions, end=end)


def _lines(command: Sequence[str], limit: float) -> Iterator[dict[str, object]]:
    """The lines of JSON of a process; it is ended when its time on the clock is over."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | ONE_THREAD
    watched = ["timeout", "--kill-after=10", str(limit), *command]
    with subprocess.Popen(watched, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as p:
        assert p.stdout is not None
        for line in p.stdout:
            if line.startswith("{"):
                yield json.loads(line)


def _line(row: Attempt) -> str:
    what = row.end or f"{row.error:8.1e} {row.cpu_seconds:8.2f} s  {row.setting}"
    return f"{row.problem:12} {row.peer:20} {what}"


def _write(path: Path, command: str) -> None:
    """peers.md from the rows."""
    rows = read_rows(path, Attempt)
    if rows:
        path.with_suffix(".md").write_text(page(rows, circumstances(command)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
