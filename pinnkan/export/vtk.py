"""What ParaView opens: one ``.vtu`` for a steady result, a ``.pvd`` over one ``.vtu`` per frame with time.

A ``.vtu`` file is an unstructured grid with point data as VTK's XML, its arrays appended as compressed blocks. What the
frames of a series share, the mesh, is compressed once. The file that was written is read back and compared.
Source: VTK's file formats, "XML file formats" (https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html).
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from pinnkan.errors import RunFolderError, UsageError
from pinnkan.export.arrays import (
    components,
    frame_times,
    has_frames,
    limited,
    sampled,
    sampled_at,
    sliced,
    space_axes_of,
    space_samples,
    thinned,
)
from pinnkan.export.shape_cells import shape_cells, shape_of
from pinnkan.kan.field import Array
from pinnkan.solution import Solution

#: Kind of cell (line, quadrilateral, hexahedron) and its corners as steps along each axis, in VTK's order.
_CORNERS = {
    1: (3, ((0,), (1,))),
    2: (9, ((0, 0), (1, 0), (1, 1), (0, 1))),
    3: (12, ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))),
}
_TYPES = {"f8": "Float64", "i8": "Int64", "i4": "Int32", "u1": "UInt8"}
#: Bytes of a block; a choice, VTK takes any.
_BLOCK = 1 << 20
#: Of zlib, of a mesh and of samples on it; a choice: digits of float64 shrink by a sixth, in a fifth of the time of a
#: file.
_COMPRESSION, _STORED = 1, 0
_OPENING = (
    '<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian" '
    'header_type="UInt64" compressor="vtkZLibDataCompressor">\n<UnstructuredGrid>\n'
)


@dataclass(frozen=True)
class Packed:
    """An array of a file, (value) or (tuple, component), as bytes of compressed blocks; ``unit`` may be empty."""

    name: str
    kind: str
    components: int
    tuples: int
    content: bytes
    unit: str = ""

    def declared(self, offset: int, role: str = "NumberOfComponents") -> str:
        """Its element; the content stands ``offset`` bytes into the appended data."""
        count = self.tuples if role == "NumberOfTuples" else self.components
        head = f'<DataArray type="{self.kind}" Name={quoteattr(self.name)} {role}="{count}" format="appended"'
        key = f'<InformationKey name="UNITS_LABEL" location="vtkDataArray">{escape(self.unit)}</InformationKey>'
        return f'{head} offset="{offset}">{key * bool(self.unit)}</DataArray>\n'


def packed_array(name: str, values: np.ndarray, unit: str = "", level: int = _COMPRESSION) -> Packed:
    """The array with its bytes compressed: the number of blocks, their size, that of the last, then each compressed."""
    data = np.ascontiguousarray(values)
    raw = data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes()
    parts = [zlib.compress(raw[at : at + _BLOCK], level) for at in range(0, len(raw), _BLOCK)]
    head = struct.pack(f"<{3 + len(parts)}Q", len(parts), _BLOCK, len(raw) % _BLOCK, *map(len, parts))
    components = data.shape[1] if data.ndim > 1 else 1
    return Packed(name, _TYPES[data.dtype.str[1:]], components, len(data), b"".join([head, *parts]), unit)


@dataclass(frozen=True, eq=False)
class Mesh:
    """``points`` (point, 3), and ``cells``: VTK's number of the kind of cell -> numbers of points (cell, corner)."""

    points: Array
    cells: Mapping[int, np.ndarray]

    @property
    def count(self) -> int:
        """Cells of all kinds."""
        return sum(map(len, self.cells.values()))

    @cached_property
    def packed(self) -> tuple[Packed, list[Packed]]:
        """Points, and what describes the cells, compressed."""
        corners = np.concatenate([np.full(len(cells), cells.shape[1]) for cells in self.cells.values()])
        kinds = np.concatenate([np.full(len(cells), kind, dtype=np.uint8) for kind, cells in self.cells.items()])
        connected = np.concatenate([cells.ravel() for cells in self.cells.values()])
        arrays = {"connectivity": connected, "offsets": np.cumsum(corners), "types": kinds}
        return packed_array("Points", self.points), [packed_array(name, array) for name, array in arrays.items()]


