"""Results in a shape of the plane are written on cells that end at its boundary."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvista
from closed_form import solved

from pinnkan.domain.shapes.shape import Difference, Shape, disk, rectangle
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, shaped_domain
from pinnkan.errors import UsageError
from pinnkan.export.page import view_of
from pinnkan.export.pictures import draw_pictures
from pinnkan.export.report import errors_by_name, report_of
from pinnkan.export.shape_cells import ShapeCells, outline, shape_cells
from pinnkan.export.vtk import write_vtk
from pinnkan.solution import Solution

CENTER, RADIUS = np.array([0.2, 0.1]), 0.4
RING = Difference((disk((0.0, 0.0), 1.0, "outer"), disk((0.2, 0.1), RADIUS, "hole")))
FRAME = Difference((rectangle((-1.0, 1.0), (-1.0, 1.0), "outer"), rectangle((-0.25, 0.3), (-0.5, 0.5), "hole")))
TINY = Difference((rectangle((-1.0, 1.0), (-1.0, 1.0), "outer"), disk((0.3, 0.3), 0.01, "hole")))


def cells_of(domain: ShapedDomain, count: int) -> ShapeCells:
    x, y = (np.linspace(*ends, count) for ends in domain.box.ranges)
    return shape_cells(domain, x, y)


def areas(cells: ShapeCells) -> np.ndarray:
    found = []
    for corners in cells.cells.values():
        here = cells.points[corners]
        there = np.roll(here, -1, axis=1)
        found.append(0.5 * (here[..., 0] * there[..., 1] - here[..., 1] * there[..., 0]).sum(1))
    return np.concatenate(found)


def in_shape(kind: str, shape: Shape) -> Solution:
    solution = solved(kind)
    return replace(solution, problem=replace(solution.problem, domain=shaped_domain(shape)))


@pytest.mark.parametrize("shape", [RING, FRAME, TINY], ids=["ring", "frame", "tiny"])
def test_cells_fill_the_shape_without_folding(shape: Shape) -> None:
    domain = shaped_domain(shape)
    for count in (9, 33, 65):
        found = areas(cells_of(domain, count))
        assert found.min() > 0.0
        assert found.sum() == pytest.approx(domain.measure, rel=2e-4)


def test_the_area_converges_as_chords_do_and_not_to_that_of_the_disk() -> None:
    domain = shaped_domain(disk((0.0, 0.0), 1.0, "outer"))
    coarse, fine = (abs(areas(cells_of(domain, count)).sum() - np.pi) for count in (129, 513))
    assert fine < coarse / 8
    assert abs(areas(cells_of(shaped_domain(RING), 65)).sum() - np.pi) > 0.4


@pytest.mark.parametrize("count", [17, 65])
def test_no_cell_crosses_a_hole_and_no_point_is_outside(count: int) -> None:
    domain = shaped_domain(RING)
    cells = cells_of(domain, count)
    assert domain.contains(cells.points, 1e-12).all()
    for corners in cells.cells.values():
        edges = 0.5 * (cells.points[corners] + cells.points[np.roll(corners, -1, axis=1)])
        middles = np.concatenate([edges.reshape(-1, 2), cells.points[corners].mean(1)])
        assert np.hypot(*(middles - CENTER).T).min() > RADIUS * (1 - 2e-4)


def test_equal_points_are_one() -> None:
    cells = cells_of(shaped_domain(RING), 33)
    apart = np.diff(cells.points[np.lexsort(np.round(cells.points, 9).T)], axis=0)
    assert np.abs(apart).max(1).min() > 1e-9
    assert set(np.concatenate([c.ravel() for c in cells.cells.values()])) == set(range(len(cells.points)))


def test_the_outline_has_a_loop_for_each_hole_the_other_way_round() -> None:
    loops = outline(shaped_domain(RING))
    doubled = sorted(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) for x, y in (loop.T for loop in loops))
    assert doubled == pytest.approx([-2 * np.pi * RADIUS**2, 2 * np.pi], rel=1e-3)


def test_the_file_has_all_data_at_points_of_the_shape(tmp_path: Path) -> None:
    solution = in_shape("plane", RING)
    assert write_vtk(solution, tmp_path) == ["solution.vtu"]
    grid = pyvista.read(tmp_path / "solution.vtu")
    assert set(grid.point_data.keys()) == {"u", "residual_1", "error_estimate", "error"}
    assert set(grid.celltypes) == {5, 9}
    np.testing.assert_allclose(solution(grid.points[:, :2])["u"], grid["u"], rtol=0, atol=1e-13)
    assert 0 < np.abs(grid["error"]).max() < 3e-7
    assert np.abs(grid["residual_1"]).max() < 1e-3
    assert grid.compute_cell_sizes()["Area"].sum() == pytest.approx(solution.domain.measure, rel=2e-4)
    assert solution.to_pyvista().n_cells == grid.n_cells
    flow = in_shape("flow", RING).to_pyvista(33)
    assert flow["velocity"].shape == (flow.n_points, 3)


def test_a_point_in_the_hole_is_outside() -> None:
    solution = in_shape("plane", RING)
    assert np.isfinite(solution([[0.9, 0.1]])["u"]).all()
    with pytest.raises(UsageError, match=r"\(0.2, 0.1\) is outside of the domain"):
        solution([[0.9, 0.1], [0.2, 0.1]])


@pytest.mark.parametrize("kind", ["plane", "flow"])
def test_pictures_are_clipped_and_show_the_boundary(kind: str, tmp_path: Path) -> None:
    solution = in_shape(kind, RING)
    written, warnings = draw_pictures(solution, tmp_path)
    assert (written, warnings) == (["solution.png", "convergence.png"], [])
    panel = solution.plot().axes[0]
    assert panel.images[0].get_clip_path() is not None
    assert len(panel.collections[-1].get_paths()) == 2
    boxed = solved(kind).plot().axes[0]
    assert len(boxed.collections) < len(panel.collections)


def test_the_picture_has_nothing_in_the_hole() -> None:
    figure = in_shape("plane", RING).plot()
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]

    def colour(x: float, y: float) -> tuple[int, ...]:
        column, row = figure.axes[0].transData.transform((x, y))
        return tuple(pixels[len(pixels) - 1 - int(row), int(column), :3])

    assert colour(0.2, 0.1) == colour(0.95, 0.95) == (255, 255, 255)
    assert (255, 255, 255) not in {colour(-0.5, 0.6), colour(0.62, 0.1), colour(-0.21, 0.1), colour(0.7, 0.7)}


def test_reports_and_pages_of_a_shape_are_made() -> None:
    solution = in_shape("plane", RING)
    assert "inside the boundary of outer, hole" in report_of(solution, [])
    assert '"fields"' in view_of(solution)
    assert "<img" in solution._repr_html_()
    by_name = errors_by_name(in_shape("flow", RING))[0]
    assert by_name.estimate is not None
    assert 0 < by_name.estimate < 1e-5


def test_a_dataset_has_nan_in_the_hole() -> None:
    pytest.importorskip("xarray")
    data = in_shape("plane", RING).to_xarray(17)
    assert np.isnan(data["u"].sel(x=0.2, y=0.1, method="nearest"))
    assert np.isfinite(data["u"].sel(x=-0.5, y=0.0, method="nearest"))
