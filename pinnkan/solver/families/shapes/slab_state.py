"""The state that a later slab of time takes over at its start: unknowns and their rates, as equations."""

from functools import lru_cache

import sympy

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.problem.statement import Equation, Jet, highest_orders


@lru_cache(maxsize=8)
def state_equations(model: Model) -> tuple[CompiledEquation, ...]:
    """Return ``D_t^k u = 0`` for every unknown u with a derivative in time of an order above k."""
    coordinates = model.problem.coordinates
    jets = [jet for equation in model.equations for jet in equation.jets]
    highest = highest_orders(jets, lambda jet: jet.order[-1])
    out = []
    for unknown, order in sorted(highest.items()):
        for k in range(order):
            symbol, jet = sympy.Symbol(f"u{unknown}_{k}"), Jet(unknown, (0,) * (len(coordinates) - 1) + (k,))
            out.append(
                CompiledEquation(
                    Equation(symbol, {symbol: jet}, f"D_t^{k} {model.problem.unknowns[unknown]}"), coordinates
                )
            )
    return tuple(out)
