"""What one evaluation of a network and its gradient costs in either basis, against order and number of intervals."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network, random_network
from pinnkan.study.bases.power_relu import network_in_powers

#: The paper's network for this figure: three hidden layers of width 64.
WIDTHS = (2, 64, 64, 64, 1)
#: Points per evaluation, and evaluations of which the fastest counts.
POINTS, REPEATS = 256, 10


@dataclass(frozen=True)
class Cost:
    """CPU seconds per evaluation of loss and gradient, and for the tables of the functions alone."""

    order: int
    intervals: int
    spline: float
    powers: float
    spline_tables: float
    powers_tables: float


def measure(order: int, intervals: int) -> Cost:
    """Both bases, same function, same points, the fastest of some repeats."""
    network = random_network(WIDTHS, order - 1, intervals, 0.1, seed=0)
    powers = network_in_powers(network)
    x = 2.0 * torch.rand((POINTS, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1.0
    units = 2.0 * torch.rand((POINTS, 64), generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1.0
    both = (network, powers)
    whole = [_fastest(partial(_evaluate, n, x)) for n in both]
    tables = [_fastest(partial(n.splines[1].basis.dense, units, 1)) for n in both]
    return Cost(order, intervals, *whole, *tables)


def _evaluate(network: Network, x: torch.Tensor) -> torch.Tensor:
    u, traces = network.forward(JetSet([(0, 0)]), x.unsqueeze(0))
    return network.gradient(traces, u)


def _fastest(run: Callable[[], torch.Tensor]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)
