"""Banded and dense normal equations against numpy's least squares on the full Jacobian."""

import numpy as np
import pytest
import torch

from pinnkan.assembly import clock as module
from pinnkan.assembly.cell_rows import CellRows
from pinnkan.assembly.clock import Clock, OutOfTimeError
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear import normal_equations
from pinnkan.solver.linear.normal_equations import DEFAULT_ACCURACY, NormalEquations
from pinnkan.solver.linear.solver import NotFiniteError

CPU = torch.device("cpu")


def axis(intervals, degree, periodic=False):
    return Axis(np.linspace(0.0, 1.0, intervals + 1), degree, periodic)


SPACES = {
    "banded": Space((axis(20, 2), axis(2, 2))),
    "dense": Space((axis(2, 3), axis(2, 3))),
    "periodic": Space((axis(30, 2, True),)),
    "periodic banded plane": Space((axis(2, 1), axis(24, 2, True))),
    "periodic folded": Space((axis(3, 4, True), axis(2, 2))),
    "two unknowns": Space((axis(12, 2),), 2),
}


def cells(space, rows, seed=0, sides=2):
    """Random rows on every cell of a space, with the columns that live there."""
    index = np.zeros((1, 1), dtype=np.int64)
    for a, size in zip(space.axes, [*space.shape[1:-1], 1], strict=True):
        local = a.coefficient_index(np.arange(a.intervals)[:, None] + np.arange(a.degree + 1))
        index = index[:, None, :, None] + local[None, :, None, :]
        index = index.reshape(index.shape[0] * index.shape[1], -1) * size
    index = np.concatenate([index * space.unknowns + u for u in range(space.unknowns)], 1)
    rng = np.random.default_rng(seed)
    jacobian = rng.standard_normal((len(index), rows, index.shape[1]))
    residual = rng.standard_normal((len(index), rows, sides))
    return CellRows(torch.from_numpy(jacobian), torch.from_numpy(residual), torch.from_numpy(index))


def full(rows, size):
    out = torch.zeros((*rows.jacobian.shape[:2], size), dtype=torch.float64)
    out.scatter_add_(2, rows.index.unsqueeze(1).expand(rows.jacobian.shape), rows.jacobian)
    return out.reshape(-1, size).numpy()


