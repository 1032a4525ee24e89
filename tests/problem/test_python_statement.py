"""A problem stated in Python is the one that a file states, with the same faults."""

from __future__ import annotations

from typing import Any

import pytest
from edited import TEXT, problem

from pinnkan.errors import ProblemError
from pinnkan.problem.python_statement import problem_of

ROD: dict[str, Any] = {
    "name": "rod",
    "domain": {"x": (0, 1), "t": (0, 1)},
    "parameters": {"k": 0.1},
    "unknowns": ["u"],
    "equations": ["u_t = k*u_xx"],
    "conditions": [("initial", "u = sin(pi*x)"), (["left", "right"], "u = 0")],
    "exact": {"u": "exp(-k*pi**2*t)*sin(pi*x)"},
}


def test_it_means_what_the_file_means() -> None:
    stated, read = problem_of(**ROD), problem(TEXT)
    assert (stated.name, stated.box, stated.exact) == (read.name, read.box, read.exact)
    assert stated.equations[0].residual == read.equations[0].residual
    assert [(c.name, c.equation.text) for c in stated.conditions if c.equation] == [
        (c.name, c.equation.text) for c in read.conditions if c.equation
    ]
    assert repr(stated) == "<Problem rod: u(x, t); 1 equation, 3 conditions>"


def test_points_periodic_axes_vectors_and_settings_are_written() -> None:
    stated = problem_of(
        domain={"x": (0, 1), "y": (0, "2*pi"), "periodic": ["y"]},
        unknowns=["u", "v"],
        vectors={"w": ["u", "v"]},
        equations=["lap(u) = v", "lap(v) = u"],
        conditions=[(["left", "right"], "u = 0"), (["left", "right"], "v = 1")],
        quantities={"middle": {"value": "u", "at": [0.5, 1]}},
        solver={"tolerance": 1e-6, "hidden": [4, 4], "network": "deep"},
    )
    assert stated.box.periodic == (False, True)
    assert dict(stated.vectors) == {"w": ("u", "v")}
    assert (stated.solver.tolerance, stated.solver.hidden) == (1e-6, (4, 4))
    assert list(stated.quantities) == ["middle"]


def test_faults_have_their_place_in_the_text() -> None:
    with pytest.raises(ProblemError) as caught:
        problem_of(**{**ROD, "equations": ["u_t = k*uu_xx"], "excat": {"u": 0}})
    found = {f.message: f for f in caught.value.faults}
    assert set(found) == {"unknown key 'excat' in the problem", "unknown name 'uu_xx' in an equation"}
    fault = found["unknown name 'uu_xx' in an equation"]
    assert caught.value.source.splitlines()[fault.line - 1][fault.column - 1 :].startswith("uu_xx")
    with pytest.raises(ProblemError):
        problem_of(**{**ROD, "equations": ["u_t = k*u_xx\nsolver: {seed: 1}"]})
