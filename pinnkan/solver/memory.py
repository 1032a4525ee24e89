"""Memory that a step takes at its peak, predicted: most systems kill a process that takes more than there is."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import psutil
import torch

from pinnkan.assembly.tensor_rows import MIN_FULL_SIZE
from pinnkan.errors import OutOfMemoryError
from pinnkan.kan.product import Space
from pinnkan.solver.predicted_work import bandwidth, is_factor_cheaper, is_factored_as_full

#: Options of mallopt with bytes: M_MMAP_THRESHOLD (the largest possible), M_TRIM_THRESHOLD, M_TOP_PAD.
MALLOC_OPTIONS = {-3: 32 << 20, -1: 1 << 30, -2: 64 << 20}
FLOAT_BYTES = 8  # bytes of a float64
#: Arrays of a number per point and derivative alive at once: 30 numbers a point for four derivatives (measured).
ARRAYS_PER_JET = 6
#: Points in one batch of rows that are not kept: some megabytes for each derivative.
BATCH_POINTS = 2.0**20
#: Copies of a banded matrix (assembled, entries, scaled, factored), and of a full one (filled, factored).
BAND_COPIES, FULL_COPIES = 4, 2
#: Copies of the block of two unknowns while a full matrix of many coefficients is assembled.
BLOCK_COPIES = 3
#: Full prolongation matrices per coordinate: they take most on a line.
PROLONGATIONS = 2
#: Copies of the bands along one coordinate in fast diagonalisation: assembled, factored.
MODE_BAND_COPIES = 2
#: Vectors of coefficients, and full matrices per coordinate, that conjugate gradients hold.
GRADIENT_VECTORS, GRADIENT_MATRICES = 20, 30
#: Bytes of the buffers of libraries, for any step (measured: 15 MB for the first small ridge network).
BASE_BYTES = 20e6
#: Bytes that are always granted: reading the limits takes a twentieth of the time of an ordinary equation.
NEGLIGIBLE_BYTES = 1.05 * BASE_BYTES
#: Version 1 of control groups writes a number near 2^63 for no limit.
NO_LIMIT = 2.0**60
#: Numbers per point and coefficient of a deep network: of its jets, and of the Jacobian with the blocks of layers.
FORWARD_COPIES, JACOBIAN_COPIES = 1.5, 3.0


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Make the allocator of glibc keep freed memory, once per process; elsewhere do nothing.

    By default arrays of some megabytes are mapped and cleared anew: a Poisson equation takes 2.0 s instead of 1.4 s.
    """
    with suppress(OSError, AttributeError, TypeError):  # TypeError: the process itself has no library
        adjust = ctypes.CDLL(None).mallopt
        for parameter, value in MALLOC_OPTIONS.items():
            adjust(parameter, value)


def require_bytes(needed: float, task: str, device: torch.device | str = "cpu") -> None:
    """Raise OutOfMemoryError if fewer than ``needed`` bytes are available for ``task``.

    Less than NEGLIGIBLE_BYTES always is.
    """
    if needed < NEGLIGIBLE_BYTES:
        return
    left = available_bytes(torch.device(device))
    if needed > left:
        raise OutOfMemoryError(
            f"out of memory: {task} needs about {_format_bytes(needed)}, {_format_bytes(left)} are available; "
            "ask for fewer knots or levels, a smaller degree, or a larger tolerance"
        )


def bytes_of_space(space: Space, points: Sequence[int], derivatives: int, kept_numbers: float | None = None) -> float:
    """Peak bytes of a Gauss-Newton step in ``space``.

    ``points``: Gauss points per coordinate; ``derivatives``: number of derivatives in the equations; ``kept_numbers``:
    numbers of rows that stay if the others are worked out when needed, None if all stay; a factor keeps all.
    """
    grid = float(np.prod([float(p) for p in points]))
    rows = grid * (len(points) + ARRAYS_PER_JET * (derivatives + 1.0))
    moves = PROLONGATIONS * sum(float(axis.count) ** 2 for axis in space.axes)
    factored = is_factor_cheaper(space, grid, derivatives)
    rows = rows if factored or kept_numbers is None else kept_numbers + BATCH_POINTS * (derivatives + 1.0)
    solver = _factor_numbers(space) if factored else _iteration_numbers(space)
    return BASE_BYTES + FLOAT_BYTES * (solver + rows + moves)


def bytes_of_factor(space: Space, free_coefficients: int | None = None) -> float:
    """Peak bytes of a factorisation.

    ``free_coefficients``: number of coefficients that no condition fixes, None for all.
    """
    return BASE_BYTES + FLOAT_BYTES * _factor_numbers(space, free_coefficients)


def _factor_numbers(space: Space, free_coefficients: int | None = None) -> float:
    """The numbers in a banded or full factor and the copies made for it."""
    n = float(space.size if free_coefficients is None else free_coefficients)
    width = min(bandwidth(space), n)
    if is_factored_as_full(width, n) and n >= MIN_FULL_SIZE:
        return n * n * (1.0 + BLOCK_COPIES / space.unknowns**2)
    full = FULL_COPIES * n * n if is_factored_as_full(width, n) else 0.0
    return full + n * (width + 1.0) * (1.0 if is_factored_as_full(width, n) else BAND_COPIES)


def _iteration_numbers(space: Space) -> float:
    """The numbers in conjugate gradients: bands along one coordinate, eigenfunctions of the others, vectors."""
    width = max(2 * a.degree + 1 if a.periodic else a.degree for a in space.axes)
    return space.size * (MODE_BAND_COPIES * (width + 1.0) + GRADIENT_VECTORS) + GRADIENT_MATRICES * sum(
        float(a.count) ** 2 for a in space.axes
    )


def bytes_of_network(coefficients: int, rows: int) -> float:
    """Peak bytes of a forward pass of a deep network at ``rows`` points."""
    return BASE_BYTES + FLOAT_BYTES * FORWARD_COPIES * float(rows) * coefficients


def bytes_of_descent(coefficients: int, rows: int) -> float:
    """Peak bytes of a Levenberg-Marquardt step: Jacobian (row, coefficient), normal matrix and factor."""
    return BASE_BYTES + FLOAT_BYTES * (JACOBIAN_COPIES * float(rows) * coefficients + 3.0 * float(coefficients) ** 2)


def available_bytes(device: torch.device) -> float:
    """Bytes that this process may still take: of the machine, its control groups and its own limit; or of a GPU."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return min([float(psutil.virtual_memory().available), *_control_group_bytes(), _address_space_bytes()])


def _control_group_bytes() -> Iterator[float]:
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
                yield _bytes_in_group(folder, limit, used)


def _bytes_in_group(folder: Path, limit: str, used: str) -> float:
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


def _address_space_bytes() -> float:
    """Bytes available below the limit of the address space; infinite without a limit."""
    process = psutil.Process()
    most = process.rlimit(psutil.RLIMIT_AS)[0] if hasattr(psutil, "RLIMIT_AS") else -1
    return float("inf") if most < 0 else max(float(most - process.memory_info().vms), 0.0)


def _format_bytes(size: float) -> str:
    power = min(max(int(np.log10(max(size, 1.0))) // 3, 2), 5)
    return f"{size / 10.0 ** (3 * power):.3g} {('MB', 'GB', 'TB', 'PB')[power - 2]}"
