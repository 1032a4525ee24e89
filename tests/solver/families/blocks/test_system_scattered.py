"""Points where no tensor grid can go, and what the conditions at them weigh."""

import numpy as np
import pytest
from many_problems import UNIT, VARIANTS, coupled, model_of

from pinnkan.assembly.quasi_random import sobol_generator
from pinnkan.solver.families.blocks.system import scattered_rows


def test_points_fill_the_box_and_every_side_lies_on_its_face():
    model = model_of(VARIANTS["wide"])
    inside, *sides = scattered_rows(model, 256, 1)
    assert inside.points.min() < -290
    assert inside.points.max() > 490
    for (condition, _), rows in zip(model.conditions_as_rows, sides, strict=True):
        assert (rows.points[:, condition.place.axis] == (-300, 500)[condition.place.end]).all()
    assert np.abs(sobol_generator(5)(256, 6).mean(0) - 0.5).max() < 0.01
    assert np.abs(np.random.default_rng(0).random((256, 6)).mean(0) - 0.5).max() > 0.01  # chance does worse


def test_conditions_weigh_the_same_in_any_unit_of_length():
    near, far = (model_of(coupled(ranges={c: ends for c in UNIT})) for ends in ("[0, 1]", "[0, 100]"))
    weights = [scattered_rows(m, 100, 1)[1].weight for m in (near, far)]
    assert weights[0] / weights[1] == pytest.approx(1e4)
