"""A solution in a notebook: as HTML, and as the data of other libraries."""

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnkan.domain.box import INSIDE_TOLERANCE
from pinnkan.errors import UsageError
from pinnkan.export.arrays import has_frames, sampled, sliced, space_samples
from pinnkan.export.pictures import figure_of
from pinnkan.export.report import verdict_words
from pinnkan.export.vtk import field_data, grid_mesh, point_data, steady_data
from pinnkan.solution import Solution

if TYPE_CHECKING:
    from pyvista import UnstructuredGrid
    from xarray import Dataset


def html_of(solution: Solution) -> str:
    """The verdict in words and the picture."""
    file = io.BytesIO()
    figure_of(solution).savefig(file, format="png")
    picture = base64.b64encode(file.getvalue()).decode()
    return f'<p>{escape(verdict_words(solution))}</p><img src="data:image/png;base64,{picture}">'


def to_pyvista(solution: Solution, resolution: int | None, time: float | None) -> "UnstructuredGrid":
    """The grid of the VTK files; see :meth:`pinnkan.Solution.to_pyvista`."""
    try:
        import pyvista
    except ImportError:
        raise UsageError("to_pyvista needs pyvista: pip install pyvista") from None
    axes = space_samples(solution, resolution)
    moment = 0.0
    if has_frames(solution.problem):
        start, end = solution.domain.box.ranges[-1]
        moment = end if time is None else float(time)
        if not start - INSIDE_TOLERANCE <= moment <= end + INSIDE_TOLERANCE:
            raise UsageError(f"t = {moment:g} is not in [{start:g}, {end:g}]")
        full = [*sliced(solution.problem, axes), np.array([moment])]
        mesh, arrays = grid_mesh(axes), point_data(solution, full)
    elif time is not None:
        raise UsageError(f"{solution.problem.name} has no frames to choose a time of")
    else:
        mesh, arrays = steady_data(solution, axes)
    grid = pyvista.UnstructuredGrid(mesh.cells, mesh.points)
    for name, array in arrays.items():
        grid.point_data[name] = array.ravel() if array.size == grid.n_points else array.reshape(grid.n_points, -1)
    for name, value in field_data(solution, moment).items():
        grid.field_data[name] = value
    grid.set_active_scalars(next(iter(arrays)))
    if solution.problem.vectors:
        grid.set_active_vectors(next(iter(solution.problem.vectors)))
    return grid


def to_xarray(solution: Solution, resolution: int | None) -> "Dataset":
    """A dataset with the verdict among its attributes; see :meth:`pinnkan.Solution.to_xarray`."""
    try:
        import xarray
    except ImportError:
        raise UsageError("to_xarray needs xarray: pip install xarray") from None
    problem, verdict = solution.problem, solution.verdict
    frames = solution.times() if has_frames(problem) else np.zeros(1)
    axes = sliced(problem, space_samples(solution, resolution, len(frames)))
    if has_frames(problem):
        axes.append(frames)
    names = [c.name for c in problem.coordinates]
    units = {name: {"units": unit} for name, unit in problem.units.items()}
    variables: dict[str, Any] = {
        name: (names, array, units.get(name, {})) for name, array in sampled(solution, axes).items()
    }
    coordinates = {name: (name, axis, units.get(name, {})) for name, axis in zip(names, axes, strict=True)}
    facts = {
        "name": problem.name,
        "converged": int(verdict.converged),
        "tolerance": verdict.tolerance,
        "relative_error_estimate": verdict.estimate,
    }
    return xarray.Dataset(variables, coordinates, facts)
