"""The keys of a problem file, with allowed values and defaults, and the JSON schema made from them.

The same tables serve the reader, the messages, the resolved file and editors.
"""

import math
import re
from typing import Any

from pinnkan.problem.coordinates import COORDINATES, join_names
from pinnkan.problem.notation_hints import boolean_hint, key_hint, list_hint, mapping_hint, number_hint
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.schema_keys import (
    AT,
    EXPRESSION,
    IDENTIFIER_PATTERN,
    RANGE,
    SHAPE,
    Key,
    object_schema,
    places_schema,
    shape_schema,
    sides_schema,
)
from pinnkan.problem.settings import OutputSettings, SolverSettings
from pinnkan.problem.source import Mapping, Node, Scalar, Sequence

PROBLEM_NAME_PATTERN = "^[a-z0-9][a-z0-9_-]{0,59}$"
#: Names in one line: a list without its brackets.
_WORDS = re.compile(r"\w+([\s,;]+\w+)*")
MAX_UNIT_LENGTH = 40  # characters of a label; heuristic
SMALLEST_TOLERANCE = 1e-13  # float64 does not resolve a smaller relative L2 error

#: A section with names as keys, which may be empty.
_SECTION = {"type": ["object", "null"], "propertyNames": {"pattern": IDENTIFIER_PATTERN}}
_NAMED = {**_SECTION, "additionalProperties": EXPRESSION}
_TEXTS = {"type": "array", "items": {"type": "string", "pattern": r"\S"}, "minItems": 1}
_NAMES = {
    "type": "array",
    "items": {"type": "string", "pattern": IDENTIFIER_PATTERN},
    "minItems": 1,
    "uniqueItems": True,
}
_REFUSED: dict[str, Any] = {"not": {}}


