"""Conjugate gradients against scipy's least squares on the full Jacobian."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
import torch
from operators import NAMES, jacobian_of, operator

from pinnkan.assembly.clock import Clock, OutOfTimeError
from pinnkan.errors import SolverError
from pinnkan.solver.linear import conjugate_gradients, preconditioners
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.predicted_work import factor_work, free_factor_work

#: Relative error of a coefficient: 1e-13 was aimed at, times what the condition of J makes of it.
ERROR = 1e-8


def sides_of(rows):
    """Rows with two right-hand sides, the second one random."""
    rng = np.random.default_rng(0)
    return [torch.cat([r.residual, torch.from_numpy(rng.standard_normal(r.residual.shape))], -1) for r in rows]


def difference(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def norm(solver, free):
    """The L2 norm of a function of free coefficients, by quadrature."""
    return solver.function_size(
        solver.ordering.extend_by_zeros(torch.from_numpy(free)).reshape(solver._space.shape).numpy()
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_is_scipys_least_squares_solution(name):
    rows, ordering = operator(name)
    sides = sides_of(rows)
    solver = ConjugateGradients(rows, ordering)
    ours = solver.solve(sides)
    jacobian = jacobian_of(rows, ordering).numpy()
    right = np.concatenate([s.reshape(-1, 2).numpy() for s in sides])
    theirs = scipy.linalg.lstsq(jacobian, -right)[0]
    assert difference(ours, theirs) < ERROR
    assert difference(ours, scipy.linalg.lstsq(jacobian[1:], -right[1:])[0]) > ERROR
    assert 0 < solver.iterations < 250
    # a direct factor has the same rows behind the same interface
    factor = NormalEquations(rows, ordering)
    assert difference(ours, factor.solve(sides)) < ERROR
    gradient = solver.gradient(sides)
    assert difference(gradient, factor.gradient(sides)) == 0.0
    assert difference(solver.backsolve(gradient), factor.backsolve(gradient)) < 1e-2
    assert solver.image_rounding(ours[:, 0]) == pytest.approx(factor.image_rounding(ours[:, 0]), rel=1e-10)


def test_the_last_resort_is_a_factor_of_what_is_free(monkeypatch):
    """Whether it can be afforded does not depend on the coefficients that conditions fix."""
    rows, ordering = operator("varying")
    space, own = rows[0].space, torch.ones(rows[0].space.size, dtype=torch.float64)
    work = free_factor_work(space, ordering.size)
    assert work < factor_work(space)
    count = []
    for most in (1.01 * work, 0.99 * work):
        monkeypatch.setattr(preconditioners, "MAX_FACTOR_WORK", most)
        count.append(len(preconditioners.preconditioner_options(rows, ordering, own, 0.0)))
    assert count[0] == count[1] + 1


def test_a_gradient_is_solved_for_as_accurately_as_is_asked():
    """A last step, which is small, needs a digit only: a third of the steps."""
    rows, ordering = operator("varying")
    solver = ConjugateGradients(rows, ordering)
    gradient = solver.gradient([r.residual for r in rows])
    exact = NormalEquations(rows, ordering).backsolve(gradient)
    rough, steps = solver.backsolve(gradient, 3e-2), solver.iterations
    closer = solver.backsolve(gradient)
    assert difference(closer, exact) < difference(rough, exact) < 3e-2
    assert steps < solver.iterations - steps


@pytest.mark.parametrize("damping", [1e-3, 0.3, 1e3])
def test_damping_is_that_multiple_of_the_diagonal(damping):
    rows, ordering = operator("varying")
    ours = ConjugateGradients(rows, ordering, damping).solve([r.residual for r in rows])
    jacobian = jacobian_of(rows, ordering).numpy()
    gram, right = jacobian.T @ jacobian, np.concatenate([r.residual.reshape(-1, 1).numpy() for r in rows])
    theirs = -np.linalg.solve(gram + damping * np.diag(np.diag(gram)), jacobian.T @ right)
    assert difference(ours, theirs) < ERROR
    assert difference(ours, -np.linalg.solve(gram, jacobian.T @ right)) > 1e-4


@pytest.mark.parametrize("accuracy", [1e-3, 1e-6])
def test_what_is_left_is_said(accuracy):
    """The rounding named is neither below the error nor far above what was allowed: L2 norms, not coefficients."""
    rows, ordering = operator("varying")
    residuals = [r.residual for r in rows]
    exact = ConjugateGradients(rows, ordering).solve(residuals)
    solver = ConjugateGradients(rows, ordering)
    found = solver.solve(residuals, accuracy)
    error, size = norm(solver, found - exact), norm(solver, exact)
    assert 0.1 * error <= solver.solution_error <= 100.0 * accuracy * size
    assert error > 1e-5 * accuracy * size
    assert float(np.abs(found - exact).max()) > 3.0 * error  # most of it moves no function


def test_what_is_missing_in_the_coarse_space_is_added_last(monkeypatch):
    """A few steps leave what is smooth, of which the rows see the least."""
    rows, ordering = operator("varying")
    residuals = [r.residual for r in rows]
    exact = NormalEquations(rows, ordering).solve(residuals)
    monkeypatch.setattr(conjugate_gradients, "MAX_ROUNDS", 1)
    errors = []
    for is_mended in (True, False):
        solver = ConjugateGradients(rows, ordering)
        if not is_mended:
            whole = solver.preconditioner
            monkeypatch.setattr(solver, "_preconditioner", preconditioners.TwoLevelInverse(whole, torch.zeros_like))
        errors.append(norm(solver, solver.solve(residuals, 1e-2) - exact))
    assert errors[0] < errors[1]


def test_a_correction_of_a_large_function_needs_fewer_digits():
    rows, ordering = operator("varying")
    residuals, steps = [r.residual for r in rows], []
    for size in (0.0, 1e6):
        solver = ConjugateGradients(rows, ordering, 0.0, 1e-9)
        assert norm(solver, solver.solve(residuals, 0.0, size)) > 0.0
        steps.append(solver.iterations)
    assert steps[1] < 0.7 * steps[0]


@pytest.mark.parametrize("name", ["varying", "two unknowns"])
def test_a_correction_far_smaller_than_what_it_is_added_to_stays_on_the_first_rung(name, monkeypatch):
    """What is missing in it is then no more than may be; the factor of a slab in space took five gigabytes instead."""
    rows, ordering = operator(name)
    residuals = [r.residual for r in rows]
    whole = ConjugateGradients(rows, ordering)
    largest = norm(whole, whole.solve(residuals))
    for share in np.logspace(-2.0, 1.0, 13):
        solver = ConjugateGradients(rows, ordering, 0.0, 1e-6)
        solver.solve(residuals, 1e-3, share * largest / 1e-6)
        assert solver._candidate == 0
        assert solver.solution_error <= 10.0 * share * largest
    monkeypatch.setattr(conjugate_gradients, "MAX_STEPS", 2)
    demanding = ConjugateGradients(rows, ordering)
    demanding.solve(residuals, 1e-10)
    assert demanding._candidate > 0


def rough(rows):
    """Random weights: nothing separates, nothing is smooth."""
    rng = np.random.default_rng(0)
    return [
        replace(r, weights=torch.from_numpy(10.0 ** rng.uniform(-2, 2, r.weights.shape)), constants=()) for r in rows
    ]


def test_where_nothing_leads_on_a_factor_takes_over(monkeypatch):
    monkeypatch.setattr(conjugate_gradients, "MAX_STEPS", 20)
    rows, ordering = operator("constant")
    rows = rough(rows)
    solver = ConjugateGradients(rows, ordering)
    ours = solver.solve([r.residual for r in rows], 1e-10)
    assert difference(ours, NormalEquations(rows, ordering).solve([r.residual for r in rows])) < 1e-6


def test_where_not_even_a_factor_can_be_afforded_it_says_so(monkeypatch):
    monkeypatch.setattr(conjugate_gradients, "MAX_STEPS", 20)
    monkeypatch.setattr(preconditioners, "MAX_FACTOR_WORK", 0.0)
    rows, ordering = operator("constant")
    rows = rough(rows)
    with pytest.raises(SolverError, match="lead nowhere"):
        ConjugateGradients(rows, ordering).solve([r.residual for r in rows], 1e-10)


def test_rows_that_are_not_finite_are_refused():
    rows, ordering = operator("constant")
    rows[0].weights[0] = torch.nan
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        ConjugateGradients(rows, ordering)


def test_steps_end_when_the_time_is_up():
    rows, ordering = operator("varying")
    clock = Clock(1e3)
    solver = ConjugateGradients(rows, ordering, clock=clock)
    solver.solve([r.residual for r in rows])
    clock.limit = -1e3
    with pytest.raises(OutOfTimeError):
        solver.solve([r.residual for r in rows])


class Rounded:
    """J^T J that has lost its sign, until it goes by points."""

    def __init__(self, exact):
        self.exact, self.by_points = exact, False

    def __call__(self, values):
        return self.exact(values) if self.by_points else -self.exact(values)

    def use_pointwise_products(self):
        before, self.by_points = self.by_points, True
        return not before


def test_where_rounding_has_left_no_curvature_steps_begin_again_by_points():
    rows, ordering = operator("varying")
    solver = ConjugateGradients(rows, ordering)
    gradient = solver.gradient([r.residual for r in rows])
    exact = solver.backsolve(gradient, 1e-8)
    solver._matrix = matrix = Rounded(solver._matrix)
    assert difference(solver.backsolve(gradient, 1e-8), exact) < 1e-6
    assert matrix.by_points


def test_exact_products_that_lead_nowhere_end_early():
    """A number is no preconditioner for diffusion."""
    rows, ordering = operator("varying")
    residuals, steps = [r.residual for r in rows], {}
    for is_exact in (True, False):
        solver = ConjugateGradients(rows, ordering)
        own = float(solver._diagonal.max())
        solver._candidates = [
            preconditioners.PreconditionerOption(lambda own=own: lambda right: right / own, 10_000, np.inf)
        ]
        solver._uses_pointwise_products = is_exact
        solver.backsolve(solver.gradient(residuals), 1e-10)
        steps[is_exact] = solver.iterations
    assert steps[True] < steps[False]


def test_a_closer_solve_takes_no_more_steps_than_the_solve_and_no_dear_factor(monkeypatch):
    """A factor for what a correction had left took 28 s where it had taken 2; a step without one is what there is."""
    rows, ordering = operator("varying")
    solver = ConjugateGradients(rows, ordering)
    solver.solve([r.residual for r in rows], 1e-3)
    taken, made = solver.iterations, []
    first = preconditioners.PreconditionerOption(lambda: lambda right: right, 8, 30.0)
    factor = preconditioners.PreconditionerOption(
        lambda: made.append("factor") or solver._candidates[-1].make(), 8, 30.0, 1e15
    )
    monkeypatch.setattr(solver, "_candidates", [first, factor])
    monkeypatch.setattr(solver, "_candidate", 0)
    monkeypatch.setattr(solver, "_preconditioner", None)
    gradient = np.random.default_rng(0).standard_normal((ordering.size, 1))
    exact, accuracies, steps = NormalEquations(rows, ordering), [], solver._iterate
    monkeypatch.setattr(solver, "_iterate", lambda *of: accuracies.append(of[1]) or steps(*of))
    found = solver.solve_remainder(gradient)
    assert made == []
    assert solver.iterations - taken <= max(taken, conjugate_gradients.FEWEST_LATER_STEPS)
    assert np.isfinite(found).all()
    assert accuracies == [conjugate_gradients.REMAINDER_ACCURACY]  # how large it is, is what is asked
    assert difference(exact.solve_remainder(gradient), exact.backsolve(gradient)) == 0.0
    assert solver._step_and_work_limits == (conjugate_gradients.MAX_STEPS, np.inf)


def test_a_closer_solve_is_one_by_a_factor_that_is_soon_made(monkeypatch):
    """Two steps had said that 4e-7 was missing of waves along curved streamlines, where 1e-3 was."""
    rows, ordering = operator("varying")
    gradient = np.random.default_rng(0).standard_normal((ordering.size, 1))
    exact, solver = NormalEquations(rows, ordering).backsolve(gradient), ConjugateGradients(rows, ordering)
    rough = difference(solver.precondition(gradient), exact)
    assert not solver.use_factor(0.0)
    assert difference(solver.solve_remainder(gradient), exact) < 1e-6 < rough
    assert difference(solver.precondition(gradient), exact) < 1e-6
    assert not NormalEquations(rows, ordering).use_factor(np.inf)
    monkeypatch.setattr(conjugate_gradients, "CHEAP_FACTOR_WORK", 0.0)
    assert difference(ConjugateGradients(rows, ordering).solve_remainder(gradient), exact) > 1e-6


def test_a_second_round_is_not_told_by_one_step(monkeypatch):
    """After 300 steps one more had said that 3e-6 was missing, where 1.2e-4 was."""
    rows, ordering = operator("varying")
    solver, least = ConjugateGradients(rows, ordering), []
    steps = solver._iterate
    monkeypatch.setattr(solver, "_iterate", lambda *of: least.append(of[-1]) or steps(*of))
    monkeypatch.setattr(conjugate_gradients, "ESTIMATE_FACTOR", 1e-9)
    solver.solve([r.residual for r in rows], 1e-7)
    assert least[0] == 0
    assert all(0 < n <= conjugate_gradients.FEWEST_LATER_STEPS for n in least[1:])
    assert len(least) > 1


@pytest.mark.parametrize(("told", "rounds"), [(np.inf, 1), (0.0, 2)])
def test_what_most_steps_have_left_is_told_where_it_is_little(monkeypatch, told, rounds):
    """Three more rounds for 2 % of the tolerance took nearly three times as long as the first."""
    rows, ordering = operator("varying")
    solver, begun = ConjugateGradients(rows, ordering), []
    steps = solver._iterate
    monkeypatch.setattr(solver, "_iterate", lambda *of: begun.append(0) or steps(*of))
    monkeypatch.setattr(conjugate_gradients, "MAX_STEPS", 5)
    monkeypatch.setattr(conjugate_gradients, "MAX_REDUCTION", 1.0)
    monkeypatch.setattr(conjugate_gradients, "REPORTED_EXCESS", told)
    solver.solve([r.residual for r in rows])
    assert len(begun) >= rounds
    assert (len(begun) == 1) == (told > 0.0)
