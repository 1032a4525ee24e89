"""Labels of units: shown on axes and in reports; nothing is converted."""

from collections.abc import Collection, Mapping

from pinnkan.problem.names import section
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.schema import LONGEST_UNIT
from pinnkan.problem.source import Node, Scalar


def read_units(
    node: Node | None, known: Collection[str], vectors: Mapping[str, tuple[str, ...]], report: Report
) -> dict[str, str]:
    """The label of each name that has one; a vector has that of its unknowns where these agree."""
    units: dict[str, str] = {}
    for name, (span, value) in section(node, report, "units").items():
        label = value.text if isinstance(value, Scalar) and type(value.value) in (str, int, float) else ""
        if name not in known:
            hint = did_you_mean(name, list(known)) or f"coordinates, unknowns, vectors, quantities: {', '.join(known)}"
            report.error_at(span, f"'{name[:60]}' is nothing that could have a unit", hint)
        elif not 0 < len(label) <= LONGEST_UNIT or not label.isprintable():
            hint = f"a text of at most {LONGEST_UNIT} characters: m, kg/m**3"
            report.error_at(value.span, f"this is no label of the unit of '{name}'", hint)
        else:
            units[name] = label
    for vector, parts in vectors.items():
        shared = {units.get(part) for part in parts}
        if vector not in units and len(shared) == 1 and None not in shared:
            units[vector] = units[parts[0]]
    return units
