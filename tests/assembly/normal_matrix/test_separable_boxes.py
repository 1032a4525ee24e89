"""Parts of a plane near corners and beside them: J^T J is the same, and few of it is taken by points."""

import pytest
import torch
from plane_rows import difference, one, products, rows_of, waves

from pinnkan.assembly.normal_matrix import banded_products
from pinnkan.assembly.normal_matrix.banded_products import BandedProducts
from pinnkan.assembly.normal_matrix.grouped_tables import GROUP_INTERVALS, group_table
from pinnkan.assembly.normal_matrix.separable_boxes import split_separable_boxes


def near(rows, *corners, reach=0.2):
    """How much less rows weigh near some corners: 1 beyond their reach."""
    x, y = (t.nodes for t in rows.tables)
    radii = [(((x - a) ** 2)[:, :, None, None] + (y - b) ** 2).sqrt() / reach for a, b in corners]
    return torch.stack([r.clamp(max=1.0) ** 1.5 for r in radii]).prod(0)


@pytest.mark.parametrize(
    ("corners", "left"),
    [
        ([(0, 0)], (4, 4)),
        ([(0, 0), (1, 0)], (8, 4)),  # what the left and the right corner have is one box
        ([(0, 0), (1, 1)], (8, 8)),  # and so are all four, two of which weigh as all else does
        ([(0, 0), (1, 0), (0, 1), (1, 1)], (8, 8)),
    ],
)
def test_what_weighs_otherwise_near_corners_is_cut_out(corners, left, monkeypatch):
    """What is beside the squares at corners needs no points, the squares do: in whole groups of intervals."""
    monkeypatch.setattr(banded_products, "_is_worth_while", lambda rows, bases: True)
    plain = rows_of(waves, one, intervals=(24, 25), power=1.0)
    rows = rows_of(waves, one, intervals=(24, 25), power=1.0, scale=near(plain, *corners, reach=0.12))
    ours, theirs, chosen = products([rows], monkeypatch)
    assert chosen.count(BandedProducts) == 2
    assert len(chosen) == 3
    assert difference(ours, theirs) < 1e-13
    assert difference(ours, products([plain], monkeypatch)[1]) > 1e-3
    ((of_corners,),) = split_separable_boxes([rows])[1]
    assert tuple(len(t.index) for t in of_corners.tables) == left
    assert [group_table(t).size for t in of_corners.tables] == [GROUP_INTERVALS, GROUP_INTERVALS]


def test_corners_that_meet_are_one_with_all_between_them(monkeypatch):
    """Squares that reach to the middle from either end leave no interval that is beside both."""
    monkeypatch.setattr(banded_products, "_is_worth_while", lambda rows, bases: True)
    plain = rows_of(waves, one, intervals=(11, 11), power=1.0)
    rows = rows_of(waves, one, intervals=(11, 11), power=1.0, scale=near(plain, (0, 0), (1, 1), reach=0.48))
    ours, theirs, chosen = products([rows], monkeypatch)
    assert BandedProducts not in chosen
    assert difference(ours, theirs) < 1e-13
