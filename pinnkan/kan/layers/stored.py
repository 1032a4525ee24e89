"""A layered network as named arrays and JSON-able data, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pinnkan.kan.field import Array
from pinnkan.kan.layers.free_knots import FreeSpline
from pinnkan.kan.layers.layered import LayeredNetwork
from pinnkan.kan.layers.pointwise import Activation, Affine, Layer
from pinnkan.kan.layers.power_relu import PowerRelu
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis

#: Names of the families of edges.
EDGES: dict[type[Basis] | type[PowerRelu], str] = {Basis: "spline", PowerRelu: "power_relu"}


def stored(network: LayeredNetwork) -> tuple[dict[str, Array], list[dict[str, Any]]]:
    """Arrays by name, and what each layer is."""
    arrays: dict[str, Array] = {}
    kinds = []
    for n, layer in enumerate(network.layers):
        tensors, kind = _parts(layer)
        arrays |= {f"layer{n}.{name}": value.cpu().numpy() for name, value in tensors.items()}
        kinds.append(kind)
    return arrays, kinds


def restored(arrays: Mapping[str, Array], kinds: Sequence[Mapping[str, Any]]) -> LayeredNetwork:
    """The inverse of :func:`stored`; KeyError if something is missing."""
    return LayeredNetwork(tuple(_layer(arrays, f"layer{n}.", kind) for n, kind in enumerate(kinds)))


def _parts(layer: Layer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    if isinstance(layer, Affine):
        bias = {} if layer.bias is None else {"bias": layer.bias}
        return {"weight": layer.weight, **bias}, {"kind": "affine", "trained": layer.trained, "bias": bool(bias)}
    if isinstance(layer, Activation):
        return {}, {"kind": "activation", "name": layer.name}
    if isinstance(layer, Spline):
        basis = layer.basis
        assert isinstance(basis, Basis | PowerRelu)
        return {"knots": basis.knots, "weight": layer.weight}, {"kind": EDGES[type(basis)], "degree": basis.degree}
    assert isinstance(layer, FreeSpline)
    kind = {"kind": "free_spline", "degree": layer.degree, "ends": list(layer.ends)}
    return {"shares": layer.shares, "weight": layer.weight}, kind


def _layer(arrays: Mapping[str, Array], prefix: str, kind: Mapping[str, Any]) -> Layer:
    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(np.array(arrays[prefix + name]))

    if kind["kind"] == "affine":
        return Affine(tensor("weight"), tensor("bias") if kind["bias"] else None, bool(kind["trained"]))
    if kind["kind"] == "activation":
        return Activation(str(kind["name"]))
    for basis, name in EDGES.items():
        if kind["kind"] == name:
            return Spline(basis(tensor("knots"), int(kind["degree"])), tensor("weight"))
    low, high = kind["ends"]
    return FreeSpline(int(kind["degree"]), (float(low), float(high)), tensor("shares"), tensor("weight"))
