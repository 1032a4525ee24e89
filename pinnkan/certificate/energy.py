"""The energy inequality: a closed-form bound of |v| by |L v| in L2, for every v that vanishes on the sides.

With L v = -sum_ij a_ij v_ij + sum_i b_i v_i + c v, multiplied by v and integrated,

    (L v, v) = sum_ij (a_ij v_i, v_j) + ((c - 1/2 div beta) v, v),    beta_i = b_i + sum_j d_j a_ij,

and with Gershgorin's bound a_i of row i and Poincare's |v_i| >= pi/L_i |v| on the coordinates that are not periodic,
|v| (sum_i a_i pi^2/L_i^2 + inf (c - 1/2 div beta)) <= |L v| where the bracket is positive.
"""

from collections.abc import Mapping

import numpy as np
import sympy

from pinnkan.certificate.cell_ranges import grid_cells
from pinnkan.certificate.linearised import Formula, zeroth_coefficient
from pinnkan.certificate.splines import MARGIN, TensorSpline
from pinnkan.domain.box import Box, Side
from pinnkan.problem.expressions.functions import Signum, UnitStep


def energy_inverse_bound(formula: Formula, conditions: Mapping[Side, Formula], box: Box, u: TensorSpline) -> float:
    """K with |v| <= K |L v| in L2 for v = 0 on the sides, by the energy inequality; infinite where that gives none."""
    d, x = len(box.ranges), formula.coordinates
    a = [[sympy.S.Zero] * d for _ in range(d)]
    b = [sympy.S.Zero] * d
    for order, slope in formula.partial_derivatives.items():
        where = np.flatnonzero(order)
        if sum(order) == 1:
            b[where[0]] = slope
        elif sum(order) == 2:
            i, k = where[0], where[-1]
            a[i][k] = a[k][i] = -slope if i == k else -slope / 2
    beta = [sympy.Add(b[i], *(sympy.diff(a[i][k], x[k]) for k in range(d))) for i in range(d)]
    jumps = any(term.has(Signum, UnitStep) for term in beta)
    varies = any(term.free_symbols for row in (*a, b) for term in row)
    if (
        jumps
        or (varies and any(box.periodic))
        or any(any(map(any, c.partial_derivatives)) for c in conditions.values())
    ):
        return np.inf
    shift = zeroth_coefficient(formula) - sympy.Add(*(sympy.diff(term, x[i]) for i, term in enumerate(beta))) / 2
    found = formula.compile_expressions(shift, *(a[i][k] for i in range(d) for k in range(i, d)))
    value = found.ranges_over(grid_cells(u.breaks), u)[1].value
    places = [(i, k) for i in range(d) for k in range(i, d)]
    least = np.zeros(d)
    for (i, k), low, size in zip(places, value.lo[1:], value.magnitude()[1:], strict=True):
        if i == k:
            least[i] += low.min()
        else:
            least[[i, k]] -= size.max()
    if least.min() < 0.0:
        return np.inf
    rates = np.where(box.periodic, 0.0, (np.pi / box.lengths) ** 2)
    total = float((least * rates).sum() / MARGIN + value.lo[0].min())
    return MARGIN / total if total > 0.0 else np.inf