def difference(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize("many", [1, 1000])
@pytest.mark.parametrize("some_fixed", [False, True])
@pytest.mark.parametrize("name", SPACES)
def test_the_solution_is_numpys_least_squares_solution(name, some_fixed, many, monkeypatch):
    """Also where a full matrix is put together at once, as for many coefficients."""
    monkeypatch.setattr(normal_equations, "MIN_FULL_SIZE", many)
    space = SPACES[name]
    fixed = np.zeros(space.shape, dtype=bool)
    if some_fixed:
        fixed[0], fixed[..., -1, :] = True, True
    rows = [cells(space, 40), cells(space, 3, 1)]
    ordering = order_coefficients(space, fixed, CPU)
    equations = NormalEquations(rows, ordering)
    jacobian = np.concatenate([full(r, space.size) for r in rows])
    residual = np.concatenate([r.residual.reshape(-1, 2).numpy() for r in rows])
    free = np.flatnonzero(~fixed.ravel())
    theirs = np.linalg.lstsq(jacobian[:, free], -residual, rcond=None)[0]
    ours = np.empty((space.size, 2))
    ours[ordering.free] = equations.solve([r.residual for r in rows])
    assert sorted(ordering.free.tolist()) == list(free)
    # Random rows have condition numbers below 100: the solution keeps 13 digits.
    assert difference(ours[free], theirs) < 1e-12
    wrong = np.linalg.lstsq(jacobian[:, free] * (1 + 1e-9), -residual, rcond=None)[0]
    assert difference(ours[free], wrong) > 1e-12
    assert equations.shift == 0.0


@pytest.mark.parametrize("copied", [3, 256])
def test_a_full_matrix_that_rounding_has_made_indefinite_is_shifted(copied, monkeypatch):
    """The half that a factor has been put into before it failed is made again from the other one."""
    monkeypatch.setattr(normal_equations, "MIN_FULL_SIZE", 1)
    monkeypatch.setattr(normal_equations, "COPIED_ROWS", copied)
    space = SPACES["dense"]
    rows = cells(space, 1)
    free = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    equations = NormalEquations([rows], free)
    jacobian = full(rows, space.size)[:, free.free] / equations.column_norms
    factor = np.tril(equations._factor)
    assert equations.shift > 0.0
    assert difference(factor @ factor.T, jacobian.T @ jacobian + equations.shift * np.eye(space.size)) < 1e-14
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        NormalEquations([CellRows(np.nan * rows.jacobian, rows.residual, rows.index)], free)


def test_long_axes_give_a_band_and_short_ones_a_dense_matrix():
    """Folding keeps neighbours across the seam at most twice as far apart."""
    free = {name: order_coefficients(s, np.zeros(s.shape, dtype=bool), CPU) for name, s in SPACES.items()}
    made = {name: NormalEquations([cells(s, 40)], free[name]) for name, s in SPACES.items()}
    width = {name: equations.bandwidth for name, equations in made.items()}
    assert {name for name, equations in made.items() if equations._dense} == {"dense", "periodic folded"}
    assert width["banded"] == 2 * 4 + 2
    assert width["periodic"] == 4
    assert width["dense"] == 3 * 5 + 3  # a cell has 4 x 4 of the 5 x 5 coefficients


def test_refinement_restores_what_squaring_the_condition_costs():
    """Two nearly parallel columns, condition 1e6: the normal equations alone keep four digits, the solution nine."""
    space = Space((axis(1, 1),))
    rng = np.random.default_rng(0)
    a = rng.standard_normal((50, 1))
    jacobian = np.concatenate([a, a + 1e-6 * rng.standard_normal((50, 1))], 1)
    wanted = rng.random((2, 9))
    residual = -jacobian @ wanted
    rows = CellRows(torch.from_numpy(jacobian[None]), torch.from_numpy(residual[None]), torch.tensor([[0, 1]]))
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    ours = NormalEquations([rows], ordering).solve([rows.residual])[np.argsort(ordering.free.numpy())]
    plain = np.linalg.solve(jacobian.T @ jacobian, -jacobian.T @ residual)
    assert difference(ours, wanted) < 1e-9
    assert difference(plain, wanted) > 1e-7


@pytest.mark.parametrize("damping", [1e-6, 0.5, 1e3])
def test_damping_is_that_multiple_of_the_diagonal(damping):
    """Also after the refinements, which must not work the damping off again."""
    space = SPACES["dense"]
    rows = cells(space, 40)
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    ours = np.empty((space.size, 2))
    ours[ordering.free] = NormalEquations([rows], ordering, damping).solve([rows.residual])
    jacobian, residual = full(rows, space.size), rows.residual.reshape(-1, 2).numpy()
    gram = jacobian.T @ jacobian
    theirs, undamped = (
        -np.linalg.solve(gram + d * np.diag(np.diag(gram)), jacobian.T @ residual) for d in (damping, 0.0)
    )
    assert difference(ours, theirs) < 1e-11
    assert difference(ours, undamped) > 0.1 * min(damping, 1.0)


def test_rows_that_are_not_finite_are_refused():
    space = SPACES["dense"]
    rows = cells(space, 40)
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    rows.jacobian[0, 0, 0] = torch.nan
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        NormalEquations([rows], ordering)


def test_rows_that_do_not_determine_the_coefficients_show_in_the_shift():
    space = SPACES["dense"]
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    assert NormalEquations([cells(space, 1)], ordering).shift > 0.0  # 4 rows for 25 coefficients
    assert NormalEquations([cells(space, 40)], ordering).shift == 0.0


@pytest.mark.parametrize(
    ("spoil", "accuracy", "expected"), [(0.0, DEFAULT_ACCURACY, 1), (1e-4, DEFAULT_ACCURACY, 2), (1e-4, 1e-6, 1)]
)
def test_a_first_refinement_that_changes_nothing_is_the_last(spoil, accuracy, expected, monkeypatch):
    """The factor of another matrix, a ten-thousandth off, needs the second refinement, unless 1e-8 is enough."""
    space = SPACES["periodic"]
    rows = [cells(space, 40)]
    equations = NormalEquations(rows, order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU))
    exact = equations.solve([rows[0].residual])
    solve, calls = equations.backsolve, []
    monkeypatch.setattr(equations, "backsolve", lambda g: calls.append(1) or (1.0 + spoil) * solve(g))
    again = equations.solve([rows[0].residual], accuracy)
    assert len(calls) == 1 + expected
    assert difference(again, exact) < (1e-10 if accuracy == DEFAULT_ACCURACY else 2 * spoil**2)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_rounding_is_what_refinements_that_go_on_shrinking_would_still_add(share, monkeypatch):
    """A factor that leaves this share of every step leaves its cube after two refinements: a geometric series."""
    space = SPACES["periodic"]
    rows = [cells(space, 40, sides=1)]
    equations = NormalEquations(rows, order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU))
    exact = equations.solve([rows[0].residual])
    solve = equations.backsolve
    monkeypatch.setattr(equations, "backsolve", lambda g: (1.0 - share) * solve(g))
    monkeypatch.setattr(equations, "_conjugate_gradients", lambda residuals, step: (step, equations.solution_error))
    missing = np.abs(equations.solve([rows[0].residual]) - exact).max()
    assert missing == pytest.approx(share**3 * np.abs(exact).max(), rel=1e-9)
    assert equations.solution_error == pytest.approx(missing, rel=1e-9)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_where_refinement_is_slow_conjugate_gradients_end_at_the_solution(share, monkeypatch):
    """A factor that is wrong for five coefficients: at most ten eigenvalues away from one.

    The residual stays large, so that its rounding hides the root of UNIT of the solution.
    """
    space = SPACES["periodic"]
    rows = [cells(space, 40)]
    equations = NormalEquations(rows, order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU))
    exact = equations.solve([rows[0].residual])
    solve, stretch = equations.backsolve, np.ones((space.size, 1))
    stretch[:5] = 1.0 - share
    monkeypatch.setattr(equations, "backsolve", lambda g: stretch * solve(stretch * g))
    assert difference(equations.solve([rows[0].residual]), exact) < 1e-7
    monkeypatch.setattr(equations, "_conjugate_gradients", lambda residuals, step: (step, 0.0))
    assert difference(equations.solve([rows[0].residual]), exact) > 1e-3


