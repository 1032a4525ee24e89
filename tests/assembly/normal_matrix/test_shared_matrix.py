"""J^T J on cells that are spread over processes, against the same in one."""

from math import prod

import numpy as np
import pytest
import sympy
import torch
from patches import CASES, CPU, coefficients, patch
from teams import team_of
from torch.utils.flop_counter import FlopCounterMode

from pinnkan.assembly import shared_rows
from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.normal_matrix import banded_products
from pinnkan.assembly.normal_matrix.grouped_tables import GROUP_INTERVALS
from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.normal_matrix.shared_matrix import SharedMatrix, normal_matrix
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.patch import Patch, RecomputedRows
from pinnkan.assembly.shared_rows import SharedRecomputedRows, SharedRows, equation_patches, split_evenly
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table, point_table
from pinnkan.problem.statement import Equation, Jet


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(shared_rows, "MIN_SHARED_WEIGHTS", 0)


def sides(alone, equation):
    """Rows at points of each coordinate: its ends, and a knot in between."""
    for i, axis in enumerate(alone.space.axes):
        for x in {float(axis.breaks[0]), float(axis.breaks[1]), float(axis.breaks[-1])}:
            held = list(alone.tables)
            held[i] = point_table(axis, x, len(alone.tables[i].values) - 1, CPU)
            yield Patch(equation, alone.space, held, 3.0)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("case", [c for c in CASES if c != "one cell"])
def test_the_product_and_the_diagonal_are_those_of_one_process(case, count):
    """Two equations at the same points, and rows at sides, which one process or each has a part of."""
    alone = patch(case)
    c = coefficients(alone.space)
    some = torch.from_numpy(np.random.default_rng(1).standard_normal((*alone.space.shape, 2)))
    edges = [p.tensor_rows(p.jets(c), []) for p in sides(alone, alone.equation)]
    twice = [patch(case, scale).tensor_rows(alone.jets(c), []) for scale in (1.3, 0.2)]
    theirs = MatrixFree([*twice, *edges])
    with team_of(count):
        ours = equation_patches([alone.equation] * 2, alone.space, alone.tables, [1.3, 0.2])
        matrix = normal_matrix([*(p.rows(c, []) for p in ours), *edges])
        assert isinstance(matrix, SharedMatrix)
        # Sums of a few hundred products in another order.
        assert float((matrix(some) - theirs(some)).abs().max()) < 1e-13 * float(theirs(some).abs().max())
        assert float((matrix.diagonal() - theirs.diagonal()).abs().max()) < 1e-13 * float(theirs.diagonal().max())
        assert torch.equal(matrix(some), matrix(some))


def test_all_parts_go_by_points_where_products_of_banded_matrices_round_too_much(monkeypatch):
    monkeypatch.setattr(banded_products, "MIN_POINTS", 1)
    alone = laplacian((8, 6))
    some = torch.from_numpy(np.random.default_rng(1).standard_normal((*alone.space.shape, 2)))
    theirs = MatrixFree([alone.tensor_rows(alone.jets(coefficients(alone.space)), [])])(some)
    with team_of(2):
        (ours,) = equation_patches([alone.equation], alone.space, alone.tables, [1.0])
        matrix = normal_matrix([ours.rows(coefficients(alone.space), [])])
        banded = matrix(some)
        assert matrix.use_pointwise_products()
        assert not torch.equal(matrix(some), banded)
        assert float((matrix(some) - theirs).abs().max()) < 1e-13 * float(theirs.abs().max())
        assert not matrix.use_pointwise_products()


def test_alone_it_is_that_of_one_process():
    alone = patch("2-D")
    rows = [alone.rows(coefficients(alone.space), [])]
    assert type(normal_matrix(rows)) is MatrixFree
    with team_of(2):
        assert type(normal_matrix(rows)) is MatrixFree


#: What the counter of torch leaves out: products that are added where they are.
IN_PLACE = {torch.ops.aten.baddbmm_: lambda _, left, right, **__: 2 * prod(left) * right[-1]}


