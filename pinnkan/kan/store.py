"""A field from its stored arrays."""

from __future__ import annotations

from pinnkan.errors import RunFolderError
from pinnkan.kan.coordinates.warped_field import FittedField
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product_field import ProductField


def restore_field(tensors: dict[str, Array], meta: dict[str, object]) -> Field:
    """The inverse of ``Field.tensors``.

    Raises:
        RunFolderError: the kind of network is unknown to this version, or an array is missing.
    """
    try:
        if meta.get("kind") == "product":
            return ProductField.restore(tensors, meta)
        if meta.get("kind") == "inner":
            return FittedField.restore(tensors, meta)
        if meta.get("kind") == "blocks":
            from pinnkan.kan.block_field import BlockField

            return BlockField.restore(tensors, meta)
        if meta.get("kind") == "separable":
            from pinnkan.kan.separable import Separable

            return Separable.restore(tensors, meta)
        if meta.get("kind") == "deep":
            from pinnkan.kan.layers.deep_field import DeepField

            return DeepField.restore(tensors, meta)
    except (KeyError, AssertionError) as missing:
        raise RunFolderError(f"the stored field is incomplete, or of another version: {missing}") from missing
    raise RunFolderError(f"the stored field is of unknown kind {meta.get('kind')!r}")
