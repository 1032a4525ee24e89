"""Meshes for a layer: those that adapt themselves and those fitted by hand reach it, even ones do not."""

import numpy as np
import skfem

from . import finite_elements
from .adapted_elements import adapted, fitted, fitted_mesh

LAYER = finite_elements.oblique(width=0.02, eps=0.02)


def test_a_mesh_that_adapts_itself_finds_a_layer_that_an_even_one_of_as_many_unknowns_does_not() -> None:
    thin = finite_elements.oblique(width=0.01, eps=0.01)
    *_, last = adapted(thin, 6000)
    even = finite_elements.solve(thin, skfem.MeshTri().refined(4))
    assert even.error > 8 * last.error
    assert even.unknowns > last.unknowns / 3


def test_the_seconds_of_an_adapted_mesh_are_those_of_all_meshes_before_it() -> None:
    seconds = [found.seconds for found in adapted(LAYER, 5000)]
    assert seconds == sorted(seconds)
    assert len(seconds) > 2


def test_a_fitted_mesh_fills_the_square_and_has_the_layer_among_its_edges() -> None:
    mesh = fitted_mesh(np.tan(np.pi / 6), 4, 0.02, 1.5)
    x, y = mesh.p
    assert np.isclose(np.abs(mesh.mapping().detA).sum() / 2, 1.0)
    assert np.isclose(y, 0.5 + np.tan(np.pi / 6) * (x - 0.5), rtol=0, atol=1e-14).sum() == 5


def test_on_fitted_meshes_the_error_falls_and_off_the_layer_it_does_not() -> None:
    coarse, fine = fitted(LAYER, 2, 0.04, 1.5), fitted(LAYER, 4, 0.01, 1.3)
    assert coarse.error > 10 * fine.error
    assert fine.error < 2e-4
    flat = finite_elements.solve(LAYER, fitted_mesh(0.0, 4, 0.01, 1.3))
    assert flat.error > 10 * fine.error
