"""The set-up of a problem in ParaView: a block for every place, with its condition in words and outward normals."""

from pathlib import Path

import numpy as np
import pytest
import pyvista

from pinnkan.cli import main
from pinnkan.errors import UsageError
from pinnkan.export.setup import write_setup
from pinnkan.problem.registry import load_problem


def blocks_of(name: str, folder: Path) -> dict[str, pyvista.DataSet]:
    path = folder / "setup.vtm"
    write_setup(load_problem(name), path)
    read = pyvista.read(str(path))
    return {key: read[key] for key in read.keys()}  # noqa: SIM118 (a multi-block's items are not its keys)


def test_pieces_of_a_shape_have_their_conditions_and_normals_out_of_the_domain(tmp_path: Path) -> None:
    found = blocks_of("four_disks", tmp_path)
    assert list(found)[:2] == ["domain", "outer.bottom: u = 1"]
    assert sum(name.startswith("hole: u = 0") for name in found) == 4
    hole = found["hole: u = 0"]
    center = hole.points.mean(0) if np.ptp(hole.points[:, 0]) == 0 else (hole.points.max(0) + hole.points.min(0)) / 2
    inwards = center - hole.points
    np.testing.assert_allclose(hole.point_data["normal"], inwards / np.linalg.norm(inwards, axis=1)[:, None], atol=1e-6)
    assert float(np.abs(found["domain"].compute_cell_sizes()["Area"]).sum()) == pytest.approx(
        1 - 4 * np.pi * 0.01, rel=1e-4
    )


def test_sides_of_a_plane_in_space_and_time_are_lines_with_normals(tmp_path: Path) -> None:
    found = blocks_of("burgers", tmp_path)
    assert [name.split(":")[0] for name in found] == ["domain", "initial", "left", "right"]
    np.testing.assert_array_equal(found["right: u = 0"].points[:, 0], 1.0)
    np.testing.assert_array_equal(found["right: u = 0"].point_data["normal"], [[1.0, 0.0, 0.0]] * 9)


def test_sides_of_space_are_surfaces_and_a_start_is_the_domain(tmp_path: Path) -> None:
    found = blocks_of("heat3d", tmp_path)
    start = next(block for name, block in found.items() if name.startswith("initial"))
    assert start.n_cells == found["domain"].n_cells == 512
    sides = {name.split(":")[0]: block.n_cells for name, block in found.items() if name[0] in "lrtbf"}
    assert sides == dict.fromkeys(("left", "right", "bottom", "top", "front", "back"), 64)


def test_points_and_integrals_are_shown(tmp_path: Path) -> None:
    found = blocks_of("beltrami", tmp_path)
    assert any("integral(p)" in name for name in found)


@pytest.mark.parametrize(("name", "file"), [("poisson5d", "a.vtm"), ("poisson2d", "a.vtk")])
def test_what_paraview_cannot_show_is_refused(name: str, file: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_setup(load_problem(name), tmp_path / file)
    assert not (tmp_path / file).exists()


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "disk", "--vtk", str(tmp_path / "disk.vtm")]) == 0
    assert "disk.vtm written" in capsys.readouterr().err
    assert "rim: " in (tmp_path / "disk.vtm").read_text()
