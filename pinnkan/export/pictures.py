"""``solution.png`` and ``convergence.png``, chosen by the shape of the problem; a picture that fails is a warning."""

from collections.abc import Callable
from pathlib import Path
from shutil import which

from matplotlib.figure import Figure

from pinnkan.export.allowance import Allowance
from pinnkan.export.arrays import Shown, has_frames, shown_axes_of, shown_of
from pinnkan.export.convergence import convergence_size, draw_convergence
from pinnkan.export.curves import curve_size, draw_curve, draw_spacetime, spacetime_size
from pinnkan.export.fits import draw_fit, fit_size
from pinnkan.export.maps import draw_plane, draw_plane_frames, draw_slices, frames_size, plane_size, slices_size
from pinnkan.export.play import draw_play, encode_play, samples_of
from pinnkan.export.style import HEAD, Canvas, figure, sheet, title
from pinnkan.export.vtk import stem_of
from pinnkan.solution import Solution

Draw = Callable[[Canvas, Solution, Shown], None]
Size = Callable[[Solution], tuple[float, float]]
#: Panels of a picture; a choice: more do not fit on a screen.
_MOST_PANELS = 12

#: (coordinates shown, with frames) -> how one unknown or vector is drawn, width and height in inches, and how many
#: points are sampled.
_DRAWINGS: dict[tuple[int, bool], tuple[Draw, Size, float]] = {
    (1, False): (draw_curve, curve_size, 4e3),
    (1, True): (draw_spacetime, spacetime_size, 4e5),
    (2, False): (draw_plane, plane_size, 1.6e5),
    (2, True): (draw_plane_frames, frames_size, 9.6e5),
    (3, False): (draw_slices, slices_size, 4.8e5),
    (3, True): (draw_slices, slices_size, 4.8e5),
}
#: Seconds that a picture takes beside its points.
_DRAWING = 2.0


def draw_pictures(solution: Solution, folder: Path, allowance: Allowance | None = None) -> tuple[list[str], list[str]]:
    """Draws the pictures, with time a film too, into ``folder``, if the ``allowance`` of time is long enough.

    Returns the names of the files written, and a warning for each picture that could not be drawn.
    """
    written, warnings = [], []
    points = _drawing(solution)[-1] * len(shown_of(solution.problem)[:_MOST_PANELS])
    tasks: dict[str, tuple[Callable[[Solution, Path], None], float]] = {
        f"{stem_of(solution)}.png": (_solution_picture, points),
        "convergence.png": (_convergence_picture, 1.0),
    }
    if solution.fit is not None:
        tasks["data.png"] = (_data_picture, 1.0)
    if has_frames(solution.problem):
        tasks[f"{stem_of(solution)}.gif"] = (draw_play, samples_of(solution))
        if which("ffmpeg"):
            tasks[f"{stem_of(solution)}.mp4"] = (encode_play, 1.0)
    for name, (draw, needed) in tasks.items():
        if draw is encode_play and f"{stem_of(solution)}.gif" not in written:
            continue  # what it is made from is missing, which has been said
        if allowance is not None and allowance.points(solution, less=_DRAWING) < needed + 1.0:
            warnings.append(f"{name} was not drawn: the time limit was over")
            continue
        try:
            draw(solution, folder / name)
        except Exception as problem:  # whatever a drawing library raises, the numbers are safe and the run goes on
            (folder / name).unlink(missing_ok=True)
            warnings.append(f"{name} could not be drawn: {type(problem).__name__}: {problem}")
        else:
            written.append(name)
    return written, warnings


def figure_of(solution: Solution) -> Figure:
    """The picture of the solution as a figure that can be shown, changed and saved."""
    with sheet(*_size(solution)) as (drawing, _):
        _draw_solution(drawing, solution)
    return drawing


def _solution_picture(solution: Solution, path: Path) -> None:
    with figure(path, *_size(solution)) as drawing:
        _draw_solution(drawing, solution)


def _size(solution: Solution) -> tuple[float, float]:
    width, height = _drawing(solution)[1](solution)
    return width, HEAD + height * len(shown_of(solution.problem)[:_MOST_PANELS])


def _draw_solution(drawing: Figure, solution: Solution) -> None:
    draw, size, _ = _drawing(solution)
    title(drawing, solution)
    for row, shown in enumerate(shown_of(solution.problem)[:_MOST_PANELS]):
        draw(Canvas(drawing, HEAD + row * size(solution)[1]), solution, shown)


def _drawing(solution: Solution) -> tuple[Draw, Size, float]:
    problem = solution.problem
    return _DRAWINGS[len(shown_axes_of(problem)), has_frames(problem)]


def _convergence_picture(solution: Solution, path: Path) -> None:
    with figure(path, *convergence_size(solution)) as drawing:
        draw_convergence(drawing, solution)


def _data_picture(solution: Solution, path: Path) -> None:
    with figure(path, *fit_size(solution)) as drawing:
        draw_fit(drawing, solution)
