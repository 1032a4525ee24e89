"""Memory is asked for before it is taken: the limits that count, and what a step needs against what it took."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from pinnkan.assembly.ordering import order_coefficients
from pinnkan.errors import ResourceError
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver import memory

#: One step for a varying conductivity on 120 x 120 intervals of degree 9: its peak in MB over what stood before. Of
#: Poisson's equation, whose weights are numbers, a step takes a third of that.
STEP = """
import sys
import numpy as np, torch
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.problem.registry import load_problem
from pinnkan.assembly.model import compile_model
from pinnkan.solver.linear.system import System
from pinnkan.solver.families.product.start import initial_space, with_conditions
torch.set_num_threads(1)
problem = load_problem("poisson_varying")
model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
peak = []
for degree, intervals in ((3, 4), (9, 120)):
    space = initial_space(model, degree, intervals)
    start, fixed = with_conditions(model, space, np.zeros(space.shape))
    System(model, space).gauss_newton_steps(start, [start], fixed)
    status = open("/proc/self/status").read()  # getrusage would begin with what the parent had before exec
    peak.append(float(status.split("VmHWM:")[1].split()[0]) / 1e3)
print(peak[1] - peak[0])
"""


def square(intervals: int, degree: int, periodic: bool = False, unknowns: int = 1) -> Space:
    axis = Axis(np.linspace(0.0, 1.0, intervals + 1), degree, periodic)
    other = Axis(np.linspace(0.0, 1.0, intervals // 2 + 1), degree)
    return Space((axis, other), unknowns)


@pytest.mark.parametrize(("periodic", "unknowns"), [(False, 1), (True, 1), (False, 2)])
def test_the_bandwidth_is_that_of_the_matrix(periodic: bool, unknowns: int) -> None:
    space = square(16, 3, periodic, unknowns)
    place = order_coefficients(space, np.zeros(space.shape, dtype=bool), torch.device("cpu")).position
    at = place.numpy().reshape(space.shape)
    widest = 0
    for i in range(16):
        for j in range(8):
            cell = at[np.arange(i, i + 4) % space.shape[0]][:, j : j + 4]
            widest = max(widest, int(np.ptp(cell)))
    assert widest <= memory.bandwidth(space) <= 1.4 * widest


@pytest.mark.slow
def test_what_a_step_needs_is_what_it_takes() -> None:
    done = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True, timeout=300, check=True)
    taken = float(done.stdout)
    space = Space((Axis(np.linspace(0, 1, 121), 9), Axis(np.linspace(0, 1, 121), 9)))
    guessed = memory.bytes_of_space(space, (120 * 6, 120 * 6), 4) / 1e6
    assert 0.5 < guessed / taken < 2.0
    assert memory.bytes_of_space(square(60, 3), (60 * 3, 30 * 3), 2) / 1e6 < 0.5 * taken


def test_more_points_and_more_derivatives_need_at_least_their_columns() -> None:
    """One float64 per point for the value and each derivative of the equation; a hundred would be another mistake."""
    space = square(20, 3)
    few, many, more = (memory.bytes_of_space(space, (p, p), jets) for p, jets in ((40, 2), (80, 2), (80, 8)))
    assert 1.0 <= (many - few) / (8 * (80**2 - 40**2) * (2 + 1)) < 100.0
    assert 1.0 <= (more - many) / (8 * 80**2 * (8 - 2)) < 100.0


@pytest.mark.parametrize(
    ("intervals", "degree", "unknowns", "numbers"),
    [
        (80, 3, 1, lambda n, width: 4 * n * (width + 1)),  # banded, a few copies
        (2, 6, 1, lambda n, width: 2 * n * n + n * (width + 1)),  # small and full: the band beside it
        (2, 41, 1, lambda n, width: 4 * n * n),  # large and full: in blocks
        (2, 41, 2, lambda n, width: 1.75 * n * n),
    ],
)
def test_a_factor_needs_its_band_or_the_whole_matrix(intervals, degree, unknowns, numbers) -> None:
    space = square(intervals, degree, unknowns=unknowns)
    width = min(memory.bandwidth(space), space.size)
    assert memory.bytes_of_factor(space) == pytest.approx(memory.BASE_BYTES + 8.0 * numbers(float(space.size), width))
    assert memory.bytes_of_factor(space, 10) < memory.bytes_of_factor(space)


def test_rows_that_are_not_kept_need_a_few_vectors_for_each_coefficient() -> None:
    """A million coefficients in space in less than a gigabyte; where a factor solves it writes the rows out."""
    axis = Axis(np.linspace(0.0, 1.0, 97), 6)
    space, points = Space((axis, axis, axis)), (96 * 4,) * 3
    fleeting = memory.bytes_of_space(space, points, 3, 0.0)
    assert 0.2e3 < fleeting / space.size < 1e3
    assert memory.bytes_of_space(space, points, 3) > 10 * fleeting
    assert memory.bytes_of_space(space, points, 3, 1e8) == pytest.approx(fleeting + 8e8)
    small = square(8, 3)
    assert memory.bytes_of_space(small, (40, 20), 2, 0.0) == memory.bytes_of_space(small, (40, 20), 2)


def test_the_eigenfunctions_of_a_long_coordinate_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fast diagonalisation holds matrices of every coordinate, which for a long one are most of it."""
    monkeypatch.setattr(memory, "is_factor_cheaper", lambda *given: False)
    long, even = (Space((Axis(np.linspace(0.0, 1.0, n + 1), 1),) * 2) for n in (2047, 127))
    short = Space((long.axes[0], Axis(np.linspace(0.0, 1.0, 8), 1)))
    assert short.size == even.size
    needs = [memory.bytes_of_space(space, (0, 0), 3, 0.0) for space in (short, even)]
    assert needs[0] - needs[1] > 8 * 10 * 2048**2


