import numpy as np
import pytest
import sympy
import torch

from pinnkan.kan.layers.jet import JetSet

X, Y, Z = sympy.symbols("x y z")
POINT = {X: 0.3, Y: -0.7, Z: 1.1}
INNER = sympy.sin(X + 2 * Y) + X * Y**2 + sympy.exp(X * Z / 2)
OTHER = sympy.cos(X * Y) + Z**3 * X


def jet_of(expression, jets):
    values = []
    for index in jets.indices:
        derivative = expression
        for symbol, n in zip((X, Y, Z), index, strict=True):
            derivative = sympy.diff(derivative, symbol, n)
        values.append(float(derivative.subs(POINT)))
    return torch.tensor(values, dtype=torch.float64)


def multiplied(jets, f, g):
    """The jet of a product, by Leibniz."""
    out = torch.zeros_like(f)
    for alpha, beta, rest, weight in jets.leibniz_terms:
        out[alpha] += weight * f[beta] * g[rest]
    return out


@pytest.mark.parametrize("indices", [[(2, 1, 0), (0, 0, 3)], [(4, 0, 0)], [(1, 1, 2)], [(0, 0, 0)]])
def test_composition_and_product_agree_with_sympy(indices):
    jets = JetSet(indices)
    z = jet_of(INNER, jets)
    waves = [np.sin(float(z[0]) * 1.5 + k * np.pi / 2) * 1.5**k for k in range(jets.order + 1)]
    outer = torch.tensor(waves, dtype=torch.float64)
    composed = jets.stacked_composition(jets.bell_polynomials(z), outer)
    torch.testing.assert_close(composed, jet_of(sympy.sin(1.5 * INNER), jets), rtol=1e-12, atol=1e-12)
    g = jet_of(OTHER, jets)
    torch.testing.assert_close(multiplied(jets, z, g), jet_of(INNER * OTHER, jets), rtol=1e-12, atol=1e-12)
    if jets.order > 1:  # the wrong second derivative must be seen
        outer[2] *= 1 + 1e-6
        assert not torch.allclose(
            jets.stacked_composition(jets.bell_polynomials(z), outer), composed, rtol=1e-9, atol=0
        )


def test_the_set_is_closed_downward_and_starts_with_zero():
    jets = JetSet([(2, 1)])
    assert jets.indices == ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (2, 1))
    with pytest.raises(ValueError, match="at least one"):
        JetSet([])


def test_the_adjoint_of_the_product_is_its_transpose():
    jets = JetSet([(2, 1, 0), (0, 0, 2)])
    generator = torch.Generator().manual_seed(0)
    f, g, weight = torch.randn(3, len(jets), 4, generator=generator, dtype=torch.float64).unbind(0)
    left = (weight * multiplied(jets, f, g)).sum()
    right = (f * torch.stack(jets.product_adjoint(g, weight))).sum()
    torch.testing.assert_close(left, right, rtol=1e-13, atol=1e-13)
    assert abs(float(left - (f * multiplied(jets, g, weight)).sum())) > 1e-3
