"""Boxes that are cut where formulas are steep."""

import numpy as np
import sympy

from pinnkan.problem.features.subdivision import FeatureSearch

X, Y = sympy.symbols("x y")


def test_heights_are_seen_all_over_the_box_wherever_that_lies():
    seen = []

    class Watching(FeatureSearch):
        def inputs(self, points):
            seen.append(points)
            return super().inputs(points)

    box = np.array([[3.0, 7.0], [-20.0, -18.0]])
    Watching([sympy.sin(X) * Y, X + 1], [X, Y], box)
    shares = (seen[0] - box[:, :1]) / np.ptp(box, axis=1)[:, None]
    assert ((shares >= 0.0) & (shares <= 1.0)).all()
    assert (np.ptp(shares, axis=1) > 0.9).all()
    assert np.abs(shares.mean(1) - 0.5).max() < 0.05
