"""Sums of derivatives at the points of a grid by sum factorisation, and back: what weighs alike is added up early.

Of u_t - nu (u_xx + u_yy) + r(x, y, t) u all but the last weigh the same everywhere. So two functions are carried to the
points, in place of four, and two back: what a sum shares up to a coordinate is added before it is taken to the points
of that one, where there are fewer numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from pinnkan.kan.table import Table

#: A function, and the orders of a derivative of it in each coordinate: an unknown, and its orders in the coordinates
#: that it is taken to their points of before.
Function = tuple[int, tuple[int, ...]]
Derivative = tuple[Function, tuple[int, ...]]
#: Factors of derivatives.
Sum = Mapping[Derivative, float]
#: The same, as a name: what is first has factor one.
_Named = tuple[tuple[Derivative, float], ...]
#: What is made along a coordinate: of each sum a factor, an order and the number of a sum before, for each part.
_Stage = list[list[tuple[float, int, int]]]


@dataclass(frozen=True, eq=False)
class Combined:
    """Several ``sums`` of derivatives of the same functions on a product of coordinates."""

    sums: tuple[Sum, ...]

    @cached_property
    def _plan(self) -> tuple[list[list[tuple[Function, float]]], list[_Stage]]:
        """Sums of functions to begin with, and the stages after them, from the first coordinate to the last.

        Made from the last to the first: sums that are the same but for a factor are one.
        """
        named = [tuple(s.items()) for s in self.sums]
        stages: list[_Stage] = []
        for _ in range(len(named[0][0][0][1])):
            before: dict[_Named, int] = {}
            stage: _Stage = []
            for own in named:
                of_order: dict[int, dict[Derivative, float]] = {}
                for (function, orders), factor in own:
                    of_order.setdefault(orders[-1], {})[function, orders[:-1]] = factor
                stage.append([_part(order, some, before) for order, some in of_order.items()])
            stages.append(stage)
            named = list(before)
        return [[(function, factor) for (function, _), factor in own] for own in named], stages[::-1]

    def there(self, tables: Sequence[Table], functions: Mapping[Function, torch.Tensor]) -> list[torch.Tensor]:
        """The sums on the grid, of coefficients (coefficient, .., rest): (rest, interval, point, ..) each."""
        begun, stages = self._plan
        found = [_added([(factor, functions[f]) for f, factor in own]) for own in begun]
        for t, stage in zip(tables, stages, strict=True):
            shape = (*t.nodes.shape, *found[0].shape[1:])
            local = [t.local(x.reshape(t.count, -1)) for x in found]
            made = (_product([(_times(t.values[o], f), local[n]) for f, o, n in parts]) for parts in stage)
            found = [x.reshape(shape).movedim((0, 1), (-2, -1)) for x in made]
        return found

    def back(self, tables: Sequence[Table], images: Sequence[torch.Tensor]) -> dict[Function, torch.Tensor]:
        """The transpose: (rest, interval, point, ..) of each sum to (coefficient, .., rest) of each function.

        The last coordinate first, whose intervals and points come first in memory.
        """
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
        out: dict[Function, torch.Tensor] = {}
        for own, x in zip(begun, left, strict=True):
            for function, factor in own:
                out[function] = out[function].add(x, alpha=factor) if function in out else _times(x, factor)
        return out


def _part(order: int, some: Sum, before: dict[_Named, int]) -> tuple[float, int, int]:
    """What of a sum has an ``order`` along a coordinate: its factor, and its number among those ``before``."""
    terms = sorted(some.items())
    factor = terms[0][1]
    name = tuple((derivative, f / factor) for derivative, f in terms)
    return factor, order, before.setdefault(name, len(before))


def _times(values: torch.Tensor, factor: float) -> torch.Tensor:
    return values if factor == 1.0 else factor * values


def _added(parts: Sequence[tuple[float, torch.Tensor]]) -> torch.Tensor:
    (factor, first), *others = parts
    total = _times(first, factor)
    for f, x in others:
        total = total.add(x, alpha=f)
    return total


def _product(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """The sum of batched products."""
    (left, right), *others = pairs
    total = torch.bmm(left, right)
    for a, b in others:
        total.baddbmm_(a, b)
    return total
