"""Relative L2 sizes, of the worst unknown or vector, of the true error too. Unknowns are in natural units here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem

#: An unknown (a vector) counts as large as this share of the largest one, at least: one that vanishes has no size of
#: its own. With all of them in natural units that is a ten thousandth of what the others let expect.
LEAST = 1e-4
#: But one that is known to this share of itself does not vanish, however small it is: Robertson's b is 2e-5 of c, and
#: was judged as if it were ten times as large. Errors that vanish with an unknown are about as large as it is.
KNOWN = 0.1
#: Nor does it vanish beside one that is larger than MOST of its natural size: beside u, which had grown by e^60, a =
#: sin(t) was nothing, and 1e8 times itself off.
MOST = 1e3
#: Squares below this are zero.
UNDERFLOW = 1e-280


def relative(problem: Problem, space: Space, function: Array, reference: Array) -> float:
    """Norm of a function over the norm of the solution, worst unknown or vector."""
    return relative_root(problem, space.norm(function) ** 2, space.norm(reference) ** 2)


def relative_root(problem: Problem, squares: Array, reference: Array) -> float:
    """Root of the largest ratio of squares (unknown), those of a vector's components added up."""
    return max(relative_roots(problem, squares, reference))


def relative_roots(problem: Problem, squares: Array, reference: Array) -> tuple[float, ...]:
    """The same of each unknown and vector, in the order of their first unknowns; see LEAST and KNOWN."""
    error, size = (s @ _members(problem) for s in (squares, reference))
    known = (error <= KNOWN**2 * size) & (size > UNDERFLOW)
    return tuple(map(float, np.sqrt(error / np.where(known, size, floored(size, LEAST**2, _most(problem))))))


def squared_sizes(problem: Problem, squares: Array) -> Array:
    """For each unknown the square to divide by: that of its vector, as large as one that vanishes at least."""
    members = _members(problem)
    found = floored(squares @ members, LEAST**2, _most(problem)) @ members.T
    return np.where(members.any(1), found, np.inf)


def have_no_norm(problem: Problem) -> tuple[bool, ...]:
    """Of each unknown and vector, whether nothing is counted of it."""
    return tuple(not group.any() for group in _members(problem).T)


def sizes(problem: Problem, space: Space, function: Array) -> Array:
    """The norm to divide the parts of each unknown by (unknown): the roots of :func:`squared_sizes`."""
    return np.asarray(np.sqrt(squared_sizes(problem, space.norm(function) ** 2)))


def nonzero(scale: Array) -> Array:
    """A scale to divide by, of unknowns by themselves."""
    return floored(scale, LEAST)


def floored(scale: Array, least: float, most: float = np.inf) -> Array:
    """Entries of at least ``least`` times the largest one, or ``most``; one where all of them vanish, or underflow."""
    largest = float(scale.max(initial=0.0))
    return np.maximum(scale, least * min(largest, most)) if largest > UNDERFLOW else np.ones_like(scale)


def _most(problem: Problem) -> float:
    """The largest squared norm beside which others are small; see MOST."""
    return MOST**2 * problem.domain.measure


def _members(problem: Problem) -> Array:
    """(unknown, group): ones where an unknown belongs to a group, each unknown that is in no vector to its own.

    Groups in the order of their first unknowns. What has no finite norm is not counted.
    """
    taken = [tuple(problem.unknowns.index(n) for n in names) for names in problem.vectors.values()]
    alone = [(j,) for j in range(len(problem.unknowns)) if not any(j in group for group in taken)]
    out = np.zeros((len(problem.unknowns), len(taken) + len(alone)))
    for k, group in enumerate(sorted([*taken, *alone], key=min)):
        out[[j for j in group if j not in problem.unbounded], k] = 1.0
    return out


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
