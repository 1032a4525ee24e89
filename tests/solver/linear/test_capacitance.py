"""Sides whose rows join derivatives along them, beside fast diagonalisation."""

import numpy as np
import pytest
import torch
from operators import CPU, axis, jacobian_of, spread_of
from small_models import model_of, prepared

from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.product import Space
from pinnkan.solver import memory
from pinnkan.solver.linear import preconditioners
from pinnkan.solver.linear.capacitance import CapacitanceInverse, capacitance_size, find_coupled_side_rows
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.diagonalisation import FastDiagonalisation
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.linear.preconditioners import ADDED_SHARES

LEAVING = """
name: leaving
domain: {x: [0, 1], y: [0, 1], t: [0, 0.1]}
unknowns: [u]
equations: ["u_tt = lap(u) + sin(5*x)*y"]
conditions:
  - {where: initial, equation: "u = x*(1 - x)*y*(1 - y)"}
  - {where: initial, equation: u_t = 0}
  - {where: boundary, equation: "SIDES"}
"""
BOX = """
name: box
domain: {x: [0, 1], y: [0, 1], z: [0, 1], t: [0, 0.1]}
unknowns: [u]
equations: [u_tt = lap(u) + x]
conditions:
  - {where: initial, equation: u = x}
  - {where: initial, equation: u_t = 0}
  - {where: boundary, equation: u_t = -dn(u)}
"""
CIRCLE = """
name: circle
domain: {x: [0, 1], y: [0, 1], t: [0, 0.1], periodic: [x]}
unknowns: [u]
equations: ["u_t = lap(u) + sin(2*pi*x)"]
conditions:
  - {where: initial, equation: u = 1}
  - {where: [bottom, top], equation: u_t = -dn(u)}
"""
OBLIQUE = """
name: oblique
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: [-lap(u) = 1]
conditions:
  - {where: [left, right, bottom], equation: u = 0}
  - {where: top, equation: dn(u) = 0.5*u_x}
"""
OTHERS = {
    "box": (BOX, Space((axis(2, 3), axis(3, 3), axis(2, 4), axis(1, 4, end=0.1))), 2),
    "circle": (CIRCLE, Space((axis(6, 4, True), axis(4, 4), axis(1, 4, end=0.1))), 1),
    "oblique": (OBLIQUE, Space((axis(8, 4), axis(7, 4))), 0),
}


def rows_of(sides):
    space = Space((axis(4, 5), axis(3, 5), axis(1, 5, end=0.1)))
    return of_text(LEAVING.replace("SIDES", sides), space, 2)


def of_text(text, space, known):
    """Rows of a problem of which so many functions of time are ``known``, and the ordering of the others."""
    system, start, fixed = prepared(model_of(text), space)
    if known:
        fixed[..., :known, :] = True
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in system.patches]
    return rows, order_coefficients(space, fixed, CPU)


def test_sides_that_join_nothing_need_none():
    for sides in ("u = 0", "dn(u) = 0", "dn(u) + 3*u = 0"):
        assert find_coupled_side_rows(rows_of(sides)[0]) is None


@pytest.mark.parametrize("sides", ["u_t = -dn(u)", "dn(u) = u - 2*u_t", "u_tt = -dn(u)", "u_t = (x - 2*y)*u"])
def test_it_is_nearly_the_inverse(sides):
    """10 to 32; fast diagonalisation alone has 7e2 to 1.1e4."""
    rows, ordering = rows_of(sides)
    gram = jacobian_of(rows, ordering)
    gram = gram.T @ gram
    joined = find_coupled_side_rows(rows)
    assert joined.band_coordinate == 2
    assert len(joined.rows) == 4
    told = spread_of(CapacitanceInverse(rows, ordering, joined, ADDED_SHARES[0]), gram)
    assert told < 0.1 * spread_of(FastDiagonalisation(rows, ordering), gram)


@pytest.mark.parametrize("name", OTHERS)
def test_so_it_is_in_space_around_a_circle_and_without_time(name):
    """Of a box 33, and 2e4 with fast diagonalisation alone; 2 and 18, 18 and 225 of the others."""
    rows, ordering = of_text(*OTHERS[name])
    gram = jacobian_of(rows, ordering)
    gram = gram.T @ gram
    told = spread_of(CapacitanceInverse(rows, ordering, find_coupled_side_rows(rows), ADDED_SHARES[0]), gram)
    assert told < 0.15 * spread_of(FastDiagonalisation(rows, ordering), gram)


def test_its_numbers_are_values_and_slopes():
    rows, _ = rows_of("u_t = -dn(u)")
    space = rows[0].space
    (x, y, t) = (a.count for a in space.axes)
    assert capacitance_size(rows, find_coupled_side_rows(rows)) == 2 * 2 * (x + y) * t


def test_steps_agree_with_a_factor():
    rows, ordering = rows_of("u_t = -dn(u)")
    steps = ConjugateGradients(rows, ordering)
    found = steps.solve([r.residual for r in rows], 1e-10)
    exact = NormalEquations(rows, ordering).solve([r.residual for r in rows])
    assert np.abs(found - exact).max() < 1e-7 * np.abs(exact).max()
    assert isinstance(steps.preconditioner, CapacitanceInverse)
    assert steps.iterations < 60


def test_what_is_not_definite_is_left_for_the_next(monkeypatch):
    """Steps begin anew with more of the slopes kept."""
    rows, ordering = rows_of("u_t = -dn(u)")
    honest = CapacitanceInverse.__call__

    def refuted(self, right):
        found = honest(self, right)
        self.is_definite = self.is_definite and self.added_share > ADDED_SHARES[0]
        return found

    monkeypatch.setattr(CapacitanceInverse, "__call__", refuted)
    steps = ConjugateGradients(rows, ordering)
    found = steps.solve([r.residual for r in rows], 1e-10)
    exact = NormalEquations(rows, ordering).solve([r.residual for r in rows])
    assert np.abs(found - exact).max() < 1e-7 * np.abs(exact).max()
    assert steps.preconditioner.added_share == ADDED_SHARES[1]


def test_it_notices_that_it_is_not_definite():
    """Where twice the squares of the slopes are taken back there are functions of which less than nothing is left."""
    rows, ordering = rows_of("u_t = -dn(u)")
    right = torch.from_numpy(np.random.default_rng(0).standard_normal((ordering.size, 8)))
    for kept, is_definite in ((ADDED_SHARES[0], True), (-1.0, False)):
        inverse = CapacitanceInverse(rows, ordering, find_coupled_side_rows(rows), kept)
        inverse(right)
        assert inverse.is_definite == is_definite


def test_it_is_not_made_without_room_for_it(monkeypatch):
    rows, ordering = rows_of("u_t = -dn(u)")
    diagonal = MatrixFree(rows).diagonal()
    counts = []
    for room in (1e10, 1e3):
        monkeypatch.setattr(memory, "available_bytes", lambda device, room=room: room)
        counts.append(len(preconditioners.preconditioner_options(rows, ordering, diagonal, 0.0)))
    assert counts[0] - counts[1] >= len(ADDED_SHARES)
