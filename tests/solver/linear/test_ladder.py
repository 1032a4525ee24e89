"""The preconditioner of operators that vary: smooth functions are left to the coarse space."""

import torch
from operators import BUMP, CPU, axis, jacobian_of, spread_of, square_model
from small_models import prepared

from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.product import Space
from pinnkan.solver.linear import ladder
from pinnkan.solver.linear.scaling import OperatorSizes


def test_what_coarse_knots_hold_is_told_once(monkeypatch):
    """Rows divided by their size see far too little of smooth functions in a well of the coefficient: 31, not 4."""
    space = Space((axis(32, 5), axis(32, 5)))
    model = square_model(f"-div((1 + 0.9*sin(4*pi*x)*cos(4*pi*y))*grad(u)) = {BUMP}")
    system, start, fixed = prepared(model, space)
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in system.patches]
    ordering, diagonal = order_coefficients(space, fixed, CPU), MatrixFree(rows).diagonal()
    jacobian = jacobian_of(rows, ordering)
    gram = jacobian.T @ jacobian
    sizes = [OperatorSizes(r) for r in rows]
    told = spread_of(ladder._varying(sizes, ordering, diagonal, 0.0), gram)
    monkeypatch.setattr(ladder, "square_on", lambda *_: 0.0)
    untold = spread_of(ladder._varying(sizes, ordering, diagonal, 0.0), gram)
    assert told < 6.0 < 20.0 < untold
