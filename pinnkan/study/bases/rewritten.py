"""A network written in the other basis: the same function of its inputs, other coefficients."""

from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.pointwise import Layer
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis
from pinnkan.study.bases.change_of_basis import to_powers, to_splines
from pinnkan.study.bases.power_relu import PowerRelu


def network_in_powers(network: Network) -> Network:
    """The same function, its spline layers written in powers of ReLU."""
    return Network(tuple(_in_powers(layer) for layer in network.layers))


def network_in_splines(network: Network) -> Network:
    """The same function, its layers of powers of ReLU written in splines."""
    return Network(tuple(_in_splines(layer) for layer in network.layers))


def _in_powers(layer: Layer) -> Layer:
    if isinstance(layer, Spline) and isinstance(layer.basis, Basis):
        return Spline(PowerRelu.of(layer.basis), to_powers(layer.basis, layer.weight))
    return layer


def _in_splines(layer: Layer) -> Layer:
    if isinstance(layer, Spline) and isinstance(layer.basis, PowerRelu):
        return Spline(layer.basis.splines, to_splines(layer.basis.splines, layer.weight))
    return layer
