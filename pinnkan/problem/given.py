"""Parameters that are given from outside of the file: the text of the problem with their values in place."""

import re
from collections.abc import Mapping as Given

from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.resolved import quoted
from pinnkan.problem.source import Mapping, Scalar


def with_values(root: Mapping, report: Report, values: Given[str, str]) -> str:
    """The text where each of the parameters has the value given: what is read, resolved and resumed from then on.

    Raises:
        ProblemError: a name that is no parameter of the file, at the place where parameters stand.
    """
    node = root.values.get("parameters")
    known = node.values if isinstance(node, Mapping) else {}
    place = root.keys.get("parameters", root.span)
    text = report.text.content
    spans = []
    for name, value in values.items():
        found = known.get(name)
        if re.fullmatch(r"[^()]*,[^()]*", value):
            hint = f"decimals have a dot; several values: `pinnkan sweep FILE --set {name}={value}`"
            report.error_at(place, f"{name}={value}: one number is wanted", hint)
        elif isinstance(found, Scalar) and found.raw:
            spans.append((found.span, found.raw, value))
        elif found is not None:
            report.error_at(found.span, f"{name}={value}: only a parameter that is a number can be set")
        else:
            listed = f"parameters: {', '.join(known)}" if known else "the file has no parameters"
            hint = did_you_mean(name, known) or listed
            report.error(place.start, place.end - place.start or 1, f"{name}={value}: no parameter '{name[:60]}'", hint)
    if report.failed:
        raise report.failure()
    for span, raw, value in sorted(spans, key=lambda found: -found[0].start):
        text = text[: span.start] + quoted(value) + "\n" * raw.endswith("\n") + text[span.end :]
    return text