def multiplications(counts, points, degree):
    """Twice those of -lap(u) in space, by coordinate: intervals, points of one, from the last coordinate to the first.

    Two orders of the last, three of the last but one, and of the first the sum of what it takes no derivatives of, and
    its own; there and back. Some intervals are taken as one, the last ones filled up.
    """
    sizes, q = [min(GROUP_INTERVALS, n) for n in counts], points
    f, g, h = (degree + size for size in sizes)
    i, j, k = (-(-n // size) * size for n, size in zip(counts, sizes, strict=True))
    a, b = i + degree, j + degree
    return 2 * 2 * q * (2 * h * k * a * b + 3 * g * (q * k) * j * a + 2 * f * (q * k) * (q * j) * i)


@pytest.mark.parametrize(("count", "largest"), [(1, 8), (2, 4), (4, 2)])
def test_a_product_costs_and_sends_what_the_documentation_says(count, largest):
    """Laplace's operator on 8 x 6 x 4 intervals of degree 5: work of the largest part, messages and bytes."""
    alone, degree = laplacian(), 5
    c = coefficients(alone.space)
    with team_of(count) as team:
        patches = equation_patches([alone.equation], alone.space, alone.tables, [1.0]) if count > 1 else [alone]
        matrix = normal_matrix([patches[0].rows(c, [])])
        own = matrix._shared.leader_part if count > 1 else matrix
        here = c[: largest + degree].unsqueeze(-1)
        with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counted:
            own(here)
        assert counted.get_total_flops() == multiplications((largest, 6, 4), 4, degree)
        before, bytes_before = team.traffic.messages, team.traffic.bytes
        matrix(c.unsqueeze(-1))
        layers = sum(r[1] - r[0] + degree for r in split_evenly(8, count)[1:])
        assert team.traffic.messages - before == 2 * 3 * (count - 1)
        heads = 2 * 200 * (count - 1)
        assert 0 <= team.traffic.bytes - bytes_before - 2 * 8 * layers * 11 * 9 <= heads


@pytest.mark.parametrize("count", [2, 3])
def test_rows_that_weigh_with_numbers_are_kept_by_nobody_and_worked_out_by_each(count, monkeypatch):
    """Nothing as long as the points is sent when they are made: coefficients are."""
    monkeypatch.setattr("pinnkan.assembly.patch.MAX_KEPT_CONSTANTS", 0)
    alone = laplacian()
    c, free = coefficients(alone.space), np.random.default_rng(2).random(alone.space.shape) < 0.3
    moves = [coefficients(alone.space, 1), torch.zeros_like(c)]
    ordering = order_coefficients(alone.space, free, CPU)
    step = torch.from_numpy(np.random.default_rng(3).standard_normal((ordering.size, 2)))
    theirs = alone.rows(c, moves)
    assert isinstance(theirs, RecomputedRows)
    with team_of(count) as team:
        shared = equation_patches([alone.equation], alone.space, alone.tables, [1.0])[0]
        before = team.traffic.bytes
        ours = shared.rows(c, moves)
        assert isinstance(ours, SharedRecomputedRows)
        assert team.traffic.bytes - before < 8 * theirs.count
        pairs = [(ours.gradient_after_step(ordering, s), theirs.gradient_after_step(ordering, s)) for s in (None, step)]
        matrix, other = normal_matrix([ours]), MatrixFree([theirs])
        pairs += [(matrix(c.unsqueeze(-1)), other(c.unsqueeze(-1))), (matrix.diagonal(), other.diagonal())]
        v, d = (torch.from_numpy(a).unsqueeze(-1) for a in np.random.default_rng(4).standard_normal((2, *c.shape)))
        bases = [torch.linalg.qr(torch.rand(t.nodes.numel(), 3, dtype=torch.float64)).Q for t in alone.tables]
        looks = [
            (r.image_norm_squared(v), r.residual_product(v, d), *r.project_image(v, bases)) for r in (ours, theirs)
        ]
        pairs += [(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(*looks, strict=True)]
        smooth = [torch.eye(4, dtype=torch.float64)[:n] for n in (1, 2, 3)]
        pairs += [(shared.directional_squares(c, smooth), alone.directional_squares(c, smooth))]
        pairs += [(ours.apply(ordering, step), theirs.apply(ordering, step))]
        pairs += [(ours.transpose(ordering, theirs.residual), theirs.transpose(ordering, theirs.residual))]
        uneven = equation_patches([alone.equation], alone.space, alone.tables, [2.0])[0]
        assert isinstance(uneven.rows(c, moves), SharedRows)
    for own, same in pairs:
        assert float((own - same).abs().max()) < 1e-12 * float(same.abs().max())
        assert float((own - 1.01 * same).abs().max()) > 1e-3 * float(same.abs().max())


def laplacian(counts=(8, 6, 4)):
    coordinates, seconds = (sympy.symbols(f"{name}:{len(counts)}") for name in "xd")
    jets = {
        s: Jet(0, tuple(order)) for s, order in zip(seconds, (2 * np.eye(len(counts), dtype=int)).tolist(), strict=True)
    }
    equation = CompiledEquation(Equation(-sum(seconds), jets, "-lap(u)"), coordinates)
    space = Space(tuple(Axis(np.linspace(0.0, 1.0, n + 1), 5) for n in counts))
    return Patch(equation, space, [gauss_table(a, 4, 2, CPU) for a in space.axes])
