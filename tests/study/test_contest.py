from functools import partial

import numpy as np
import pytest
import torch

from pinnkan.export.tables import csv_text
from pinnkan.study import allen_cahn, nesting, poisson, regression
from pinnkan.study.chunked import splines
from pinnkan.study.contest import Contender, Record, compete, compete_in_processes, median, merged, train
from pinnkan.study.curves import outcomes_csv, outcomes_markdown, spread
from pinnkan.study.task import Attention, Task, Term

SEEDS = [1234, 1235]


@pytest.fixture(scope="module")
def task():
    return regression.regression_task(300, 100)


def contender(name):
    return next(c for c in regression.contenders() if c.name == name)


@pytest.fixture(scope="module")
def multilevel(task):
    return train(task, contender("spline, multilevel"), SEEDS)


def test_rows_and_gradient_of_a_task_belong_together():
    task = poisson.poisson_task(5)
    network = splines(poisson.WIDTHS, poisson.INTERVALS)([1234])
    alone = network.with_flat(network.flat()[0])
    rows, tangent = task.evaluate(alone)
    loss, gradient = task.descend(network)
    assert float(loss[0]) == pytest.approx(float(rows @ rows), rel=1e-12)
    torch.testing.assert_close(gradient[0], 2 * tangent().T @ rows, rtol=1e-9, atol=1e-9 * float(gradient.abs().max()))
    h, direction = 1e-6, torch.randn(alone.parameters, generator=torch.Generator().manual_seed(0)).double()
    plus, minus = (task.descend(alone.with_flat(alone.flat() + s * direction))[0] for s in (h, -h))
    assert float(gradient[0] @ direction) == pytest.approx(float(plus - minus) / (2 * h), rel=1e-6)
    assert float(gradient[0] @ direction) != pytest.approx(2 * float(plus - minus) / (2 * h), rel=1e-6)


def test_the_true_solution_of_the_interface_problem_has_no_residual():
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    h = 1e-4
    for axis_points in (points[points[:, 0] < -h], points[points[:, 0] > h]):
        steps = h * np.eye(2)
        second = [
            (poisson.solution(axis_points + s) - 2 * poisson.solution(axis_points) + poisson.solution(axis_points - s))
            / h**2
            for s in steps
        ]
        left = poisson.permittivity(axis_points) * sum(second)
        np.testing.assert_allclose(left, poisson.source(axis_points), atol=1e-4)
    y = np.linspace(-1, 1, 9)
    sides = [np.stack([np.full(9, s), y], 1) for s in (-h, -2 * h, h, 2 * h)]
    u = [poisson.solution(p) for p in sides]
    flux_left, flux_right = (u[0] - u[1]) / h, 0.5 * (u[3] - u[2]) / h
    np.testing.assert_allclose(flux_left, flux_right, atol=1e-5)
    assert np.abs(flux_left - 2 * flux_right).max() > 1  # the gradient itself jumps
    np.testing.assert_allclose(poisson.solution(poisson.boundary(11)), 0, atol=1e-14)


def test_the_interface_rows_see_the_jump_of_the_flux():
    task = poisson.poisson_task(5)
    jump = task.terms[1]
    assert (jump.rows, jump.inputs.shape[1]) == (5, 10)
    u = torch.zeros((len(poisson.JETS), 10, 1), dtype=torch.float64)
    at = poisson.JETS.position[(1, 0)]
    u[at, :5], u[at, 5:] = 1.0, 2.0
    assert float(jump.residual(u).abs().max()) == 0.0
    u[at, 5:] = 1.0
    assert float(jump.residual(u).abs().min()) == 0.5
    assert jump.inputs[at, :5, 2].unique().item() == -2.0


def test_networks_have_the_papers_parameters(multilevel):
    counts = {c.name: c.start([1]).parameters for c in regression.contenders()}
    assert counts["spline, coarse only"] == 55
    assert counts["power ReLU, fine only"] == 230
    assert [counts[f"MLP [{w}]"] for w in ("2,5,1", "2,30,1", "2,20,20,1")] == [20, 120, 500]
    assert multilevel.parameters == 230
    interface = {c.name: c.start([1]).parameters for c in poisson.contenders(1)}
    assert (interface["spline, coarse only"], interface["spline, fine only"]) == (140, 700)
    assert interface["MLP [3,16,16,1]"] == 352


def test_both_bases_start_from_the_same_function(task):
    starts = [contender(f"{family}, multilevel").start(SEEDS) for family in ("spline", "power ReLU")]
    losses = [task.descend(n)[0] for n in starts]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-9, atol=0)
    assert float((losses[0][0] - losses[0][1]).abs()) > 1e-6


