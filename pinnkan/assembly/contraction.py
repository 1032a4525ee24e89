"""One coordinate of J^T J: products of two functions, summed over its points and over shared intervals."""

import torch

from pinnkan.assembly.device import batch_size
from pinnkan.kan.table import FunctionPairs, Table

#: Products in memory at once, 8 MB. Without a limit rows of coarse functions on 640 x 640 fine intervals take 126 MB.
BATCH_PRODUCTS = 2**20
#: The orders of two derivatives in the coordinates that remain.
Orders = tuple[tuple[int, ...], tuple[int, ...]]


def contract_coordinate(
    table: Table, parts: dict[Orders, torch.Tensor], pairs: FunctionPairs
) -> dict[Orders, torch.Tensor]:
    """Contract the points and intervals of one coordinate.

    ``parts``, by the orders of both factors in the remaining coordinates: (pairs done, interval, point, ..) to (pairs
    of this coordinate * pairs done, ..). A part shared by two pairs of orders is multiplied once, by their sum.
    """
    left, right = (table.values[..., k] for k in pairs.local_functions)
    groups: dict[Orders, list[tuple[tuple[int, int], torch.Tensor]]] = {}
    for (order, other), part in parts.items():
        groups.setdefault((order[1:], other[1:]), []).append(((order[0], other[0]), part))
    out = {}
    for key, everyone in groups.items():
        members = [(ab, p) for n, (ab, p) in enumerate(everyone) if not any(p is q for _, q in everyone[:n])]
        shape = members[0][1].shape
        count, points = shape[1:3]
        factors, place = (
            left.new_empty((count, len(members) * points, left.shape[-1])),
            pairs.pair_index.reshape(count, -1),
        )
        for n, (_, part) in enumerate(members):
            factor = factors[:, n * points : (n + 1) * points]
            (a, b), *both = [ab for ab, p in everyone if p is part]
            torch.mul(left[a], right[b], out=factor)
            for a, b in both:
                factor.addcmul_(left[a], right[b])
        values = torch.cat([p.movedim(0, 2).reshape(count, points, -1) for _, p in members], 1)
        summed = values.new_zeros((len(pairs.row), values.shape[2]))
        few = max(1, batch_size(BATCH_PRODUCTS, values.device) // (factors.shape[2] * values.shape[2]))
        for start in range(0, count, few):
            some = slice(start, start + few)
            local = torch.bmm(factors[some].transpose(1, 2), values[some]).flatten(0, 1)
            summed.index_add_(0, place[some].reshape(-1), local)
        out[key] = summed.reshape(len(pairs.row) * shape[0], *shape[3:])
    return out
