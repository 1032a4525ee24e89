import torch
from two_inputs import JETS, input_jets, points

from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network, random_network, squash


def small(degree=4, intervals=3):
    return random_network((2, 3, 4, 2), degree, intervals, 0.3, seed=5)


def residual(network, z):
    """A nonlinear row per point: it needs every jet and both unknowns."""
    u, _ = network.forward(JETS, z)
    return u[0, :, 0] * u[3, :, 0] + u[1, :, 1] ** 2 - u[4, :, 0] + torch.sin(u[2, :, 1])


def adjoint(u):
    lam = torch.zeros_like(u)
    lam[0, :, 0], lam[3, :, 0] = u[3, :, 0], u[0, :, 0]
    lam[1, :, 1], lam[4, :, 0], lam[2, :, 1] = 2 * u[1, :, 1], -1.0, torch.cos(u[2, :, 1])
    return lam


def test_jets_of_the_network_agree_with_autograd():
    network = small()
    x = points().requires_grad_()
    u, _ = network.forward(JETS, input_jets(x.detach()))

    def value(y):
        return network.forward(JetSet([(0, 0)]), y.unsqueeze(0))[0][0]

    for o in range(2):
        first = torch.autograd.grad(value(x)[:, o].sum(), x, create_graph=True)[0]
        second = torch.autograd.grad(first[:, 0].sum(), x)[0]
        for index, expected in [
            ((1, 0), first[:, 0]),
            ((0, 1), first[:, 1]),
            ((2, 0), second[:, 0]),
            ((1, 1), second[:, 1]),
        ]:
            torch.testing.assert_close(u[JETS.position[index], :, o], expected, rtol=1e-11, atol=1e-11)
    assert not torch.allclose(u[JETS.position[(1, 0)]], u[JETS.position[(0, 1)]])


def test_the_jacobian_agrees_with_autograd_and_with_finite_differences():
    network, z = small(), input_jets(points())
    u, traces = network.forward(JETS, z)
    ours = network.jacobian(traces, adjoint(u))
    theirs = torch.autograd.functional.jacobian(lambda w: residual(network.with_flat(w), z), network.flat())
    scale = float(theirs.abs().max())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10 * scale)
    direction = torch.randn(network.parameters, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    h = 1e-6
    plus, minus = (residual(network.with_flat(network.flat() + s * direction), z) for s in (h, -h))
    torch.testing.assert_close(ours @ direction, (plus - minus) / (2 * h), rtol=1e-6, atol=1e-6 * scale)
    wrong = adjoint(u)
    wrong[4] *= 1 + 1e-6
    assert float((network.jacobian(traces, wrong) - theirs).abs().max()) > 1e-10 * scale


def test_halving_all_edges_leaves_the_network_unchanged():
    network, z = small(degree=3), input_jets(points())
    fine = network.halved().halved()
    before, after = network.forward(JETS, z)[0], fine.forward(JETS, z)[0]
    scale = before.abs().amax(dim=(1, 2), keepdim=True)
    assert fine.intervals == 12
    assert float(((after - before) / scale).abs().max()) < 1e-12
    once = network.halved()
    printed = Network(once.bases, tuple(0.5 * w for w in once.weights))  # the stencil as printed in the paper
    assert float(((printed.forward(JETS, z)[0] - before) / scale).abs().max()) > 0.1


def test_squash_has_the_derivatives_of_tanh():
    jets = JetSet([(4,)])
    x = torch.tensor([[0.3, -1.2]], dtype=torch.float64, requires_grad=True)
    z = torch.zeros((5, 1, 2), dtype=torch.float64)
    z[0], z[1] = x.detach(), 1.0
    ours, _ = squash(jets, z)
    value = torch.tanh(x)
    for k in range(5):
        torch.testing.assert_close(ours[k], value.detach(), rtol=1e-12, atol=1e-12)
        if k < 4:
            value = torch.autograd.grad(value.sum(), x, create_graph=True)[0]
    assert not torch.allclose(ours[3], ours[1])


def test_a_network_of_straight_lines_has_units_of_moderate_size():
    network = random_network((2, 5, 5, 1), 5, 4, 0.0, seed=0)
    u, _ = network.forward(JetSet([(0, 0)]), points(100).unsqueeze(0))
    assert 0.05 < float(u.std()) < 1.0
