"""``solution.paraview.py``: shows the field, its estimated error and its mesh in ParaView at one click."""

import re

from pinnkan.export.arrays import error_name, has_frames, shown_of
from pinnkan.solution import Solution

_SCRIPT = """\
\"""Shows @NAME@ in ParaView: the field, its error and the mesh, side by side; of one coordinate as curves.

paraview --script=@SCRIPT@, or in ParaView: View > Python Shell > Run Script; pvpython @SCRIPT@ PICTURE.png saves it.
\"""

import os
import sys

from paraview import simple

FILE, FIELD, ERROR, COORDINATES = "@FILE@", "@FIELD@", "@ERROR@", @COORDINATES@
LONGEST = 3  # domains longer than this in one direction are shown as squares
folder = os.path.dirname(os.path.abspath(__file__)) if "__file__" in globals() else os.getcwd()
simple._DisableFirstRenderCameraReset()
solution = simple.OpenDataFile(os.path.join(folder, FILE))
simple.GetAnimationScene().UpdateAnimationUsingDataTimeSteps()
simple.GetAnimationScene().GoToLast()
solution.UpdatePipeline()
bounds = solution.GetDataInformation().GetBounds()
sizes = [bounds[2 * axis + 1] - bounds[2 * axis] for axis in range(3)]
along = [axis for axis in range(3) if sizes[axis] > 0]
longest = max(sizes)
scale = [1.0, 1.0, 1.0]
if longest > LONGEST * min(sizes[axis] for axis in along):
    for axis in along:
        scale[axis] = longest / sizes[axis]


def chart(view, name):
    shown = simple.Show(simple.PlotData(Input=solution), view, "XYChartRepresentation")
    shown.UseIndexForXAxis = 0
    shown.XArrayName = "Points_X"
    shown.SeriesVisibility = [name]
    view.ChartTitle = name
    view.ShowLegend = 0
    view.BottomAxisTitle = COORDINATES[0]
    view.ChartTitleFontSize, view.BottomAxisTitleFontSize = 16, 16
    view.BottomAxisLabelFontSize, view.LeftAxisLabelFontSize = 13, 13


def middles():
    centre = [(bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)]
    for axis in range(3):
        plane = simple.Slice(Input=solution)
        plane.SliceType.Origin = centre
        plane.SliceType.Normal = [float(other == axis) for other in range(3)]
        yield plane


def colour(view, name, style):
    view.UseColorPaletteForBackground = 0
    view.Background = [1, 1, 1]
    view.OrientationAxesVisibility = 0
    grid = view.AxesGrid
    grid.Visibility, grid.DataScale, grid.GridColor, grid.ShowGrid = 1, scale, [0.6, 0.6, 0.6], 0
    for axis, label in zip("XYZ", COORDINATES):
        setattr(grid, axis + "Title", label)
        setattr(grid, axis + "TitleColor", [0, 0, 0])
        setattr(grid, axis + "LabelColor", [0, 0, 0])
        setattr(grid, axis + "TitleFontSize", 20)
        setattr(grid, axis + "LabelFontSize", 16)
    colours = simple.GetColorTransferFunction(name)
    colours.ApplyPreset("Viridis (matplotlib)", True)
    for source in sources:
        shown = simple.Show(source, view)
        shown.SetRepresentationType(style)
        shown.Scale = scale
        shown.Ambient, shown.Diffuse = 1, 0  # the colours of the bar, without shades
        simple.ColorBy(shown, ("POINTS", name))
        shown.SetScalarBarVisibility(view, True)
    low, high = solution.PointData[name].GetRange()
    colours.RescaleTransferFunction(low, high if high > low else low + 1)
    bar = simple.GetScalarBar(colours, view)
    bar.Orientation, bar.WindowLocation, bar.ScalarBarLength = "Horizontal", "Lower Center", 0.6
    bar.Title, bar.ComponentTitle = name, ""
    bar.TitleColor = bar.LabelColor = [0, 0, 0]
    bar.TitleFontSize, bar.LabelFontSize = 18, 16


def look(view):  # the field above, room for the colours below
    view.CameraParallelProjection = 1
    camera = view.GetActiveCamera()
    if len(along) == 3:
        camera.Azimuth(35)
        camera.Elevation(25)
        camera.OrthogonalizeViewUp()
    simple.ResetCamera(view)
    half = camera.GetParallelScale()
    down = [-0.3 * half * part for part in camera.GetViewUp()]
    camera.SetFocalPoint(*[a + b for a, b in zip(camera.GetFocalPoint(), down)])
    camera.SetPosition(*[a + b for a, b in zip(camera.GetPosition(), down)])
    camera.SetParallelScale(1.35 * half)


layout = simple.CreateLayout("@NAME@")
if len(along) == 1:
    left = layout.SplitHorizontal(0, 0.5)  # the index of the left part; the right one has the next
    for place, name in [(left, FIELD), (left + 1, ERROR)]:
        view = simple.CreateView("XYChartView")
        simple.AssignViewToLayout(view=view, layout=layout, hint=place)
        chart(view, name)
else:
    sources = list(middles()) if len(along) == 3 else [solution]
    left = layout.SplitHorizontal(0, 0.34)
    middle = layout.SplitHorizontal(left + 1, 0.5)
    panels = [(left, FIELD, "Surface"), (middle, ERROR, "Surface"), (middle + 1, FIELD, "Wireframe")]
    views = [simple.CreateView("RenderView") for _ in panels]
    for view, (place, name, style) in zip(views, panels):
        simple.AssignViewToLayout(view=view, layout=layout, hint=place)
        colour(view, name, style)
        look(view)
    for k, view in enumerate(views[1:]):
        simple.AddCameraLink(views[0], view, "camera%d" % k)
simple.RenderAllViews()
if len(sys.argv) > 1:
    layout.SetSize(1800, 660)
    simple.SaveScreenshot(sys.argv[1], layout, ImageResolution=[1800, 660])
"""


def paraview_script(solution: Solution, name: str, file: str) -> str:
    """The script called ``name`` for the VTK ``file`` beside it; where there is no error, for the residual."""
    problem = solution.problem
    first = shown_of(problem)[0].name
    error = "residual_1" if solution.error is None else error_name("error_estimate", problem, first)
    names = [problem.label(c.name) for c in problem.coordinates]
    shown = names[:-1] if has_frames(problem) and len(names) > 2 else names  # one coordinate and time are one surface
    words = {"FILE": file, "FIELD": problem.unknowns[0], "ERROR": error, "SCRIPT": name, "NAME": problem.name}
    words["COORDINATES"] = ascii([*shown, "", ""][:3])
    return re.sub("@([A-Z]+)@", lambda found: words[found[1]], _SCRIPT)
