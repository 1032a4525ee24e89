"""``solution.paraview.py``: shows the field, its estimated error and its mesh in ParaView at one click."""

from __future__ import annotations

from pinnkan.export.arrays import error_name, shown_of
from pinnkan.solution import Solution

_SCRIPT = '''\
"""Shows NAME in ParaView: the field, its error and the mesh, side by side.

paraview --script=SCRIPT, or in ParaView: View > Python Shell > Run Script; pvpython SCRIPT PICTURE.png saves it.
"""

import os
import sys

from paraview import simple

FILE, FIELD, ERROR = "FILE_NAME", "FIELD_NAME", "ERROR_NAME"
folder = os.path.dirname(os.path.abspath(__file__)) if "__file__" in globals() else os.getcwd()
simple._DisableFirstRenderCameraReset()
solution = simple.OpenDataFile(os.path.join(folder, FILE))
simple.GetAnimationScene().UpdateAnimationUsingDataTimeSteps()
simple.GetAnimationScene().GoToLast()
layout = simple.CreateLayout("NAME")
left = layout.SplitHorizontal(0, 0.34)  # the index of the left half; the right one has the next
middle = layout.SplitHorizontal(left + 1, 0.5)
places = [left, middle, middle + 1]
panels = [(FIELD, "Surface"), (ERROR, "Surface"), (FIELD, "Wireframe")]
views = [simple.CreateView("RenderView") for _ in panels]
for view, place, (name, style) in zip(views, places, panels):
    simple.AssignViewToLayout(view=view, layout=layout, hint=place)
    view.OrientationAxesVisibility = 0
    shown = simple.Show(solution, view)
    shown.SetRepresentationType(style)
    simple.ColorBy(shown, ("POINTS", name))
    shown.RescaleTransferFunctionToDataRange(True)
    shown.SetScalarBarVisibility(view, True)
    simple.ResetCamera(view)
for view in views[1:]:
    simple.AddCameraLink(views[0], view, "camera")
simple.RenderAllViews()
if len(sys.argv) > 1:
    simple.SaveScreenshot(sys.argv[1], layout, ImageResolution=[1800, 600])
'''


def paraview_script(solution: Solution, name: str, file: str) -> str:
    """The script called ``name`` for the VTK ``file`` beside it; where there is no error, for the residual."""
    problem = solution.problem
    first = shown_of(problem)[0].name
    error = "residual_1" if solution.error is None else error_name("error_estimate", problem, first)
    words = {"FILE_NAME": file, "FIELD_NAME": problem.unknowns[0], "ERROR_NAME": error, "SCRIPT": name}
    text = _SCRIPT
    for word, value in (words | {"NAME": problem.name}).items():
        text = text.replace(word, value)
    return text
