"""A network written in the other basis: the same function of its inputs, other coefficients."""

from __future__ import annotations

from dataclasses import replace

from pinnkan.kan.layers.network import Network
from pinnkan.kan.spline import Basis
from pinnkan.study.bases.change_of_basis import to_powers, to_splines
from pinnkan.study.bases.power_relu import PowerRelu


def network_in_powers(network: Network) -> Network:
    """The same function, its spline layers written in powers of ReLU."""
    bases, weights = list(network.bases), list(network.weights)
    for place, basis in enumerate(network.bases):
        if isinstance(basis, Basis):
            bases[place], weights[place] = PowerRelu.of(basis), to_powers(basis, weights[place])
    return replace(network, bases=tuple(bases), weights=tuple(weights))


def network_in_splines(network: Network) -> Network:
    """The same function, its layers of powers of ReLU written in splines."""
    bases, weights = list(network.bases), list(network.weights)
    for place, basis in enumerate(network.bases):
        if isinstance(basis, PowerRelu):
            bases[place], weights[place] = basis.splines, to_splines(basis.splines, weights[place])
    return replace(network, bases=tuple(bases), weights=tuple(weights))
