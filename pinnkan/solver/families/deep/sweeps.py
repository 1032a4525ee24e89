"""Deep and ridge networks, trained on coarse knots first, slab after slab.

A level is one sweep over the time slabs; a steady problem is one slab. The rows of a slab are the equations at Gauss
points and the conditions, with the end values of the slab before as initial values. While the estimate exceeds the
tolerance, the knot intervals of slabs with large losses are halved.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.quasi_random import uniform_generator
from pinnkan.kan.field import Field
from pinnkan.kan.layers.deep_field import DeepField, Inputs, Piece
from pinnkan.kan.layers.network import Network, frozen_ridge, random_network, spread_directions
from pinnkan.kan.layers.pointwise import Activation, Affine
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import Samples, samples_at
from pinnkan.solver.families.deep.comparison import Comparison, SolveProduct
from pinnkan.solver.families.deep.minimisation import SweepMinimiser
from pinnkan.solver.families.deep.settings import DeepSettings, choose_settings
from pinnkan.solver.families.deep.state import DeepState, SlabTraining
from pinnkan.solver.families.deep.system import SlabDomain, heldout_loss, make_system, mean_square, training_cells
from pinnkan.solver.level_family import ErrorEstimate, LossMinimum, ModelLevelFamily
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.solver_state import LevelsState
from pinnkan.solver.verify.findings import Decision
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Iteration

#: Maximum number of steps of a level, and of a start before the best is selected; they take similar times.
MOST_STEPS = {"gauss_newton": 150, "adam": 1500, "lbfgs": 60}
TRIAL_STEPS = {"gauss_newton": 10, "adam": 100, "lbfgs": 5}

#: Factor between held-out and training loss beyond which points get denser; maximum of rounds; factor of density.
MOST_HELDOUT_RATIO = 3.0
MOST_ROUNDS = 3
DENSITY_FACTOR = 1.6

#: A continued network is trained at once if its loss is below this share of a random one's. Klein-Gordon has 0.1, and
#: ten steps from a random start are better by 1e4; heat and Burgers have 0.005.
GOOD_START = 0.01

#: Number of random points at which a true error is measured: its square to two per cent.
TRUE_POINTS = 4000

#: Slabs with a loss below this share of the largest keep their knots, since finer ones would overfit.
REFINED_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class _Sweep:
    """One sweep over the slabs."""

    problem: Problem
    settings: DeepSettings
    minimiser: SweepMinimiser
    device: str
    level: int

    def train_slabs(
        self, pieces: Sequence[Piece], previous_training: Sequence[SlabTraining]
    ) -> list[tuple[Piece, SlabTraining]]:
        """Train all slabs, from ``pieces`` of the sweep before. Raises OutOfTimeError: out of time on a later sweep."""
        largest = max((t.loss for t in previous_training), default=0.0)
        done: list[tuple[Piece, SlabTraining]] = []
        for number, slab in enumerate(time_slabs(self.problem, self.settings.slabs)):
            if previous_training and self.minimiser.is_out_of_time():
                raise OutOfTimeError
            previous = done[-1][0] if done else None
            if previous_training:
                piece = pieces[number]
                if previous_training[number].loss > REFINED_SHARE * largest:
                    piece = replace(piece, network=piece.network.halved())
                done.append(self.train_slab(slab, previous, piece))
            else:
                done.append(self.train_first_level(slab, previous))
        return done

    def train_first_level(self, slab: SlabDomain, previous: Piece | None) -> tuple[Piece, SlabTraining]:
        """Train a slab on the coarsest level, from a continuation of the slab before or the best of several starts."""
        if previous is not None and self.minimiser.is_out_of_time():
            self.minimiser.stop_recording()
            return self.train_slab(slab, previous, best_continuation(self.problem, slab, previous, self.device))
        starts = random_pieces(self.problem, slab, self.settings, self.device)
        if previous is None:
            return self.train_slab(slab, None, self.select_by_trial(slab, None, starts))
        continued = best_continuation(self.problem, slab, previous, self.device)
        own, *others = (self.initial_loss(slab, previous, piece) for piece in (continued, *starts))
        if own > GOOD_START * min(others):
            continued = self.select_by_trial(slab, previous, [continued, *starts[1:]])
        return self.train_slab(slab, previous, continued)

    def initial_loss(self, slab: SlabDomain, previous: Piece | None, piece: Piece) -> float:
        """Return the loss per volume of a start."""
        return mean_square(make_system(self.problem, slab, piece, previous, self.device), slab, piece)

    def select_by_trial(self, slab: SlabDomain, previous: Piece | None, starts: Sequence[Piece]) -> Piece:
        """Return the start with the least loss after a few steps; a single one is returned as it is."""
        if len(starts) == 1:
            return starts[0]
        found = []
        for piece in starts:
            system = make_system(self.problem, slab, piece, previous, self.device)
            network, end = self.minimiser.minimise(system, piece.network, 0, TRIAL_STEPS[self.settings.method])
            found.append((end.loss, replace(piece, network=network)))
        return min(found, key=lambda pair: pair[0])[1]

    def train_slab(self, slab: SlabDomain, previous: Piece | None, piece: Piece) -> tuple[Piece, SlabTraining]:
        """Train until the steps stall, again on denser points while the held-out loss is too large."""
        density, steps = 1.0, 0
        for _ in range(MOST_ROUNDS):
            piece = replace(piece, cells=training_cells(slab, piece, density))
            system = make_system(self.problem, slab, piece, previous, self.device)
            most = MOST_STEPS[self.settings.method]
            network, end = self.minimiser.minimise(system, piece.network, self.level, most)
            piece = replace(piece, network=network)
            loss = mean_square(system, slab, piece)
            held = heldout_loss(self.problem, slab, piece, previous, self.device)
            steps += end.steps
            if held <= MOST_HELDOUT_RATIO * loss or self.minimiser.is_out_of_time():
                break
            density *= DENSITY_FACTOR
        return piece, SlabTraining(loss, held, system.row_count, steps)


def time_slabs(problem: Problem, count: int) -> list[SlabDomain]:
    """Return equal time slabs; the whole domain for a steady problem."""
    axis = problem.time_axis
    if axis is None:
        return [SlabDomain(problem.domain, None)]
    ends = np.linspace(*problem.box.ranges[axis], count + 1)
    return [SlabDomain(problem.domain.time_part(float(a), float(b)), axis) for a, b in pairwise(ends)]


class NetworkErrorEstimator(Protocol):
    """An error estimator for deep networks."""

    def estimate(self, field: Field) -> ErrorEstimate:
        """Estimate the error of a field, as a function if possible."""

    def is_feature_negligible(self, field: Field, feature: HiddenFeature) -> bool:
        """Whether the field is within the tolerance by a comparison with extra knots at a feature."""


@dataclass(frozen=True, eq=False)
class DeepLevels(ModelLevelFamily):
    """The family of deep or ridge networks; ``error_estimator`` estimates their error."""

    settings: DeepSettings
    error_estimator: NetworkErrorEstimator
    device: str = "cpu"

    @property
    def most_levels(self) -> int:
        return self.settings.max_levels

    def initial_state(self) -> DeepState:
        """Return the state without a network."""
        return DeepState()

    def minimise(self, state: DeepState, number: int, monitor: Monitor) -> tuple[DeepState, tuple[Iteration, ...]]:
        """Make one sweep over the slabs."""
        if state.new_field is not None:
            return state, ()
        descents = SweepMinimiser(self.settings, monitor, self.device, state)
        pieces = state.field.pieces if isinstance(state.field, DeepField) else ()
        sweep = _Sweep(self.problem, self.settings, descents, self.device, number)
        done = sweep.train_slabs(pieces, state.previous_training)
        swept = DeepField(tuple(piece for piece, _ in done), self.problem.time_axis)
        steps = descents.state.steps
        return replace(
            state, results=(), restart=None, steps=(), new_field=swept, new_training=tuple(t for _, t in done)
        ), steps

    def evaluate_minimum(self, state: DeepState) -> LossMinimum:
        field, slabs, dimension = state.new_field, state.new_training, self.problem.dimension
        assert isinstance(field, DeepField)
        finest = max((piece.network for piece in field.pieces), key=lambda n: n.intervals)
        return LossMinimum(
            field=field,
            intervals=(finest.intervals,) * dimension,
            degree=(self.settings.degree,) * dimension,
            parameters=field.parameters,
            points=sum(t.rows for t in slabs),
            loss=sum(t.loss for t in slabs) / len(slabs),
            heldout=sum(t.heldout for t in slabs) / len(slabs),
        )

    def samples(self, state: DeepState) -> Samples:
        """The networks at random points."""
        assert isinstance(state.new_field, DeepField)
        return samples_at(state.new_field, self.problem.domain.sample(TRUE_POINTS, uniform_generator(0)))

    def estimate(self, state: DeepState, minimum: LossMinimum, previous: Outcome) -> ErrorEstimate:
        """Estimate the error by the estimator of the family."""
        return self.error_estimator.estimate(minimum.field)

    def refine(self, state: DeepState, estimate: ErrorEstimate, decision: Decision) -> DeepState | None:
        """Return the state of the next sweep; None if a feature was missed."""
        if decision.feature is not None:  # a network has no local knots
            return None
        return DeepState(state.number + 1, state.new_field, state.new_training)

    def is_feature_negligible(self, minimum: LossMinimum, feature: HiddenFeature) -> bool:
        """Whether the estimator of the family finds the field within the tolerance in spite of a missed feature."""
        return self.error_estimator.is_feature_negligible(minimum.field, feature)

    def network_description(self, state: DeepState, outcome: Outcome) -> str:
        return self.settings.network_description()


def solve_deep(model: Model, solve_product: SolveProduct, monitor: Monitor, device: str) -> Outcome:
    """Solve with a deep or a ridge network; its distance from a product network estimates the error."""
    settings = choose_settings(model.problem)
    monitor.set_default_limit(settings.max_time)
    family = DeepLevels(model, settings, Comparison(model, solve_product, monitor), device)
    state = monitor.take_resumed_state(LevelsState) or initial_levels_state(family)
    return solve_levels(family, Verifier(model), monitor, state)[0]


#: Number of random starts.
STARTS = 3

#: Noise of the first edges relative to their slope.
EDGE_NOISE = 0.1


def random_pieces(problem: Problem, slab: SlabDomain, settings: DeepSettings, device: str) -> list[Piece]:
    """Return untrained pieces on uniform cells, with seeds from the problem's on; one if nothing is random."""
    inputs = Inputs(slab.ranges, problem.box.periodic)
    first = problem.solver.seed
    pieces = []
    for seed in range(first, first + (1 if settings.has_fixed_directions else STARTS)):
        network = untrained_network(settings, inputs.width, len(problem.unknowns), seed, device)
        piece = Piece(inputs, network, ())
        pieces.append(Piece(inputs, network, training_cells(slab, piece)))
    return pieces


