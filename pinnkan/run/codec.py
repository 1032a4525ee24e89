"""A field or a solver's state as plain JSON and named arrays, and back: a walk over the dataclasses it is made of.

Only the classes listed here are ever built, by their constructors: a stored state cannot run code.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch

from pinnkan.kan.axis import Axis
from pinnkan.kan.blocks import BlockField, BlockSum, Edge
from pinnkan.kan.coordinates.warped import Coordinates, FittedField, FittedPiece
from pinnkan.kan.field import Array
from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.pointwise import Activation, Affine
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.permuted_field import PermutedField
from pinnkan.kan.product import ProductField, Space
from pinnkan.kan.separable import Separable
from pinnkan.kan.spline import Basis
from pinnkan.run.earlier_names import present_names
from pinnkan.solver.error_growth import LocalTolerance
from pinnkan.solver.families.blocks.levels import BlocksState
from pinnkan.solver.families.deep.composition import CompositionState
from pinnkan.solver.families.deep.state import DeepState, MinimisationRestart, MinimisationResult, SlabTraining
from pinnkan.solver.families.fitted.levels import FittedState
from pinnkan.solver.families.fitted.slabs import FittedAim
from pinnkan.solver.families.product.levels import ProductState
from pinnkan.solver.families.product.refinement_choice import MarkedPiece
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.families.product.step_control import Aim
from pinnkan.solver.families.separable.state import SeparableState
from pinnkan.solver.families.shapes.levels import ShapeState
from pinnkan.solver.families.shapes.slabs import ShapeAim
from pinnkan.solver.slab_history import SlabHistory
from pinnkan.solver.slab_loop_state import MarchState
from pinnkan.solver.solver_state import BestLevel, LevelsState, NewtonState, Step
from pinnkan.verdict.records import Iteration, Level

_CLASSES: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (
        Activation, Affine, Aim, Axis, Basis, BestLevel, BlockField, BlocksState, BlockSum, CompositionState,
        Coordinates, DeepField, DeepState, Edge, FittedAim, FittedField, FittedPiece, FittedState, Inputs,
        Iteration, Level, LevelsState, LocalTolerance, MarchState, MarkedPiece, MinimisationRestart,
        MinimisationResult, Network, NewtonState, Piece, ProductField, ProductState, Separable, SeparableState,
        ShapeAim, ShapeState, SlabHistory, SlabStart, SlabTraining, Space, Spline, Step, PermutedField,
    )
}  # fmt: skip


def encode(value: Any, store: Callable[[Array], str]) -> Any:
    """``value`` as JSON; each array goes to ``store``, which names it.

    Numbers, texts and None stand for themselves, everything else is a list that begins with its kind.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, torch.Tensor):
        return ["tensor", store(value.detach().cpu().numpy())]
    if isinstance(value, np.ndarray):
        return ["array", store(value)]
    if isinstance(value, tuple):
        return ["tuple", *(encode(item, store) for item in value)]
    if is_dataclass(value) and type(value).__name__ in _CLASSES:
        stored = [f.name for f in fields(value) if f.init and f.metadata.get("stored", True)]
        parts = {name: encode(getattr(value, name), store) for name in stored}
        return [type(value).__name__, parts]
    raise TypeError(f"{type(value).__name__} cannot be part of a stored state")


def decode(data: Any, load: Callable[[str], Array], device: str = "cpu") -> Any:
    """The inverse of :func:`encode`; raises KeyError, TypeError or ValueError for what it never wrote."""
    if not isinstance(data, list):
        return data
    kind, *rest = data
    if kind == "tuple":
        return tuple(decode(item, load, device) for item in rest)
    (content,) = rest
    if kind == "array":
        return load(content)
    if kind == "tensor":
        return torch.from_numpy(load(content)).to(device)
    name, parts = present_names(kind, content)
    return _CLASSES[name](**{field: decode(part, load, device) for field, part in parts.items()})