def test_a_descent_needs_its_jacobian_and_two_matrices_and_a_forward_pass_less() -> None:
    """In float64; a hundred of them would be another mistake."""
    few, many, more = (memory.bytes_of_descent(n, rows) for n, rows in ((100, 1_000), (100, 9_000), (500, 1_000)))
    assert 1.0 <= (many - few) / (8 * 8_000 * 100) < 100.0
    assert 1.0 <= (more - few) / (8 * (1_000 * 400 + 2 * (500**2 - 100**2))) < 100.0
    assert 0.0 < memory.bytes_of_network(100, 9_000) - memory.bytes_of_network(100, 1_000) < many - few


def test_too_much_is_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda _: 2.5e9)
    memory.require_bytes(2.4e9, "a step")
    with pytest.raises(ResourceError, match=r"a step needs about 3.2 TB, 2.5 GB are available"):
        memory.require_bytes(3.2e12, "a step")


def test_the_limit_of_a_control_group_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000000\n")
    (tmp_path / "memory.current").write_text("700000000\n")
    (tmp_path / "memory.stat").write_text("anon 500000000\ninactive_file 100000000\n")
    assert memory._bytes_in_group(tmp_path, "memory.max", "memory.current") == 4e8
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._bytes_in_group(tmp_path, "memory.max", "memory.current") == float("inf")
    (tmp_path / "memory.max").write_text(str(2**63 - 4096))
    assert memory._bytes_in_group(tmp_path, "memory.max", "memory.current") == float("inf")
    assert memory._bytes_in_group(tmp_path / "gone", "memory.max", "memory.current") == float("inf")


def test_the_limit_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "rlimit", lambda *_: (4e9, 4e9))
    assert 0.0 <= memory._address_space_bytes() < 4e9
    assert memory.available_bytes(torch.device("cpu")) <= memory._address_space_bytes()
    monkeypatch.setattr(psutil.Process, "rlimit", lambda *_: (-1, -1))
    assert memory._address_space_bytes() == float("inf")


def test_the_allocator_is_told_once_and_where_it_cannot_be_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    class Glibc:
        def __init__(self) -> None:
            self.told: list[tuple[int, int]] = []

        def mallopt(self, parameter: int, value: int) -> int:
            self.told.append((parameter, value))
            return 1

    library = Glibc()
    memory.keep_freed_memory.cache_clear()
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: library)
    memory.keep_freed_memory()
    memory.keep_freed_memory()
    assert library.told == list(memory.MALLOC_OPTIONS.items())
    memory.keep_freed_memory.cache_clear()
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory.keep_freed_memory()