def test_where_squaring_has_lost_digits_the_factor_is_that_of_the_rows_themselves():
    """Columns that differ by 1e-9: J^T J is singular to rounding, J has seven digits left."""
    space, rng = Space((axis(1, 1),)), np.random.default_rng(0)
    a = rng.standard_normal((50, 1))
    jacobian = np.concatenate([a, a + 1e-9 * rng.standard_normal((50, 1))], 1)
    wanted = rng.random((2, 3))
    residual = -jacobian @ wanted
    rows = CellRows(torch.from_numpy(jacobian[None]), torch.from_numpy(residual[None]), torch.tensor([[0, 1]]))
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    order = np.argsort(ordering.free.numpy())
    equations = NormalEquations([rows], ordering)
    error = difference(equations.solve([rows.residual])[order], wanted)
    assert error < 1e-6
    assert error < equations.solution_error
    plain = np.linalg.lstsq(jacobian.T @ jacobian, -jacobian.T @ residual)[0]
    assert difference(plain, wanted) > 1e-3


@pytest.mark.parametrize("limit", [10.0, 1e4])
def test_a_factor_that_would_end_long_after_the_limit_is_not_begun(limit, monkeypatch):
    """However little was worked out before it: layers took 213 s of 60 inside one factorisation."""
    space = SPACES["banded"]
    ordering = order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU)
    monkeypatch.setattr(module, "UNCHECKED_WORK", 1.0)
    monkeypatch.setattr(module, "multiplications_per_second", lambda: 1e2)  # 88 coefficients, a band of 15: about 200 s
    if limit > 1e3:
        NormalEquations([cells(space, 40)], ordering, clock=Clock(limit))
        return
    with pytest.raises(OutOfTimeError):
        NormalEquations([cells(space, 40)], ordering, clock=Clock(limit))


def test_the_speed_of_the_machine_is_only_measured_where_much_is_to_be_done(monkeypatch):
    monkeypatch.setattr(module, "multiplications_per_second", lambda: 0.0)
    Clock(1.0).check_factor(0.5 * module.UNCHECKED_WORK)
    Clock().check_factor(1e30)
    with pytest.raises(ZeroDivisionError):
        Clock(1.0).check_factor(2.0 * module.UNCHECKED_WORK)
    monkeypatch.undo()
    assert module.multiplications_per_second() > 1e7


@pytest.mark.parametrize("name", ["banded", "dense"])
@pytest.mark.parametrize("by_factor", [False, True])
def test_a_residual_that_is_not_finite_where_its_derivatives_are_is_an_error_of_its_own(name, by_factor):
    """That of log(u) for u < 0: a ValueError of scipy ended the run."""
    space = SPACES[name]
    rows = cells(space, 30)
    rows.residual[0, 0, 0] = float("nan")
    equations = NormalEquations([rows], order_coefficients(space, np.zeros(space.shape, dtype=bool), CPU))
    if by_factor:
        basis, triangle = np.linalg.qr(full(rows, equations.ordering.size))
        equations._factor, equations._dense, equations._orthogonal_basis = triangle.T, True, basis
    with pytest.raises(NotFiniteError, match="not finite"):
        equations.solve([rows.residual])
