"""Where a deep solve stands, as it comes back from disk."""

from dataclasses import fields, replace

import numpy as np
import torch
from deep_problems import burgers
from stored_state import stored

from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.network import random_network
from pinnkan.solver.families.deep.state import DeepState, MinimisationRestart, MinimisationResult, SlabTraining
from pinnkan.verdict.records import Iteration


def swept(seed):
    problem = burgers()
    inputs, cells = (
        Inputs(problem.box.ranges, problem.box.periodic),
        tuple(np.linspace(a, b, 3) for a, b in problem.box.ranges),
    )
    return DeepField((Piece(inputs, random_network((2, 2, 1), 4, 2, 0.3, seed=seed), cells),), 1)


def flat(value):
    """A state's parts as arrays and plain values."""
    if isinstance(value, tuple):
        return [part for item in value for part in flat(item)]
    if isinstance(value, MinimisationResult | MinimisationRestart | SlabTraining | Iteration):
        return [part for f in fields(value) for part in flat(getattr(value, f.name))]
    return [value.numpy().tolist() if isinstance(value, torch.Tensor) else value]


def test_every_part_of_a_state_comes_back_from_disk():
    x = torch.tensor([1.0, 1.0 / 3.0, -1e-300], dtype=torch.float64)
    state = DeepState(
        2, swept(0), (SlabTraining(0.1, 0.2, 9, 4),), (MinimisationResult(x, 1.0 / 7.0, 5),),
        MinimisationRestart(x, 2.0 * x, 1e-3, (3.0, 2.0)),
        (Iteration(0, 1, 0.3, 0.1, 1e-3, 0.5),), swept(1), (SlabTraining(0.1, 0.3, 8, 3), SlabTraining(0.0, 0.0, 1, 1)),
    )  # fmt: skip
    again = stored(state)
    plain = [f.name for f in fields(state) if f.name not in ("field", "new_field")]
    assert [flat(getattr(again, name)) for name in plain] == [flat(getattr(state, name)) for name in plain]
    at = np.array([[0.1, 0.2], [-1.5, 0.9]])
    for name in ("field", "new_field"):
        np.testing.assert_array_equal(getattr(again, name)(at, [(1, 0)]), getattr(state, name)(at, [(1, 0)]))
    other = replace(state, results=(MinimisationResult(x * (1.0 + 1e-15), 1.0 / 7.0, 5),))
    assert flat(stored(other).results) != flat(state.results)


def test_a_sweep_begins_with_nothing_done_and_nothing_to_show():
    state = stored(DeepState())
    assert (state.number, state.field, state.new_field, state.restart) == (0, None, None, None)
    assert state.previous_training == state.results == state.steps == state.new_training == ()
