"""Narrow features of formulas: found by subdividing the box where interval arithmetic cannot exclude them.

A spike ``exp(-((x - 0.3)/1e-5)**2)`` is zero in float64 at nearly all points of any grid, but its enclosure over a box
that holds 0.3 reaches one. Every function, power and product in a formula, a *part*, is enclosed with its slopes
(:mod:`pinnkan.problem.expressions.enclosure`) over boxes of its coordinates. A box is done when

* the part is smooth there: it changes by its height over no less than a fixed share of the range, or
* it is level there: it changes by no more than a share of its height. If its slope is not smooth, the box lies in a
  narrow feature of width height over slope.

Every other box is cut along the coordinate in which the part may change most. The height is the range of values
computed so far; it only grows, so what is done stays done. A part that is steep in much of the box oscillates and has
no place. Of a part with too many open boxes (a front, a curve) a spread sample is followed; the others are undecided.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.formulas import contains_any, formula_parts, is_compound
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.features.subdivision import (
    FEATURE_WIDTHS,
    OSCILLATION_SHARE,
    SAMPLE_POINTS,
    Array,
    Feature,
    FeatureSearch,
    Heights,
    steep_slope,
)


@dataclass(frozen=True, eq=False)
class FeatureSurvey:
    """The narrow features found, and ``undecided_boxes`` boxes (box, coordinate, end) of parts of one coordinate.

    For parts of several coordinates no undecided boxes are kept: places spread over a curve represent it.
    """

    features: tuple[Feature, ...]
    undecided_boxes: Array


def find_narrow_features(
    expressions: Sequence[sympy.Expr], coordinates: Sequence[sympy.Symbol], ranges: Sequence[tuple[float, float]]
) -> FeatureSurvey:
    """Find the narrow features of expressions in the closed box of ``ranges``; terms with other symbols are skipped."""
    box = np.array(ranges, dtype=np.float64).reshape(len(coordinates), 2)
    steep = list(candidate_parts(dict.fromkeys(formula_parts(expressions, coordinates)), coordinates, box))
    surveys = _search_parts([p for p in steep if not is_compound(p)], coordinates, box)
    narrow = {p for p, survey in surveys if survey.features}
    surveys += _search_parts([p for p in steep if is_compound(p) and not contains_any(p, narrow)], coordinates, box)
    found = [f for _, survey in surveys for f in survey.features]
    undecided = np.concatenate([np.zeros((0, *box.shape)), *(survey.undecided_boxes for _, survey in surveys)])
    return FeatureSurvey(_distinct(found, np.ptp(box, axis=1)), undecided)


def _search_parts(
    steep: Sequence[sympy.Expr], coordinates: Sequence[sympy.Symbol], box: Array
) -> list[tuple[sympy.Expr, FeatureSurvey]]:
    """Return the survey of every part; parts of the same coordinates are searched together."""
    groups: dict[tuple[int, ...], list[sympy.Expr]] = {}
    for part in steep:
        groups.setdefault(tuple(i for i, c in enumerate(coordinates) if c in part.free_symbols), []).append(part)
    out = []
    for axes, members in groups.items():
        search = FeatureSearch(members, [coordinates[i] for i in axes], box[list(axes)])
        search.run()
        boxes = np.tile(box, (len(search.undecided) if len(axes) == 1 else 0, 1, 1))
        boxes[:, list(axes)] = search.undecided[: len(boxes)]
        for k, part in enumerate(members):
            found = tuple(_embedded(f, list(axes), box) for f in search.features(k))
            out.append((part, FeatureSurvey(found, boxes if k == 0 else boxes[:0])))
    return out


def _embedded(feature: Feature, axes: list[int], box: Array) -> Feature:
    """Extend a feature of some coordinates to all: its place in the others is the middle, its width the range."""
    place, width = box.mean(1), np.ptp(box, axis=1)
    place[axes], width[axes] = feature.place, feature.width
    return Feature(place, width, feature.height)


def candidate_parts(
    expressions: Iterable[sympy.Expr], coordinates: Sequence[sympy.Symbol], box: Array, sample_box: Array | None = None
) -> Iterator[sympy.Expr]:
    """Yield the parts that are neither proved smooth on the whole box nor oscillate at sample points.

    ``sample_box``: the sub-box of the sample points, None for the box: outside, max(u - 1, 0) is as high as it is
    steep.
    """
    candidates = list(expressions)
    if not candidates:
        return
    (low, high), within = box.T, box if sample_box is None else sample_box
    points = within[:, :1] + np.ptp(within, axis=1)[:, None] * kronecker_points(SAMPLE_POINTS, len(low)).T
    tape = Tape(candidates, coordinates)
    look = enclose(tape, np.column_stack([low, points]), np.column_stack([high, points]), high - low)
    heights = Heights(len(candidates))
    heights.update(look.centre_value)
    slope = look.slope.magnitude().max(1)
    for part, slopes, height in zip(candidates, slope, heights.heights(), strict=True):
        steep = steep_slope(len(part.free_symbols)) * height
        is_wave = ((slopes[1:] > 0.5 * steep) & np.isfinite(slopes[1:])).mean() > OSCILLATION_SHARE
        if not (slopes[0] <= steep or is_wave):
            yield part


def _distinct(found: Sequence[Feature], scale: Array) -> tuple[Feature, ...]:
    """Return the features without repetitions, narrowest first; of several at one place the narrowest is kept."""
    if not found:
        return ()
    ordered = sorted(found, key=lambda f: float((f.width / scale).min()))
    place, width = np.array([f.place for f in ordered]), np.array([f.width for f in ordered])
    narrow, kept = width < scale, np.ones(len(ordered), dtype=bool)
    for i in range(len(ordered)):
        if kept[i]:  # drop wider ones at the same place
            near = (np.abs(place - place[i]) <= FEATURE_WIDTHS * width).all(1) & (narrow == narrow[i]).all(1)
            kept[i + 1 :] &= ~near[i + 1 :]
    return tuple(f for f, is_kept in zip(ordered, kept, strict=True) if is_kept)
