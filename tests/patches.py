"""Equations on small patches that tests of rows share."""

import numpy as np
import sympy
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.patch import Patch
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table
from pinnkan.problem.statement import Equation, Jet

CPU = torch.device("cpu")
X, Y = sympy.symbols("x y")
U, U_X, U_XX, U_Y, U_XY, V, V_Y = sympy.symbols("u u_x u_xx u_y u_xy v v_y")
LINE = {U: Jet(0, (0,)), U_X: Jet(0, (1,)), U_XX: Jet(0, (2,))}
PLANE = {U: Jet(0, (0, 0)), U_X: Jet(0, (1, 0)), U_XX: Jet(0, (2, 0)), U_Y: Jet(0, (0, 1)), U_XY: Jet(0, (1, 1))}
PAIR = {U: Jet(0, (0, 0)), U_XX: Jet(0, (2, 0)), V: Jet(1, (0, 0)), V_Y: Jet(1, (0, 1))}
ON_LINE = U_XX * U**2 + sympy.exp(X) * U_X**3 - sympy.sin(U) + X
ON_PLANE = U_XX * (1 + U**2) + U * U_X + sympy.cos(X * Y) * U_Y**2 + U_XY * U_Y - sympy.exp(U)
ALIKE = U_XX - 0.5 * U_XY + 0.25 * U_Y + sympy.sin(U) * X
OF_PAIR = U * V + V_Y**2 * U_XX + X

EVEN, UNEVEN, ONE = np.linspace(0.0, 1.0, 4), np.array([0.0, 0.2, 0.7, 1.0]), np.array([0.0, 1.0])
CASES = {
    "1-D": (ON_LINE, LINE, (X,), Space((Axis(UNEVEN, 5),))),
    "1-D periodic, folded": (ON_LINE, LINE, (X,), Space((Axis(UNEVEN, 6, True),))),
    "2-D": (ON_PLANE, PLANE, (X, Y), Space((Axis(UNEVEN, 4), Axis(EVEN, 3)))),
    "2-D periodic, folded": (ON_PLANE, PLANE, (X, Y), Space((Axis(EVEN, 5, True), Axis(UNEVEN, 3)))),
    "slab": (ON_PLANE, PLANE, (X, Y), Space((Axis(UNEVEN, 4), Axis(ONE, 3)))),
    "slab, its time first": (ON_PLANE, PLANE, (X, Y), Space((Axis(ONE, 4), Axis(UNEVEN, 3)))),
    "much weighs alike": (ALIKE, PLANE, (X, Y), Space((Axis(UNEVEN, 4), Axis(EVEN, 3)))),
    "much weighs alike in a slab": (ALIKE, PLANE, (X, Y), Space((Axis(UNEVEN, 4), Axis(ONE, 3)))),
    "two unknowns weigh alike": (U_XX - 2 * V_Y + V**3, PAIR, (X, Y), Space((Axis(EVEN, 4), Axis(UNEVEN, 3)), 2)),
    "one cell": (ON_PLANE, PLANE, (X, Y), Space((Axis(ONE, 4), Axis(ONE, 3)))),
    "two unknowns": (OF_PAIR, PAIR, (X, Y), Space((Axis(EVEN, 4), Axis(UNEVEN, 3)), 2)),
}


def patch(case, scale=1.3):
    residual, jets, coordinates, space = CASES[case]
    used = {s: j for s, j in jets.items() if s in residual.free_symbols}
    equation = CompiledEquation(Equation(residual, used, str(residual)), coordinates)
    order = [max(j.order[i] for j in used.values()) for i in range(len(coordinates))]
    tables = [gauss_table(a, 4, k, CPU) for a, k in zip(space.axes, order, strict=True)]
    return Patch(equation, space, tables, scale)


def coefficients(space, seed=0):
    return torch.from_numpy(0.5 * np.random.default_rng(seed).standard_normal(space.shape))


def jacobian_of(rows):
    """The Jacobian of all rows, (row, coefficient), column by column."""
    ordering = order_coefficients(rows.space, np.zeros(rows.space.shape, dtype=bool), CPU)
    columns = rows.apply(ordering, torch.eye(ordering.size, dtype=torch.float64))
    return columns.reshape(-1, ordering.size)[:, ordering.position]
