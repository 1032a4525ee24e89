"""Parameters from outside: what is read, resolved and refused is as if the file said so."""

from __future__ import annotations

import pytest
from edited import TEXT, without_exact

from pinnkan.errors import ProblemError, UsageError
from pinnkan.problem.registry import load_problem, parse_problem
from pinnkan.problem.resolved_file import resolved_text

MORE = without_exact().replace("  k: 0.1\n", "  k: 0.1   # conductivity\n  m: 2*k\n").replace("k*u_xx", "m*u_xx/2")


def test_a_parameter_that_is_set_is_the_one_of_a_file_that_says_so() -> None:
    changed = parse_problem(TEXT, "rod.yaml", {"k": 0.02})
    written = parse_problem(TEXT.replace("0.1", "0.02"), "rod.yaml")
    assert changed.equations[0].residual == written.equations[0].residual
    assert changed.equations[0].residual != parse_problem(TEXT, "rod.yaml").equations[0].residual
    assert "k: 0.02" in resolved_text(changed)
    assert changed.parameter_overrides == {"k": "0.02"}


def test_what_stands_around_and_what_follows_from_it_stays() -> None:
    changed = parse_problem(MORE, "rod.yaml", {"m": "0.3/pi", "k": 5})
    assert "  k: 5   # conductivity\n  m: 0.3/pi\n" in changed.source
    assert "m: 2*k" in parse_problem(MORE, "rod.yaml", {"k": 5}).source


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"kk": "1"}, "kk=1: no parameter 'kk'", "did you mean 'k'?"),
        ({"speed": "1"}, "speed=1: no parameter 'speed'", "parameters: k"),
        ({"k": "speed"}, "unknown name 'speed' in a parameter", ""),
        ({"k": "1\nunknowns: [v]"}, "an operator is missing before this", "write * to multiply"),
    ],
)
def test_a_wrong_name_or_value_is_a_fault_with_its_place(given: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(TEXT, "rod.yaml", given)
    (fault,) = caught.value.faults
    assert (fault.message, fault.hint) == (message, hint) or message == fault.message
    assert fault.line in (5, 6)


def test_a_problem_is_loaded_from_its_text_with_another_tolerance() -> None:
    problem = load_problem(TEXT, set={"k": 0.3}, tolerance=1e-6)
    assert (problem.name, problem.solver.tolerance) == ("rod", 1e-6)
    with pytest.raises(UsageError, match="from 1e-13 to below 1"):
        load_problem("poisson1d", tolerance=2.0)
