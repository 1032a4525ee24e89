"""Verdict, estimate and bound reach every surface: terminal, JSON, report, field data, Python object, checkpoint."""

import json
import math

import pytest
import pyvista

import pinnkan
from pinnkan.cli import main
from pinnkan.problem.registry import shipped_folder

CASES = {
    "poisson1d": ("converged", ""),
    "neumann": ("not_converged", "rank_deficient"),
}


@pytest.fixture(scope="module", params=CASES)
def run(request, tmp_path_factory):
    """One solve through the command, and everything it said and wrote."""
    name = request.param
    file = name if name == "poisson1d" else str(shipped_folder() / "traps" / f"{name}.yaml")
    target = tmp_path_factory.mktemp("run") / name
    with pytest.MonkeyPatch.context() as patch:
        said: dict[str, list[str]] = {"out": [], "err": []}
        for stream, lines in said.items():
            patch.setattr(f"sys.std{stream}", _Heard(lines))
        code = main(["solve", file, "--out", str(target), "--json"])
    return CASES[name], code, "".join(said["out"]), "".join(said["err"]), target


class _Heard:
    """A stream that keeps what is written to it."""

    encoding = "utf-8"

    def __init__(self, lines):
        self.lines = lines

    def write(self, text):
        self.lines.append(text)
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False


def test_every_surface_says_the_same(run):
    (verdict, reason), code, out, err, target = run
    found = json.loads(out)
    assert (found["verdict"], found["reason"]) == (verdict, reason)
    assert code == (0 if verdict == "converged" else 4)
    solution = pinnkan.load_solution(target)
    assert solution.verdict.converged == (verdict == "converged")
    assert solution.verdict.reason == reason
    estimate = solution.verdict.estimate
    assert found["error_estimate"] == (estimate if math.isfinite(estimate) else None)
    words = f"{estimate:.2g}" if math.isfinite(estimate) else "error not known"
    report = (target / "report.md").read_text()
    for text in (err, report):
        assert words in text
        assert ("NOT CONVERGED" in text) == bool(reason)
        assert reason in text
        assert solution.verdict.remedy in text
        assert solution.verdict.bound_sentence in text
    (name,) = [p.name for p in target.glob("*.vtu")]
    assert ("NOT_CONVERGED" in name) == bool(reason)
    data = pyvista.read(target / name).field_data
    assert data["converged"][0] == (not reason)
    assert data["relative_error_estimate"][0] == estimate
    assert data["tolerance"][0] == solution.verdict.tolerance


def test_a_bound_is_kept_where_there_is_one(run):
    (verdict, _), _, out, _, target = run
    solution = pinnkan.load_solution(target)
    assert (solution.verdict.bound is not None) == (verdict == "converged")
    assert set(json.loads(out)) == {
        "name", "verdict", "reason", "tolerance", "error_estimate", "true_error", "levels", "parameters", "seconds",
        "run",
    }  # fmt: skip
