"""Memory, estimated before it is taken: what a step will need at its peak against what the machine can give.

A process that takes more than there is gets killed, not refused, on most systems; so pinnkan asks first.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import psutil
import torch

from pinnkan.assembly.tensor_rows import JOINED
from pinnkan.errors import OutOfMemoryError
from pinnkan.kan.product import Space
from pinnkan.solver.work import bandwidth, is_factored, is_full

#: M_MMAP_THRESHOLD (its largest), M_TRIM_THRESHOLD and M_TOP_PAD of malloc.h, with bytes: blocks below the first come
#: from the heap, which gives back only what is free beyond the second and grows by the third.
MALLOC = {-3: 32 << 20, -1: 1 << 30, -2: 64 << 20}
NUMBER = 8  # bytes of a float64
#: Arrays of one number per point and derivative that are alive at once while rows are made and solved for (measured:
#: 30 a point for a varying conductivity, four derivatives, on 192 x 192 intervals).
PER_JET = 6
#: Points of fleeting rows that are worked on at once, with what lies between: some megabytes for each derivative.
AT_ONCE = 2.0**20
#: Copies of the band: assembled, its entries, scaled with its shift, factorised; of a full matrix: filled, factorised.
BANDS, FULL = 4, 2
#: Copies of what a full matrix of many coefficients has of two unknowns, while that is put together.
BLOCKS = 3
#: Full matrices from one set of knots of a coordinate to the next: they take most where there is one coordinate.
PROLONGATIONS = 2
#: Copies of the bands along one coordinate of fast diagonalisation: assembled, factorised.
BANDS_OF_MODES = 2
#: Vectors of coefficients, and matrices of a coordinate, that conjugate gradients hold.
VECTORS, FORMS = 20, 30
#: Bytes that even a small step takes: buffers of the libraries (measured: the first of a process on 3 x 3 intervals
#: took 7 MB, the first of a small ridge network 15 MB).
LEAST = 20e6
#: So few are not asked for: the limits stand in five files, a twentieth of the time of an ordinary equation.
LITTLE = 1.05 * LEAST
#: Version 1 of control groups has no word for no limit, but a number near 2^63.
NO_LIMIT = 2.0**60
#: Numbers per point and coefficient of a deep network: its jets, or the Jacobian put together from the layers' blocks.
FORWARD, JACOBIAN = 1.5, 3.0


@lru_cache(maxsize=1)
def keep_freed() -> None:
    """Tells the allocator of glibc to keep what is freed, once per process; elsewhere nothing.

    By default every array of some megabytes is mapped anew and its pages are cleared by the system: 220,000 page faults
    in a solve of Poisson's equation with waves up to 16 at 1e-9, which then takes 2.0 s of processor time instead of
    1.4 s.
    """
    with suppress(OSError, AttributeError, TypeError):  # the last where there is no library of the process itself
        adjust = ctypes.CDLL(None).mallopt
        for parameter, value in MALLOC.items():
            adjust(parameter, value)


def require(needed: float, what: str, device: torch.device | str = "cpu") -> None:
    """Raises OutOfMemoryError with both numbers if fewer than ``needed`` bytes are available; LITTLE always are."""
    if needed < LITTLE:
        return
    left = available(torch.device(device))
    if needed > left:
        raise OutOfMemoryError(
            f"out of memory: {what} needs about {_in_words(needed)}, {_in_words(left)} are available; "
            "ask for fewer knots or levels, a smaller degree, or a larger tolerance"
        )


def bytes_of_space(space: Space, points: Sequence[int], jets: int, kept: float | None = None) -> float:
    """Peak of a Gauss-Newton step in ``space`` with so many points per coordinate and derivatives in the equations.

    ``kept``: numbers of rows that are worked out again whenever they are asked for, which a factor has no use of.
    """
    grid = float(np.prod([float(p) for p in points]))
    rows = grid * (len(points) + PER_JET * (jets + 1.0))
    moves = PROLONGATIONS * sum(float(axis.count) ** 2 for axis in space.axes)
    factored = is_factored(space, grid, jets)
    rows = rows if factored or kept is None else kept + AT_ONCE * (jets + 1.0)
    solver = _of_factor(space) if factored else _of_iteration(space)
    return LEAST + NUMBER * (solver + rows + moves)


def bytes_of_factor(space: Space, free: int | None = None) -> float:
    """Peak of a factorisation; ``free``: coefficients that no condition fixes, all of them where that is not known."""
    return LEAST + NUMBER * _of_factor(space, free)


def _of_factor(space: Space, free: int | None = None) -> float:
    """Numbers of a banded or full factor."""
    n = float(space.size if free is None else free)
    width = min(bandwidth(space), n)
    if is_full(width, n) and n >= JOINED:
        return n * n * (1.0 + BLOCKS / space.unknowns**2)
    full = FULL * n * n if is_full(width, n) else 0.0
    return full + n * (width + 1.0) * (1.0 if is_full(width, n) else BANDS)


def _of_iteration(space: Space) -> float:
    """Numbers of conjugate gradients: bands along one coordinate, eigenfunctions of the others, vectors."""
    width = max(2 * a.degree + 1 if a.periodic else a.degree for a in space.axes)
    return space.size * (BANDS_OF_MODES * (width + 1.0) + VECTORS) + FORMS * sum(
        float(a.count) ** 2 for a in space.axes
    )


def bytes_of_network(coefficients: int, rows: int) -> float:
    """Peak of a forward pass of a deep network at so many points."""
    return LEAST + NUMBER * FORWARD * float(rows) * coefficients


def bytes_of_descent(coefficients: int, rows: int) -> float:
    """Peak of a Levenberg-Marquardt step: the Jacobian (row, coefficient), the normal matrix and its factor."""
    return LEAST + NUMBER * (JACOBIAN * float(rows) * coefficients + 3.0 * float(coefficients) ** 2)


def available(device: torch.device) -> float:
    """Bytes that this process may still take: of the machine, its control groups and its own limit; or of a GPU."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return min([float(psutil.virtual_memory().available), *_of_groups(), _of_process()])


def _of_groups() -> Iterator[float]:
    """What the control groups of this process, and those around them, leave (versions 1 and 2)."""
    root = Path("/sys/fs/cgroup")
    try:
        entries = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return
    for _, controllers, name in entries:
        if controllers == "":
            base, limit, used = root, "memory.max", "memory.current"
        elif controllers == "memory":
            base, limit, used = root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        inner = base / name.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(base):
                yield _left(folder, limit, used)


def _left(folder: Path, limit: str, used: str) -> float:
    """Limit less use of one group; pages of files that it can drop count as free."""
    try:
        most = float((folder / limit).read_text())
        if most > NO_LIMIT:
            return float("inf")
        now = float((folder / used).read_text())
        facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such group here, or "max"
        return float("inf")
    return max(most - now + float(facts.get("inactive_file", 0.0)), 0.0)


def _of_process() -> float:
    """What the limit of the address space leaves, where the system has one."""
    process = psutil.Process()
    most = process.rlimit(psutil.RLIMIT_AS)[0] if hasattr(psutil, "RLIMIT_AS") else -1
    return float("inf") if most < 0 else max(float(most - process.memory_info().vms), 0.0)


def _in_words(size: float) -> str:
    power = min(max(int(np.log10(max(size, 1.0))) // 3, 2), 5)
    return f"{size / 10.0 ** (3 * power):.3g} {('MB', 'GB', 'TB', 'PB')[power - 2]}"
