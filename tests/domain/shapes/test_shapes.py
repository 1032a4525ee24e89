"""Areas, moments, lengths and normals of shapes, against closed forms; shapes that are no domain."""

import numpy as np
import pytest

from pinnkan.domain.shapes.boundary import GeometryError
from pinnkan.domain.shapes.curve import Ellipse
from pinnkan.domain.shapes.shape import Difference, EllipticDisk, Intersection, Polygon, Union, disk, rectangle
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide, shaped_domain

SQUARE = rectangle((-0.5, 0.5), (-0.5, 0.5), "outer")
HOLES = [disk((0.3 * i, 0.3 * j), 0.1, "hole") for i in (-1, 1) for j in (-1, 1)]
#: Shapes with their areas and the lengths of their boundaries.
SHAPES = {
    "disk": (disk((0.0, 0.0), 1.0, "rim"), np.pi, 2.0 * np.pi),
    "four holes": (Difference((SQUARE, *HOLES)), 1.0 - 0.04 * np.pi, 4.0 + 0.8 * np.pi),
    "L": (Difference((rectangle((-1, 1), (-1, 1), "o"), rectangle((0, 1), (-1, 0), "c"))), 3.0, 8.0),
    "stadium": (
        Union((rectangle((-1, 1), (-1, 1), "m"), disk((-1, 0), 1, "l"), disk((1, 0), 1, "r"))),
        4.0 + np.pi,
        4.0 + 2.0 * np.pi,
    ),
    "two rectangles with a side in common": (
        Intersection((rectangle((0, 2), (0, 1), "a"), rectangle((0, 1), (-1, 2), "b"))),
        1.0,
        4.0,
    ),
    "turned half disk": (
        Intersection((disk((0, 0), 1, "rim"), rectangle((-2, 2), (0, 2), "r"))).moved((3.0, 1.0), 0.3),
        np.pi / 2.0,
        np.pi + 2.0,
    ),
    "half disk": (Intersection((disk((0, 0), 1, "rim"), rectangle((-2, 2), (0, 2), "r"))), np.pi / 2.0, np.pi + 2.0),
}


def area_and_second_moment(domain: ShapedDomain, cells: tuple[int, int]) -> tuple[float, float]:
    x, y = (np.linspace(*ends, n + 1) for ends, n in zip(domain.box.ranges, cells, strict=True))
    points, weights = domain.cut_grid(x, y).area_rule(14)
    assert (weights > 0.0).all()
    assert domain.contains(points, 1e-9).all()
    return float(weights.sum()), float(weights @ points[:, 0] ** 2)


@pytest.mark.parametrize("cells", [(3, 4), (8, 8), (13, 11)])
@pytest.mark.parametrize("name", SHAPES)
def test_areas_and_lengths_are_exact_however_the_cells_are_cut(name, cells):
    shape, area, length = SHAPES[name]
    domain = shaped_domain(shape)
    assert area_and_second_moment(domain, cells)[0] == pytest.approx(area, abs=1e-10)
    assert domain.measure == pytest.approx(area, abs=1e-12)
    pieces = [piece for place, piece in domain.boundary_pieces.items() if isinstance(place, ShapeSide)]
    assert sum(piece.measure for piece in pieces) == pytest.approx(length, abs=1e-10)


def test_the_second_moment_of_a_turned_ellipse_is_exact():
    angle, (a, b) = 0.7, (2.0, 0.3)
    domain = shaped_domain(EllipticDisk(Ellipse((0.0, 0.0), (a, b), angle, "rim")))
    wanted = np.pi * a * b / 4.0 * (a**2 * np.cos(angle) ** 2 + b**2 * np.sin(angle) ** 2)
    assert area_and_second_moment(domain, (9, 7))[1] == pytest.approx(wanted, rel=1e-12)


def test_a_hole_that_touches_a_line_of_the_grid_divides_the_cell_there():
    domain = shaped_domain(Difference((disk((0.0, 0.0), 1.0, "rim"), disk((0.2, 0.1), 0.4, "hole"))))
    cut = domain.cut_grid(np.linspace(-1.0, 1.0, 5), np.linspace(-1.0, 1.0, 5))  # y = 0.5 is a tangent
    assert cut.area_rule(14)[1].sum() == pytest.approx(0.84 * np.pi, abs=1e-10)


def test_a_hole_may_reach_beyond_a_line_of_the_grid_by_rounding():
    domain = shaped_domain(Difference((rectangle((-1, 1), (-1, 1), "outer"), disk((0.4, -0.4), 0.4, "hole"))))
    x = np.linspace(-1.0, 1.0, 38)
    fine = np.sort(np.concatenate([x, 0.5 * (x[1:] + x[:-1])]))  # has 1.1e-16, where the hole begins at 0
    assert domain.cut_grid(fine, x).area_rule(14)[1].sum() == pytest.approx(4.0 - 0.16 * np.pi, abs=1e-10)


def test_normals_point_out_of_the_domain_on_rims_and_into_holes():
    domain = shaped_domain(Difference((disk((0.0, 0.0), 1.0, "rim"), disk((0.0, 0.0), 0.5, "hole"))))
    at = np.array([0.6, 0.8])
    np.testing.assert_allclose(domain.boundary_pieces[ShapeSide("rim")].normal(at), at)
    np.testing.assert_allclose(domain.boundary_pieces[ShapeSide("hole")].normal(0.5 * at), -at)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Difference((disk((0, 0), 1, "a"), disk((0, 0), 2, "b"))), "empty"),
        (Intersection((disk((0, 0), 1, "a"), disk((5, 0), 1, "b"))), "empty"),
        (Union((disk((0, 0), 1, "a"), disk((5, 0), 1, "b"))), "falls into 2 pieces"),
        (Union((rectangle((0, 1), (0, 1), "a"), rectangle((1, 2), (1, 2), "b"))), "touches itself"),
    ],
)
def test_what_is_no_domain_is_refused_in_words(shape, words):
    with pytest.raises(GeometryError, match=words):
        shaped_domain(shape)


def test_points_in_holes_are_outside_and_move_to_the_nearest_boundary():
    square = Polygon(((-0.25, -0.5), (0.25, -0.5), (0.25, 0.5), (-0.25, 0.5)), tuple("abcd"))
    domain = shaped_domain(Difference((rectangle((-1, 1), (-1, 1), "outer"), square)))
    points = np.array([[0.0, 0.0], [-0.2, -0.48], [0.9, 0.9]])
    assert domain.contains(points).tolist() == [False, False, True]
    np.testing.assert_allclose(domain.nearest(points)[1], [-0.2, -0.5], atol=1e-12)
    assert domain.contains(np.array([[-0.25, -0.484375]]), 1e-12).all()
