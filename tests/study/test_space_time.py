import csv
import io

import numpy as np
import pytest
import torch

from pinnkan.export.tables import csv_text
from pinnkan.kan.layers.spline_layer import SplineTrace
from pinnkan.solver.minimise.first_order import adam, linear_ramp
from pinnkan.study import allen_cahn, burgers, chunked, references, space_time
from pinnkan.study.chunked import Chunked, KnownTrace, perceptrons, ridges, splines
from pinnkan.study.contest import ContestOutcome, Record
from pinnkan.study.report import StudyReport
from pinnkan.study.space_time import grid
from pinnkan.study.task import Attention, Task


def jets_of(function, equation, points):
    """Jets (alpha, point, 1) of a smooth function by central differences of fourth order."""
    h, x, t = 1e-3, points[:, 0], points[:, 1]

    def u(i, j):
        return function(x + i * h, t + j * h)

    def first(f):
        return (8 * (f(1) - f(-1)) - (f(2) - f(-2))) / (12 * h)

    values = {
        (0, 0): u(0, 0),
        (1, 0): first(lambda i: u(i, 0)),
        (0, 1): first(lambda j: u(0, j)),
        (2, 0): (-u(2, 0) + 16 * u(1, 0) - 30 * u(0, 0) + 16 * u(-1, 0) - u(-2, 0)) / (12 * h**2),
    }
    return torch.from_numpy(np.stack([values[order] for order in equation.jets.indices])[..., None])


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).uniform([-0.9, 0.1], [0.9, 0.9], (50, 2))


def test_the_true_solution_of_burgers_has_no_residual_and_another_has(points):
    equation = burgers.burgers_equation()
    inside = burgers.burgers_task(equation, 6).terms[0].residual
    true = jets_of(lambda x, t: references.burgers(x, t, burgers.NU), equation, points)
    other = jets_of(lambda x, t: references.burgers(x, t, 1.1 * burgers.NU), equation, points)
    assert float(inside(true).abs().max()) < 1e-3 < 1e-2 * float(inside(other).abs().max())


def test_the_residual_of_allen_cahn_is_that_of_its_travelling_wave(points):
    equation = allen_cahn.allen_cahn_equation()
    root = np.sqrt(allen_cahn.REACTION / (2 * allen_cahn.DIFFUSION))

    def still(x, t):  # tanh(x / width) is a steady front
        return np.tanh(root * (0.02 * x)) + 0 * t

    jets = jets_of(still, equation, points)
    value = allen_cahn.residual(equation.jets, jets)
    expected = 0.02**2 * root**2 * allen_cahn.DIFFUSION * 2 - allen_cahn.REACTION
    u = jets[0, :, 0]
    torch.testing.assert_close(value, expected * (u - u**3), rtol=1e-6, atol=1e-8)
    assert float(value.abs().max()) > 0.1