DOMAIN = (
    *(Key(c, RANGE, f"lower and upper end of {c}") for c in COORDINATES),
    Key("shape", SHAPE, "a shape, instead of the ranges of the space coordinates"),
    Key("periodic", {"type": "array", "items": {"enum": list(COORDINATES[:-1])}}, "coordinates that wrap around"),
    Key("regions", _REFUSED, "parts of the domain (not available yet)"),
)
CONDITION = (
    Key("where", places_schema(), "the place or places", True),
    Key("equation", EXPRESSION, "left = right, or none for a side that has no condition", True),
    Key("enforce", {"enum": ["auto", "exact", "penalty"]}, "built into the function, or weighted rows"),
)
QUANTITY_KINDS = ("integral", "value", "max", "min")
QUANTITY = (
    Key("integral", EXPRESSION, "an expression to integrate over the domain, or over what `over` names"),
    Key("value", EXPRESSION, "an expression to evaluate at the point `at`"),
    Key("max", EXPRESSION, "an expression whose largest value is wanted"),
    Key("min", EXPRESSION, "an expression whose least value is wanted"),
    Key("over", sides_schema(), "sides to integrate over"),
    Key("at", AT, "the point of a value"),
    Key("time", {"enum": ["end"]}, "the last time only, instead of a curve over time"),
)
#: A quantity has exactly one kind, and only the keys of that kind.
_ONE_KIND = {
    "oneOf": [{"required": [kind]} for kind in QUANTITY_KINDS],
    "dependentRequired": {"over": ["integral"], "at": ["value"], "value": ["at"]},
}
ESTIMATED_NUMBER = (
    Key("start", EXPRESSION, "where the search starts", True),
    Key("range", RANGE, "lower and upper bound"),
    Key("scale", {"enum": ["linear", "log"]}, "log: steps change its logarithm"),
    Key("prior", RANGE, "mean and standard deviation before any data"),
)
_COLUMN = {"type": "string", "pattern": r"\S"}
NOISE = (
    Key("relative", EXPRESSION, "standard deviation over the value"),
    Key("column", _COLUMN, "the column of standard deviations"),
)
_ONE_NOISE = {"anyOf": [EXPRESSION, {**object_schema(NOISE), "minProperties": 1, "maxProperties": 1}]}
DATA = (
    Key("file", {"type": "string", "pattern": r"\S"}, "a CSV file, relative to the problem file", True),
    Key("columns", {"type": "object", "additionalProperties": _COLUMN}, "coordinate or unknown: column"),
    Key("equation", EXPRESSION, "expression of the solution = expression of columns"),
    Key("at", {"type": "object", "additionalProperties": EXPRESSION}, "coordinates that all values share, x: 30"),
    Key("noise", _ONE_NOISE, "standard deviation of the values; estimated from the misfit if missing"),
)
_WIDTH = {"type": "integer", "minimum": 1, "maximum": 1000}
_WIDTHS = {"type": "array", "items": _WIDTH, "minItems": 1, "maxItems": 10}
SOLVER = (
    Key("tolerance", {"type": "number", "minimum": SMALLEST_TOLERANCE, "exclusiveMaximum": 1}, "relative L2 error"),
    Key("network", {"enum": ["auto", "product", "ridge", "deep"]}, "the family of functions"),
    Key("hidden", _WIDTHS, "widths of a ridge or deep network"),
    Key("method", {"enum": ["gauss_newton", "adam", "lbfgs"]}, "how coefficients are found"),
    Key("degree", {"type": "integer", "minimum": 1, "maximum": 15}, "degree of the splines"),
    Key("knots", {"type": "integer", "minimum": 1, "maximum": 10_000}, "intervals per edge on the coarsest level"),
    Key("max_levels", {"type": "integer", "minimum": 1, "maximum": 100}, "levels before giving up"),
    Key("max_time", {"type": "number", "exclusiveMinimum": 0}, "seconds before giving up"),
    Key("time_slabs", {"type": "integer", "minimum": 1, "maximum": 100_000}, "number of time slabs"),
    Key("seed", {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}, "seed of everything random"),
)
OUTPUT = (
    Key("resolution", {"type": "integer", "minimum": 2, "maximum": 10_000}, "samples per axis"),
    Key("times", {"type": "integer", "minimum": 1, "maximum": 100_000}, "frames"),
    Key("pictures", {"type": "boolean"}, "whether pictures and the film are drawn"),
    Key("vtk", {"type": "boolean"}, "whether files for ParaView are written"),
    Key("report", {"type": "boolean"}, "whether report.html and report.md are written"),
)
_LABEL = {"type": ["string", "number"], "minLength": 1, "maxLength": MAX_UNIT_LENGTH}
_LABELS = {"type": ["object", "null"], "additionalProperties": _LABEL}
PROBLEM = (
    Key(
        "name",
        {"type": ["string", "integer"], "pattern": PROBLEM_NAME_PATTERN, "minimum": 0},
        "names the results folder",
        True,
    ),
    Key("about", {"type": ["string", "number", "boolean", "null"]}, "one sentence for `pinnkan list`"),
    Key("domain", {"type": "object"}, "ranges of the coordinates", True),
    Key("parameters", _NAMED, "numbers or constant expressions"),
    Key("functions", _NAMED, "named expressions of coordinates and parameters"),
    Key("unknowns", _NAMES, "what is solved for", True),
    Key("vectors", {**_SECTION, "additionalProperties": _NAMES}, "unknowns that form a vector: velocity: [u, v]"),
    Key("estimate", {"type": ["object", "null"]}, "numbers to be found, by name their start values"),
    Key("units", _LABELS, "labels shown on axes and in reports, x: m; nothing is converted"),
    Key("equations", _TEXTS, "left = right, one per unknown", True),
    Key("conditions", {"type": ["array", "null"]}, "what holds at the sides and initially"),
    Key("data", {"type": ["object", "null"]}, "measured values"),
    Key("quantities", {"type": "object"}, "what is read off the solution"),
    Key("exact", _NAMED, "the solution, if known; only to report the true error"),
    Key("solver", {"type": "object"}, "all optional"),
    Key("output", {"type": "object"}, "all optional"),
)
_DEFAULTS: dict[str, Any] = {"solver": SolverSettings(), "output": OutputSettings()}
_SECTIONS = {"domain": DOMAIN, "solver": SOLVER, "output": OUTPUT}
_EXAMPLES = {"'solver'": "{tolerance: 1e-6}", "'output'": "{pictures: false}", "domain": "{x: [0, 1]}"}
_ABOUT = {key.name: key.about for key in PROBLEM}
_SECTION_OF_KEY = {key.name: section for section, keys in _SECTIONS.items() for key in keys}


def json_schema() -> dict[str, Any]:
    """The JSON schema of a problem file, with which editors complete and check."""
    root = object_schema(PROBLEM)
    for name, keys in _SECTIONS.items():
        root["properties"][name] = {
            **object_schema(keys, _DEFAULTS.get(name)),
            "description": root["properties"][name]["description"],
        }
    about = root["properties"]["conditions"]["description"]
    root["properties"]["conditions"] = {
        "type": ["array", "null"],
        "items": object_schema(CONDITION),
        "description": about,
    }
    about = root["properties"]["quantities"]["description"]
    root["properties"]["quantities"] = {
        **_SECTION, "additionalProperties": {**object_schema(QUANTITY), **_ONE_KIND}, "description": about,
    }  # fmt: skip
    number = {"anyOf": [EXPRESSION, object_schema(ESTIMATED_NUMBER)]}
    for name, item in (("estimate", number), ("data", object_schema(DATA))):
        root["properties"][name] = {**_SECTION, "additionalProperties": item, "description": _ABOUT[name]}
    for name in _DEFAULTS:
        root["properties"][name]["type"] = ["object", "null"]
    root["$defs"] = {"shape": shape_schema()}
    of_box = {
        "conditions": {"items": {"properties": {"where": places_schema(has_pieces=False)}}},
        "quantities": {"additionalProperties": {"properties": {"over": sides_schema(has_pieces=False)}}},
    }
    root["if"] = {"properties": {"domain": {"not": {"required": ["shape"]}}}}
    root["then"] = {"properties": of_box}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A problem for pinnkan"}
    return {**head, **root}


