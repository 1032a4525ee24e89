"""Two digests of what pinnkan answers: what counts as a difference."""

from dataclasses import replace

import pytest
from benchmark.digest import PARTS, Row, compare, corpus, measured

from pinnkan.assembly import clock

ROW = Row("traps", "a", "converged", "", "Converged.", (1e-5).hex(), "8 abc", 3, 1e-4, 2e-5, 1000, 0.5)


def test_the_same_answers_at_another_cost_are_no_difference(capsys):
    assert compare([ROW], [replace(ROW, calls=2000, cpu=1.0)])
    assert "ratio in the middle 2.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change", [{"estimate": (1e-5 + 1e-20).hex()}, {"sentence": "No."}, {"knots": "8 abd"}, {"reason": "stalled"}]
)
def test_every_part_of_an_answer_counts(change, capsys):
    assert not compare([ROW], [replace(ROW, **change)])
    assert "1 of 1 answers differ;" in capsys.readouterr().out


def test_a_solve_that_time_ended_is_counted_apart(capsys):
    ended = replace(ROW, verdict="not_converged", reason="max_time")
    assert compare([ended], [replace(ended, estimate=(1.0).hex(), knots="16 def", sentence="Another time.")])
    assert compare([ended], [ROW])
    assert "1 ended by time, 1 in one of the two" in capsys.readouterr().out


def test_a_problem_that_is_missing_is_a_difference():
    assert not compare([ROW, replace(ROW, name="b")], [ROW])


def test_a_converged_solution_far_from_the_truth_is_wrong():
    assert replace(ROW, error=3e-4).is_wrong
    assert ROW.is_right
    assert not replace(ROW, verdict="not_converged", error=3e-4).is_wrong


def test_the_corpus_names_every_problem_once():
    tasks = [(task.part, task.name) for task in corpus(PARTS, [])]
    assert len(set(tasks)) == len(tasks) > 700


def test_a_problem_that_is_refused_has_a_row(monkeypatch):
    monkeypatch.setattr(clock, "time", clock.time)  # a digest has the processor's time as its clock
    (task,) = (task for task in corpus(["traps"], []) if task.name == "wrong_exact")
    assert measured(task).verdict != "converged"
