"""What is asked of the Python API by mistake is answered by a UsageError with a sentence, not an AttributeError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pinnkan

LINE: dict[str, Any] = {
    "domain": {"x": (0, 1)},
    "unknowns": ["u"],
    "equations": ["-u_xx = 1"],
    "conditions": [("boundary", "u = 0")],
}
PAIRS = 'pairs are wanted, as conditions=[("boundary", "u = 0")]'


def stated(**changes: Any) -> Any:
    """The problem with other arguments."""
    return pinnkan.Problem(**{**LINE, **changes})


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda: pinnkan.solve("heat1d"), "a problem is wanted, as pinnkan.load_problem('heat1d') gives"),  # type: ignore[arg-type]
        (lambda: pinnkan.solve(None), "solve(NoneType): a problem is wanted"),  # type: ignore[arg-type]
        (lambda: pinnkan.solve(stated(), callback=3), "callback=3 is no function"),  # type: ignore[arg-type]
        (lambda: pinnkan.solve(stated(), tolerance="1e-3"), "tolerance '1e-3': a number is wanted"),  # type: ignore[arg-type]
        (lambda: pinnkan.certify(LINE), "certify(dict): a solution is wanted"),  # type: ignore[arg-type]
        (lambda: pinnkan.load_problem(LINE), "pinnkan.Problem(...) states one in Python"),  # type: ignore[arg-type]
        (lambda: pinnkan.load_problem("burgers", set=["nu=1"]), "as set={'nu': 0.02}"),  # type: ignore[arg-type]
        (lambda: pinnkan.load_solution(None), "the path of a results folder is wanted"),  # type: ignore[arg-type]
        (lambda: stated(conditions="u = 0"), f"conditions: 'u = 0' is no list; {PAIRS}"),
        (lambda: stated(conditions={"left": "u = 0"}), f"is no list; {PAIRS}"),
        (lambda: stated(conditions=["u = 0"]), f"'u = 0' is no pair of a place and an equation; {PAIRS}"),
        (lambda: stated(conditions=[("left", "u = 0", "exact")]), "is no pair of a place and an equation"),
        (lambda: stated(equations=[lambda u: u]), "is neither a number nor a text; formulas are texts"),
    ],
)
def test_a_call_of_another_kind_is_answered_in_words(asked: Callable[[], object], says: str) -> None:
    with pytest.raises(pinnkan.UsageError) as refused:
        asked()
    assert says in str(refused.value)


def test_conditions_may_have_the_keys_of_a_file() -> None:
    problem = stated(conditions=[{"where": "boundary", "equation": "u = 0", "enforce": "penalty"}])
    assert [c.enforce for c in problem.conditions] == ["penalty", "penalty"]


def test_arrays_of_numpy_and_none_are_what_they_stand_for() -> None:
    problem = stated(domain={"x": np.array([0, 2])}, unknowns=np.array(["u"]), solver=None, equations=("-u_xx = 1",))
    assert problem.box.ranges == ((0.0, 2.0),)
    tolerance = pinnkan.solve(problem, tolerance=np.float32(0.25)).problem.solver.tolerance  # type: ignore[arg-type]
    assert (tolerance, type(tolerance)) == (0.25, float)


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs a place where nobody can make a folder")
def test_a_checkpoint_that_cannot_be_kept_is_refused_before_the_solve() -> None:
    with pytest.raises(pinnkan.PinnkanError, match="No such file"):
        pinnkan.solve(stated(), checkpoint="/proc/nope", callback=pytest.fail)


def test_an_argument_that_is_missing_is_asked_for_by_the_public_name() -> None:
    with pytest.raises(TypeError, match=r"^Problem\(\) missing 2 required"):
        pinnkan.Problem(domain={"x": (0, 1)})  # type: ignore[call-arg]


def test_a_traceback_shows_place_line_and_hint_of_every_fault() -> None:
    with pytest.raises(pinnkan.ProblemError) as refused:
        stated(equations=["-uxx = 1"], excat={"u": 0})
    shown = str(refused.value).splitlines()
    assert shown[0].endswith("unknown name 'uxx' in an equation")
    assert shown[1:3] == ["    - -uxx = 1", "    write u_xx"]
    assert shown[-1] == "    did you mean 'exact'?"
    assert isinstance(refused.value, pinnkan.PinnkanError)


def test_of_one_coordinate_a_row_of_numbers_is_as_many_points() -> None:
    solution = pinnkan.solve(stated())
    x = np.linspace(0, 1, 5)
    assert solution(x)["u"] == pytest.approx(x * (1 - x) / 2, abs=1e-9)
    assert solution(x)["u"].tolist() == solution(x[:, None])["u"].tolist()
    with pytest.raises(pinnkan.UsageError, match="points are no numbers"):
        solution("x")  # type: ignore[arg-type]
    assert solution.error is not None
    assert solution.error(x, [(0,)]).tolist() == solution.error(x[:, None], [(0,)]).tolist()


def test_points_with_an_imaginary_part_are_none() -> None:
    """It had been left out."""
    solution = pinnkan.solve(stated())
    with pytest.raises(pinnkan.UsageError, match="points are no numbers"):
        solution(np.array([0.5 + 1.0j]))


def test_of_two_coordinates_a_row_of_three_numbers_is_no_point() -> None:
    square = stated(domain={"x": (0, 1), "y": (0, 1)}, equations=["-lap(u) = 1"])
    with pytest.raises(pinnkan.UsageError, match=r"points have shape \(1, 3\); wanted is \(n, 2\)"):
        pinnkan.solve(square, tolerance=1e-2)([0.1, 0.2, 0.3])