def test_equal_work_is_equal_and_levels_are_visited_in_order(task, multilevel):
    work = [multilevel.last.work]
    for kind in ("coarse", "fine"):
        work.append(train(task, contender(f"spline, {kind} only"), SEEDS[:1]).last.work)
    assert max(work) < 1.15 * min(work)
    levels = [r.level for r in multilevel.records]
    assert levels == sorted(levels)
    assert set(levels) == {0, 1, 2, 3}
    assert len(multilevel.ends) == 4


def test_spline_multilevel_is_ten_times_below_coarse_only_and_fine_only(task, multilevel):
    losses = [train(task, contender(f"spline, {kind} only"), SEEDS).last.loss.median() for kind in ("coarse", "fine")]
    assert float(multilevel.last.loss.median()) < 0.1 * float(min(losses))
    powers = train(task, contender("power ReLU, multilevel"), SEEDS[:1])
    assert float(powers.last.loss) > 10 * float(multilevel.last.loss.median())  # the ordering is not a matter of levels


def test_the_loss_does_not_jump_at_a_level(multilevel):
    assert max(nesting.jumps(multilevel)) < 1e-12
    steps = [
        abs(float(b.loss[0] / a.loss[0]) - 1) for a, b in zip(multilevel.records, multilevel.records[1:], strict=False)
    ]
    assert np.median(steps) > 1e-3  # elsewhere it moves


@pytest.mark.parametrize("degree", [1, 3])
def test_refinement_changes_no_function(degree):
    for _, coarse, fine in nesting._pairs():
        found = nesting.change(coarse, fine, degree)
        assert found.spline < 1e-12
        assert found.powers < max(1e-12, 20 * found.rounding)


@pytest.mark.slow
def test_processes_train_to_the_same_numbers_as_one():
    trial = partial(allen_cahn.allen_cahn_trial, 100, 500, True)
    told = []
    ours, one = (compete_in_processes(trial, SEEDS, told.append, workers) for workers in (2, 1))
    task, everyone = trial()
    alone = compete(task, everyone, SEEDS, told.append)
    assert [o.contender.name for o in ours] == [c.name for c in everyone]
    for a, b, c in zip(ours, one, alone, strict=True):
        assert a.seeds == c.seeds
        assert [r.loss.tolist() for r in a.records] == [r.loss.tolist() for r in b.records]
        assert torch.equal(a.ends[-1].flat(), b.ends[-1].flat())
        torch.testing.assert_close(a.last.loss, c.last.loss, rtol=1e-4, atol=0)  # all at once round otherwise, singly
    other = compete(task, everyone[:1], [s + 2 for s in SEEDS], told.append)
    assert float((other[0].last.loss / ours[0].last.loss - 1).abs().min()) > 1e-3


def test_trainings_of_different_length_merge_to_the_longest():
    def record(n, value):
        return Record(0, float(n), float(n), torch.tensor([value]), torch.tensor([value]))

    together = merged([[record(n, 1.0) for n in range(3)], [record(0, 5.0)]])
    assert [r.loss.tolist() for r in together] == [[1.0, 5.0]] * 3
    assert together[-1].seconds == 1.0


def test_attention_raises_the_rows_with_large_residuals():
    term = Term("volume", torch.zeros((1, 3, 1)), lambda u: u[0, ..., 0], attention=0.5)
    attention = Attention([term, Term("other", torch.zeros((1, 3, 1)), lambda u: u[0, ..., 0])])
    rows = torch.tensor([1.0, 2.0, 4.0])
    first = attention.squares(0, rows)
    torch.testing.assert_close(first, torch.tensor([0.625, 0.75, 1.0]) ** 2)
    torch.testing.assert_close(attention.squares(0, rows), torch.tensor([0.4375, 0.625, 1.0]) ** 2)
    torch.testing.assert_close(attention.squares(1, rows), torch.ones(3))


def test_tables_have_one_line_per_contender_and_one_per_seed(multilevel):
    text = outcomes_markdown([multilevel])
    assert len(text.splitlines()) == 3
    assert "3.67e-05" in text
    assert len(outcomes_csv([multilevel]).splitlines()) == 1 + len(SEEDS)
    assert {line.count(",") for line in csv_text(["a", "b"], [[1, 2]]).splitlines()} == {1}
    assert median(torch.tensor([4.0, float("nan"), 1.0])) == 4.0
    assert median(torch.tensor([1.0, 2.0])) == 1.5
    assert spread(torch.tensor([1.0, 3.0, 2.0])) == "2.00e+00 (1.0e+00 to 3.0e+00)"


def test_a_contender_without_levels_is_single():
    assert Contender("m", "MLP", lambda s: None, (5,)).kind == "single"
    assert contender("spline, fine only").kind == "fine"
    assert Task(
        poisson.JETS, [Term("t", torch.zeros((5, 4, 3)), lambda u: u[0, ..., 0])], lambda n: n
    ).inputs.shape == (5, 4, 3)
