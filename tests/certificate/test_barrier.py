"""Which positive function is taken for proven, and what follows from it; whole proofs: ``test_certificate.py``."""

from types import SimpleNamespace

import numpy as np
import pytest

from pinnkan.certificate import barrier as module
from pinnkan.certificate.barrier import (
    LEAST_OPERATOR_VALUE,
    MOST_CELLS,
    RESIDUAL_FLOOR,
    Barrier,
    find_barrier,
    solution_bound,
)
from pinnkan.certificate.splines import MARGIN
from pinnkan.domain.box import Side

LEFT, RIGHT = Side(0, 0), Side(0, 1)


def barrier(least=0.5, most=2.0, inside=0.25, left=0.1, right=0.2):
    return Barrier((), least, most, inside, {LEFT: left, RIGHT: right})


@pytest.mark.parametrize("change", [{"least": 0.0}, {"inside": 0.0}, {"left": -1e-9}, {"right": 0.0}])
def test_all_that_has_to_be_positive_is(change):
    assert barrier().is_valid
    assert not barrier(**change).is_valid


def test_what_is_missed_on_a_side_counts_by_what_the_function_is_there():
    assert barrier().side_mismatch_ratio({LEFT: 0.3, RIGHT: 0.4}) == pytest.approx(3.0)
    assert barrier().side_mismatch_ratio({}) == 0.0


@pytest.fixture
def formula():
    """An equation of which whatever is sought is found to be 0.7 at least."""
    value = SimpleNamespace(value=SimpleNamespace(lo=np.array([[0.7, 0.9]])))
    compiled = SimpleNamespace(
        ranges_over=lambda cells, u, psi: (cells, value), tape=None, input_splines=lambda u, psi: ()
    )
    return SimpleNamespace(linearisation=None, compile_expressions=lambda linearisation: compiled)


@pytest.mark.parametrize(
    ("found", "taken"),
    [
        ([barrier()], 0),
        ([barrier(left=-1e-9), barrier()], 1),  # large inside, but not positive on a side: nothing is proven
        ([barrier(inside=0.9 * LEAST_OPERATOR_VALUE), barrier()], 1),  # proven, but little worth
        ([None, barrier()], 1),  # no such function in the coarse space
        ([barrier(least=0.0), barrier(inside=-1.0)], None),
    ],
)
def test_a_barrier_is_one_that_is_proven_and_worth_having(monkeypatch, formula, found, taken):
    monkeypatch.setattr(module, "barrier_spaces", lambda field: range(len(found)))
    monkeypatch.setattr(module, "programme_nodes", lambda axes: [np.zeros(3)])
    monkeypatch.setattr(module, "least_barrier_spline", lambda formula, conditions, field, axes, *_: found[axes])
    monkeypatch.setattr(module, "_proven", lambda conditions, u, axes, psi, inside: psi if inside == 0.7 else None)
    monkeypatch.setattr(module, "grid_cells", lambda breaks: None)
    assert find_barrier(formula, {}, None, SimpleNamespace(breaks=())) is (None if taken is None else found[taken])


def test_what_a_residual_does_is_at_most_its_largest_value_over_the_least_of_the_equation(formula):
    """Two over a quarter, times the largest value of the barrier; more is missed on a side than that in the second."""
    many, residual = SimpleNamespace(count=MOST_CELLS + 1), np.array([1.0, 2.0])
    assert solution_bound(barrier(), formula, {}, None, None, many, residual, {LEFT: 0.1}) == pytest.approx(
        16.0 * MARGIN
    )
    assert solution_bound(barrier(), formula, {}, None, None, many, residual, {LEFT: 1.0}) == pytest.approx(
        20.0 * MARGIN
    )


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (barrier(most=3.0), 3.0 * 2.0 / 0.5),  # 3 max(0.2/0.8, 2/0.5, 0.1/0.1)
        (barrier(most=3.0, left=0.01), 30.0),  # not better than 16
        (barrier(most=1.0, left=-1.0), np.inf),  # not proven
        (None, np.inf),
    ],
)
def test_a_barrier_of_its_own_may_bound_what_a_residual_does_closer(monkeypatch, formula, own, expected):
    asked, cells, residual = [], SimpleNamespace(count=2), np.array([0.02, 2.0])
    monkeypatch.setattr(module, "programme_nodes", lambda axes: "nodes")
    monkeypatch.setattr(module, "cell_maxima", lambda cells, sizes, nodes: asked.append(sizes))
    monkeypatch.setattr(module, "least_barrier_spline", lambda *given: asked.append(given[-1]) or own)
    monkeypatch.setattr(
        module, "ranges_of", lambda *given: SimpleNamespace(value=SimpleNamespace(lo=np.array([[0.8, 0.5]])))
    )
    monkeypatch.setattr(module, "_proven", lambda conditions, u, axes, psi, inside: psi if inside == 0.5 else None)
    found = solution_bound(barrier(), formula, {}, None, None, cells, residual, {LEFT: 0.1})
    assert found == pytest.approx(min(16.0, expected) * MARGIN)
    sizes, beside = asked
    assert sizes.tolist() == [RESIDUAL_FLOOR, 1.0]
    assert beside == {LEFT: 0.05}
