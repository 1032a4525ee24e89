"""A network of layers as named arrays and JSON-able data, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pinnkan.kan.field import Array
from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.pointwise import Activation, Affine, Layer
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis


def stored(network: Network) -> tuple[dict[str, Array], list[dict[str, Any]]]:
    """Arrays by name, and what each layer is."""
    arrays: dict[str, Array] = {}
    kinds = []
    for n, layer in enumerate(network.layers):
        tensors, kind = _parts(layer)
        arrays |= {f"layer{n}.{name}": value.cpu().numpy() for name, value in tensors.items()}
        kinds.append(kind)
    return arrays, kinds


def restored(arrays: Mapping[str, Array], kinds: Sequence[Mapping[str, Any]]) -> Network:
    """The inverse of :func:`stored`; KeyError if something is missing."""
    return Network(tuple(_layer(arrays, f"layer{n}.", kind) for n, kind in enumerate(kinds)))


def _parts(layer: Layer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    if isinstance(layer, Affine):
        bias = {} if layer.bias is None else {"bias": layer.bias}
        return {"weight": layer.weight, **bias}, {"kind": "affine", "trained": layer.trained, "bias": bool(bias)}
    if isinstance(layer, Activation):
        return {}, {"kind": "activation", "name": layer.name}
    assert isinstance(layer, Spline)
    assert isinstance(layer.basis, Basis)
    return {"knots": layer.basis.knots, "weight": layer.weight}, {"kind": "spline", "degree": layer.basis.degree}


def _layer(arrays: Mapping[str, Array], prefix: str, kind: Mapping[str, Any]) -> Layer:
    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(np.array(arrays[prefix + name]))

    if kind["kind"] == "affine":
        return Affine(tensor("weight"), tensor("bias") if kind["bias"] else None, bool(kind["trained"]))
    if kind["kind"] == "activation":
        return Activation(str(kind["name"]))
    if kind["kind"] == "spline":
        return Spline(Basis(tensor("knots"), int(kind["degree"])), tensor("weight"))
    raise KeyError(kind["kind"])
