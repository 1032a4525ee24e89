"""The JSON schema accepts what the reader accepts, in structure, and nothing else: edits of shipped problems."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pinnkan.errors import ProblemError
from pinnkan.problem.registry import parse_problem, shipped_problems
from pinnkan.problem.schema import json_schema

#: Small ones that have every key between them.
PROBLEMS = ("poisson1d", "heat1d", "stokes", "lotka_volterra")
#: What messages about structure have in common, and none about meaning.
STRUCTURAL = (
    "unknown key", "lacks the key", "must be", "is out of range", "is missing", "holds 1 to", "cannot name",
    "needs an expression", "does not say what", "no label", "has no components", "has no expression",
)  # fmt: skip
VALIDATOR = jsonschema.Draft202012Validator(json_schema())

Path = tuple[str | int, ...]


def content(name: str) -> Any:
    """A shipped problem with every optional section in it."""
    data = yaml.safe_load(shipped_problems()[name].read_text())
    first = data["unknowns"][0]
    data.setdefault("solver", {}).update(degree=6, knots=4, max_levels=5, max_time=60, seed=1, hidden="auto")
    data["output"] = {"resolution": 10, "times": 5, "pictures": True, "vtk": False, "report": True}
    data["units"] = {first: "m"}
    data["parameters"] = {"spare": 1, **data.get("parameters", {})}
    data["functions"] = {"g": "spare + 1"}
    data["quantities"] = {"largest": {"max": first}, "sum": {"integral": first}}
    data["about"] = "a sentence"
    return data


CONTENT = {name: content(name) for name in PROBLEMS}


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a tree of mappings and lists."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def at(value: Any, path: Path) -> Any:
    """What stands at a place."""
    for key in path:
        value = value[key]
    return value


VALUES = st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 2.5, 1e-6, "", " ", "auto", "u", "x", "1", "end", "none", "A-b"]),
    st.sampled_from([[], {}, [1], ["u"], [[0, 1]], {"x": 1}, {"point": [0]}, [0, 1], ["left", "left"], {"max": "u"}]),
)


@st.composite
def edited(draw: st.DrawFn) -> Any:
    """A shipped problem with a value replaced, a key or an item deleted, renamed or added."""
    data = copy.deepcopy(CONTENT[draw(st.sampled_from(PROBLEMS))])
    path = draw(st.sampled_from([p for p in places(data) if p]))
    holder, key = at(data, path[:-1]), path[-1]
    kind = draw(st.sampled_from(["replace", "replace", "delete", "rename", "add"]))
    if kind == "delete":
        del holder[key]
    elif kind == "replace" or isinstance(holder, list):
        holder[key] = draw(VALUES)
    elif kind == "rename":
        holder[draw(st.sampled_from(["x", "nam", "time", "u", "enforce", "over"]))] = holder.pop(key)
    else:
        holder[draw(st.sampled_from(["extra", "y", "over", "at", "time", "periodic", "shape"]))] = draw(VALUES)
    return data


def messages(data: Any) -> list[str]:
    """The faults that the reader finds."""
    try:
        parse_problem(json.dumps(data), "edited.yaml")
    except ProblemError as error:
        return [fault.message for fault in error.faults if fault.severity == "error"]
    return []


def agree(data: Any) -> None:
    """Whole numbers written as 1.0 are left out: JSON does not tell them from 1."""
    found = messages(data)
    if VALIDATOR.is_valid(data):
        structural = [m for m in found if any(word in m for word in STRUCTURAL)]
        assert not structural, structural
    else:
        assert found, next(VALIDATOR.iter_errors(data)).message


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(edited())
def test_schema_and_reader_agree_on_edits_of_shipped_problems(data: Any) -> None:
    agree(data)
