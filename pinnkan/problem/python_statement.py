"""Problems stated in Python: written as the text of a problem file, and read with the same checks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pinnkan.errors import UsageError
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.resolved_file import yaml_scalar
from pinnkan.problem.statement import Problem

#: The path in messages about such a problem; line numbers are those of the text made from it.
PYTHON_SOURCE = "<problem in Python>"

Ends = Sequence[float | str]


def problem_of(
    *,
    domain: Mapping[str, Ends],
    unknowns: Sequence[str],
    equations: Sequence[str],
    conditions: Iterable[tuple[Any, str] | Mapping[str, Any]] = (),
    name: str = "problem",
    **sections: Any,
) -> Problem:
    """Return the problem with these parts, as a problem file would state it.

    ``domain``: coordinate -> (lower, upper end), and ``periodic`` -> coordinates. ``conditions``: pairs (where,
    equation), ``where`` a place or a list of places, a point as ``{"point": [0, 0]}``; or mappings with the keys of a
    file, as ``{"where": "left", "equation": "u = 0", "enforce": "penalty"}``. ``sections``: the other keys of a file
    (None: left out): ``parameters``, ``functions``, ``vectors``, ``estimate``, ``units``, ``data``, ``quantities``,
    ``exact``, ``solver``, ``output``, ``about``.

    Raises:
        UsageError: an argument of the wrong kind: a condition that is no pair, a formula that is no text.
        ProblemError: with every fault; its lines and columns are those of the text that it carries as ``source``.

    Examples:
        >>> problem = problem_of(domain={"x": (0, 1)}, unknowns=["u"], equations=["-u_xx = 1"],
        ...                      conditions=[("boundary", "u = 0")])
        >>> problem
        <Problem problem: u(x); 1 equation, 2 conditions>
    """
    stated = {"name": name, **sections, "domain": domain, "unknowns": unknowns, "equations": equations}
    stated["conditions"] = _conditions(conditions)
    stated = {key: _plain(value, key) for key, value in stated.items() if value is not None}
    order = ("name", "about", "domain", "parameters", "functions", "unknowns", "vectors", "estimate", "units",
             "equations", "conditions", "data", "quantities", "exact", "solver", "output")  # fmt: skip
    keys = sorted(stated, key=lambda key: order.index(key) if key in order else len(order))
    text = "".join(f"{key}:{_written(stated[key], 1)}\n" for key in keys if stated[key] not in ([], ()))
    return parse_problem(text, PYTHON_SOURCE)


#: The name in error messages about its arguments.
problem_of.__name__ = problem_of.__qualname__ = "Problem"


def _conditions(conditions: Any) -> list[Mapping[str, Any]]:
    """Return each condition as a mapping. Raises UsageError: one is neither a pair nor a mapping."""
    wanted = 'pairs are wanted, as conditions=[("boundary", "u = 0")]'
    if isinstance(conditions, str | Mapping) or not isinstance(conditions, Iterable):
        raise UsageError(f"conditions: {_shown(conditions)} is no list; {wanted}")
    found: list[Mapping[str, Any]] = []
    for one in conditions:
        pair = isinstance(one, Sequence) and not isinstance(one, str) and len(one) == 2
        if not pair and not isinstance(one, Mapping):
            raise UsageError(f"conditions: {_shown(one)} is no pair of a place and an equation; {wanted}")
        found.append(one if isinstance(one, Mapping) else {"where": one[0], "equation": one[1]})
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain(value: Any, key: str) -> Any:
    """Convert arrays to lists, also inside lists and mappings. Raises UsageError: a value YAML cannot hold."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping):
        return {str(name): _plain(item, f"{key}: {name}") for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item, key) for item in value]
    if isinstance(value, str | int | float):
        return value
    raise UsageError(f"{key}: {_shown(value)} is neither a number nor a text; formulas are texts, as 'sin(pi*x)'")


def _written(value: Any, depth: int) -> str:
    """A value as the YAML after its key; items of top-level lists and mappings get lines of their own, for messages."""
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
    return str(value).lower() if isinstance(value, bool) or value is None else yaml_scalar(str(value))