def untrained_network(settings: DeepSettings, inputs: int, outputs: int, seed: int, device: str) -> Network:
    """Return an untrained network of the chosen kind."""
    s = settings
    if s.network == "deep":
        return random_network((inputs, *s.hidden, outputs), s.degree, s.knots, EDGE_NOISE, seed, device)
    directions = spread_directions(inputs, s.hidden[0])
    if s.has_fixed_directions:
        return frozen_ridge(directions, outputs, s.degree, s.knots).to(device)
    splines = random_network((*s.hidden, outputs), s.degree, s.knots, EDGE_NOISE, seed, device)
    return Network((Affine(directions.to(device)), Activation("tanh"), *splines.layers))


def best_continuation(problem: Problem, slab: SlabDomain, previous: Piece, device: str) -> Piece:
    """Return the continuation of ``previous`` with the smallest loss on the new slab."""
    inputs = Inputs(slab.ranges, problem.box.periodic)
    found: list[tuple[float, Piece]] = []
    for network in continuations(previous.network):
        piece = Piece(inputs, network, previous.cells)
        piece = Piece(inputs, network, training_cells(slab, piece))
        found.append((mean_square(make_system(problem, slab, piece, previous, device), slab, piece), piece))
    return min(found, key=lambda pair: pair[0])[1]


def continuations(network: Network) -> list[Network]:
    """Return starts for the next slab: the same network, and networks constant or linear in time in the first layer.

    The edges of time (last input) are straight lines through the value at the common time, which keeps the initial
    values. None of the three is best for all problems. A first layer without splines has no such edges: only the same
    network.
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
        line[:, -1] = value.unsqueeze(-1) + share * slope.unsqueeze(-1) * (basis.identity_coefficients() + 1.0)
        out.append(Network((Spline(basis, line), *others)))
    return out
