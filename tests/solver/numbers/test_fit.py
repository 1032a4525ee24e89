"""Numbers from measured values: exact data give exact numbers, noise its standard errors, and nothing is claimed that
the data do not say."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pinnkan
from pinnkan.cli import main
from pinnkan.kan.field import Array
from pinnkan.verdict.fit_records import FitStep

HEAT = """
name: heat
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
estimate: {k: 0.3}
equations: [u_t = k*u_xx]
conditions:
  - {where: initial, equation: u = sin(pi*x)}
  - {where: [left, right], equation: u = 0}
data:
  sensors: {file: s.csv}
"""
GROWTH = """
name: growth
domain: {t: [0, 4]}
unknowns: [u]
estimate: {r: 1, K: {start: 2, scale: log}, u0: 0.2}
equations: [u_t = r*u*(1 - u/K)]
conditions:
  - {where: initial, equation: u = u0}
data:
  counts: {file: s.csv}
solver: {tolerance: 1e-6}
"""
RATE, LIMIT, BEGUN = 1.7, 3.0, 0.1


def logistic(t: Array) -> Array:
    return np.asarray(LIMIT / (1 + (LIMIT / BEGUN - 1) * np.exp(-RATE * t)))


def write(folder: Path, text: str, csv: str) -> Path:
    (folder / "s.csv").write_text(csv, encoding="utf-8")
    path = folder / "problem.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def table(names: str, *columns: Array) -> str:
    return "\n".join([names, *(",".join(map(repr, map(float, row))) for row in zip(*columns, strict=True))]) + "\n"


def warm(count: int = 40, seed: int = 1) -> str:
    x, t = np.random.default_rng(seed).random((2, count))
    return table("x,t,u", x, t, np.exp(-0.1 * np.pi**2 * t) * np.sin(np.pi * x))


def test_exact_values_of_heat_give_its_conductivity(tmp_path: Path) -> None:
    steps: list[object] = []
    problem = pinnkan.load_problem(write(tmp_path, HEAT, warm()), tolerance=1e-7)
    solution = pinnkan.solve(problem, callback=steps.append)
    found = solution.estimate["k"]
    assert solution.verdict.converged
    assert abs(found.value - 0.1) <= max(found.error, 1e-10)
    assert found.start == 0.3
    assert any(isinstance(step, FitStep) for step in steps)
    assert solution.problem.parameter_overrides["k"] == repr(found.value)


@pytest.mark.slow
def test_three_numbers_of_growth_and_its_start(tmp_path: Path) -> None:
    t = np.linspace(0.2, 4, 15)
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, GROWTH, table("t,u", t, logistic(t)))))
    assert solution.verdict.converged
    for name, true in (("r", RATE), ("K", LIMIT), ("u0", BEGUN)):
        assert abs(solution.estimate[name].value / true - 1) < 1e-6


@pytest.mark.slow
def test_standard_errors_and_correlations_are_those_of_the_exact_derivatives(tmp_path: Path) -> None:
    """Cramer and Rao's bound, from derivatives of the closed form by differences."""
    t, sigma = np.linspace(0.2, 4, 30), 0.02
    u = logistic(t) + sigma * np.random.default_rng(3).standard_normal(30)
    text = GROWTH.replace("s.csv}", f"s.csv, noise: {sigma}}}")
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, text, table("t,u", t, u))))
    fit = solution.fit
    assert fit is not None
    assert solution.verdict.converged
    at = np.array([solution.estimate[n].value for n in ("r", "K", "u0")])

    def closed(p: Array) -> Array:
        return np.asarray(p[1] / (1 + (p[1] / p[2] - 1) * np.exp(-p[0] * t)))

    steps = 1e-5 * np.diag(at)
    matrix = np.stack([(closed(at + s) - closed(at - s)) / (2 * s.sum()) for s in steps], -1) / sigma
    covariance = np.linalg.inv(matrix.T @ matrix)
    found = np.array([solution.estimate[n].standard_error for n in ("r", "K", "u0")])
    np.testing.assert_allclose(found, np.sqrt(np.diag(covariance)), rtol=1e-3)
    wanted = covariance / np.outer(found, found)
    np.testing.assert_allclose(fit.correlations, wanted, atol=2e-3)
    assert not np.allclose(found, 1.05 * np.sqrt(np.diag(covariance)), rtol=1e-3)
    off = np.abs(at - [RATE, LIMIT, BEGUN])
    assert (off < 4 * found).all()
    assert 10 < fit.chi_square < 60  # of 27 degrees of freedom


@pytest.mark.slow
def test_noise_that_is_not_given_is_estimated(tmp_path: Path) -> None:
    t = np.linspace(0.1, 4, 200)
    u = logistic(t) + 0.05 * np.random.default_rng(5).standard_normal(200)
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, GROWTH, table("t,u", t, u)), tolerance=1e-4))
    assert solution.fit is not None
    assert solution.fit.data[0].noise[0] == pytest.approx(0.05, rel=0.2)
    assert not solution.fit.data[0].is_noise_given


@pytest.mark.slow
def test_a_product_of_numbers_alone_is_determined_and_the_verdict_says_so(tmp_path: Path) -> None:
    text = HEAT.replace("{k: 0.3}", "{a: 0.3, b: 0.5}").replace("k*u_xx", "a*b*u_xx")
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, text, warm())))
    assert solution.verdict.reason == "undetermined_numbers"
    assert solution.fit is not None
    assert "a" in solution.fit.undetermined
    assert "b" in solution.fit.undetermined
    assert abs(solution.estimate["a"].value * solution.estimate["b"].value - 0.1) < 1e-6
    assert solution.estimate["a"].standard_error == np.inf


