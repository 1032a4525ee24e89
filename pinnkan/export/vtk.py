"""VTK files that ParaView opens: one ``.vtu`` for a steady result, a ``.pvd`` over one ``.vtu`` per frame with time.

VTK's own writer reports a full disk on the terminal and carries on; so the text is made in memory, written by Python
(which raises), read back and compared before a file counts as written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import (
    VTK_HEXAHEDRON,
    VTK_LINE,
    VTK_QUAD,
    vtkCellArray,
    vtkFieldData,
    vtkUnstructuredGrid,
)
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader, vtkXMLUnstructuredGridWriter

from pinnkan.errors import RunFolderError, UsageError
from pinnkan.export.arrays import components, sampled
from pinnkan.export.samples import frame_times, has_frames, limited, sliced, space_axes_of, space_samples, thinned
from pinnkan.kan.field import Array
from pinnkan.solution import Solution

#: Corners of a cell as steps along each axis, in VTK's order.
_CORNERS = {
    1: (VTK_LINE, ((0,), (1,))),
    2: (VTK_QUAD, ((0, 0), (1, 0), (1, 1), (0, 1))),
    3: (
        VTK_HEXAHEDRON,
        ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
    ),
}
#: The space-time surface is a picture, not a measurement: as many times as a screen has rows.
_SURFACE = (1000, 201)


def stem_of(solution: Solution) -> str:
    """``solution``, or ``solution.NOT_CONVERGED`` so that nobody plots such a result by mistake."""
    return "solution" if solution.verdict.converged else "solution.NOT_CONVERGED"


def write_vtk(
    solution: Solution, folder: Path, resolution: int | None = None, frames: int | None = None, most: float = np.inf
) -> list[str]:
    """Writes the result into ``folder``, in no more than about ``most`` points.

    Returns:
        The names written, files and folders, the one to open first.
    """
    stem = stem_of(solution)
    problem = solution.problem
    if not has_frames(problem):
        if frames is not None:
            what = "steady" if problem.time_axis is None else "on a line of time"
            raise UsageError(f"{problem.name} is {what}: it has no frames to choose")
        axes = space_samples(solution, resolution, most=most)
        time = 0.0 if problem.time_axis is None else solution.domain.box.ranges[-1][1]
        write_grid(
            folder / f"{stem}.vtu", axes, point_data(solution, sliced(problem, axes)), field_data(solution, time)
        )
        return [f"{stem}.vtu"]
    written = _write_series(solution, folder, resolution, frames, most)
    if len(space_axes_of(solution.problem)) == 1:
        written.append(_write_surface(solution, folder, resolution, most))
    return written


def _write_series(
    solution: Solution, folder: Path, resolution: int | None, frames: int | None, most: float
) -> list[str]:
    stem = stem_of(solution)
    times = frame_times(solution, frames, most)
    axes = space_samples(solution, resolution, len(times), most)
    inner = folder / f"{stem}.frames"
    inner.mkdir()
    names = [f"{inner.name}/{stem}_{i:0{max(4, len(str(len(times))))}d}.vtu" for i in range(len(times))]
    full = sliced(solution.problem, axes)
    for name, time in zip(names, times, strict=True):
        arrays = point_data(solution, [*full, np.array([time])])
        write_grid(folder / name, axes, arrays, field_data(solution, time))
    _write_pvd(folder / f"{stem}.pvd", times, names)
    return [f"{stem}.pvd", inner.name]


def _write_surface(solution: Solution, folder: Path, resolution: int | None, most: float) -> str:
    """One space coordinate and time as one surface, time upwards: the picture of papers on such problems."""
    name = f"{stem_of(solution)}.spacetime.vtu"
    x = thinned(space_samples(solution, resolution)[0], _SURFACE[0])
    x, t = limited((x, frame_times(solution, _SURFACE[1])), most)
    write_grid(folder / name, (x, t), point_data(solution, (x, t)), field_data(solution, float(t[-1])))
    return name


def point_data(solution: Solution, axes: Sequence[Array]) -> dict[str, Array]:
    """The arrays of a file, the unknowns in front, vectors with their components."""
    arrays = sampled(solution, axes)
    first = {name: arrays[name] for name in solution.problem.unknowns}
    return first | arrays | components(solution.problem, arrays)


def field_data(solution: Solution, time: float) -> dict[str, Array]:
    """The verdict as it travels inside every file, under names that no array of its points has."""
    return {
        "TimeValue": np.array([time]),
        "converged": np.array([int(solution.verdict.converged)], dtype=np.int32),
        "tolerance": np.array([solution.verdict.tolerance]),
        "relative_error_estimate": np.array([solution.verdict.estimate]),
    }


def mesh(axes: Sequence[Array]) -> vtkUnstructuredGrid:
    """Lines, quadrilaterals or hexahedra of the tensor grid; points in C order, missing coordinates zero."""
    kind, corners = _CORNERS[len(axes)]
    numbers = np.arange(np.prod([len(a) for a in axes])).reshape([len(a) for a in axes])
    cells = np.stack(
        [
            numbers[tuple(slice(c, len(a) - 1 + c) for c, a in zip(corner, axes, strict=True))].ravel()
            for corner in corners
        ],
        -1,
    )
    points = np.zeros((numbers.size, 3))
    for column, values in enumerate(np.meshgrid(*axes, indexing="ij")):
        points[:, column] = values.ravel()
    grid, places, connected = vtkUnstructuredGrid(), vtkPoints(), vtkCellArray()
    places.SetData(numpy_to_vtk(points, deep=True))
    connected.SetData(len(corners), numpy_to_vtkIdTypeArray(cells.ravel(), deep=True))
    grid.SetPoints(places)
    grid.SetCells(kind, connected)
    return grid


def grid_of(axes: Sequence[Array], arrays: Mapping[str, Array], fields: Mapping[str, Array]) -> vtkUnstructuredGrid:
    """The tensor grid of ``axes`` with point data; the first of the arrays is the active one."""
    grid = mesh(axes)
    count = grid.GetNumberOfPoints()
    for name, array in arrays.items():
        _add(grid.GetPointData(), name, array.ravel() if array.size == count else array.reshape(count, -1))
    _activate(grid, arrays)
    for name, value in fields.items():
        _add(grid.GetFieldData(), name, value)
    return grid


def _add(data: vtkFieldData, name: str, values: Array) -> None:
    array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
    array.SetName(name)
    data.AddArray(array)


def write_grid(path: Path, axes: Sequence[Array], arrays: Mapping[str, Array], fields: Mapping[str, Array]) -> None:
    """Writes one ``.vtu`` of float64 point data and reads it back; the first array is the active one.

    Raises:
        OSError: the disk is full or the folder cannot be written.
        RunFolderError: what was read back differs from what was written.
    """
    grid = grid_of(axes, arrays, fields)
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetInputData(grid)
    writer.SetDataModeToAppended()
    writer.SetCompressorTypeToZLib()
    writer.WriteToOutputStringOn()
    writer.Write()
    _write_text(path, writer.GetOutputString())
    _verify(path, grid)


def _activate(grid: vtkUnstructuredGrid, arrays: Mapping[str, Array]) -> None:
    """ParaView opens on the first array, and its glyphs and stream lines take the first vector.

    They would not, were it also what ParaView opens on: an array has one role there.
    """
    data = grid.GetPointData()
    data.SetActiveScalars(next(iter(arrays)))
    vectors = [name for name in arrays if data.GetArray(name).GetNumberOfComponents() == 3]
    if vectors:
        data.SetActiveVectors(vectors[0])


def _verify(path: Path, grid: vtkUnstructuredGrid) -> None:
    reader = vtkXMLUnstructuredGridReader()
    reader.SetFileName(str(path))
    reader.Update()
    back = reader.GetOutput()
    same = back.GetNumberOfPoints() == grid.GetNumberOfPoints() and back.GetNumberOfCells() == grid.GetNumberOfCells()
    same = same and np.array_equal(_points(back), _points(grid))
    written, found = grid.GetPointData(), back.GetPointData()
    for index in range(written.GetNumberOfArrays()):
        array = written.GetArray(index)
        twin = found.GetArray(array.GetName())
        same = same and twin is not None
        same = same and np.array_equal(vtk_to_numpy(twin), vtk_to_numpy(array), equal_nan=True)
    named = grid.GetFieldData()
    fields = [named.GetArrayName(index) for index in range(named.GetNumberOfArrays())]
    if not (same and all(back.GetFieldData().HasArray(name) for name in fields)):
        raise RunFolderError(f"{path}: what was read back differs from what was written; is the disk sound?")


def _points(grid: vtkUnstructuredGrid) -> Array:
    return np.asarray(vtk_to_numpy(grid.GetPoints().GetData()))


def _write_pvd(path: Path, times: Array, names: Sequence[str]) -> None:
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1", byte_order="LittleEndian")
    collection = ElementTree.SubElement(root, "Collection")
    for time, name in zip(times, names, strict=True):
        ElementTree.SubElement(collection, "DataSet", timestep=repr(float(time)), group="", part="0", file=name)
    ElementTree.indent(root)
    _write_text(path, '<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n")


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
