"""VTK files hold what the contract says, at any dimension."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import pyvista
from closed_form import ERROR, UNKNOWNS, VECTORS, solved

from pinnkan.errors import RunFolderError, UsageError
from pinnkan.export.vtk import grid_mesh, write_vtk, write_vtu

NAMES = {"u", "residual_1", "error_estimate", "error"}
FIELDS = {"TimeValue", "converged", "tolerance", "relative_error_estimate"}


@pytest.mark.parametrize(("kind", "cell"), [("line", 3), ("plane", 9), ("box", 12)])
def test_a_steady_result_is_one_file_with_all_arrays(kind: str, cell: int, tmp_path: Path) -> None:
    assert write_vtk(solved(kind), tmp_path) == ["solution.vtu"]
    grid = pyvista.read(tmp_path / "solution.vtu")
    assert set(grid.point_data.keys()) == NAMES
    assert set(grid.field_data.keys()) == FIELDS
    assert set(grid.celltypes) == {cell}
    assert all(grid.point_data[n].dtype == np.float64 for n in NAMES)
    assert grid.field_data["converged"][0] == 1


@pytest.mark.parametrize("kind", ["line", "plane", "box"])
def test_the_values_belong_to_their_points(kind: str, tmp_path: Path) -> None:
    solution = solved(kind)
    write_vtk(solution, tmp_path)
    grid = pyvista.read(tmp_path / "solution.vtu")
    dimension = solution.problem.dimension
    np.testing.assert_allclose(solution(grid.points[:, :dimension])["u"], grid["u"], rtol=0, atol=1e-14)
    assert np.abs(grid.point_data["error"]).max() < 3e-7
    assert 0.5 * ERROR < grid.point_data["error_estimate"].max() <= ERROR
    assert np.abs(grid["residual_1"]).max() < 1e-3


@pytest.mark.parametrize("kind", ["line", "plane", "box"])
def test_the_cells_fill_the_domain_without_folding(kind: str, tmp_path: Path) -> None:
    write_vtk(solved(kind), tmp_path)
    grid = pyvista.read(tmp_path / "solution.vtu").compute_cell_sizes()
    sizes = grid[{"line": "Length", "plane": "Area", "box": "Volume"}[kind]]
    assert sizes.min() > 0
    assert sizes.sum() == pytest.approx({"line": 2.0, "plane": 4.0, "box": 4.0}[kind])


@pytest.mark.parametrize("kind", ["front", "pool"])
def test_a_time_series_lists_its_frames_by_relative_path(kind: str, tmp_path: Path) -> None:
    names = write_vtk(solved(kind), tmp_path, resolution=20, frames=5)
    assert names == ["solution.spacetime.vtu"] * (kind == "front") + ["solution.pvd", "solution.frames"]
    sets = ElementTree.parse(tmp_path / "solution.pvd").findall("./Collection/DataSet")
    assert [float(s.attrib["timestep"]) for s in sets] == [0, 0.25, 0.5, 0.75, 1]
    for entry in sets:
        grid = pyvista.read(tmp_path / entry.attrib["file"])
        assert grid.field_data["TimeValue"][0] == float(entry.attrib["timestep"])
        assert set(grid.point_data.keys()) == NAMES


@pytest.mark.parametrize(("kind", "first"), [("flow", "u"), ("vortex", "p"), ("jet", "u")])
def test_vectors_have_three_components_and_the_first_unknown_is_active(kind: str, first: str, tmp_path: Path) -> None:
    name = write_vtk(solved(kind), tmp_path, 9, None if kind != "vortex" else 2)[0]
    path = tmp_path / name if name.endswith(".vtu") else tmp_path / "solution.frames" / "solution_0001.vtu"
    grid = pyvista.read(path)
    assert grid["velocity"].shape == (grid.n_points, 3)
    assert (grid.active_scalars_name, grid.active_vectors_name) == (first, "velocity")
    parts = VECTORS[kind]["velocity"]
    for column, part in enumerate(parts):
        np.testing.assert_array_equal(grid["velocity"][:, column], grid[part])
    assert np.abs(grid["velocity"][:, len(parts) :]).sum() == 0
    unknowns = UNKNOWNS[kind]
    names = {*unknowns, "velocity"}
    shown = {f"{what}_{n}" for what in ("error", "error_estimate") for n in names}
    assert set(grid.point_data.keys()) == names | shown | {f"residual_{i + 1}" for i in range(len(unknowns))}
    lengths = np.sqrt(sum(grid.point_data[f"error_{part}"] ** 2 for part in parts))
    np.testing.assert_allclose(grid.point_data["error_velocity"], lengths, rtol=1e-12)


def test_ordinary_equations_are_one_line_over_time(tmp_path: Path) -> None:
    solution = solved("orbit")
    assert write_vtk(solution, tmp_path) == ["solution.vtu"]
    grid = pyvista.read(tmp_path / "solution.vtu")
    assert set(grid.celltypes) == {3}
    np.testing.assert_allclose(grid["a"], np.cos(5 * grid.points[:, 0]), atol=1e-6)
    assert grid.field_data["TimeValue"][0] == 1.0
    with pytest.raises(UsageError, match="no frames to choose"):
        write_vtk(solution, tmp_path, frames=3)


def test_a_run_that_stopped_early_shows_no_frame_beyond_the_time_it_reached(tmp_path: Path) -> None:
    solution = solved("front", converged=False)
    stopped = replace(solution, field=replace(solution.field, reached=0.3))  # type: ignore[type-var]
    write_vtk(stopped, tmp_path, frames=4)
    sets = ElementTree.parse(tmp_path / "solution.NOT_CONVERGED.pvd").findall("./Collection/DataSet")
    assert [float(s.attrib["timestep"]) for s in sets] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert pyvista.read(tmp_path / "solution.NOT_CONVERGED.spacetime.vtu").bounds[3] == pytest.approx(0.3)
    with pytest.raises(UsageError, match=r"t = 0.5 is not in \[0, 0.3\]"):
        stopped([[0.0, 0.5]])


def test_frames_show_the_solution_at_their_time(tmp_path: Path) -> None:
    solution = solved("front")
    write_vtk(solution, tmp_path, frames=3)
    grid = pyvista.read(tmp_path / "solution.frames" / "solution_0001.vtu")
    points = np.column_stack([grid.points[:, 0], np.full(grid.n_points, 0.5)])
    np.testing.assert_allclose(solution(points)["u"], grid["u"], rtol=0, atol=1e-14)


def test_one_space_coordinate_with_time_also_comes_as_a_surface(tmp_path: Path) -> None:
    assert "solution.spacetime.vtu" in write_vtk(solved("front"), tmp_path, frames=2)
    surface = pyvista.read(tmp_path / "solution.spacetime.vtu")
    assert surface.bounds[:4] == pytest.approx((-1, 1, 0, 1))


@pytest.mark.parametrize("kind", ["plane", "front"])
def test_a_result_that_missed_its_tolerance_says_so_in_every_name(kind: str, tmp_path: Path) -> None:
    names = write_vtk(solved(kind, converged=False), tmp_path)
    assert all(name.startswith("solution.NOT_CONVERGED") for name in names)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert all("NOT_CONVERGED" in p.name for p in files)
    vtu = next(p for p in files if p.suffix == ".vtu")
    assert pyvista.read(vtu).field_data["converged"][0] == 0


def test_without_an_error_function_or_exact_their_arrays_are_absent(tmp_path: Path) -> None:
    solution = solved("line")
    bare = replace(solution, error=None, problem=replace(solution.problem, exact=None))
    write_vtk(bare, tmp_path)
    assert set(pyvista.read(tmp_path / "solution.vtu").point_data.keys()) == {"u", "residual_1"}


def test_a_file_that_reads_back_differently_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def worn_disk(path: Path) -> bytes:
        with path.open("rb") as file:
            return file.read().replace(b"_", b"-", 1)

    monkeypatch.setattr(Path, "read_bytes", worn_disk)
    with pytest.raises(RunFolderError, match="differs"):
        write_vtk(solved("line"), tmp_path)


def test_arrays_of_several_blocks_are_read_by_vtk(tmp_path: Path) -> None:
    """A third of a million points of three components are eight blocks, the last not full."""
    mesh = grid_mesh((np.linspace(0.0, 1.0, 577), np.linspace(-1.0, 2.0, 571)))
    values = np.random.default_rng(0).normal(size=(577, 571, 3))
    write_vtu(tmp_path / "a.vtu", mesh, {"a": values[..., 0], "b": values}, {"n": np.array([7], dtype=np.int32)}, {})
    grid = pyvista.read(tmp_path / "a.vtu")
    np.testing.assert_array_equal(grid["a"], values[..., 0].ravel())
    np.testing.assert_array_equal(grid["b"], values.reshape(-1, 3))
    np.testing.assert_array_equal(grid.points, mesh.points)
    assert (grid.active_scalars_name, grid.active_vectors_name, list(grid.field_data["n"])) == ("a", "b", [7])
    assert grid.compute_cell_sizes()["Area"].sum() == pytest.approx(3.0)


def test_arrays_and_axes_carry_their_units(tmp_path: Path) -> None:
    solution = solved("plane")
    write_vtk(replace(solution, problem=replace(solution.problem, units={"u": "K & <m>"})), tmp_path, 9)
    array = pyvista.read(tmp_path / "solution.vtu").GetPointData().GetArray("u")
    assert array.GetInformation().Get(array.UNITS_LABEL()) == "K & <m>"


def test_frames_of_a_steady_problem_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="steady"):
        write_vtk(solved("line"), tmp_path, frames=3)
