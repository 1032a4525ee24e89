"""The JSON schema agrees with the reader, and the file in problems/ with the table in schema.py."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml
from edited import TEXT, edited, faults

from pinnkan.problem.registry import shipped_folder, shipped_problems
from pinnkan.problem.schema import json_schema


def test_the_schema_file_is_the_one_the_table_gives() -> None:
    assert json.loads((shipped_folder() / "schema.json").read_text()) == json_schema()


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", sorted(shipped_problems()))
def test_every_shipped_problem_satisfies_the_schema(name: str) -> None:
    jsonschema.validate(yaml.safe_load(shipped_problems()[name].read_text()), json_schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: rod", "name: Rod"),
        ("exact:", "exakt:"),
        ("unknowns: [u]", "unknowns: [u, u]"),
        ("unknowns: [u]", "unknowns: [u]\nvectors: {w: [u, u]}"),
        ("unknowns: [u]", "unknowns: [u]\noutput: {pictures: 1}"),
        ("unknowns: [u]", "unknowns: [u]\nunits: {x: ''}"),
        ("unknowns: [u]", "unknowns: [u]\nabout: [a]"),
        ("where: initial", "where: []"),
        ("  k: 0.1", "  k: [0.1, 0.2]"),
        ("x: [0, 1]", "x: [0, null]"),
        ("t: [0, 1]", "t: [0]"),
        ("exact:", "solver: {tolerance: 2}\nexact:"),
        ("exact:", "solver: {network: fast}\nexact:"),
        ("where: initial", "where: start"),
        ("exact:", "solver: {degree: 1.5}\nexact:"),
        ("exact:", "output: {vtk: 1}\nexact:"),
        ("exact:", "quantities: {top: {max: u, over: left}}\nexact:"),
        ("x: [0, 1]\n", "shape: {interval: {x: [0, 1]}, rectangle: {x: [0, 1], y: [0, 1]}}\n"),
    ],
)
def test_what_the_schema_refuses_the_reader_refuses_too(old: str, new: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(edited(old, new)), json_schema())
    assert faults(edited(old, new))


def test_auto_is_a_value_wherever_pinnkan_can_choose() -> None:
    sections = json_schema()["properties"]
    chosen = {k for k, v in sections["solver"]["properties"].items() if v.get("default") == "auto" and "anyOf" in v}
    assert chosen == {"hidden", "degree", "knots", "max_levels", "max_time", "time_slabs"}
    text = TEXT + "solver: {" + ", ".join(f"{k}: auto" for k in sorted(chosen)) + "}\n"
    jsonschema.validate(yaml.safe_load(text), json_schema())
