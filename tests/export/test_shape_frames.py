"""Files and integrals of a problem in time on a shape end at its boundary."""

import numpy as np
import pytest
import pyvista
from scipy.special import j1

import pinnkan
from pinnkan.export.vtk import write_vtk


@pytest.fixture(scope="module")
def solution():
    return pinnkan.solve(pinnkan.load_problem("heat_disk"))


def test_frames_lie_in_the_disk_and_have_the_values_of_the_solution(solution, tmp_path):
    write_vtk(solution, tmp_path, resolution=20, frames=3)
    for k, time in enumerate((0.0, 0.25, 0.5)):
        mesh = pyvista.read(tmp_path / f"solution.frames/solution_{k:04d}.vtu")
        x, y, _ = mesh.points.T
        assert np.hypot(x, y).max() < 1.0 + 1e-9
        assert np.abs(mesh.compute_cell_sizes()["Area"].sum() - np.pi) < 5e-3
        exact = np.exp(-5.0 * time) * np.cos(x) * np.cos(2.0 * y)
        assert np.abs(mesh["u"] - exact).max() < 1e-5
        assert np.abs(mesh["u"] - 1.001 * exact).max() > 5e-5


def test_an_integral_over_the_disk_is_known_at_every_time(solution):
    reading, root = solution.quantities["heat"], np.sqrt(5.0)
    exact = 2.0 * np.pi * j1(root) / root * np.exp(-5.0 * np.array(reading.times))
    assert np.abs(np.array(reading.values) - exact).max() < 1e-6
    assert np.abs(np.array(reading.values) - 1.001 * exact).max() > 1e-4
