"""The picture of a sweep: each quantity against the first parameter, a line for each choice of the others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.cm import viridis

from pinnkan.export.style import BELOW, LEFT, Canvas, figure
from pinnkan.kan.field import Array

#: Inches of a panel, and of the legend beside it.
_PANEL, _LEGEND = (5.0, 2.6), 2.4


def draw_sweep(chosen: Sequence[Mapping[str, str]], columns: Mapping[str, Sequence[Any]], path: Path) -> None:
    """Values of each of ``columns``, one per combination (None or "" where there is none), into a PNG file."""
    first, *others = chosen[0]
    across = _places([each[first] for each in chosen])
    labels = [", ".join(f"{name} = {each[name]}" for name in others) for each in chosen]
    (wide, high), groups = _PANEL, list(dict.fromkeys(labels))
    with figure(path, LEFT + wide + _LEGEND, len(columns) * (high + BELOW) + 0.2) as drawing:
        for row, (name, values) in enumerate(columns.items()):
            panel = Canvas(drawing).panel(LEFT, 0.15 + row * (high + BELOW), wide, high)
            heights = np.array([np.nan if v in (None, "") else float(v) for v in values])
            for group, colour in zip(groups, viridis(np.linspace(0, 0.9, len(groups))), strict=True):
                mine = np.array([label == group for label in labels])
                panel.plot(across[mine], heights[mine], "o-", color=colour, ms=4, label=group)
            panel.set(xlabel=first, ylabel=name)
            if others:
                panel.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _places(texts: Sequence[str]) -> Array:
    """The values as numbers; expressions such as ``0.01/pi`` by their order."""
    try:
        return np.array([float(text) for text in texts])
    except ValueError:
        order = list(dict.fromkeys(texts))
        return np.array([float(order.index(text)) for text in texts])
