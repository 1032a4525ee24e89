"""Tables of a coordinate: what lives in each interval, without a copy where it can be."""

import numpy as np
import pytest
import torch

from pinnkan.kan.axis import Axis
from pinnkan.kan.table import gauss_table

BREAKS = np.array([0.0, 0.2, 0.7, 1.0])
CASES = {
    "open": (Axis(BREAKS, 4), 1),
    "one interval": (Axis(BREAKS[[0, -1]], 4), 0),
    "periodic": (Axis(BREAKS, 6, True), None),
    "with a joint": (Axis(BREAKS, 4, joints=(0.2,)), None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_lives_in_an_interval_is_a_view_where_intervals_follow_each_other_evenly(case):
    axis, shift = CASES[case]
    table = gauss_table(axis, 3, 0, torch.device("cpu"))
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((axis.count + 1, 2, 3)))[1:, 0]
    local = table.gather_local(values)
    assert (local == values[table.index]).all()
    assert table.index_step == shift
    assert (local.untyped_storage().data_ptr() == values.untyped_storage().data_ptr()) == (shift is not None)
