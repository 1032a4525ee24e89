"""What a problem states, for ParaView, before anything is solved: its domain, and where each condition holds."""

from pathlib import Path

import numpy as np
import pyvista

from pinnkan.domain.domain import BoundaryPiece, Domain
from pinnkan.domain.shapes.shaped_domain import CurvePiece, ShapedDomain
from pinnkan.errors import RunFolderError, UsageError
from pinnkan.export.shape_cells import chords, shape_cells
from pinnkan.kan.field import Array
from pinnkan.problem.description import condition_words, conditions_by_place
from pinnkan.problem.statement import Place, Point, Problem, WholeDomain

#: Points along a coordinate of a side of a box; cells of the plane along each coordinate of a shape.
_SIDE_POINTS, _SHAPE_CELLS = 9, 64


def write_setup(problem: Problem, path: Path) -> None:
    """Write a multi-block file: the domain, and a block for each place, named ``left: u = 0``, with outward normals.

    Time is left out, but beside a single coordinate of space, where it is the second one. Raises UsageError: more than
    three coordinates of space, or another ending than .vtm; RunFolderError: the file cannot be written.
    """
    space = problem.dimension - (problem.time_axis is not None)
    if space > 3:
        raise UsageError(f"ParaView shows three coordinates at most, and this problem has {space}")
    if path.suffix != ".vtm":
        raise UsageError(f"'{path}' has to end with .vtm: it holds a block for every place")
    shown = problem.domain if space < 2 else problem.domain.projected(space)
    blocks = {"domain": _cells(shown)}
    texts: dict[tuple[str, Place], list[str]] = {}
    for condition in conditions_by_place(problem):
        texts.setdefault((condition.name, condition.place), []).append(condition_words(condition))
    for number, ((name, place), words) in enumerate(texts.items(), start=1):
        block = _place(shown, place)
        block.point_data["condition"] = np.full(block.n_points, number)
        title = f"{name}: {'; '.join(words)}"
        blocks[title if title not in blocks else f"{title} ({number})"] = block
    path.parent.mkdir(parents=True, exist_ok=True)
    pyvista.MultiBlock(blocks).save(str(path))
    if not path.is_file():
        raise RunFolderError(f"{path} cannot be written")


def _cells(domain: Domain) -> pyvista.DataSet:
    """The domain: a grid of the points of a box, the cells of a shape."""
    if isinstance(domain, ShapedDomain):
        x, y = (np.linspace(*ends, _SHAPE_CELLS + 1) for ends in domain.box.ranges)
        found = shape_cells(domain, x, y)
        cells = {kind: corners for kind, corners in found.cells.items() if len(corners)}
        return pyvista.UnstructuredGrid(cells, found.mesh_points)
    return _grid([np.linspace(*ends, _SIDE_POINTS) for ends in domain.box.ranges])


def _grid(axes: list[Array]) -> pyvista.StructuredGrid:
    filled = [*axes, *[np.zeros(1)] * (3 - len(axes))]
    return pyvista.StructuredGrid(*np.meshgrid(*filled, indexing="ij"))


def _place(domain: Domain, place: Place) -> pyvista.DataSet:
    """The points of a place, with outward normals on the boundary."""
    if isinstance(place, Point):
        fixed = [x for x in place.position if x is not None]
        return pyvista.PolyData(_padded(np.array([fixed])))
    pieces = domain.boundary_pieces
    if isinstance(place, WholeDomain) or place not in pieces:  # an integral, or the start of time, which is not shown
        return _cells(domain)
    piece = pieces[place]
    block = _curve(piece) if isinstance(piece, CurvePiece) else _side(domain, piece)
    at = np.asarray(block.points)[:, : len(domain.box.ranges)]
    normal = piece.normal(list(at.T))
    block.point_data["normal"] = _padded(np.stack([np.broadcast_to(n, len(at)) for n in normal], -1))
    return block


def _curve(piece: CurvePiece) -> pyvista.PolyData:
    parts = [pyvista.lines_from_points(_padded(chords(arc))) for arc in piece.arcs]
    return pyvista.merge(parts) if len(parts) > 1 else parts[0]


def _side(domain: Domain, piece: BoundaryPiece) -> pyvista.StructuredGrid:
    axes = [np.linspace(*ends, _SIDE_POINTS) for ends in domain.box.ranges]
    for axis, value in piece.fixed.items():
        axes[axis] = np.array([value])
    return _grid(axes)


def _padded(points: Array) -> Array:
    """Vectors of up to three components (point, 3), those that are missing zero."""
    return np.pad(np.asarray(points, dtype=np.float64), ((0, 0), (0, 3 - points.shape[1])))
