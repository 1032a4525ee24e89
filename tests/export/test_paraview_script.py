"""The script beside a result, without ParaView."""

from dataclasses import replace
from typing import Any

from closed_form import solved

from pinnkan.export.paraview_script import paraview_script


def test_names_of_a_problem_stand_where_they_belong_and_nowhere_else() -> None:
    """NAME within the words of the script was replaced as well: that of a problem heat-2d was no Python."""
    solution: Any = solved("plane")
    object_ = type("Named", (), {"problem": replace(solution.problem, name="heat-2d_NAME"), "error": solution.error})
    text = paraview_script(object_(), "solution.paraview.py", "FIELD.vtu")
    compile(text, "solution.paraview.py", "exec")
    assert text.count("heat-2d_NAME") == 2
    assert '"FIELD.vtu"' in text
    assert "@" not in text
