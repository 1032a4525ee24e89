"""Least-squares problems of several kinds, with their full matrices, that tests of linear solvers share."""

import numpy as np
import torch
from small_models import SQUARE, model_of, prepared

from pinnkan.assembly.ordering import order_coefficients
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import gauss_table
from pinnkan.problem.statement import Jet

CPU = torch.device("cpu")


def axis(intervals, degree, periodic=False, end=1.0):
    return Axis(np.linspace(0.0, end, intervals + 1), degree, periodic)


def square_model(equation, top="u = 0"):
    equation = equation.replace("BUMP", BUMP)
    return model_of(SQUARE.format(equation=equation, height=1) + f"  - where: top\n    equation: {top}\n")


PLANE = Space((axis(14, 5), axis(9, 5)))
#: A source that no corner contradicts: rows weigh the same everywhere.
BUMP = "(x*(1 - x)*y*(1 - y))"
EQUATIONS = {
    "constant": ("lap(u) + 30*u = exp(x)*BUMP", "u = 0"),
    "varying": ("-div((1 + 0.8*sin(4*x)*cos(5*y))*grad(u)) = BUMP", "u = 0"),
    "rows on a side": ("lap(u) = x*BUMP", "u_y + 2*u = x*(1 - x)"),
    "advection": ("lap(u) - 40*u_x + 10*y*u_y = BUMP", "u = 0"),
}


def operator(name, space=PLANE):
    """Rows, ordering of the free coefficients."""
    if name == "two unknowns":
        return pair()
    system, start, fixed = prepared(square_model(*EQUATIONS[name]), space)
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in system.patches]
    return rows, order_coefficients(space, fixed, CPU)


def pair():
    """Schroedinger's equation in time, real and imaginary part: u_t + v_xx + (1 + cos(2 pi x)/5) v, v_t - u_xx - u."""
    space = Space((axis(16, 5, True), axis(1, 5, end=0.1)), 2)
    tables = gauss_table(space.axes[0], 4, 2, CPU), gauss_table(space.axes[1], 6, 1, CPU)
    root = np.sqrt(np.multiply.outer(tables[0].weights.numpy(), tables[1].weights.numpy()))
    well = 1 + 0.2 * np.cos(2 * np.pi * tables[0].nodes.numpy())[:, :, None, None]
    terms = [
        {Jet(0, (0, 1)): 1.0, Jet(1, (2, 0)): 1.0, Jet(1, (0, 0)): well},
        {Jet(1, (0, 1)): 1.0, Jet(0, (2, 0)): -1.0, Jet(0, (0, 0)): -1.0},
    ]
    rng, rows = np.random.default_rng(0), []
    for term in terms:
        weights = torch.from_numpy(np.stack([root * w for w in term.values()], -1))
        rows.append(TensorRows(space, tables, tuple(term), weights, torch.from_numpy(rng.random((*root.shape, 1)))))
    fixed = np.zeros(space.shape, dtype=bool)
    fixed[:, 0] = True
    return rows, order_coefficients(space, fixed, CPU)


NAMES = (*EQUATIONS, "two unknowns")


def jacobian_of(rows, ordering):
    """All rows, (row, free coefficient)."""
    unit = torch.eye(ordering.size, dtype=torch.float64)
    return torch.cat([r.apply(ordering, unit).reshape(-1, ordering.size) for r in rows])


def spread_of(inverse, matrix):
    """Ratio of the largest and the smallest eigenvalue of a symmetric approximate inverse times a matrix."""
    root = torch.linalg.cholesky(matrix)
    made = root.T @ inverse(torch.eye(len(matrix), dtype=torch.float64)) @ root
    assert float((made - made.T).abs().max() / made.abs().max()) < 1e-6
    values = torch.linalg.eigvalsh(0.5 * (made + made.T))
    return float(values[-1] / values[0])
