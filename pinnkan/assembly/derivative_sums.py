"""Sums of derivatives on a grid by sum factorisation, and the transpose; terms are added as early as possible.

All terms but the last of u_t - nu (u_xx + u_yy) + r(x, y, t) u have constant weights, so two functions are taken to the
points instead of four. Terms that agree up to one coordinate are added before that one is contracted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from pinnkan.kan.table import Table

#: A function: an unknown, and its derivative orders in coordinates contracted before.
FunctionKey = tuple[int, tuple[int, ...]]
DerivativeKey = tuple[FunctionKey, tuple[int, ...]]
#: Factors of derivatives.
DerivativeFactors = Mapping[DerivativeKey, float]
#: A sum as a hashable key, normalised so that its first factor is one.
_SumKey = tuple[tuple[DerivativeKey, float], ...]
#: The work in one coordinate: for each sum its parts, as factor, order and the number of an earlier sum.
_Stage = list[list[tuple[float, int, int]]]


@dataclass(frozen=True, eq=False)
class DerivativeSums:
    """Several ``sums`` of derivatives of the same functions on a product of coordinates."""

    sums: tuple[DerivativeFactors, ...]

    @cached_property
    def _plan(self) -> tuple[list[list[tuple[FunctionKey, float]]], list[_Stage]]:
        """The sums of functions to start with, and the stages from the first coordinate to the last.

        Built from the last coordinate to the first; sums that differ by a factor only are merged.
        """
        named = [tuple(s.items()) for s in self.sums]
        stages: list[_Stage] = []
        for _ in range(len(named[0][0][0][1])):
            before: dict[_SumKey, int] = {}
            stage: _Stage = []
            for own in named:
                of_order: dict[int, dict[DerivativeKey, float]] = {}
                for (function, orders), factor in own:
                    of_order.setdefault(orders[-1], {})[function, orders[:-1]] = factor
                stage.append([_part(order, some, before) for order, some in of_order.items()])
            stages.append(stage)
            named = list(before)
        return [[(function, factor) for (function, _), factor in own] for own in named], stages[::-1]

    def evaluate(self, tables: Sequence[Table], functions: Mapping[FunctionKey, torch.Tensor]) -> list[torch.Tensor]:
        """Evaluate each sum on the grid: coefficients (coefficient, .., rest) to (rest, interval, point, ..)."""
        begun, stages = self._plan
        found = [_added([(factor, functions[f]) for f, factor in own]) for own in begun]
        for t, stage in zip(tables, stages, strict=True):
            shape = (*t.nodes.shape, *found[0].shape[1:])
            local = [t.gather_local(x.reshape(t.count, -1)) for x in found]
            made = (_product([(_times(t.values[o], f), local[n]) for f, o, n in parts]) for parts in stage)
            found = [x.reshape(shape).movedim((0, 1), (-2, -1)) for x in made]
        return found

    def transpose(self, tables: Sequence[Table], images: Sequence[torch.Tensor]) -> dict[FunctionKey, torch.Tensor]:
        """The transpose: (rest, interval, point, ..) for each sum to (coefficient, .., rest) for each function."""
        begun, stages = self._plan
        left = list(images)
        for t, stage in zip(reversed(tables), reversed(stages), strict=True):
            shape = left[0].shape[:-2]
            values = [x.movedim((-2, -1), (0, 1)).reshape(*t.nodes.shape, -1) for x in left]
            sums: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {}
            for x, parts in zip(values, stage, strict=True):
                for factor, order, number in parts:
                    matrix = _times(t.values[order], factor).transpose(1, 2).contiguous()
                    sums.setdefault(number, []).append((matrix, x))
            left = []
            for number in sorted(sums):
                local = _product(sums[number])
                whole = local.new_zeros((t.count, local.shape[2]))
                left.append(whole.index_add_(0, t.index.reshape(-1), local.flatten(0, 1)).reshape(t.count, *shape))
        out: dict[FunctionKey, torch.Tensor] = {}
        for own, x in zip(begun, left, strict=True):
            for function, factor in own:
                out[function] = out[function].add(x, alpha=factor) if function in out else _times(x, factor)
        return out


def _part(order: int, terms_of_order: DerivativeFactors, earlier_sums: dict[_SumKey, int]) -> tuple[float, int, int]:
    """The factor and number of the part ``terms_of_order`` of a sum, registered in ``earlier_sums``."""
    terms = sorted(terms_of_order.items())
    factor = terms[0][1]
    name = tuple((derivative, f / factor) for derivative, f in terms)
    return factor, order, earlier_sums.setdefault(name, len(earlier_sums))


def _times(values: torch.Tensor, factor: float) -> torch.Tensor:
    return values if factor == 1.0 else factor * values


def _added(parts: Sequence[tuple[float, torch.Tensor]]) -> torch.Tensor:
    (factor, first), *others = parts
    total = _times(first, factor)
    for f, x in others:
        total = total.add(x, alpha=f)
    return total


def _product(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """The sum of batched matrix products."""
    (left, right), *others = pairs
    total = torch.bmm(left, right)
    for a, b in others:
        total.baddbmm_(a, b)
    return total
