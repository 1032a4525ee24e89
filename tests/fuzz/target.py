"""A fuzz target: any bytes are a problem or a ``ProblemError``, soon, and what is said of them is fit for a terminal.

    python tests/fuzz/target.py 60      # mutates the corpus and the shipped problems for a minute

An input that breaks this is written to the corpus, which the tests replay.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from pathlib import Path

from pinnkan.errors import ProblemError
from pinnkan.problem.description import describe
from pinnkan.problem.registry import parse_problem, shipped_folder
from pinnkan.problem.report import render

CORPUS = Path(__file__).parent / "corpus"
#: Seconds of processor time that any text may take.
LIMIT = 0.2
TOKENS = [*(Path(__file__).parent / "tokens.txt").read_text().split(), "\n", "\n  ", "\t", "\r", " ", "\x85", "\ufeff"]


def target(data: bytes) -> None:
    """Raises whatever is wrong with pinnkan, nothing for what is wrong with ``data``."""
    try:
        said = describe(parse_problem(data, "fuzz.yaml"))
    except ProblemError as error:
        said = render(error)
    bad = [c for c in said if not (c.isprintable() or c == "\n")]
    assert not bad, f"characters that a terminal obeys: {bad!r}"


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """One to four small changes: bytes turned, pieces cut, repeated, moved in from elsewhere, words put in."""
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randint(0, len(data)) for _ in range(2))
        end = min(end, at + chance.choice([1, 4, 40, 400]))
        kind = chance.randrange(7)
        if kind == 0:
            data = data[:at] + data[end:]
        elif kind == 1:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        elif kind == 2:
            data = data[:end] + data[at:end] * chance.choice([1, 2, 30]) + data[end:]
        elif kind == 3:
            start = chance.randint(0, len(other))
            data = data[:at] + other[start : start + chance.choice([4, 40, 400])] + data[end:]
        else:
            data = data[:at] + chance.choice(TOKENS).encode() + data[at if kind < 6 else end :]
    return data[:100_000]


def main(seconds: float, seed: int) -> int:
    """Fuzzes; returns how many inputs broke the claim."""
    seeds = [p.read_bytes() for p in sorted([*CORPUS.iterdir(), *shipped_folder().glob("*.yaml")])]
    chance, begun, count, slowest, broken = random.Random(seed), time.monotonic(), 0, 0.0, 0
    pool = list(seeds)
    while time.monotonic() - begun < seconds:
        data = mutated(chance.choice(pool), chance.choice(seeds), chance)
        before = time.process_time()
        try:
            target(data)
            fault = None
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        spent = time.process_time() - before
        count, slowest = count + 1, max(slowest, spent)
        if fault is None and spent > LIMIT:
            before = time.process_time()
            target(data)
            spent = min(spent, time.process_time() - before)
            fault = f"{spent:.2f} s" if spent > LIMIT else None
        if fault is not None:
            broken += 1
            path = CORPUS / f"{hashlib.sha256(data).hexdigest()[:12]}.yaml"
            path.write_bytes(data)
            print(f"{path.name}: {fault[:200]}", flush=True)
        elif chance.random() < 0.02:
            pool.append(data)
    print(f"{count} inputs, slowest {slowest:.3f} s, {broken} broken")
    return broken


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0) > 0)
