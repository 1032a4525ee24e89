"""Relative L2 norms of functions and of the true error, per unknown or vector. Unknowns are in natural units."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem

#: Norms to divide by are at least this share of the largest one: an unknown that vanishes has none. Heuristic.
RELATIVE_SIZE_FLOOR = 1e-4
#: But not where the error is at most this share of the norm, however small: Robertson's b is 2e-5 of c.
KNOWN_SHARE = 0.1
#: The largest norm counts as at most this many natural sizes, so that one that has grown by e^60 hides no other.
SIZE_CEILING = 1e3
#: Squares below this are zero.
UNDERFLOW = 1e-280


def relative_norm(problem: Problem, space: Space, function: Array, reference: Array) -> float:
    """The relative L2 norm of a function, of the worst unknown or vector; ``reference``: the solution."""
    return largest_norm_ratio(problem, space.norm(function) ** 2, space.norm(reference) ** 2)


def largest_norm_ratio(problem: Problem, squares: Array, reference: Array) -> float:
    """The largest relative norm of unknowns and vectors, from squared norms (unknown)."""
    return max(norm_ratios(problem, squares, reference))


def norm_ratios(problem: Problem, squares: Array, reference: Array) -> tuple[float, ...]:
    """Relative norms by unknown or vector, in the order of first unknowns, from squared norms (unknown).

    A reference below a floor is raised to it, unless the function is small beside the reference itself.
    """
    error, size = (s @ _members(problem) for s in (squares, reference))
    known = (error <= KNOWN_SHARE**2 * size) & (size > UNDERFLOW)
    return tuple(
        map(
            float,
            np.sqrt(
                error / np.where(known, size, raise_to_floor(size, RELATIVE_SIZE_FLOOR**2, _largest_reference(problem)))
            ),
        )
    )


def reference_squares(problem: Problem, squares: Array) -> Array:
    """The squared norm to divide each unknown by, (unknown): that of its vector, with a floor; inf if it has none."""
    members = _members(problem)
    found = raise_to_floor(squares @ members, RELATIVE_SIZE_FLOOR**2, _largest_reference(problem)) @ members.T
    return np.where(members.any(1), found, np.inf)


def groups_without_norm(problem: Problem) -> tuple[bool, ...]:
    """Whether all members of each unknown or vector are without a finite norm."""
    return tuple(not group.any() for group in _members(problem).T)


def reference_norms(problem: Problem, space: Space, function: Array) -> Array:
    """The roots of :func:`reference_squares` of a function of a space, (unknown)."""
    return np.asarray(np.sqrt(reference_squares(problem, space.norm(function) ** 2)))


def safe_divisors(scale: Array) -> Array:
    """A scale (unknown) raised to a floor, so that it can be divided by."""
    return raise_to_floor(scale, RELATIVE_SIZE_FLOOR)


def raise_to_floor(scale: Array, least: float, most: float = np.inf) -> Array:
    """Raise entries to ``least`` times the largest one, which counts at most ``most``; ones where all underflow."""
    largest = float(scale.max(initial=0.0))
    return np.maximum(scale, least * min(largest, most)) if largest > UNDERFLOW else np.ones_like(scale)


def _largest_reference(problem: Problem) -> float:
    """The largest squared norm by which the floor of others is raised."""
    return SIZE_CEILING**2 * problem.domain.measure


def _members(problem: Problem) -> Array:
    """Matrix (unknown, group) of ones where an unknown belongs to a group: a vector, or the unknown alone.

    Groups are in the order of their first unknowns. Unknowns without a finite norm belong to none.
    """
    taken = [tuple(problem.unknowns.index(n) for n in names) for names in problem.vectors.values()]
    alone = [(j,) for j in range(len(problem.unknowns)) if not any(j in group for group in taken)]
    out = np.zeros((len(problem.unknowns), len(taken) + len(alone)))
    for k, group in enumerate(sorted([*taken, *alone], key=min)):
        out[[j for j in group if j not in problem.unknowns_without_norm], k] = 1.0
    return out


@dataclass(frozen=True, eq=False)
class Samples:
    """``values`` (.., unknown) of a function at points, with quadrature ``weights`` (..), up to a factor.

    ``points``: one array per coordinate that broadcasts to (..); ``more_batches``: further samples, made one by one.
    """

    points: Sequence[Array]
    weights: Array
    values: Array
    more_batches: "Iterable[Samples]" = ()


def samples_at(field: Callable[..., Array], points: Array) -> Samples:
    """Samples of a function at evenly spread points (point, coordinate)."""
    values: Array = field(points, [(0,) * points.shape[1]])[..., 0]
    return Samples(list(points.T), np.full(len(points), 1.0 / len(points)), values)


def squared_error_and_size(problem: Problem, samples: Samples) -> Array | None:
    """Squared norms (2, unknown) of the error and of ``exact``; None where ``exact`` lacks an unknown."""
    if problem.exact is None or any(name not in problem.exact for name in problem.unknowns):
        return None
    tape = Tape([problem.exact[name] for name in problem.unknowns], list(problem.coordinates))
    return np.sum([_squares(tape, some) for some in chain([samples], samples.more_batches)], axis=0)


def _squares(exact: Tape, samples: Samples) -> Array:
    shape = samples.weights.shape
    found = exact(list(samples.points))
    values = np.stack([np.broadcast_to(np.asarray(v, dtype=np.float64), shape) for v in found], -1)
    over, weights = tuple(range(len(shape))), samples.weights[..., None]
    return np.stack([((samples.values - values) ** 2 * weights).sum(over), (values**2 * weights).sum(over)])


def true_errors(problem: Problem, samples: Samples) -> tuple[float, ...]:
    """The true relative L2 error of each unknown and vector; empty where ``exact`` lacks an unknown."""
    squares = squared_error_and_size(problem, samples)
    return () if squares is None else norm_ratios(problem, squares[0], squares[1])