def test_pieces_change_nothing(monkeypatch):
    monkeypatch.setattr(chunked, "PIECE", 2 * 4 * 4 * 50)  # 50 points, 2 runs, 4 jets of 4 units
    equation = burgers.burgers_equation()
    whole = ridges((2, 4, 3, 1), 3)((1, 2)).network
    assert isinstance(whole, type(Chunked(whole).network))
    inputs = equation.inputs.jets(
        equation.jets, torch.rand((107, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    )
    u, traces = whole.forward(equation.jets, inputs)
    v, pieces = Chunked(whole).forward(equation.jets, inputs)
    assert len(pieces) == 3
    torch.testing.assert_close(v, u, rtol=0, atol=1e-13 * float(u.abs().max()))
    adjoint = torch.cos(u)
    for name in ("gradient", "jacobian"):
        ours, theirs = getattr(Chunked(whole), name)(pieces, adjoint), getattr(whole, name)(traces, adjoint)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12 * float(theirs.abs().max()))
    assert float((Chunked(whole).gradient(pieces, 1.1 * adjoint) - theirs.sum(-2)).abs().max()) > 1e-3


@pytest.mark.parametrize("powers", [False, True])
def test_both_bases_start_from_the_same_function_with_the_counts_of_the_paper(powers):
    equation = burgers.burgers_equation()
    network = ridges(burgers.WIDTHS, burgers.INTERVALS, powers)((1234,))
    assert [network.parameters, network.halved().halved().parameters] == [3400, 9700]
    plain = ridges(burgers.WIDTHS, burgers.INTERVALS)((1234,))
    torch.testing.assert_close(equation.on_grid(network), equation.on_grid(plain), rtol=0, atol=1e-9)
    other = ridges(burgers.WIDTHS, burgers.INTERVALS)((1235,))
    assert float((equation.on_grid(other) - equation.on_grid(plain)).abs().max()) > 1e-3


@pytest.mark.parametrize(
    "network", [*(splines(allen_cahn.WIDTHS, 32, powers) for powers in (False, True)), perceptrons((3, 6, 6, 1))]
)
def test_single_precision_at_the_points_keeps_that_in_the_gradient(network):
    single = allen_cahn.allen_cahn_task(allen_cahn.allen_cahn_equation(), 200)
    double = Task(single.jets, single.terms, single.error)
    start = network((1, 2))
    (loss, gradient), (same, precise) = single.descend(start), double.descend(start)
    assert start.forward(single.jets, single.descended)[0].dtype == torch.float32
    assert gradient.dtype == torch.float64
    torch.testing.assert_close(loss, same, rtol=1e-6, atol=0, check_dtype=False)
    size = float(precise.abs().max())
    assert 0.0 < float((gradient - precise).abs().max()) < 1e-5 * size


@pytest.mark.parametrize("powers", [False, True])
def test_a_first_layer_whose_points_stay_trains_as_one_whose_points_could_move(powers):
    equation = allen_cahn.allen_cahn_equation()
    rounded = allen_cahn.allen_cahn_task(equation, 60)
    task = Task(rounded.jets, rounded.terms, rounded.error)
    start = splines(allen_cahn.WIDTHS, allen_cahn.INTERVALS, powers)((1, 2)).halved()

    def trained(network, high, steps=100):
        attention = Attention(task.terms)
        found = adam(
            lambda x: task.descend(network.with_flat(x), attention), start.flat(), steps, linear_ramp(1e-4, high, 10)
        )
        return found.losses

    ours, plain = trained(start, 1e-2), trained(start.network, 1e-2)
    assert isinstance(start.forward(task.jets, task.inputs)[1][0][1][0], KnownTrace)
    assert isinstance(start.network.forward(task.jets, task.inputs)[1][0], SplineTrace)
    torch.testing.assert_close(ours, plain, rtol=1e-6, atol=0)
    other = trained(start.network, 1.0001e-2, 20)
    assert float((ours[:20] / other[:20] - 1).abs().max()) > 1e-5


def test_burgers_trains_coarse_fine_and_multilevel_with_the_same_work():
    for share in (1, 20):
        by = {c.name: c for c in burgers.contenders(share, False)}
        for family in ("spline", "power ReLU"):
            names = [f"{family}, coarse only", f"{family}, fine only", f"{family}, multilevel"]
            work = [sum(n * 2**level for level, n in enumerate(by[name].schedule)) for name in names]
            assert work[1] == pytest.approx(work[0], rel=0.02)
            assert work[2] == pytest.approx(work[0], rel=0.26)  # the paper's {800, 400, 200} is 3/4 of {3200}


def test_allen_cahn_trains_all_with_the_papers_number_of_steps():
    first_order = [c for c in allen_cahn.contenders(1, False) if c.method == "adam"]
    assert {sum(c.schedule) for c in first_order} == {10_000}
    assert len({c.schedule for c in first_order}) == 4


def test_allen_cahn_networks_are_periodic():
    equation = allen_cahn.allen_cahn_equation()
    for start in (splines(allen_cahn.WIDTHS, 4), perceptrons((3, 16, 16, 1))):
        u = equation.on_grid(start((1,)))
        torch.testing.assert_close(u[..., 0], u[..., -1], rtol=0, atol=1e-12)
        assert float(u.std()) > 1e-3


def test_a_wave_has_one_frequency():
    n = allen_cahn.SAMPLES
    t, x = np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij")
    wave = np.cos(2 * np.pi * (3 * x - 4 * t))
    assert allen_cahn.width(wave) == pytest.approx(5.0, rel=1e-12)
    moduli = allen_cahn.spectrum(wave)
    assert np.argwhere(moduli > 0.4).tolist() == [[n // 2 - 4, n // 2 + 3], [n // 2 + 4, n // 2 - 3]]


def test_words_beside_the_papers_figures_follow_the_figures():
    assert allen_cahn.told((4.0, 2.0, 1.0), down=True) == "falls at every level (4 to 1)"
    assert allen_cahn.told((4.0, 5.0, 1.0), down=True) == "falls at 1 of 2 changes (4 to 1)"
    assert allen_cahn.told((1.0, 5.0, 6.0), down=False) == "widens at every level (1 to 6)"
    records = tuple(Record(n // 2, n, n, torch.tensor([10.0 - n]), torch.tensor([1.0])) for n in range(4))
    contender = allen_cahn.contenders(100, True)[0]
    assert allen_cahn.ends_of_levels(ContestOutcome(contender, 1, (1,), records)) == [9.0, 7.0]


def test_the_comparison_says_how_many_times():
    def outcome(name, loss, error):
        contender = next(c for c in burgers.contenders(100, True) if c.name == name)
        record = Record(0, 1.0, 1.0, torch.tensor([loss]), torch.tensor([error]))
        return ContestOutcome(contender, 1, (1,), (record,))

    names = [f"{f}, {k}" for f in ("spline", "power ReLU") for k in ("coarse only", "fine only", "multilevel")]
    text = space_time.comparison([outcome(n, 2.0 + i, 4.0) for i, n in enumerate(names)], burgers.PAPER)
    assert "spline, multilevel: coarse only ends with 0.5 times the loss and 1 times the error" in text
    assert "coarse only 275, fine only 171" in text
    assert "power ReLU, multilevel: coarse only ends with 0.71 times the loss and 1 times the error; fine" in text
    assert text.count("the paper's order is not seen here") == 2
    assert "The smallest loss of all, 2.0e+00 (spline, coarse only), comes with an error of 4." in text
    better = [outcome(n, 1.0 if "multilevel" in n else 2.0, 4.0) for n in names]
    assert space_time.comparison(better, {}).count("as in the paper") == 2


def test_names_with_commas_stay_one_cell_of_a_table():
    rows = list(csv.reader(io.StringIO(csv_text(["network", "loss"], [["spline, fine only", 0.5]]))))
    assert rows == [["network", "loss"], ["spline, fine only", "0.5"]]


@pytest.mark.slow
@pytest.mark.parametrize("study", [burgers, allen_cahn])
def test_a_study_writes_its_tables_and_pictures(study, tmp_path, monkeypatch):
    monkeypatch.setitem(study.QUICK, "share", 800)
    monkeypatch.setitem(study.QUICK, "points", 40 if study is allen_cahn else 6)
    run = burgers.study_burgers if study is burgers else allen_cahn.study_allen_cahn
    report, said = StudyReport("title", tmp_path), []
    run(report, True, said.append)
    report.close(1.0)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "spline, multilevel" in text
    assert "pinnkan solve" in text
    for name in report.files:
        assert (tmp_path / name).stat().st_size > 100
    assert len(said) >= 8
    assert grid(np.zeros(2), np.zeros(3)).shape == (6, 2)
