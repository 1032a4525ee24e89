"""What is worked on at once depends on where it lies."""

import numpy as np
import torch
from elsewhere import DEVICE, pretended

from pinnkan.assembly import tensor_rows
from pinnkan.assembly.device import DEVICE_FACTOR, batch_size, is_host
from pinnkan.assembly.tensor_rows import interval_batches
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import gauss_table


def test_parts_are_larger_where_kernels_are_started(monkeypatch):
    monkeypatch.setattr(tensor_rows, "BATCH_POINTS", 12)
    axis = Axis(np.linspace(0.0, 1.0, 101), 3)
    assert is_host(torch.device("cpu"))
    assert not is_host(DEVICE)
    assert batch_size(12, DEVICE) == 12 * DEVICE_FACTOR
    counts = []
    with pretended():
        for device in (torch.device("cpu"), DEVICE):
            table = gauss_table(axis, 4, 1, device)
            counts.append([len(t.index) for _, (t,) in interval_batches([table])])
    assert counts[0] == [3] * 33 + [1]
    assert counts[1] == [96, 4]
