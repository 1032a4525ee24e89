"""Errors of each unknown and vector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from closed_form import ERROR, solved

from pinnkan.export.report import errors_by_name


@pytest.mark.parametrize("kind", ["flow", "vortex", "orbit", "wave"])
def test_each_true_error_is_relative_to_its_own_size(kind: str) -> None:
    """The stand-in is off by a factor 1 + 1e-7, in every unknown."""
    found = errors_by_name(solved(kind))
    names = {"flow": ["velocity", "p"], "vortex": ["p", "velocity"], "orbit": ["a", "b"], "wave": ["psi"]}
    assert [e.name for e in found] == names[kind]
    assert [e.true_error for e in found] == pytest.approx([1e-7] * len(found), rel=1e-5)


def test_sizes_and_estimates_are_root_mean_squares() -> None:
    velocity, p = errors_by_name(solved("flow"))
    assert velocity.size == pytest.approx(np.sqrt(0.5), rel=2e-2)
    assert p.size == pytest.approx(1 / 3, rel=2e-2)
    wave = np.sqrt(np.mean(np.sin(np.pi * 0.9 * np.linspace(0, 2, 2001)) ** 2))
    assert p.estimate == pytest.approx(ERROR * wave**2 / p.size, rel=2e-2)
    assert velocity.estimate == pytest.approx(np.sqrt(2) * ERROR * wave**2 / velocity.size, rel=2e-2)


def test_what_is_not_known_is_none() -> None:
    solution = solved("flow")
    bare = replace(solution, error=None, problem=replace(solution.problem, exact=None))
    assert {(e.estimate, e.true_error) for e in errors_by_name(bare)} == {(None, None)}