def test_a_prior_makes_up_for_what_data_do_not_say(tmp_path: Path) -> None:
    text = HEAT.replace("{k: 0.3}", "{a: {start: 0.3, prior: [0.2, 0.01]}, b: 0.5}").replace("k*u_xx", "a*b*u_xx")
    text = text.replace("s.csv}", "s.csv, noise: 1e-3}")
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, text, warm())))
    assert solution.verdict.converged
    assert solution.estimate["a"].value == pytest.approx(0.2, abs=1e-3)
    assert solution.estimate["a"].standard_error == pytest.approx(0.01, rel=1e-2)


def test_data_of_another_equation_are_no_solution(tmp_path: Path) -> None:
    x, t = np.random.default_rng(1).random((2, 40))
    csv = table("x,t,u", x, t, np.exp(-0.1 * np.pi**2 * t) * np.sin(np.pi * x) + 0.2 * t)
    text = HEAT.replace("s.csv}", "s.csv, noise: 0.01}")
    verdict = pinnkan.solve(pinnkan.load_problem(write(tmp_path, text, csv))).verdict
    assert verdict.reason == "misfit"
    assert "times the noise" in verdict.sentence


def test_a_bound_holds_a_number(tmp_path: Path) -> None:
    text = HEAT.replace("{k: 0.3}", "{k: {start: 0.3, range: [0.2, 1]}}").replace("s.csv}", "s.csv, noise: 1}")
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, text, warm())))
    assert solution.estimate["k"].value == pytest.approx(0.2, abs=1e-3)
    assert solution.estimate["k"].value >= 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expression", "measured"),
    [("u_x", lambda x, t: np.pi * np.cos(np.pi * x)), ("-k*u_xx", lambda x, t: 0.1 * np.pi**2 * np.sin(np.pi * x))],
)
def test_derivatives_and_numbers_may_be_measured(
    tmp_path: Path, expression: str, measured: Callable[[Array, Array], Array]
) -> None:
    x, t = np.random.default_rng(2).random((2, 30))
    csv = table("x,t,flux", x, t, np.exp(-0.1 * np.pi**2 * t) * measured(x, t))
    text = HEAT.replace("s.csv}", f's.csv, equation: "{expression} = flux"}}')
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, text, csv), tolerance=1e-6))
    assert abs(solution.estimate["k"].value - 0.1) < 1e-6


def test_a_length_may_be_a_number(tmp_path: Path) -> None:
    """u'' = -1 between 0 and L: u = x (L - x)/2."""
    text = """
name: length
domain: {x: [0, L]}
unknowns: [u]
estimate: {L: 1.5}
equations: [-u_xx = 1]
conditions: [{where: [left, right], equation: u = 0}]
data: {gauge: {file: s.csv}}
"""
    x = np.array([0.2, 0.5, 1.0])
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, text, table("x,u", x, x * (2 - x) / 2))))
    assert abs(solution.estimate["L"].value - 2) < 1e-8


@pytest.mark.slow
def test_predators_and_prey_against_a_runge_kutta_method(tmp_path: Path) -> None:
    t = np.linspace(0.5, 6, 12)
    y = solve_ivp(
        lambda _, y: (y[0] * (1.1 - 0.4 * y[1]), y[1] * (0.1 * y[0] - 0.4)), (0, 6), (10, 5), "DOP853", t, rtol=1e-12,
        atol=1e-12,
    ).y  # fmt: skip
    text = """
name: prey
domain: {t: [0, 6]}
unknowns: [h, l]
estimate: {a: 1, b: 0.5, c: 0.5, d: 0.1}
equations: [h_t = a*h - b*h*l, l_t = d*h*l - c*l]
conditions:
  - {where: initial, equation: h = 10}
  - {where: initial, equation: l = 5}
data: {counts: {file: s.csv, columns: {h: hares, l: lynxes}}}
solver: {tolerance: 1e-6}
"""
    solution = pinnkan.solve(pinnkan.load_problem(write(tmp_path, text, table("t,hares,lynxes", t, *y))))
    found = [solution.estimate[name].value for name in "abcd"]
    np.testing.assert_allclose(found, [1.1, 0.4, 0.4, 0.1], rtol=1e-6)


def test_the_command_tells_the_numbers_and_a_run_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = write(tmp_path, HEAT, warm()), tmp_path / "run"
    assert main(["solve", str(path), "--out", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)["estimate"]["k"]
    assert told["value"] == pytest.approx(0.1, abs=1e-6)
    assert set(told) == {"value", "error", "standard_error"}
    assert "k = 0.1" in printed.err
    (tmp_path / "s.csv").unlink()
    again = pinnkan.load_solution(out)
    assert again.estimate["k"].value == told["value"]
    assert "## Numbers found" in (out / "report.md").read_text(encoding="utf-8")
    assert (out / "data.png").stat().st_size > 1000
    assert (out / "data.csv").read_text(encoding="utf-8").startswith("data,x,t,measured,computed,noise\n")
    assert main(["report", str(out)]) == 0


def test_a_search_that_the_time_limit_ends_shows_its_last_step(tmp_path: Path) -> None:
    problem = pinnkan.load_problem(write(tmp_path, HEAT + "solver: {max_time: 0.3, tolerance: 1e-9}\n", warm()))
    solution = pinnkan.solve(problem)
    assert solution.verdict.reason == "max_time"
    assert "the search for the numbers had not ended" in solution.verdict.sentence
    assert solution.seconds < 10
    assert solution.estimate["k"].error == np.inf
    assert solution.problem.numbers["k"].start == solution.estimate["k"].value
