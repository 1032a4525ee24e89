"""Run by pvpython, not by pytest: opens files as a user would, and prints as JSON what ParaView makes of them.

Arguments: the folder for screenshots, then the files.
"""

import json
import sys
from pathlib import Path

from paraview import simple


def _arrays(information):
    return {
        information.GetArray(i).Name: [*information.GetArray(i).GetRange(0)] for i in range(len(information.keys()))
    }


def _describe(path, screenshot):
    source = simple.OpenDataFile(path)
    source.UpdatePipeline()
    times = [float(t) for t in source.TimestepValues]
    frames = []
    for time in times:
        source.UpdatePipeline(time)
        frames.append(_arrays(source.PointData))
    bounds = source.GetDataInformation().GetBounds()
    fields = source.FieldData
    view = simple.CreateView("RenderView")
    view.ViewSize = [700, 500]
    display = simple.Show(source, view)
    opened_on = display.ColorArrayName[1]
    if "u" in frames[0]:
        simple.ColorBy(display, ("POINTS", "u"))
    display.RescaleTransferFunctionToDataRange(True)
    display.SetScalarBarVisibility(view, True)
    simple.ResetCamera(view)
    simple.SaveScreenshot(screenshot, view)
    found = {
        "reader": type(source).__name__,
        "opened_on": opened_on,
        "flows": _flows(source) if "velocity" in frames[0] else {},
        "times": times,
        "frames": frames,
        "bounds": list(bounds),
        "points": source.GetDataInformation().GetNumberOfPoints(),
        "fields": {fields.GetArray(i).Name: list(fields.GetArray(i).GetRange(0)) for i in range(len(fields.keys()))},
    }
    simple.Delete(source)
    simple.Delete(view)
    return found


def _flows(source):
    """Points that glyphs and stream lines have with everything at its default, and the vector that they follow."""
    glyph = simple.Glyph(Input=source)
    tracer = simple.StreamTracer(Input=source)
    glyph.UpdatePipeline()
    tracer.UpdatePipeline()
    found = {
        "glyphs": glyph.GetDataInformation().GetNumberOfPoints(),
        "streams": tracer.GetDataInformation().GetNumberOfPoints(),
        "by": [glyph.OrientationArray[1], tracer.Vectors[1]],
    }
    simple.Delete(glyph)
    simple.Delete(tracer)
    return found


if __name__ == "__main__":
    shots = Path(sys.argv[1])
    answers = {path: _describe(path, str(shots / f"{i}.png")) for i, path in enumerate(sys.argv[2:])}
    print("ANSWER " + json.dumps(answers))
