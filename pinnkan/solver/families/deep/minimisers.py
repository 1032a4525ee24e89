"""How the coefficients of a slab are found when not by Levenberg-Marquardt: by least squares, Adam or L-BFGS.

All take the rows of a :class:`pinnkan.solver.families.deep.rows.System` to the square, and stop when stalled, late, or
at their number of steps.
"""

from collections.abc import Callable

import torch

from pinnkan.errors import SolverError
from pinnkan.kan.layers.network import Network
from pinnkan.solver.families.deep.rows import NetworkSystem
from pinnkan.solver.families.deep.state import Minimised
from pinnkan.solver.minimise import first_order
from pinnkan.solver.minimise.levenberg_marquardt import by_singular_values

#: Told of every step: loss, relative size of the step, learning rate; True when the time is up.
Report = Callable[[float, float, float], bool]
Minimiser = Callable[[NetworkSystem, Network, int, Report], Minimised]

#: Adam climbs from the first to the second rate over CLIMB steps at every change of level (arXiv:2603.04827, section
#: 4.2), and fades to LAST of it by the last step, so that the level ends without the noise of large steps.
LOW_RATE, HIGH_RATE, CLIMB, LAST = 1e-4, 1e-2, 10, 1e-2
#: Every so many steps of Adam one is reported.
REPORTED = 10
#: L-BFGS has stalled when WINDOW of its steps together bring less than this share. Heuristic: what is left is for the
#: next level.
LEAST_GAIN, WINDOW = 0.3, 5


def by_least_squares(system: NetworkSystem, network: Network, most: int, report: Report) -> Minimised:
    """Gauss-Newton in the outer layer, the only one trained."""

    def told(loss: float, size: float) -> bool:
        return report(loss, size, 0.0)

    found = by_singular_values(lambda x: system.evaluate(network.with_flat(x)), network.flat(), most, told)
    return Minimised(found.x, found.loss, found.steps)


def by_adam(system: NetworkSystem, network: Network, most: int, report: Report) -> Minimised:
    """Adam with a ramp at the start and a fading rate."""
    rate = first_order.fading(first_order.ramp(LOW_RATE, HIGH_RATE, CLIMB), LAST, most)

    def monitor(step: int, loss: torch.Tensor, rate: float) -> bool:
        return step % REPORTED == 0 and report(float(loss), 0.0, rate)

    return _minimised(first_order.adam(_objective(system, network), network.flat(), most, rate, monitor))


def by_lbfgs(system: NetworkSystem, network: Network, most: int, report: Report) -> Minimised:
    """L-BFGS with a line search; a step is :data:`pinnkan.solver.minimise.first_order.INNER` iterations."""
    losses: list[float] = []

    def monitor(step: int, loss: torch.Tensor, rate: float) -> bool:
        losses.append(float(loss))
        stalled = len(losses) > WINDOW and losses[-1] > (1.0 - LEAST_GAIN) * losses[-1 - WINDOW]
        return report(float(loss), 0.0, rate) or stalled

    objective = _objective(system, network)
    return _minimised(first_order.lbfgs(objective, network.flat(), most, lambda n: 1.0, monitor, searched=True))


#: The minimisers by method; ``least_squares`` where only the outer layer is trained.
OTHERS: dict[str, Minimiser] = {"least_squares": by_least_squares, "adam": by_adam, "lbfgs": by_lbfgs}


def _objective(system: NetworkSystem, network: Network) -> first_order.Objective:
    """Loss and gradient."""
    return lambda x: system.descend(network.with_flat(x))


def _minimised(found: first_order.Optimised) -> Minimised:
    finite = found.losses[torch.isfinite(found.losses)]
    if not len(finite):
        raise SolverError("the residual or its gradient is not finite at the starting point", "not_finite")
    return Minimised(found.x, float(finite[-1]), len(found.losses) - 1)
