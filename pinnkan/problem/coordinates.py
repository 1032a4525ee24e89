"""The names of coordinates: x, y, z, or x1 to x20 where there are more, and t; their sides, and how derivatives read.

``u_x1x2`` is a subscript of coordinates, one per order; a coordinate ends where no digit follows, so that ``u_x11`` is
the first derivative by x11.
"""

import re
from collections.abc import Iterable, Sequence

#: Coordinates of space up to three; the highest number of those that are numbered (a choice); all names in order.
PLAIN = ("x", "y", "z")
MOST = 20
NUMBERED = tuple(f"x{i}" for i in range(1, MOST + 1))
COORDINATES = (*PLAIN, *NUMBERED, "t")

#: The word of the file for a side -> coordinate, and 0 for its lower, 1 for its upper end.
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


def split(subscript: str) -> list[str] | None:
    """``x1x2`` as its coordinates, known to the domain or not; None if it is no such chain."""
    names, at = [], 0
    while at < len(subscript):
        found = _NAME.match(subscript, at)
        if found is None:
            return None
        names.append(found.group())
        at = found.end()
    return names


def order_of(subscript: str, coordinates: Sequence[str]) -> tuple[int, ...] | None:
    """The multi-index of a non-empty subscript in the given coordinates; None if it is not made of them."""
    names = split(subscript)
    if not names or not set(names) <= set(coordinates):
        return None
    return tuple(names.count(c) for c in coordinates)


def places_of(coordinates: Sequence[str]) -> list[str]:
    """The places that a domain in these coordinates has."""
    sides = [name for name, (c, _) in SIDES.items() if c in coordinates]
    in_time = ["initial"] if "t" in coordinates else []
    return [*sides, *(["boundary"] if sides else []), *in_time, "domain"]


def listed(names: Iterable[str]) -> str:
    """Names in a row for a message, the numbered ones shortened: ``x, y, z, x1 ... x20, t``."""
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


def gap(coordinates: Sequence[str]) -> str:
    """The first numbered coordinate that is skipped, or ""."""
    wanted = [c for c in coordinates if c in NUMBERED]
    return next((n for n, c in zip(NUMBERED, wanted, strict=False) if n != c), "")
