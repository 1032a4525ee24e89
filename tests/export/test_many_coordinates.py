"""Of more than three coordinates, files and pictures show the first three, the others in the middle of their ranges."""

import numpy as np
import pytest
import pyvista
from many_problems import UNIT, coupled

import pinnkan
from pinnkan.export.pictures import draw_pictures
from pinnkan.export.report import report_of
from pinnkan.export.vtk import write_vtk
from pinnkan.run.points import evaluate


@pytest.fixture(scope="module")
def solution():
    return pinnkan.solve(coupled(ranges=UNIT | {"x4": "[0, 3]"}, solver="tolerance: 1e-3"))


def test_a_file_is_a_slice_through_the_middle(solution, tmp_path):
    assert write_vtk(solution, tmp_path, resolution=4) == ["solution.vtu"]
    grid = pyvista.read(tmp_path / "solution.vtu")
    points = np.column_stack([grid.points, np.full(len(grid.points), 1.5)])
    np.testing.assert_allclose(grid["u"], solution(points)["u"], atol=1e-12)
    points[:, 3] = 1.4  # elsewhere it is another slice
    assert np.abs(grid["u"] - solution(points)["u"]).max() > 0.05
    assert {"residual_1", "error_estimate", "error"} <= set(grid.point_data.keys())


def test_the_report_says_which_slice_it_is(solution):
    assert "first three coordinates where x4 = 1.5" in report_of(solution, ["solution.vtu"])


def test_points_have_all_coordinates(solution, tmp_path):
    (tmp_path / "p.csv").write_text("x4,x3,x2,x1\n3,1,0.5,0\n")
    names, values = evaluate(solution, tmp_path / "p.csv", "u,u_x3x4")
    assert names == ["x1", "x2", "x3", "x4", "u", "u_x3x4"]
    np.testing.assert_allclose(values[0, -2:], [1 + np.exp(0.5) + 3, 1.0], rtol=1e-2)


@pytest.mark.slow
def test_the_picture_shows_three_planes(solution, tmp_path):
    names, warnings = draw_pictures(solution, tmp_path)
    assert names == ["solution.png", "convergence.png"]
    assert warnings == []
