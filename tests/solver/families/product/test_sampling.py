"""The points of a true error, a few at a time."""

import pytest
from small_models import PLANE, model_of

from pinnkan.solver.estimate.norms import true_errors
from pinnkan.solver.families.product import sampling
from pinnkan.solver.families.product.levels import ProductLevels


def test_the_true_error_is_added_up_a_few_points_after_the_other(monkeypatch):
    model = model_of(PLANE.format(v="sin(x + 1)*sin(9*y)", right="u = v") + "exact:\n  u: v\n")
    family = ProductLevels(model, 4, 3, 1)
    state = family.initial_state()
    whole = true_errors(model.problem, family.samples(state))
    monkeypatch.setattr(sampling, "POINTS_AT_ONCE", 100)
    samples = family.samples(state)
    assert samples.weights.size < 200
    assert true_errors(model.problem, samples) == pytest.approx(whole, rel=1e-12)
