"""Rows of several equations for several unknowns, and their Jacobian."""

import numpy as np
import sympy
import torch
from deep_problems import UX, U, X

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.kan.layers.deep_field import Inputs
from pinnkan.kan.layers.network import random_network
from pinnkan.problem.statement import Equation, Jet
from pinnkan.solver.families.deep.rows import NetworkSystem, RowGroup


def test_several_unknowns_and_equations_have_the_right_rows():
    v = sympy.Symbol("v")
    first = Equation(U * v - X, {U: Jet(0, (0,)), v: Jet(1, (0,))}, "")
    second = Equation(UX - v, {UX: Jet(0, (1,)), v: Jet(1, (0,))}, "")
    inputs = Inputs(((0.0, 1.0),), (True,))
    network = random_network((2, 3, 2), 3, 2, 0.3, seed=2)
    x = np.linspace(0.1, 0.9, 5)[:, None]
    equations = [CompiledEquation(e, (X,)) for e in (first, second)]
    held = ((equations, np.ones(5)), (equations[:1], 2.0 * np.ones(5)))
    groups = [RowGroup.build(some, x, weights, "cpu", None) for some, weights in held]
    system = NetworkSystem(groups, inputs)
    rows, tangent = system.rows_and_jacobian(network)
    theirs = torch.autograd.functional.jacobian(
        lambda w: system.rows_and_jacobian(network.with_flat(w))[0], network.flat()
    )
    assert rows.shape == (15,)
    torch.testing.assert_close(rows[5:10], 2.0 * rows[:5])  # first equation, both groups; then the second
    torch.testing.assert_close(tangent(), theirs, rtol=0, atol=1e-10 * float(theirs.abs().max()))
