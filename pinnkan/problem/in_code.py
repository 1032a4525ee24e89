"""A problem stated in Python: written as the text of a problem file, and read as one, with the same checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pinnkan.problem.registry import parse_problem
from pinnkan.problem.resolved import quoted
from pinnkan.problem.statement import Problem

#: What messages call such a problem; their lines are those of the text that was written.
PLACE = "<problem in Python>"

Ends = Sequence[float | str]


def problem_of(
    *,
    domain: Mapping[str, Ends],
    unknowns: Sequence[str],
    equations: Sequence[str],
    conditions: Iterable[tuple[Any, str]] = (),
    name: str = "problem",
    **sections: Any,
) -> Problem:
    """The problem that is stated by its parts, as a problem file would state it.

    ``domain``: coordinate -> (lower, upper end), and ``periodic`` -> coordinates. ``conditions``: (where, equation),
    ``where`` a place or a list of places, a point as ``{"point": [0, 0]}``. ``sections`` are the other keys of a file:
    ``parameters``, ``functions``, ``vectors``, ``units``, ``quantities``, ``exact``, ``solver``, ``output``, ``about``.

    Raises:
        ProblemError: with every fault; places are those in ``problem.source``.

    Examples:
        >>> problem = problem_of(domain={"x": (0, 1)}, unknowns=["u"], equations=["-u_xx = 1"],
        ...                      conditions=[("boundary", "u = 0")])
        >>> problem
        <Problem problem: u(x); 1 equation, 2 conditions>
    """
    stated = {"name": name, **sections, "domain": domain, "unknowns": unknowns, "equations": equations}
    stated["conditions"] = [{"where": where, "equation": equation} for where, equation in conditions]
    order = ("name", "about", "domain", "parameters", "functions", "unknowns", "vectors", "units", "equations",
             "conditions", "quantities", "exact", "solver", "output")  # fmt: skip
    keys = sorted(stated, key=lambda key: order.index(key) if key in order else len(order))
    text = "".join(f"{key}:{_written(stated[key], 1)}\n" for key in keys if stated[key] not in ([], ()))
    return parse_problem(text, PLACE)


def _written(value: Any, depth: int) -> str:
    """A value after its key: lists and mappings of texts in lines of their own, so that a fault has its line."""
    indent = "\n" + "  " * depth
    if isinstance(value, Mapping) and depth == 1:
        return "".join(f"{indent}{key}:{_written(item, depth + 1)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str) and depth == 1:
        return "".join(f"{indent}-{_item(item)}" for item in value)
    return f" {_inline(value)}"


def _item(value: Any) -> str:
    if not isinstance(value, Mapping):
        return f" {_inline(value)}"
    return "\n   ".join(f" {key}: {_inline(item)}" for key, item in value.items())


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return str(value).lower() if isinstance(value, bool) or value is None else quoted(str(value))
