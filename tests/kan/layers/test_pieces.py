import pytest
import torch

from pinnkan.kan.layers.pieces import taylor_pieces
from pinnkan.kan.spline import Basis
from pinnkan.study.bases.power_relu import PowerRelu

UNEVEN = [-1.0, -0.4, -0.1, 0.05, 0.5, 1.0]
BASES = {
    "uniform": Basis.extended([-1.0, -0.5, 0.0, 0.5, 1.0], 3),
    "uneven": Basis.extended(UNEVEN, 4),
    "clamped": Basis.clamped(UNEVEN, 3),
    "double knot": Basis(torch.tensor([-1.0, -1, -1, -1, 0, 0, 1, 1, 1, 1], dtype=torch.float64), 3),
    "powers": PowerRelu.extended(UNEVEN, 3),
}


def evaluated(basis, weight, x, order):
    """Derivatives 0..order at x from the pieces."""
    pieces = taylor_pieces(basis)
    j, s = pieces.locate(x)
    d = [row[j] for row in pieces.derivatives(weight)]
    out = []
    for k in range(order + 1):
        total, power = torch.zeros_like(x), torch.ones_like(x)
        for m in range(k, len(d)):
            total, power = total + d[m] * power, power * s / (m - k + 1)
        out.append(total)
    return torch.stack(out)


@pytest.mark.parametrize("name", BASES)
def test_pieces_are_the_function_and_its_derivatives_inside_and_outside(name):
    basis = BASES[name]
    x = torch.linspace(-1.3, 1.3, 158, dtype=torch.float64)
    weight = torch.randn(basis.count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = basis.dense(x, 3) @ weight
    scale = expected.abs().amax(1, keepdim=True).clamp_min(1e-300)
    ours = evaluated(basis, weight, x, 3)
    assert float(((ours - expected) / scale).abs().max()) < 1e-11
    assert float(((evaluated(basis, 1.01 * weight, x, 3) - expected) / scale).abs().max()) > 1e-3


@pytest.mark.parametrize("name", BASES)
def test_the_way_back_to_the_coefficients_is_the_transpose(name):
    pieces = taylor_pieces(BASES[name])
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn((2, BASES[name].count), generator=generator, dtype=torch.float64)
    d = pieces.derivatives(weight)
    other = torch.randn(d.shape, generator=generator, dtype=torch.float64)
    assert d.shape == (pieces.degree + 1, 2, pieces.intervals)
    product = float((d * other).sum())
    assert float((weight * pieces.coefficient_gradient(other)).sum()) == pytest.approx(product, rel=1e-12)
    assert float((weight * pieces.coefficient_gradient(1.01 * other)).sum()) != pytest.approx(product, rel=1e-4)


def test_pieces_of_one_length_are_found_without_a_search():
    steps = {name: taylor_pieces(basis).step for name, basis in BASES.items()}
    assert steps["uniform"] == 0.5
    assert {steps[name] for name in ("uneven", "clamped", "powers")} == {None}
