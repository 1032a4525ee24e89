"""Keys of a mapping in a problem file: those of shapes and places, and the JSON schema of these."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pinnkan.problem.coordinates import PLACES, SIDES

IDENTIFIER_PATTERN = "^[A-Za-z][A-Za-z0-9_]{0,39}$"
EXPRESSION = {"type": ["number", "string"], "pattern": r"\S"}
RANGE = {"type": "array", "items": EXPRESSION, "minItems": 2, "maxItems": 2}
AT = {"type": "array", "items": EXPRESSION, "minItems": 1}
#: Shape -> its coordinates, of shapes that are boxes.
BOXES = {"interval": "x", "rectangle": "xy", "box": "xyz"}
#: A shape, or one of its sides.
_PIECE = {"type": "string", "pattern": IDENTIFIER_PATTERN[:-1] + r"(\.[A-Za-z0-9]+)?$"}


@dataclass(frozen=True)
class Key:
    """A key of a mapping: its JSON schema, one sentence for editors, and whether it is required."""

    name: str
    schema: dict[str, Any]
    about: str
    required: bool = False


SHAPE = {"$ref": "#/$defs/shape"}
_NAME_OF_SHAPE = Key("name", {"type": "string", "pattern": IDENTIFIER_PATTERN}, "the name of its boundary")
#: Shape in the plane -> its keys.
SHAPES = {
    "rectangle": (*(Key(c, RANGE, f"lower and upper end of {c}", True) for c in "xy"), _NAME_OF_SHAPE),
    "disk": (Key("center", RANGE, "x and y", True), Key("radius", EXPRESSION, "its radius", True), _NAME_OF_SHAPE),
    "ellipse": (
        Key("center", RANGE, "x and y", True),
        Key("radii", RANGE, "half its length along x and along y, before it is turned", True),
        Key("angle", EXPRESSION, "by which it is turned, in radians"),
        _NAME_OF_SHAPE,
    ),
    "polygon": (Key("vertices", {"type": "array", "items": RANGE, "minItems": 3}, "in order", True), _NAME_OF_SHAPE),
    "move": (
        Key("shape", SHAPE, "what is moved", True),
        Key("by", RANGE, "x and y, after it is turned"),
        Key("rotate", EXPRESSION, "the angle about the origin, in radians"),
    ),
}
POINT = (Key("point", AT, "its coordinates of space; of an ordinary equation in t the time", True),)


def places_schema(has_pieces: bool = True) -> dict[str, Any]:
    """The schema of a place, or a list of these; ``has_pieces``: whether it may be a piece of a shape."""
    point = {"type": "object", "properties": {"point": AT}, "required": ["point"], "additionalProperties": False}
    return _one_or_more([{"enum": list(PLACES)}, *([_PIECE] if has_pieces else []), point])


def sides_schema(has_pieces: bool = True) -> dict[str, Any]:
    """The schema of a side, or a list of these; ``has_pieces``: whether it may be a piece of a shape."""
    return _one_or_more([{"enum": [*SIDES, "boundary"]}, *([_PIECE] if has_pieces else [])])


def _one_or_more(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    return {"anyOf": [*kinds, {"type": "array", "items": {"anyOf": kinds}, "minItems": 1}]}


def shape_schema() -> dict[str, Any]:
    """The schema of a shape."""
    boxes = {
        kind: object_schema(Key(c, RANGE, f"lower and upper end of {c}", True) for c in BOXES[kind]) for kind in BOXES
    }
    shapes = {kind: object_schema(keys) for kind, keys in SHAPES.items()}
    parts = {"type": "array", "items": SHAPE, "minItems": 2}
    known = {**boxes, **shapes, "union": parts, "intersection": parts, "difference": parts}
    return {
        "type": "object", "properties": known, "additionalProperties": False, "minProperties": 1, "maxProperties": 1,
    }  # fmt: skip


def object_schema(keys: Iterable[Key], defaults: Any = None) -> dict[str, Any]:
    """The schema of a mapping; ``defaults`` has the default of each key, None for ``auto``."""
    keys, properties = tuple(keys), {}
    for key in keys:
        schema = dict(key.schema)
        if defaults is not None:
            default = getattr(defaults, key.name)
            if default is None:
                schema = {"anyOf": [{"const": "auto"}, schema]}
            schema["default"] = "auto" if default is None else default
        properties[key.name] = {**schema, "description": key.about}
    required = [key.name for key in keys if key.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
