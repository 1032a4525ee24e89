"""What holds on a plane across which the slope may jump, as an equation of derivatives on both sides of it.

A derivative across the plane of order k is that above it, one of order k + SHIFT that of order k below it: so the rows
of an interface are those of any equation, on a table of two-sided derivatives
(:func:`pinnkan.kan.table.joint_table`).
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.problem.statement import Equation, Interface, Jet

#: One more than the highest order of derivative across a plane.
SHIFT = 2


def compiled(interface: Interface, text: str, coordinates: Sequence[sympy.Symbol]) -> CompiledEquation:
    """The residual on the plane."""
    jets = {**interface.above, **{s: _beneath(j, interface.axis) for s, j in interface.below.items()}}
    return CompiledEquation(Equation(interface.residual, jets, f"the flux of {text}"), coordinates)


def _beneath(jet: Jet, axis: int) -> Jet:
    return Jet(jet.unknown, tuple(n + SHIFT * (i == axis) for i, n in enumerate(jet.order)))
