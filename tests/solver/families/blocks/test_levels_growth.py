"""Which blocks are added: the margin, and what of it carries the correction."""

import numpy as np
from many_problems import coupled, model_of

from pinnkan.solver.families.blocks.levels import (
    describe_groups,
    enriched_sum,
    first_groups,
    first_space,
    margin,
    select_groups,
)


def test_the_margin_is_one_level_above_with_all_its_lower_neighbours():
    first = first_groups(3, 2)
    assert margin(first) == ((3, 0, 0), (0, 3, 0), (0, 0, 3), (1, 1, 0), (1, 0, 1), (0, 1, 1))
    assert (1, 1, 1) in margin([*first, (1, 1, 0), (1, 0, 1), (0, 1, 1)])
    assert (1, 1, 1) not in margin([*first, (1, 1, 0), (1, 0, 1)])


def test_the_groups_that_carry_the_correction_are_added_first():
    first = first_space(model_of(coupled()), None)
    space, known = enriched_sum(first), len(first.groups)
    correction = np.full((space.products, 1), 1e-6)
    correction[space.group_slices[space.groups.index((0, 0, 1, 1))]] = 0.1
    noise = np.full((space.products, 1), 1e-14)
    assert select_groups(space, correction, noise, known) == ((0, 0, 1, 1),)
    assert len(select_groups(space, 0.0 * correction + 1.0, noise, known)) > 5
    assert select_groups(space, correction, noise + 0.1, known) == ()  # all of it could be noise


def test_blocks_are_told_in_words():
    assert describe_groups(((0, 0), (1, 0), (0, 2), (1, 1)), ("x1", "x2")) == "2 on one coordinate, 1 on two (x1 x2)"
