"""What nothing but a symmetry holds is solved among the functions of that symmetry, and said to be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from edited import edited, problem

from pinnkan.assembly.model import Model
from pinnkan.kan.product import Space
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product import stationary_start
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.verdict.records import Iteration, Level

SHOCK = """\
name: shock
domain: {x: [0, 1]}
unknowns: [u]
equations: ["u*u_x = 0.02*u_xx"]
conditions:
  - {where: left, equation: u = 1}
  - {where: right, equation: u = -1}
solver: {tolerance: 1e-3}
"""
LAYER = SHOCK.replace("u*u_x = 0.02*u_xx", "5e-4*u_xx + u - u**3 = 0").replace("left", "other").replace("right", "left")
LAYER = LAYER.replace("other", "right")


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        (SHOCK, lambda x: -np.tanh((x - 0.5) / 0.04)),
        pytest.param(LAYER, lambda x: np.tanh((x - 0.5) / 1e-3**0.5), marks=pytest.mark.slow),
    ],
)
def test_a_layer_that_could_stand_anywhere_stands_in_the_middle(text: str, exact: Callable[..., np.ndarray]) -> None:
    solution = solve(problem(text))
    x = np.linspace(0.0, 1.0, 2001)
    error = solution.field(x[:, None], [(0,)])[:, 0, 0] - exact(x)
    assert solution.verdict.converged
    assert "held among functions with u(1 - x) = -u(x) only" in solution.verdict.sentence
    true = np.linalg.norm(error) / np.linalg.norm(exact(x))
    assert 0.8 * true <= solution.verdict.estimate <= 1e-3
    estimated = solution.error
    assert estimated is not None
    assert np.allclose(estimated.breaks(0), 1.0 - estimated.breaks(0)[::-1])


@pytest.mark.slow
def test_a_correction_that_is_rounding_asks_what_holds_the_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun with zero inside, the layer ends on 768 intervals with a residual of rounding; it climbed to 40,000."""

    def zero(model: Model, space: Space) -> np.ndarray:
        return with_conditions(model, space, np.zeros(space.shape))[0]

    monkeypatch.setattr(stationary_start, "smooth_start", zero)
    seen: list[Level | Iteration] = []
    assert solve(problem(LAYER), progress=seen.append).verdict.converged
    assert max(x.intervals[0] for x in seen if isinstance(x, Level)) < 3000


def test_what_has_no_symmetry_stays_refused() -> None:
    solution = solve(problem(edited("u = -1", "u = -1.0000001", SHOCK)))
    assert not solution.verdict.converged
    assert "symmetr" not in solution.verdict.sentence
