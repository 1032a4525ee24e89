"""Signs of the derivative below the highest: friction is passed, from either side of what was expected, and sticks."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from small_models import model_of

from pinnkan import solve
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.estimate.events import EventFinder

TEXT = """
name: friction
domain: {{t: [0, {until}]}}
unknowns: [a]
equations: ["a_tt = {rate}"]
conditions:
  - {{where: initial, equation: a = {start}}}
  - {{where: initial, equation: a_t = {slope}}}
solver: {{tolerance: {tolerance}, max_time: 60}}
"""


def found(rate, start, slope, until, tolerance=1e-4):
    text = TEXT.format(rate=rate, start=start, slope=slope, until=until, tolerance=tolerance)
    return solve(parse_problem(text, "t.yaml"))


@pytest.mark.parametrize("friction", [0.5, -0.3, 0.9])
def test_a_parabola_bends_where_its_slope_is_zero(friction):
    """Refused: "other solutions depart", from slabs so short that rates were rounding; heaviside as well."""
    solution, before, after = found(f"1 - {friction}*sign(a_t)", 0, -0.5, 1.5), 1 + friction, 1 - friction
    assert solution.verdict.converged
    passed = 0.5 / before
    times = np.linspace(0.0, 1.5, 31)
    late = np.maximum(times - passed, 0.0)
    early = np.minimum(times, passed)
    exact = -0.5 * early + 0.5 * before * early**2 + 0.5 * after * late**2
    np.testing.assert_allclose(solution(times[:, None])["a"].ravel(), exact, atol=1e-8)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-8])
def test_an_oscillator_with_dry_friction(tolerance):
    solution = found("-a - 0.1*sign(a_t)", 1, -0.1, 5, tolerance)
    assert solution.verdict.converged

    def turns(t, y):
        return y[1]

    turns.terminal, turns.direction = True, 1.0
    exact = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-14}
    first = solve_ivp(lambda t, y: [y[1], -y[0] + 0.1], (0, 5), [1, -0.1], events=turns, **exact)
    ends = first.t[-1], (first.y[0, -1], 0.0)
    rest = solve_ivp(lambda t, y: [y[1], -y[0] - 0.1], (ends[0], 5), ends[1], dense_output=True, **exact)
    times = np.linspace(ends[0], 5.0, 30)
    off = np.abs(solution(times[:, None])["a"].ravel() - rest.sol(times)[0]).max()
    assert off <= 3.0 * max(solution.verdict.estimate, 1e-9)


def test_where_it_sticks_is_said():
    """On the way there a passage was expected to and fro, until the time limit."""
    for tolerance in (1e-2, 1e-6):
        sentence = found("-a**3 - 0.2*sign(a_t) + 2*sin(t)", 1, -0.1, 12, tolerance).verdict.sentence
        assert "t = 9.43" in sentence
        assert "leads back to that" in sentence or "not seen by the points" in sentence  # which is first is rounding's


def parabola(points, orders):
    """(t - 1.2)^2 / 2, as a field."""
    t = points[:, :1] - 1.2
    return np.stack([(0.5 * t**2, t, t**0)[order] for (order,) in orders], -1)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("1 - 0.5*sign(a_t) + heaviside(a - 0.01)", 1.2),  # a itself is 0.01 at 1.06
        ("1 - heaviside(a - 0.01)", None),
        ("1 - 0.5*sign(a_t + 5)", None),  # not soon
        ("1 - 0.5*sign(2 - a_t)", None),  # not at all
    ],
)
def test_the_next_passage_of_rates_is_foreseen(rate, expected):
    model = model_of(TEXT.format(rate=rate, start=0.72, slope=-1.2, until=2, tolerance=1e-4))
    found = EventFinder(model).predict_event(parabola, model.problem.domain.time_part(0.0, 1.0))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-9))


def test_guesses_replace_each_other_where_rates_pass_alone():
    stops, text = (
        (0.5, 1.3, 2.0),
        TEXT.format(rate="1 - RATE + sign(t - 0.5)", start=0, slope=1, until=2, tolerance=1e-4),
    )
    for rate, given in (("sign(a_t)", (0.5, 2.0)), ("sign(a)", stops)):
        assert EventFinder(model_of(text.replace("RATE", rate))).permanent_stops(stops) == given
