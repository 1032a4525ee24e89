"""Networks that contenders start from, by seed: splines, powers of ReLU, plain ones."""

from collections.abc import Callable, Sequence

from pinnkan.kan.layers.architectures import perceptron, random_network, spread_directions
from pinnkan.kan.layers.network import Network, stacked
from pinnkan.kan.layers.pointwise import Activation, Affine
from pinnkan.study.bases.power_relu import network_in_powers
from pinnkan.study.chunked import Chunked
from pinnkan.study.task import StudyNetwork

#: Degree of the edges, and their noise at the start relative to their slope.
DEGREE, SPREAD = 3, 0.1

Start = Callable[[Sequence[int]], StudyNetwork]


def splines(widths: Sequence[int], intervals: int, powers: bool = False) -> Start:
    """B-spline networks with tanh before every layer but the first, or the same functions in powers of ReLU."""

    def network(seed: int) -> Network:
        found = random_network(tuple(widths), DEGREE, intervals, SPREAD, seed)
        return network_in_powers(found) if powers else found

    return stacked_runs(network)


def ridges(widths: Sequence[int], intervals: int, powers: bool = False) -> Start:
    """A linear first layer, then splines (or powers of ReLU), tanh before each of these; all layers trained."""

    def network(seed: int) -> Network:
        edges = random_network(tuple(widths[1:]), DEGREE, intervals, SPREAD, seed)
        found = Network((Affine(spread_directions(widths[0], widths[1])), Activation("tanh"), *edges.layers))
        return network_in_powers(found) if powers else found

    return stacked_runs(network)


def perceptrons(widths: Sequence[int]) -> Start:
    """Plain networks with tanh."""
    return stacked_runs(lambda seed: perceptron(tuple(widths), "tanh", seed))


def stacked_runs(network: Callable[[int], Network]) -> Start:
    """The networks of all seeds together."""
    return lambda seeds: Chunked(stacked([network(seed) for seed in seeds]))
