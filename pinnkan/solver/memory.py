"""Memory that a step takes at its peak, predicted: most systems kill a process that takes more than there is."""

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

#: Options of mallopt with bytes: M_MMAP_THRESHOLD (the largest possible), M_TRIM_THRESHOLD, M_TOP_PAD.
MALLOC = {-3: 32 << 20, -1: 1 << 30, -2: 64 << 20}
NUMBER = 8  # bytes of a float64
#: Arrays of a number per point and derivative alive at once: 30 numbers a point for four derivatives (measured).
PER_JET = 6
#: Points in one batch of rows that are not kept: some megabytes for each derivative.
AT_ONCE = 2.0**20
#: Copies of a banded matrix (assembled, entries, scaled, factored), and of a full one (filled, factored).
BANDS, FULL = 4, 2
#: Copies of the block of two unknowns while a full matrix of many coefficients is assembled.
BLOCKS = 3
#: Full prolongation matrices per coordinate: they take most on a line.
PROLONGATIONS = 2
#: Copies of the bands along one coordinate in fast diagonalisation: assembled, factored.
BANDS_OF_MODES = 2
#: Vectors of coefficients, and full matrices per coordinate, that conjugate gradients hold.
VECTORS, FORMS = 20, 30
#: Bytes of the buffers of libraries, for any step (measured: 15 MB for the first small ridge network).
LEAST = 20e6
#: Bytes that are always granted: reading the limits takes a twentieth of the time of an ordinary equation.
LITTLE = 1.05 * LEAST
#: Version 1 of control groups writes a number near 2^63 for no limit.
NO_LIMIT = 2.0**60
#: Numbers per point and coefficient of a deep network: of its jets, and of the Jacobian with the blocks of layers.
FORWARD, JACOBIAN = 1.5, 3.0


@lru_cache(maxsize=1)
def keep_freed() -> None:
    """Make the allocator of glibc keep freed memory, once per process; elsewhere do nothing.

    By default arrays of some megabytes are mapped and cleared anew: a Poisson equation takes 2.0 s instead of 1.4 s.
    """
    with suppress(OSError, AttributeError, TypeError):  # TypeError: the process itself has no library
        adjust = ctypes.CDLL(None).mallopt
        for parameter, value in MALLOC.items():
            adjust(parameter, value)


def require(needed: float, what: str, device: torch.device | str = "cpu") -> None:
    """Raise OutOfMemoryError if fewer than ``needed`` bytes are available for ``what``; less than LITTLE always is."""
    if needed < LITTLE:
        return
    left = available(torch.device(device))
    if needed > left:
        raise OutOfMemoryError(
            f"out of memory: {what} needs about {_in_words(needed)}, {_in_words(left)} are available; "
            "ask for fewer knots or levels, a smaller degree, or a larger tolerance"
        )


def bytes_of_space(space: Space, points: Sequence[int], jets: int, kept: float | None = None) -> float:
    """Peak bytes of a Gauss-Newton step in ``space``.

    ``points``: Gauss points per coordinate; ``jets``: number of derivatives in the equations; ``kept``: numbers of rows
    that stay if the others are worked out when needed, None if all stay; a factor keeps all.
    """
    grid = float(np.prod([float(p) for p in points]))
    rows = grid * (len(points) + PER_JET * (jets + 1.0))
    moves = PROLONGATIONS * sum(float(axis.count) ** 2 for axis in space.axes)
    factored = is_factored(space, grid, jets)
    rows = rows if factored or kept is None else kept + AT_ONCE * (jets + 1.0)
    solver = _of_factor(space) if factored else _of_iteration(space)
    return LEAST + NUMBER * (solver + rows + moves)


def bytes_of_factor(space: Space, free: int | None = None) -> float:
    """Peak bytes of a factorisation; ``free``: number of coefficients that no condition fixes, None for all."""
    return LEAST + NUMBER * _of_factor(space, free)


def _of_factor(space: Space, free: int | None = None) -> float:
    """The numbers in a banded or full factor and the copies made for it."""
    n = float(space.size if free is None else free)
    width = min(bandwidth(space), n)
    if is_full(width, n) and n >= JOINED:
        return n * n * (1.0 + BLOCKS / space.unknowns**2)
    full = FULL * n * n if is_full(width, n) else 0.0
    return full + n * (width + 1.0) * (1.0 if is_full(width, n) else BANDS)


def _of_iteration(space: Space) -> float:
    """The numbers in conjugate gradients: bands along one coordinate, eigenfunctions of the others, vectors."""
    width = max(2 * a.degree + 1 if a.periodic else a.degree for a in space.axes)
    return space.size * (BANDS_OF_MODES * (width + 1.0) + VECTORS) + FORMS * sum(
        float(a.count) ** 2 for a in space.axes
    )


def bytes_of_network(coefficients: int, rows: int) -> float:
    """Peak bytes of a forward pass of a deep network at ``rows`` points."""
    return LEAST + NUMBER * FORWARD * float(rows) * coefficients


def bytes_of_descent(coefficients: int, rows: int) -> float:
    """Peak bytes of a Levenberg-Marquardt step: Jacobian (row, coefficient), normal matrix and factor."""
    return LEAST + NUMBER * (JACOBIAN * float(rows) * coefficients + 3.0 * float(coefficients) ** 2)


def available(device: torch.device) -> float:
    """Bytes that this process may still take: of the machine, its control groups and its own limit; or of a GPU."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return min([float(psutil.virtual_memory().available), *_of_groups(), _of_process()])


def _of_groups() -> Iterator[float]:
    """Yield the bytes available in each control group of this process and those around it (versions 1 and 2)."""
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
    """Limit less use of one group in bytes, infinite without a limit; pages of files that it can drop count as free."""
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
    """Bytes available below the limit of the address space; infinite without a limit."""
    process = psutil.Process()
    most = process.rlimit(psutil.RLIMIT_AS)[0] if hasattr(psutil, "RLIMIT_AS") else -1
    return float("inf") if most < 0 else max(float(most - process.memory_info().vms), 0.0)


def _in_words(size: float) -> str:
    power = min(max(int(np.log10(max(size, 1.0))) // 3, 2), 5)
    return f"{size / 10.0 ** (3 * power):.3g} {('MB', 'GB', 'TB', 'PB')[power - 2]}"
