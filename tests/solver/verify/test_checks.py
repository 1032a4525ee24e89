"""The table of checks, and how a verifier asks it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from small_models import model_of

import pinnkan
from pinnkan.problem.registry import load_problem
from pinnkan.solver.verify import verifier as module
from pinnkan.solver.verify.candidate import Candidate
from pinnkan.solver.verify.checks import CHECKS, Check
from pinnkan.solver.verify.findings import ErrorAtLeast, Refused, Remark
from pinnkan.solver.verify.verifier import Verifier, findings, without_needed_knots
from pinnkan.verdict.records import Reason

TEXT = load_problem("poisson1d").source


def asked(*answers):
    """What a verifier answers by checks that find these, with the names a, b, ..."""
    names = "abcdef"
    checks = [Check(names[i], "?", lambda *_: True, lambda *_, f=f: f) for i, f in enumerate(answers)]
    candidate = Candidate("u", SimpleNamespace(), 0.0, allowed=1e-4)
    return Verifier(model_of(TEXT))(candidate, checks)


def test_names_and_questions_of_checks_are_their_own():
    assert len({c.name for c in CHECKS}) == len({c.question for c in CHECKS}) == len(CHECKS)
    assert all(c.question.endswith("?") and c.name == c.name.lower() and " " not in c.name for c in CHECKS)


def test_checks_are_asked_until_one_decides():
    found = asked(None, ErrorAtLeast(1e-5), Refused(Reason.STALLED, "no solution"), ErrorAtLeast(1e-5))
    assert [a.check for a in found] == ["a", "b", "c"]
    assert [type(f) for f in findings(found)] == [ErrorAtLeast, Refused]


@pytest.mark.parametrize("finding", [Refused(Reason.STALLED, "no"), Remark("no")])
def test_a_sentence_names_the_check_that_says_it(finding):
    assert findings(asked(None, finding))[0].sentence == "no [check: b]"


def test_a_check_that_does_not_apply_is_not_asked():
    checks = [Check("never", "?", lambda *_: False, lambda *_: pytest.fail("asked"))]
    assert Verifier(model_of(TEXT))(Candidate("u", SimpleNamespace(), 0.0), checks) == ()


def test_needs_of_knots_that_are_negligible_are_no_findings():
    assert findings(without_needed_knots(asked(module.NeedsKnots()))) == ()


def test_the_report_lists_what_was_asked(tmp_path):
    from pinnkan.export.report import report_of

    steady, march = pinnkan.solve(load_problem("poisson1d")), pinnkan.solve(load_problem("lotka_volterra"))
    for solution, name, times in ((steady, "stability", "1"), (march, "nonlinearity", str(len(march.levels)))):
        row = next(x for x in report_of(solution, []).splitlines() if x.startswith(f"| `{name}`"))
        assert row.split("|")[3:5] == [f" {times} ", " nothing "]
    bare = replace(steady, levels=tuple(replace(level, answers=()) for level in steady.levels))
    assert "None was asked" in report_of(bare, [])
