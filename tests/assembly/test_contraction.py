"""One coordinate of J^T J: the same however few intervals are summed at once, and never many products side by side."""

import pytest
import torch
from patches import CASES, CPU, coefficients, patch

from pinnkan.assembly import contraction
from pinnkan.assembly.ordering import order_coefficients


@pytest.mark.parametrize("case", CASES)
def test_an_interval_after_the_other_sums_to_the_same(case, monkeypatch):
    p = patch(case)
    rows = p.rows(coefficients(p.space), [])
    ordering = order_coefficients(p.space, torch.zeros(p.space.shape, dtype=bool).numpy(), CPU)
    whole = [value for _, value in rows.gram(ordering)]
    monkeypatch.setattr(contraction, "BATCH_PRODUCTS", 1)
    for (_, value), expected in zip(rows.gram(ordering), whole, strict=True):
        assert torch.allclose(value, expected, rtol=1e-13, atol=1e-14 * float(expected.abs().max()))


def test_no_more_products_than_said_lie_side_by_side(monkeypatch):
    p = patch(next(name for name in CASES if name.startswith("2-D")))
    rows, most, sizes = p.rows(coefficients(p.space), []), 2000, []
    multiplied = torch.bmm

    def bmm(left, right):
        out = multiplied(left, right)
        sizes.append((out.numel(), out[:1].numel()))
        return out

    ordering = order_coefficients(p.space, torch.zeros(p.space.shape, dtype=bool).numpy(), CPU)
    monkeypatch.setattr(contraction, "BATCH_PRODUCTS", most)
    monkeypatch.setattr(torch, "bmm", bmm)
    list(rows.gram(ordering))
    assert sizes
    assert all(size <= max(most, one) for size, one in sizes)
