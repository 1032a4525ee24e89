"""What rounding does to the places of a rule is bounded, also far from zero."""

from fractions import Fraction

import numpy as np

from pinnkan.certificate.quadrature import node_shift, verified_gauss_rule
from pinnkan.certificate.splines import Cells


def test_a_cell_far_from_zero_moves_its_places_by_no_more_than_is_said():
    lo = np.array([[0.3, 1e6, -4e9]])
    cells = Cells(lo, lo + np.array([[0.7, 1.0, 3.0]]))
    nodes, bounds = verified_gauss_rule(12).nodes, node_shift(cells)[0]
    for middle, reach, bound in zip(cells.middle[0], cells.half_width[0], bounds, strict=True):
        exact = [(Fraction(float(middle + reach * t)) - Fraction(middle)) / Fraction(reach) for t in nodes]
        moved = max(float(abs(place - Fraction(float(t)))) for place, t in zip(exact, nodes, strict=True))
        assert moved <= bound <= 100 * (moved + np.finfo(float).eps)
