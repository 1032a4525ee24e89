"""Read the coefficients of an equation that is simple enough for a bound of its error from its residual."""

from dataclasses import dataclass

import numpy as np
import sympy

from pinnkan.problem.statement import Problem


@dataclass(frozen=True)
class ConvectionDiffusionForm:
    """Coefficients of [u_t] - sum a_i u_ii + sum b_i u_i + g(x, u) = 0, or of [u_t] - a u_xx + f(u)_x + g(x) = 0.

    ``diffusion``: the a_i > 0; ``convection``: the b_i; ``reaction_slope``: dg/du; ``flux_derivative``: f'(u) or None;
    ``scale``: the factor of this form in the residual of the file.
    """

    diffusion: tuple[float, ...]
    convection: tuple[float, ...]
    reaction_slope: sympy.Expr
    flux_derivative: sympy.Expr | None
    scale: float


def convection_diffusion_form(problem: Problem) -> ConvectionDiffusionForm | None:
    """Return the coefficients of the equation; None for several equations or unknowns, or another form."""
    if len(problem.equations) != 1 or len(problem.unknowns) != 1:
        return None
    equation, d = problem.equations[0], problem.dimension
    jets = {jet.order: symbol for symbol, jet in equation.jets.items()}
    if not equation.residual.is_polynomial(*(s for o, s in jets.items() if any(o))):
        return None
    u = jets.get((0,) * d, sympy.Symbol("u"))
    coefficient = {order: sympy.expand(equation.slopes[s]) for order, s in jets.items() if any(order)}
    first = [_unit(d, i, 1) for i in range(d)]
    second = [_unit(d, i, 2) for i in range(d)]
    space = [i for i in range(d) if i != problem.time_axis]
    allowed = {first[i] for i in range(d)} | {second[i] for i in space}
    if not set(coefficient) <= allowed:
        return None
    if problem.time_axis is not None:
        scale = coefficient.get(first[problem.time_axis], sympy.S.Zero)
    else:
        scale = -sum((coefficient.get(second[i], sympy.S.Zero) for i in space), sympy.S.Zero)
        scale = scale / abs(scale) if scale.is_number and not scale.is_zero else sympy.S.Zero
    if not scale.is_number or scale.is_zero:
        return None
    diffusion = [-coefficient.get(second[i], sympy.S.Zero) / scale for i in space]
    convection = [sympy.expand(coefficient.get(first[i], sympy.S.Zero) / scale) for i in space]
    if not all(a.is_number and float(a) > 0.0 for a in diffusion):
        return None
    rest = equation.residual.subs({s: 0 for o, s in jets.items() if any(o)}) / scale
    slope = sympy.expand(sympy.diff(rest, u))
    if not rest.is_polynomial(u) and u in sympy.expand(rest - slope).free_symbols:  # besides polynomials only c*exp(u)
        return None  # the derivative of other formulas may miss a jump or kink
    flux = None
    if not all(b.is_number for b in convection):
        if len(space) != 1 or convection[0].free_symbols - {u} or not slope.is_zero:
            return None
        flux, convection = convection[0], [sympy.S.Zero]
    return ConvectionDiffusionForm(
        tuple(map(float, diffusion)), tuple(map(float, convection)), slope, flux, float(scale)
    )


def _unit(dimension: int, axis: int, order: int) -> tuple[int, ...]:
    return tuple(order * (i == axis) for i in range(dimension))


def reaction_slope_range(problem: Problem, slope: sympy.Expr) -> tuple[float, float] | None:
    """The infimum and supremum of dg/du over all u; None unless it is a number, polynomial in u or c exp(u), c > 0."""
    if slope.is_number:
        return float(slope), float(slope)
    if slope.free_symbols & set(problem.coordinates) or len(slope.free_symbols) != 1:
        return None
    (u,) = slope.free_symbols
    factor = slope / sympy.exp(u)
    if factor.is_number and float(factor) > 0.0:
        return 0.0, np.inf
    if not slope.is_polynomial(u):
        return None
    polynomial = np.array([float(c) for c in sympy.Poly(slope, u).all_coeffs()])
    if len(polynomial) % 2 == 0:  # of odd degree: takes every value
        return -np.inf, np.inf
    turns = np.roots(np.polyder(polynomial))
    values = np.polyval(polynomial, turns[np.abs(turns.imag) < 1e-9 * (1 + np.abs(turns))].real)
    return (float(values.min()), np.inf) if polynomial[0] > 0 else (-np.inf, float(values.max()))
