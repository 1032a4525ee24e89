"""What ParaView opens: one ``.vtu`` for a steady result, a ``.pvd`` over one ``.vtu`` per frame with time."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from pinnkan.errors import UsageError
from pinnkan.export.arrays import components, sampled
from pinnkan.export.samples import frame_times, has_frames, limited, sliced, space_axes_of, space_samples, thinned
from pinnkan.export.vtu import Mesh, write_vtu, write_whole
from pinnkan.kan.field import Array
from pinnkan.solution import Solution

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
        The names written, files and folders, the one to open first in front.
    """
    stem = stem_of(solution)
    problem = solution.problem
    if not has_frames(problem):
        if frames is not None:
            what = "steady" if problem.time_axis is None else "on a line of time"
            raise UsageError(f"{problem.name} is {what}: it has no frames to choose")
        axes = space_samples(solution, resolution, most=most)
        time = 0.0 if problem.time_axis is None else solution.domain.box.ranges[-1][1]
        _write(solution, folder / f"{stem}.vtu", Mesh(axes), sliced(problem, axes), time)
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
    mesh, full = Mesh(axes), sliced(solution.problem, axes)
    for name, time in zip(names, times, strict=True):
        _write(solution, folder / name, mesh, [*full, np.array([time])], time)
    _write_pvd(folder / f"{stem}.pvd", times, names)
    return [f"{stem}.pvd", inner.name]


def _write_surface(solution: Solution, folder: Path, resolution: int | None, most: float) -> str:
    """One space coordinate and time as one surface, time upwards: the picture of papers on such problems."""
    name = f"{stem_of(solution)}.spacetime.vtu"
    x = thinned(space_samples(solution, resolution)[0], _SURFACE[0])
    x, t = limited((x, frame_times(solution, _SURFACE[1])), most)
    _write(solution, folder / name, Mesh((x, t)), (x, t), float(t[-1]))
    return name


def _write(solution: Solution, path: Path, mesh: Mesh, axes: Sequence[Array], time: float) -> None:
    """One file of what is sampled on ``axes``, hidden coordinates and time included."""
    write_vtu(path, mesh, point_data(solution, axes), field_data(solution, time), solution.problem.units)


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


def _write_pvd(path: Path, times: Array, names: Sequence[str]) -> None:
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1", byte_order="LittleEndian")
    collection = ElementTree.SubElement(root, "Collection")
    for time, name in zip(times, names, strict=True):
        ElementTree.SubElement(collection, "DataSet", timestep=repr(float(time)), group="", part="0", file=name)
    ElementTree.indent(root)
    text = '<?xml version="1.0"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
    write_whole(path, text.encode())
