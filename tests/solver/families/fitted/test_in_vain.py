"""A slab whose correction rises with every knot is accepted as it was at best; one that falls is refined."""

from types import SimpleNamespace

import numpy as np
import pytest
from pinnkan.solver.families.fitted.state import FittedAim, FittedSlabsState
from pinnkan.solver.families.product.state import Run

from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.solver.families.fitted import slabs as inner_slabs
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome

AXES = (Axis(np.linspace(0, 1, 5), 5), Axis(np.linspace(0, 1, 3), 4))


def attempts(monkeypatch, size):
    """(time, length, size) of all attempts and of the accepted ones, ``size`` a function of the intervals across."""
    problem = SimpleNamespace(ranges=((0.0, 1.0), (0.0, 1.0), (0.0, 0.01)))
    inner = SimpleNamespace(model=SimpleNamespace(problem=problem))
    run = Run((), (), (0.0,), np.zeros(1), np.zeros(1))
    march = inner_slabs.March(inner, 1e-4, 4, Monitor(None, None), None, None, run)
    seen, accepted = [], []

    def attempt(guess, axes, time, length):
        sizes = (size(axes[0].intervals), 0.0, 0.0)
        masses = (np.ones(axes[0].intervals), np.ones(axes[1].intervals))
        seen.append((time, length, sizes[0]))
        local = SimpleNamespace(sizes=sizes, pieces=(None, None), masses=masses)
        piece, space = SimpleNamespace(coordinates=None), SimpleNamespace(axes=axes)
        slab = SimpleNamespace(piece=piece, space=space, sizes=sizes, length=length)
        return SimpleNamespace(slab=slab, system=None, local=local)

    monkeypatch.setattr(march, "attempt", attempt)

    def advance(slab, system, out):
        accepted.append((slab.length, slab.sizes[0]))
        raise TimeoutError  # one slab is enough

    monkeypatch.setattr(march, "advance", advance)
    monkeypatch.setattr(march, "system", lambda coordinates, space: None)
    aim = FittedAim(None, AXES, inner_slabs.FIRST_SLAB * 0.01)
    state = FittedSlabsState(0, 1e-4, aim, run, problem.ranges, None, (), ())
    with pytest.raises(TimeoutError):
        march.go(state, Outcome(None, None))
    return seen, accepted


def test_a_slab_in_which_gauss_newton_fails_is_tried_again_shorter(monkeypatch):
    outcomes = iter([False, False, True])

    def size(_):
        if not next(outcomes):
            raise SolverError("Gauss-Newton did not settle in a slab")
        return 1e-9

    seen, accepted = attempts(monkeypatch, size)
    assert len(seen) == 1
    assert accepted[0][0] == pytest.approx(0.02 * 0.01 * 0.25**2)


def test_knots_that_only_raise_the_correction_are_given_up_after_two_attempts(monkeypatch):
    seen, accepted = attempts(monkeypatch, lambda n: 1e-3 * n)
    assert [size for _, _, size in seen[:3]] == sorted(size for _, _, size in seen[:3])
    assert accepted[0][1] == seen[0][2]
    assert sum(time == 0.0 for time, _, _ in seen) == 1 + inner_slabs.IN_VAIN


def test_knots_that_lower_the_correction_are_put_in_until_it_is_allowed(monkeypatch):
    seen, accepted = attempts(monkeypatch, lambda n: 1e-2 * 4.0**-n)
    assert sum(time == 0.0 for time, _, _ in seen) > 1
    assert accepted[0][1] == min(size for _, _, size in seen)


def test_without_the_rule_all_rejections_would_be_used_up(monkeypatch):
    monkeypatch.setattr(inner_slabs, "IN_VAIN", 99)
    seen, _ = attempts(monkeypatch, lambda n: 1e-3 * n)
    assert sum(time == 0.0 for time, _, _ in seen) == pytest.approx(1 + inner_slabs.MOST_REJECTIONS)
