"""Quartic elements converge with order five, so the figures they give the benchmark are those of a sound code."""

from __future__ import annotations

import numpy as np

from . import finite_elements


def test_poisson_converges_with_order_five() -> None:
    coarse, fine = finite_elements.poisson(4), finite_elements.poisson(8)
    assert fine.error < 3e-7
    assert 4.8 < np.log2(coarse.error / fine.error) < 5.2


def test_helmholtz_converges_with_order_five() -> None:
    coarse, fine = finite_elements.helmholtz((6, 24)), finite_elements.helmholtz((12, 48))
    assert fine.error < 1e-6
    assert 4.8 < np.log2(coarse.error / fine.error) < 5.2


def test_a_boundary_layer_is_resolved_whatever_its_width() -> None:
    assert finite_elements.convection_layer(1e-2).error < 2e-5
    assert finite_elements.convection_layer(1e-4).error < 2e-6


def test_an_oblique_layer_is_resolved_by_triangles_at_the_front_and_not_without_them() -> None:
    assert finite_elements.oblique_layer(width=0.02, eps=0.02, finest=4, reach=3).error < 1e-3
    assert finite_elements.oblique_layer(width=0.02, eps=0.02, finest=20, reach=3).error > 1e-2


def test_the_multiscale_problem_converges_with_order_five() -> None:
    coarse, fine = (finite_elements.poisson_multiscale(n) for n in (24, 48))
    assert fine.error < 2e-5
    assert 4.7 < np.log2(coarse.error / fine.error) < 5.2


def test_a_conductivity_that_varies_converges_with_order_five() -> None:
    coarse, fine = (finite_elements.poisson_varying(n) for n in (32, 64))
    assert fine.error < 2e-4
    assert 4.0 < np.log2(coarse.error / fine.error) < 5.5
