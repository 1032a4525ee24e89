"""Where the training of a slab begins: random networks, or continuations of the slab before."""

from pinnkan.kan.layers.architectures import frozen_ridge, random_network, spread_directions
from pinnkan.kan.layers.deep_field import Piece
from pinnkan.kan.layers.inputs import Inputs
from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.pointwise import Activation, Affine
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis
from pinnkan.problem.statement import Problem
from pinnkan.solver.families.deep.settings import DeepSettings
from pinnkan.solver.families.deep.system import TimeBox, cells_for, make_system, mean_square

#: Random starts, each given a few steps before the best goes on.
STARTS = 3

#: Noise of the starting edges relative to their slope.
SPREAD = 0.1


def random_pieces(problem: Problem, slab: TimeBox, settings: DeepSettings, device: str) -> list[Piece]:
    """STARTS untrained pieces on uniform cells, seeds counted from the problem's; one where nothing is random."""
    inputs = Inputs(slab.ranges, problem.box.periodic)
    first = problem.solver.seed
    pieces = []
    for seed in range(first, first + (1 if settings.is_frozen else STARTS)):
        network = start(settings, inputs.width, len(problem.unknowns), seed, device)
        piece = Piece(inputs, network, ())
        pieces.append(Piece(inputs, network, cells_for(slab, piece)))
    return pieces


def start(settings: DeepSettings, inputs: int, outputs: int, seed: int, device: str) -> Network:
    """An untrained network of the family asked for."""
    s = settings
    if s.network == "deep":
        return random_network((inputs, *s.hidden, outputs), s.degree, s.knots, SPREAD, seed, device)
    directions = spread_directions(inputs, s.hidden[0])
    if s.is_frozen:
        return frozen_ridge(directions, outputs, s.degree, s.knots).to(device)
    splines = random_network((*s.hidden, outputs), s.degree, s.knots, SPREAD, seed, device)
    return Network((Affine(directions.to(device)), Activation("tanh"), *splines.layers))


def continued_piece(problem: Problem, slab: TimeBox, previous: Piece, device: str) -> Piece:
    """The continuation of ``previous`` with the smallest loss on the new slab."""
    inputs = Inputs(slab.ranges, problem.box.periodic)
    found: list[tuple[float, Piece]] = []
    for network in continuations(previous.network):
        piece = Piece(inputs, network, previous.cells)
        piece = Piece(inputs, network, cells_for(slab, piece))
        found.append((mean_square(make_system(problem, slab, piece, previous, device), slab, piece), piece))
    return min(found, key=lambda pair: pair[0])[1]


def continuations(network: Network) -> list[Network]:
    """Starts for the next slab: the network as it is, and hidden coordinates that stay, or go on along their tangent.

    For the last two the first layer's edges of time (the last input) become straight lines through the value at the
    common time, so that the initial data are met and all structure in space is kept. None of the three is best
    everywhere (measured: heat prefers the first, fronts the last). A first layer that is not made of splines has no
    edge of time to bend and goes on as it is.
    """
    bent, *others = network.layers
    if not isinstance(bent, Spline) or not isinstance(bent.basis, Basis):
        return [network]
    basis, first = bent.basis, bent.weight
    end = basis.dense(first.new_ones(1), 1)[:, 0]  # (2, function)
    value, slope = first[:, -1] @ end[0], first[:, -1] @ end[1]
    out = [network]
    for share in (0.0, 1.0):
        line = first.clone()
        line[:, -1] = value.unsqueeze(-1) + share * slope.unsqueeze(-1) * (basis.identity() + 1.0)
        out.append(Network((Spline(basis, line), *others)))
    return out
