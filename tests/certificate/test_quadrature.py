"""What rounding does to the places of a rule is bounded, also far from zero."""

from fractions import Fraction

import numpy as np

from pinnkan.certificate.quadrature import rule_of, shift_of
from pinnkan.certificate.splines import Cells


def test_a_cell_far_from_zero_moves_its_places_by_no_more_than_is_said():
    lo = np.array([[0.3, 1e6, -4e9]])
    cells = Cells(lo, lo + np.array([[0.7, 1.0, 3.0]]))
    nodes, bounds = rule_of(12).nodes, shift_of(cells)[0]
    for middle, reach, bound in zip(cells.middle[0], cells.reach[0], bounds, strict=True):
        exact = [(Fraction(float(middle + reach * t)) - Fraction(middle)) / Fraction(reach) for t in nodes]
        moved = max(float(abs(place - Fraction(float(t)))) for place, t in zip(exact, nodes, strict=True))
        assert moved <= bound <= 100 * (moved + np.finfo(float).eps)
