"""Names of coordinates (x, y, z, or x1 to x20, and t), of the sides of a box, and of derivatives.

A subscript such as in ``u_x1x2`` names one coordinate per order. The name of a coordinate ends where no digit follows:
``u_x11`` is the first derivative by x11.
"""

import re
from collections.abc import Iterable, Sequence

#: Names of up to three coordinates of space; the most numbered coordinates (heuristic); all names in order.
PLAIN = ("x", "y", "z")
MAX_NUMBERED = 20
NUMBERED = tuple(f"x{i}" for i in range(1, MAX_NUMBERED + 1))
COORDINATES = (*PLAIN, *NUMBERED, "t")

#: Name of a side in the file -> its coordinate, and 0 for the lower or 1 for the upper end.
SIDES = {
    "left": ("x", 0),
    "right": ("x", 1),
    "bottom": ("y", 0),
    "top": ("y", 1),
    "front": ("z", 0),
    "back": ("z", 1),
    **{f"{c}_{word}": (c, end) for c in NUMBERED for end, word in enumerate(("low", "high"))},
}
PLACES = (*SIDES, "boundary", "initial", "domain")

_NAME = re.compile(r"x[1-9][0-9]?|[xyzt]")


def split_subscript(subscript: str) -> list[str] | None:
    """Split a subscript such as ``x1x2`` into names of coordinates, in the domain or not; None if that fails."""
    names, at = [], 0
    while at < len(subscript):
        found = _NAME.match(subscript, at)
        if found is None:
            return None
        names.append(found.group())
        at = found.end()
    return names


def order_of(subscript: str, coordinates: Sequence[str]) -> tuple[int, ...] | None:
    """The multi-index of a subscript in the given coordinates; None if it is empty or names anything else."""
    names = split_subscript(subscript)
    if not names or not set(names) <= set(coordinates):
        return None
    return tuple(names.count(c) for c in coordinates)


def places_of(coordinates: Sequence[str]) -> list[str]:
    """The names of the places that a domain with these coordinates has."""
    sides = [name for name, (c, _) in SIDES.items() if c in coordinates]
    in_time = ["initial"] if "t" in coordinates else []
    return [*sides, *(["boundary"] if sides else []), *in_time, "domain"]


def join_names(names: Iterable[str]) -> str:
    """Join names for a message; numbered ones in sequence are shortened: ``x, y, z, x1 ... x20, t``."""
    out: list[str] = []
    for name in names:
        last = out[-1].split(" ... ") if out else [""]
        if _number(name) is not None and _number(last[-1]) is not None:
            out[-1] = f"{last[0]} ... {name}"
        else:
            out.append(name)
    return ", ".join(out)


def _number(name: str) -> int | None:
    digits = name.removeprefix("x").partition("_")[0]
    return int(digits) if name.startswith("x") and digits.isdigit() else None


def skipped_coordinate(coordinates: Sequence[str]) -> str:
    """The first numbered coordinate that is skipped, or "" if there is none."""
    wanted = [c for c in coordinates if c in NUMBERED]
    return next((n for n, c in zip(NUMBERED, wanted, strict=False) if n != c), "")
