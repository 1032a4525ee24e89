"""What a march keeps of its slabs and says of them to who asks, in a solve that is none of a family that recites."""

import numpy as np

import pinnkan
from pinnkan.solver.time_pass import LEAST_ALLOWED
from pinnkan.solver.verify.verifier import Verifier


def test_errors_of_slabs_that_are_past_take_half_of_the_memory(monkeypatch):
    monkeypatch.setattr("pinnkan.kan.derived_fields.MIN_SINGLE_PRECISION_SIZE", 1)
    solution = pinnkan.solve(pinnkan.load_problem("heat1d"))
    *past, last = (c.dtype for _, c in solution.error.pieces)
    assert past
    assert {*past} == {np.dtype(np.float32)}
    assert last == np.float64


def test_who_asks_a_slab_is_told_what_it_is_allowed(monkeypatch):
    told, verify = [], Verifier.__call__
    monkeypatch.setattr(Verifier, "__call__", lambda self, c: told.append(c.context.allowed_error) or verify(self, c))
    problem = pinnkan.load_problem("heat1d")
    pinnkan.solve(problem)
    assert told
    assert all(LEAST_ALLOWED < allowed <= problem.solver.tolerance for allowed in told)
