"""The true error of a function, against the ``exact`` of its problem."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.norms import relative_roots


@dataclass(frozen=True, eq=False)
class Samples:
    """Values (.., unknown) of a function at points, one array per coordinate that broadcasts to (..), and weights (..).

    The weighted sum of squares is the squared L2 norm, up to a factor. ``more``: at other points, made one after the
    other.
    """

    points: Sequence[Array]
    weights: Array
    values: Array
    more: "Iterable[Samples]" = ()


def samples_at(field: Callable[..., Array], points: Array) -> Samples:
    """A function at points (point, coordinate) that spread evenly."""
    values: Array = field(points, [(0,) * points.shape[1]])[..., 0]
    return Samples(list(points.T), np.full(len(points), 1.0 / len(points)), values)


def squared_error(problem: Problem, samples: Samples) -> Array | None:
    """Squared norms (2, unknown) of the error and of ``exact``; None where ``exact`` leaves an unknown out."""
    if problem.exact is None or any(name not in problem.exact for name in problem.unknowns):
        return None
    tape = Tape([problem.exact[name] for name in problem.unknowns], list(problem.coordinates))
    return np.sum([_squares(tape, some) for some in chain([samples], samples.more)], axis=0)


def _squares(exact: Tape, samples: Samples) -> Array:
    shape = samples.weights.shape
    found = exact(list(samples.points))
    values = np.stack([np.broadcast_to(np.asarray(v, dtype=np.float64), shape) for v in found], -1)
    over, weights = tuple(range(len(shape))), samples.weights[..., None]
    return np.stack([((samples.values - values) ** 2 * weights).sum(over), (values**2 * weights).sum(over)])


def true_errors(problem: Problem, samples: Samples) -> tuple[float, ...]:
    """Relative L2 error of each unknown and vector; none where ``exact`` leaves an unknown out."""
    squares = squared_error(problem, samples)
    return () if squares is None else relative_roots(problem, squares[0], squares[1])
