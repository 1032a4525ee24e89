"""Problems built to fool the estimate: none is reported `converged` while wrong, each says what its header promises."""

import re
from pathlib import Path

import numpy as np
import pytest

import pinnkan
from pinnkan.errors import ProblemError
from pinnkan.problem.registry import shipped_folder, shipped_problems

FOLDER = shipped_folder() / "traps"
TRAPS = sorted(FOLDER.glob("*.yaml"))
#: Reasons promised; "" for those that are solved after all.
SAID = {
    "spike": "",
    "silent_source": "",
    "alias": "",
    "two_solutions": "contradicted",
    "resonance": "rank_deficient",
    "neumann": "rank_deficient",
    "neumann_incompatible": "rank_deficient",
    "almost_free": "rank_deficient",
    "outflow_layer": "rank_deficient",
    "contradiction": "stalled",
    "backward_heat": "rank_deficient",
    "thin_layer": "",
}
SLOW = {
    "spike_in_time": "",
    "blow_up": "diverged",
    "no_solution": "stalled",
    "near_resonance": "",
    "eikonal": "",
}


def solved(name):
    return pinnkan.solve(pinnkan.load_problem(FOLDER / f"{name}.yaml"))


@pytest.mark.parametrize("name", [*SAID, *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)])
def test_a_trap_is_solved_or_refused_for_the_reason_its_header_gives(name):
    solution = solved(name)
    verdict = solution.verdict
    assert verdict.reason == (SAID | SLOW)[name]
    assert verdict.converged == (verdict.reason == "")
    if verdict.converged:
        assert solution.true_error is None or solution.true_error <= verdict.tolerance
    else:
        assert verdict.remedy


def test_the_silent_source_is_heard():
    u = solved("silent_source")([[0.1], [0.4], [0.8]])["u"]
    np.testing.assert_allclose(u, [0.024, 0.096, 0.032], rtol=0.01)


def test_a_tent_is_said_to_be_one_of_several_solutions():
    found = solved("eikonal")
    np.testing.assert_allclose(found([[0.2], [0.5], [0.7]])["u"], [0.2, 0.5, 0.3], atol=1e-4)


def test_where_nothing_is_determined_no_error_is_claimed():
    for name in ("resonance", "neumann"):
        assert solved(name).verdict.estimate == np.inf


def test_a_wrong_exact_is_refused_before_anything_is_solved():
    with pytest.raises(ProblemError, match="does not satisfy the equation"):
        solved("wrong_exact")


def test_every_trap_is_tested_and_documented_and_no_example():
    assert {path.stem for path in TRAPS} == {*SAID, *SLOW, "wrong_exact"}
    assert not {path.stem for path in TRAPS} & set(shipped_problems())
    for path in TRAPS:
        header = re.split(r"^name:", Path(path).read_text(), flags=re.M)[0]
        assert "# Source: " in header
        assert "# Says: " in header
        said = (SAID | SLOW).get(path.stem, "refused")
        assert (said or "converged, truly") in header
