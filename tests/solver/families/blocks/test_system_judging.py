"""The estimate in many coordinates: what the blocks correct, and what they leave over."""

from many_problems import bell, block_levels, model_of, reached, stated

from pinnkan.solver.families.blocks.levels import first_space
from pinnkan.solver.families.blocks.system import estimate_by_blocks


def test_a_block_that_is_missing_is_part_of_the_estimate():
    problem = bell()
    out = reached(block_levels(problem), 2)  # one coordinate, then two: the bell curve needs five
    assert out.reason is None
    for level in out.levels:
        assert level.true_error > 5e-3
        assert 0.8 * level.true_error <= level.estimate <= 10 * level.true_error
    model, singles = model_of(problem), reached(block_levels(problem), 1)
    alone = estimate_by_blocks(model, singles.field, first_space(model, None), 7)
    assert alone.correction_size < 0.3 * singles.levels[0].true_error  # the same blocks again see little of it
    assert alone.size > singles.levels[0].true_error  # what they leave over does


def test_a_function_of_all_coordinates_that_no_block_begins_to_see_is_not_called_solved():
    product = "*".join(f"sin(2*pi*x{i})" for i in range(1, 5))
    out = reached(block_levels(stated("lap(u) = lap(v)", product, conditions=(("boundary", "u = 0"),))), 3)
    assert out.reason is None
    assert min(level.estimate for level in out.levels) > 1.0
