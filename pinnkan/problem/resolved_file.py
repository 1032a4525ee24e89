"""The problem file with all defaults written out: itself a problem file with the same meaning."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pinnkan.domain.shapes.shaped_domain import ShapedDomain
from pinnkan.problem import schema
from pinnkan.problem.description import setting_text
from pinnkan.problem.report import Report, Text
from pinnkan.problem.source import Mapping, Node, Scalar, Sequence, read_tree
from pinnkan.problem.statement import Problem

_PLAIN = re.compile(r"(?!(null|true|false)\Z)-?[A-Za-z0-9(][A-Za-z0-9 _+*/().=-]*\Z", re.ASCII)


def resolved_text(problem: Problem) -> str:
    """Return YAML with the ranges as numbers, `enforce`, and all settings; texts stay as written."""
    root, _ = read_tree(problem.source, problem.path)
    found = root.values
    lines = [f"name: {problem.name}"]
    if problem.about:
        lines.append(f"about: {yaml_scalar(problem.about)}")
    lines += ["domain:", *_domain(problem, found.get("domain"))]
    for section in ("parameters", "functions"):
        lines += _named(section, found.get(section))
    lines += [f"unknowns: [{', '.join(problem.unknowns)}]"]
    lines += ["vectors:"] * bool(problem.vectors)
    lines += [f"  {name}: [{', '.join(parts)}]" for name, parts in problem.vectors.items()]
    lines += _inline_section("estimate", found.get("estimate"))
    lines += _named("units", found.get("units"))
    lines += ["equations:"]
    lines += [f"  - {yaml_scalar(equation.text)}" for equation in problem.equations]
    lines += _conditions(found.get("conditions"))
    lines += _inline_section("data", found.get("data"))
    lines += _inline_section("quantities", found.get("quantities"))
    lines += _named("exact", found.get("exact"))
    lines += [*_section("solver", problem.solver), *_section("output", problem.output)]
    return "\n".join(lines) + "\n"


def yaml_scalar(text: str) -> str:
    """A text as a YAML scalar: plain where that is safe, else in double quotes with unprintable characters escaped."""
    text = " ".join(text.split())
    if _PLAIN.match(text):
        return text
    escapes = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(escapes.get(c) or (c if c.isprintable() else f"\\U{ord(c):08X}") for c in text) + '"'


def _domain(problem: Problem, node: Node | None) -> Iterator[str]:
    is_shape = isinstance(problem.domain, ShapedDomain)
    if is_shape and isinstance(node, Mapping):
        yield f"  shape: {_inline(node.values['shape'])}"
    for symbol, ends in zip(problem.coordinates, problem.box.ranges, strict=True):
        if not is_shape or symbol.name == "t":
            low, high = (setting_text(float(end)) for end in ends)
            yield f"  {symbol.name}: [{low}, {high}]"
    if not is_shape:
        wrapped = [s.name for s, wraps in zip(problem.coordinates, problem.box.periodic, strict=True) if wraps]
        yield f"  periodic: [{', '.join(wrapped)}]"


def _named(section: str, node: Node | None) -> Iterator[str]:
    if isinstance(node, Mapping) and node.values:
        yield f"{section}:"
        for name, value in node.values.items():
            yield f"  {name}: {yaml_scalar(value.text if isinstance(value, Scalar) else '')}"


def _conditions(node: Node | None) -> Iterator[str]:
    listed = node.items if isinstance(node, Sequence) else []
    if listed:
        yield "conditions:"
    for item in listed:
        found = schema.entries(item, schema.CONDITION, Report(Text("", "")), "a condition")
        where = found["where"]
        places = where.items if isinstance(where, Sequence) else [where]
        names = [_inline(place) for place in places]
        equation, enforce = found["equation"], found.get("enforce")
        yield f"  - where: [{', '.join(names)}]"
        yield f"    equation: {yaml_scalar(equation.text if isinstance(equation, Scalar) else '')}"
        yield f"    enforce: {enforce.text if isinstance(enforce, Scalar) else 'auto'}"


def _inline_section(section: str, node: Node | None) -> Iterator[str]:
    if isinstance(node, Mapping) and node.values:
        yield f"{section}:"
        for name, value in node.values.items():
            yield f"  {name}: {_inline(value)}"


def _inline(node: Node) -> str:
    """A node in one line, with brackets and braces."""
    if isinstance(node, Scalar):
        return yaml_scalar(node.text)
    if isinstance(node, Sequence):
        return f"[{', '.join(map(_inline, node.items))}]"
    return f"{{{', '.join(f'{key}: {_inline(value)}' for key, value in node.values.items())}}}"


def _section(name: str, settings: Any) -> Iterator[str]:
    yield f"{name}:"
    for field in fields(settings):
        yield f"  {field.name}: {setting_text(getattr(settings, field.name))}"