def entries(node: Node, keys: tuple[Key, ...], report: Report, what: str) -> dict[str, Node]:
    """The values of a mapping by key; unknown and missing keys are reported."""
    if not isinstance(node, Mapping):
        example = next((e for name, e in _EXAMPLES.items() if name in what), "key: value")
        report.error_at(node.span, f"{what} must be lines of `key: value`", mapping_hint(node, example))
        return {}
    known = [k.name for k in keys]
    for name, span in node.keys.items():
        if name not in known:
            hint = key_hint(name, what) or did_you_mean(name, known) or f"known keys: {join_names(known)}"
            if name[:1].isdigit() or re.search(r"[-+*/()^=]\s*\w|\)", name):
                hint = "a text with a comma inside { } needs quotes, and decimals have a dot"
            elif name in _SECTION_OF_KEY and what == "the problem":
                hint = f"it belongs into the section `{_SECTION_OF_KEY[name]}`"
            report.error_at(span, f"unknown key '{name[:60]}' in {what}", hint)
    for key in keys:
        if key.required and key.name not in node.values:
            report.error(node.span.start, 1, f"{what} lacks the key '{key.name}'", key.about)
    return {name: value for name, value in node.values.items() if name in known}


def items(node: Node, report: Report, what: str) -> list[Node]:
    """The items of a list; anything else is reported and read as the items that it probably means."""
    if isinstance(node, Sequence):
        return node.items
    report.error_at(node.span, f"{what} must be a list", list_hint(node))
    if isinstance(node, Scalar) and node.value is None:
        return []
    if isinstance(node, Mapping) or not _WORDS.fullmatch(node.text):
        return [node]
    words = [(m, node.part(m.start(), m.end())) for m in re.finditer(r"\w+", node.text)]
    return [Scalar(span, m.group(), m.group(), None) for m, span in words]


def settings(name: str, node: Node | None, report: Report) -> Any:
    """Read a ``solver`` or ``output`` section as SolverSettings or OutputSettings."""
    defaults = _DEFAULTS[name]
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return defaults
    keys = _SECTIONS[name]
    found = entries(node, keys, report, f"the section '{name}'")
    values = {}
    for key in keys:
        if key.name in found:
            default = getattr(defaults, key.name)
            value = _setting(key, found[key.name], default, report)
            values[key.name] = default if value is None else value
    return type(defaults)(**values)


def _setting(key: Key, node: Node, default: Any, report: Report) -> Any:
    if isinstance(node, Scalar) and default is None and node.text == "auto":
        return None
    if key.schema.get("type") == "array":
        widths = [_single(key, key.schema["items"], item, report) for item in items(node, report, f"'{key.name}'")]
        if isinstance(node, Sequence) and not 1 <= len(widths) <= key.schema["maxItems"]:
            report.error_at(node.span, f"'{key.name}' holds 1 to {key.schema['maxItems']} values")
        return tuple(widths)
    return _single(key, key.schema, node, report)


def _single(key: Key, schema: dict[str, Any], node: Node, report: Report) -> Any:
    value = node.value if isinstance(node, Scalar) else node
    if "enum" in schema:
        if value not in schema["enum"]:
            hint = did_you_mean(value, schema["enum"]) if isinstance(value, str) else ""
            report.error_at(node.span, f"'{key.name}' must be one of: {', '.join(schema['enum'])}", hint)
        return value
    if schema["type"] == "boolean":
        if not isinstance(value, bool):
            hint = boolean_hint(node.text) if isinstance(node, Scalar) else ""
            report.error_at(node.span, f"'{key.name}' must be true or false", hint or key.about)
            return None
        return value
    whole = schema["type"] == "integer"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        hint = ": ".join(part for part in (number_hint(node), key.about) if part)
        report.error_at(node.span, f"'{key.name}' must be a {'whole ' if whole else ''}number", hint)
        return None
    if not _within(value, schema):
        shown = node.text[:40] if isinstance(node, Scalar) else ""
        report.error_at(node.span, f"'{key.name}: {shown}' is out of range", _range(schema))
        return None
    return value if whole else float(value)


def _within(value: float, schema: dict[str, Any]) -> bool:
    above = value >= schema.get("minimum", -math.inf) and value > schema.get("exclusiveMinimum", -math.inf)
    return above and value <= schema.get("maximum", math.inf) and value < schema.get("exclusiveMaximum", math.inf)


def _range(schema: dict[str, Any]) -> str:
    if schema.get("minimum") == SMALLEST_TOLERANCE:
        return f"a relative error from {SMALLEST_TOLERANCE:g}, the least that float64 can reach, to below 1"
    if "exclusiveMinimum" in schema:
        return f"above {schema['exclusiveMinimum']:g}"
    return f"from {schema['minimum']:g} to {schema['maximum']:g}"
