"""A sum of blocks as the field that the rest of the program sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.blocks import BlockSum, Edge
from pinnkan.kan.field import Array, Field


@dataclass(frozen=True, eq=False)
class BlockField(Field):
    """A sum of blocks with its ``coefficients`` (product, unknown)."""

    space: BlockSum
    coefficients: Array

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives (point, unknown, order)."""
        return self.space.evaluate(self.coefficients, np.asarray(points, dtype=np.float64), orders)

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        """One derivative on the tensor grid of ``axes``, unknown last."""
        return self.space.evaluate_grid(self.coefficients, axes, order)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Knots of a coordinate; there are no slabs, so ``time`` makes no difference."""
        return self.space.edges[axis].axis.breaks

    def tensors(self) -> tuple[dict[str, Array], dict[str, object]]:
        """Arrays and JSON-able data from which :meth:`restore` makes the same field."""
        arrays = {"coefficients": self.coefficients}
        for i, edge in enumerate(self.space.edges):
            arrays[f"breaks.{i}"] = edge.axis.breaks
            arrays[f"transform.{i}"] = edge.transform
        edges = self.space.edges
        meta: dict[str, object] = {
            "kind": "blocks",
            "groups": [list(g) for g in self.space.groups],
            "ends": [list(e.ends) for e in edges],
            "degrees": [e.axis.degree for e in edges],
            "periodic": [e.axis.periodic for e in edges],
        }
        return arrays, meta

    @classmethod
    def restore(cls, tensors: dict[str, Array], meta: dict[str, object]) -> BlockField:
        """The inverse of :meth:`tensors`; KeyError if something is missing."""
        data = cast(dict[str, Any], meta)
        edges = []
        for i, (degree, periodic) in enumerate(zip(data["degrees"], data["periodic"], strict=True)):
            axis = Axis(tensors[f"breaks.{i}"], int(degree), bool(periodic))
            edges.append(Edge(axis, tensors[f"transform.{i}"], tuple(data["ends"][i])))
        coefficients = tensors["coefficients"]
        space = BlockSum(tuple(edges), tuple(tuple(g) for g in data["groups"]), coefficients.shape[1])
        return cls(space, coefficients)