def grid_mesh(axes: Sequence[Array]) -> Mesh:
    """Lines, quadrilaterals or hexahedra of the tensor grid of ``axes``, one array per coordinate.

    Points are in C order, missing coordinates zero.
    """
    shape = tuple(map(len, axes))
    points = np.zeros((int(np.prod(shape)), 3))
    for column, values in enumerate(np.meshgrid(*axes, indexing="ij")):
        points[:, column] = values.ravel()
    numbers = np.arange(len(points)).reshape(shape)
    kind, corners = _CORNERS[len(axes)]
    steps = [tuple(slice(c, n - 1 + c) for c, n in zip(corner, shape, strict=True)) for corner in corners]
    return Mesh(points, {kind: np.stack([numbers[step].ravel() for step in steps], -1)})


def write_vtu(
    path: Path, mesh: Mesh, arrays: Mapping[str, Array], fields: Mapping[str, Array], units: Mapping[str, str]
) -> None:
    """Writes one file of point data, the first array the active one, and the first vector that of glyphs.

    ``arrays`` have one value, or a last index of components, per point of the mesh.

    Raises OSError: the disk is full or the folder cannot be written; RunFolderError: what was read back differs from
    what was written.
    """
    count = len(mesh.points)
    flat = {name: a.ravel() if a.size == count else a.reshape(count, -1) for name, a in arrays.items()}
    data = [packed_array(name, values, units.get(name, ""), _STORED) for name, values in flat.items()]
    write_whole(path, b"".join(_content(mesh, data, [packed_array(name, value) for name, value in fields.items()])))


def _content(mesh: Mesh, data: Sequence[Packed], fields: Sequence[Packed]) -> Iterator[bytes]:
    points, cells = mesh.packed
    offset, text, kept = 0, _OPENING, []

    def section(tag: str, arrays: Sequence[Packed], role: str = "NumberOfComponents") -> None:
        nonlocal offset, text
        text += f"<{tag}>\n"
        for array in arrays:
            text += array.declared(offset, role)
            kept.append(array.content)
            offset += len(array.content)
        text += f"</{tag.split()[0]}>\n"

    section("FieldData", fields, "NumberOfTuples")
    text += f'<Piece NumberOfPoints="{len(mesh.points)}" NumberOfCells="{mesh.count}">\n'
    vectors = [array.name for array in data if array.components == 3][:1]
    active = "".join(f" Vectors={quoteattr(name)}" for name in vectors)
    section(f"PointData Scalars={quoteattr(data[0].name)}{active}", data)
    section("Points", [points])
    section("Cells", cells)
    text += '</Piece>\n</UnstructuredGrid>\n<AppendedData encoding="raw">\n_'
    yield text.encode()
    yield from kept
    yield b"\n</AppendedData>\n</VTKFile>\n"


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file to the disk and compares what can be read back; see :func:`write_vtu` for what it raises."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != content:
        raise RunFolderError(f"{path}: what was read back differs from what was written; is the disk sound?")


#: The space-time surface is a picture, not a measurement: as many times as a screen has rows.
_SURFACE = (1000, 201)


def stem_of(solution: Solution) -> str:
    """``solution``, or ``solution.NOT_CONVERGED`` so that nobody plots such a result by mistake."""
    return "solution" if solution.verdict.converged else "solution.NOT_CONVERGED"


def write_vtk(
    solution: Solution, folder: Path, resolution: int | None = None, frames: int | None = None, most: float = np.inf
) -> list[str]:
    """Writes the result into ``folder``, in no more than about ``most`` points.

    Returns the names written, files and folders, the one to open first in front.
    """
    stem = stem_of(solution)
    problem = solution.problem
    if not has_frames(problem):
        if frames is not None:
            what = "steady" if problem.time_axis is None else "on a line of time"
            raise UsageError(f"{problem.name} is {what}: it has no frames to choose")
        axes = space_samples(solution, resolution, most=most)
        time = 0.0 if problem.time_axis is None else solution.domain.box.ranges[-1][1]
        _write(solution, folder / f"{stem}.vtu", *steady_data(solution, axes), time)
        return [f"{stem}.vtu"]
    series = _write_series(solution, folder, resolution, frames, most)
    if len(space_axes_of(problem)) > 1:
        return series
    return [_write_surface(solution, folder, resolution, most), *series]


