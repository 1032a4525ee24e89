"""Interface conditions on planes across which coefficients jump: the flux through such a plane is continuous.

The residual of an equation is a distribution. Where a flux F jumps, its derivative holds [F] delta(x - c). Every u_xx
holds [u_x] delta(x - c), since u is continuous and its slope need not be. The factor of delta must vanish:

    [F] + a [u_x] = 0,    a = dR/du_xx - dF/du_x  on either side,

with the residual R almost everywhere and the differentiated expression F. Conditions: a is the same on both sides (else
a jump multiplies a delta function), F holds the unknown, and the equation is of second order. The ratio of the factors
of the slopes above and below must be constant along the plane: where it changes, u - u(0) behaves as r^s with s < 1
(Kellogg 1975), second derivatives are not square integrable, and least squares converge to another function.
"""

from collections.abc import Mapping
from functools import partial

import sympy

from pinnkan.problem.expressions.functions import switch_argument
from pinnkan.problem.expressions.jump_planes import find_jump_planes, one_sided_expression
from pinnkan.problem.expressions.jumps import SWITCH_FUNCTIONS
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.statement import Interface, Jet

#: The order across a plane of an equation that may have an interface condition there.
ORDER = 2


def split_interfaces(residual: sympy.Expr, space: JetSpace) -> tuple[sympy.Expr, tuple[Interface, ...]]:
    """The residual almost everywhere, and the condition on each plane where a flux jumps; may raise JumpError."""
    deltas = space.deltas_of(residual)
    smooth = residual.xreplace(dict.fromkeys(deltas, sympy.S.Zero))
    return smooth, tuple(_interface(residual, smooth, delta, space) for delta in deltas)


def _interface(residual: sympy.Expr, smooth: sympy.Expr, delta: sympy.Symbol, space: JetSpace) -> Interface:
    axis, place, refused = space.deltas_of(residual)[delta]
    x, flux = space.coordinate_symbols[axis], sympy.diff(residual, delta)
    jets = space.jets_of(smooth)
    if len(space.unknowns) > 1 or max((j.order[axis] for j in jets.values()), default=0) != ORDER:
        raise refused
    if not space.jets_of(flux) or space.deltas_of(flux) or _switches_at(flux, x, place):
        raise refused
    for symbol, jet in jets.items():
        if jet.order[axis] == ORDER:
            lower = tuple(n - (i == axis) for i, n in enumerate(jet.order))
            flux += _slope_jump_term(
                flux, sympy.diff(smooth, symbol), space.jet_symbol(Jet(jet.unknown, lower)), delta, space
            )
    above, below = space.jets_of(flux), space.lower_side_jets(flux)
    if not above or any(j.order[axis] >= ORDER for j in [*above.values(), *below.values()]):
        raise refused
    if any(_has_corner(flux, s, axis, space) for s, j in above.items() if j.order[axis] == ORDER - 1):
        raise refused
    return Interface(axis, place, flux, above, below)


def _slope_jump_term(
    flux: sympy.Expr, weight: sympy.Expr, slope: sympy.Symbol, delta: sympy.Symbol, space: JetSpace
) -> sympy.Expr:
    """The term a [u_x] of the interface condition; ``weight`` is the factor of u_xx. Raises JumpError: a jumps."""
    axis, place, refused = space.deltas[delta]
    x, beneath = space.coordinate_symbols[axis], space.lower_side_symbol(slope)
    sides = [one_sided_expression(weight, space.box, x, place, way) for way in (1, -1)]
    if sides[0] is None or sides[1] is None:
        raise refused
    back: Mapping[sympy.Symbol, sympy.Symbol] = {space.lower_side_symbol(s): s for s in space.jets_of(weight)} | {
        beneath: slope
    }
    above = sides[0] - sympy.diff(flux, slope)
    below = (sides[1] + sympy.diff(flux, beneath)).xreplace(dict(back))
    if not _vanishes(above - below, x, place):
        raise refused
    return sympy.S.Zero if _vanishes(above, x, place) else above * (slope - beneath)


def _has_corner(flux: sympy.Expr, slope: sympy.Symbol, axis: int, space: JetSpace) -> bool:
    """Whether the ratio of the factors of a slope above and below the plane jumps, or may jump, along it."""
    beneath = space.lower_side_symbol(slope)
    back = {s: space.upper_side_symbol(s) for s in space.lower_side_jets(flux)}
    ratio = sympy.diff(flux, slope) / sympy.diff(flux, beneath).xreplace(back)
    others = [s for k, s in enumerate(space.coordinate_symbols) if k != axis and space.coordinates[k] != "t"]
    return any(find_jump_planes(ratio, space.box, partial(_contains, s), s) != [] for s in others)


def _contains(symbol: sympy.Symbol, e: sympy.Expr) -> bool:
    return symbol in e.free_symbols


def _vanishes(e: sympy.Expr, x: sympy.Symbol, place: float) -> bool:
    """Whether an expression is zero on the plane, up to rounding."""
    here = sympy.expand(e.xreplace({x: sympy.Float(place)}))
    return all(abs(float(c)) < 1e-12 for c in here.as_coefficients_dict().values())


def _switches_at(e: sympy.Expr, x: sympy.Symbol, place: float) -> bool:
    arguments = map(switch_argument, e.atoms(*SWITCH_FUNCTIONS))
    return any(a.xreplace({x: sympy.Float(place)}).is_zero is not False and x in a.free_symbols for a in arguments)
