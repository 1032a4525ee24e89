"""Networks of powers of ReLU written in splines again."""

from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.study.bases.change_of_basis import to_splines
from pinnkan.study.bases.power_relu import PowerRelu


def network_in_splines(network):
    """The same function, its layers of powers of ReLU written in splines."""
    return Network(tuple(_in_splines(layer) for layer in network.layers))


def _in_splines(layer):
    if isinstance(layer, Spline) and isinstance(layer.basis, PowerRelu):
        return Spline(layer.basis.splines, to_splines(layer.basis.splines, layer.weight))
    return layer
