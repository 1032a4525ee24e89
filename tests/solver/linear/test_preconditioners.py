"""The preconditioner of operators that vary: smooth functions are left to the coarse space."""

import torch
from operators import BUMP, CPU, axis, jacobian_of, spread_of, square_model
from small_models import prepared

from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.product import Space
from pinnkan.solver.linear import preconditioners
from pinnkan.solver.linear.row_scaling import OperatorSizes


def varying(count, degree):
    """Rows of a conductivity that varies 19 times, their ordering and the diagonal of J^T J."""
    space = Space((axis(count, degree), axis(count, degree)))
    model = square_model(f"-div((1 + 0.9*sin(4*pi*x)*cos(4*pi*y))*grad(u)) = {BUMP}")
    system, start, fixed = prepared(model, space)
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in system.patches]
    return rows, order_coefficients(space, fixed, CPU), MatrixFree(rows).diagonal()


def test_a_rung_is_left_for_a_factor_that_costs_less_than_the_steps_it_promises():
    """On 24 x 24 intervals of degree 10 there were 240 steps, where a factor is made in the time of ten."""
    promised = {}
    for count in (8, 48, 96):
        *_, rung, factor = preconditioners.preconditioner_options(*varying(count, 10), 0.0)
        assert factor.work > rung.work
        promised[count] = rung.max_steps
    assert promised[8] == preconditioners.LONG_TRIAL[0] <= promised[48] < promised[96] <= preconditioners.LONG_TRIAL[1]


def test_what_coarse_knots_hold_is_told_once(monkeypatch):
    """Rows divided by their size see far too little of smooth functions in a well of the coefficient: 31, not 4."""
    rows, ordering, diagonal = varying(32, 5)
    jacobian = jacobian_of(rows, ordering)
    gram = jacobian.T @ jacobian
    sizes = [OperatorSizes(r) for r in rows]
    told = spread_of(preconditioners._two_level_inverse(sizes, ordering, diagonal, 0.0), gram)
    monkeypatch.setattr(preconditioners, "coarse_mean_square", lambda *_: 0.0)
    untold = spread_of(preconditioners._two_level_inverse(sizes, ordering, diagonal, 0.0), gram)
    assert told < 6.0 < 20.0 < untold