def _write_series(
    solution: Solution, folder: Path, resolution: int | None, frames: int | None, most: float
) -> list[str]:
    stem = stem_of(solution)
    times = frame_times(solution, frames, most)
    axes = space_samples(solution, resolution, len(times), most)
    inner = folder / f"{stem}.frames"
    inner.mkdir()
    names = [f"{inner.name}/{stem}_{i:0{max(4, len(str(len(times))))}d}.vtu" for i in range(len(times))]
    mesh, data_at = _frame(solution, axes)
    for name, time in zip(names, times, strict=True):
        _write(solution, folder / name, mesh, data_at(time), time)
    _write_pvd(folder / f"{stem}.pvd", times, names)
    return [f"{stem}.pvd", inner.name]


def _frame(solution: Solution, axes: Sequence[Array]) -> tuple[Mesh, Callable[[float], dict[str, Array]]]:
    """The mesh of all frames, and its arrays as a function of time; in a shape its cells end at the boundary."""
    domain, full = shape_of(solution), sliced(solution.problem, axes)
    if domain is None:
        return grid_mesh(axes), lambda time: point_data(solution, [*full, np.array([time])])
    cells = shape_cells(domain, axes[0], axes[1])

    def data_at(time: float) -> dict[str, Array]:
        points = np.column_stack([cells.points, np.full(len(cells.points), time)])
        return _ordered(solution, sampled_at(solution, points))

    return Mesh(cells.mesh_points, cells.cells), data_at


def _write_surface(solution: Solution, folder: Path, resolution: int | None, most: float) -> str:
    """One space coordinate and time as one surface, time upwards: the picture of papers on such problems."""
    name = f"{stem_of(solution)}.spacetime.vtu"
    x = thinned(space_samples(solution, resolution)[0], _SURFACE[0])
    x, t = limited((x, frame_times(solution, _SURFACE[1])), most)
    _write(solution, folder / name, grid_mesh((x, t)), point_data(solution, (x, t)), float(t[-1]))
    return name


def _write(solution: Solution, path: Path, mesh: Mesh, arrays: Mapping[str, Array], time: float) -> None:
    write_vtu(path, mesh, arrays, field_data(solution, time), solution.problem.units)


def steady_data(solution: Solution, axes: Sequence[Array]) -> tuple[Mesh, dict[str, Array]]:
    """The mesh and the arrays of the file of a result without frames; in a shape its cells end at the boundary."""
    domain = shape_of(solution)
    if domain is None:
        return grid_mesh(axes), point_data(solution, sliced(solution.problem, axes))
    cells = shape_cells(domain, axes[0], axes[1])
    return Mesh(cells.mesh_points, cells.cells), _ordered(solution, sampled_at(solution, cells.points))


def point_data(solution: Solution, axes: Sequence[Array]) -> dict[str, Array]:
    """The arrays of a file on ``axes``, hidden coordinates and time included."""
    return _ordered(solution, sampled(solution, axes))


def _ordered(solution: Solution, arrays: dict[str, Array]) -> dict[str, Array]:
    """The unknowns in front, vectors with their components."""
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


def _write_pvd(path: Path, times: Array, names: Sequence[str]) -> None:
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1", byte_order="LittleEndian")
    collection = ElementTree.SubElement(root, "Collection")
    for time, name in zip(times, names, strict=True):
        ElementTree.SubElement(collection, "DataSet", timestep=repr(float(time)), group="", part="0", file=name)
    ElementTree.indent(root)
    text = '<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
    write_whole(path, text.encode())
