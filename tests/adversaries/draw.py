"""Adversary number n: a pure function of n. A third of them are special or ill-posed, the others manufactured."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from adversaries.adversary import Adversary, AgainError, Draw, Stated
from adversaries.ill_posed import ILL_POSED
from adversaries.in_time import IN_TIME
from adversaries.manufactured import manufactured, stated_in
from adversaries.many import many
from adversaries.rough import ROUGH
from adversaries.special import SPECIAL, askew

SEED = 20_261_126
#: What is drawn, in turn, 25 to a round.
ROUND = (
    "x", "special", "xy", "xt", "ill-posed", "x", "special", "x", "xy", "special",
    "x", "xt", "special", "ill-posed", "x", "xy", "special", "xt", "x", "special",
    "xt", "special", "xy", "rare", "x",
)  # fmt: skip
#: One of these in a turn of ``"rare"``.
RARE = ("many", "deep", "ridge", "askew", "many", "xyz", "askew", "xyt")


def draw(number: int) -> Adversary:
    """Adversary ``number``."""
    what = ROUND[number % len(ROUND)]
    if what == "rare":
        what = RARE[number // len(ROUND) % len(RARE)]
    for attempt in range(20):
        d = Draw([SEED, number, attempt])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                stated = _stated(d, what)
        except AgainError:
            continue
        return _adversary(d, number, stated)
    raise AssertionError(f"adversary {number}: no independent truth in twenty draws")


def _stated(d: Draw, what: str) -> Stated:
    if what == "special":
        return d.one((*SPECIAL, *IN_TIME, *ROUGH))(d)
    if what == "ill-posed":
        return d.one(ILL_POSED)(d)
    if what in ("many", "askew"):
        return (many if what == "many" else askew)(d)
    if what in ("deep", "ridge"):
        coordinates = d.one(["x", "x", "xy"])
        return stated_in(d, coordinates, family=what, tolerances=(-3, -2), max_time=8.0)
    if len(what) == 3:
        return stated_in(d, what, tolerances=(-3, -2), max_time=8.0)
    return manufactured(d, what)


def _adversary(d: Draw, number: int, stated: Stated) -> Adversary:
    free = stated.family == "auto"
    family = "product" if free and d.chance(0.3) else stated.family
    tolerance = d.rng.integers(stated.tolerances[0], stated.tolerances[1] + 1)
    lines = [f"tolerance: 1e{tolerance}", f"max_time: {stated.max_time:g}"]
    if family in ("product", "deep", "ridge"):
        lines.append(f"network: {family}")
    if family in ("deep", "ridge"):
        lines.append(f"hidden: [{d.one([3, 4, 5])}]")
    if free and d.chance(0.15) and len(stated.ranges) < 3:
        lines.append(f"degree: {d.one([6, 7, 8])}")
    if free and d.chance(0.2) and len(stated.ranges) < 3:
        lines.append(f"knots: {d.one([1, 2, 4, 5, 7])}")
    spots: Mapping[str, tuple[tuple[float, float], ...]] = stated.spots or {}
    return Adversary(
        number, stated.kind, stated.coefficients, stated.feature, family, stated.posed,
        stated.text(f"adversary-{number}", lines), stated.truth, tuple(tuple(spots.get(c, ())) for c in stated.ranges),
    )  # fmt: skip


def quadrature(
    adversary: Adversary, ranges: list[tuple[float, float]], knots: list[np.ndarray]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Points that broadcast, one array per coordinate, and weights of an integral that sees every spot."""
    if len(ranges) > 3:
        return _scattered(adversary, ranges)
    nodes, weights = [], np.ones(())
    count = {1: 400, 2: 60, 3: 14}[len(ranges)]
    for (low, high), spots, own in zip(ranges, adversary.spots, knots, strict=True):
        marks = [np.linspace(low, high, count + 1), own, *[c + w * np.linspace(-6, 6, 25) for c, w in spots]]
        marks += [c + s * w * np.geomspace(6, 60, 8) for c, w in spots for s in (-1, 1)]
        ends = np.unique(np.concatenate(marks))
        ends = ends[(ends >= low) & (ends <= high)]
        ends = ends[np.concatenate([[True], np.diff(ends) > 1e-10 * (high - low)])]
        x, w = np.polynomial.legendre.leggauss(4)
        half = 0.5 * np.diff(ends)[:, None]
        nodes.append((0.5 * (ends[1:] + ends[:-1])[:, None] + half * x).ravel())
        weights = np.multiply.outer(weights, (half * w).ravel())
    return nodes, weights


def _scattered(adversary: Adversary, ranges: list[tuple[float, float]]) -> tuple[list[np.ndarray], np.ndarray]:
    """Half of the points anywhere, half of them around the spots, weighted by one over the density of both."""
    rng, (low, high), d = np.random.default_rng(0), np.array(ranges).T, len(ranges)
    points = low + (high - low) * rng.random((20_000, d))
    if not all(adversary.spots):
        return list(points.T), np.full(len(points), 1.0 / len(points))
    centre = np.array([s[0][0] for s in adversary.spots])
    width = 2 * np.array([s[0][1] for s in adversary.spots])
    near = centre + width * rng.standard_normal((20_000, d))
    points = np.concatenate([points, near[((near >= low) & (near <= high)).all(1)]])
    bell = np.exp(-0.5 * (((points - centre) / width) ** 2).sum(1)) / np.prod(width * np.sqrt(2 * np.pi))
    density = 0.5 / np.prod(high - low) + 0.5 * bell
    return list(points.T), 1.0 / density / 40_000
