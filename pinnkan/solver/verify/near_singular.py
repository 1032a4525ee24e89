"""A second opinion where small residuals can mean large errors: a correction in a space that sees the resonance.

An operator a u_xx + c u with a c > 0 has waves of its own, of length 2 pi sqrt(a/c). Near a resonance a small
residual in such a wave is a large error, which knots too coarse for the wave do not see: Helmholtz with k^2 within 1e-7
of an eigenvalue reported 4e-13 at an error of 0.5. So the linearised equation is solved for the error once more in even
splines that are fine enough for the waves; and inverse iteration (Golub, Van Loan 2013, section 8.2) gives the smallest
singular value there, which says when nothing determines the solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.assembly.boundary_values import fix
from pinnkan.assembly.model import Model
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.axis import Axis, along
from pinnkan.kan.field import Array, Field, jets_on
from pinnkan.kan.product import Space
from pinnkan.problem.statement import Side
from pinnkan.solver.estimate.correction import correct_in, jets_of
from pinnkan.solver.linear.band import NormalEquations
from pinnkan.solver.linear.system import System

#: Degree, even intervals per half wave and besides, of a first look, and of the opinion by number of coordinates.
#: The look sees nine half waves to 1e-4 and is enough where it finds everything determined to DETERMINED; the opinion
#: sees them to 1e-9 on a line and 1e-8 in the plane.
LOOK, DETERMINED = (9, 1.5, 4), 3e-3
OPINION = {1: (11, 3.0, 10), 2: (11, 2.2, 6), 3: (7, 1.2, 2)}
#: Points per coordinate where the coefficients of the linearised equation are looked at.
LOOKED = 9
#: Half waves below which no box resonates: a Robin side can make a quarter of a wave fit.
FEWEST = 0.4
INVERSE_STEPS = 4
#: A function whose residual is this share of the terms it is made of is one that the equations do not see in float64.
UNDETERMINED = 1e-8
#: Most coefficients of a second opinion.
LARGEST = 6_000


@dataclass(frozen=True)
class Opinion:
    """``size``: relative L2 size of the correction; ``determined``: smallest residual of a function over its terms."""

    size: float
    determined: float


def second_opinion(model: Model, field: Field) -> Opinion | None:
    """The opinion of an even space on a steady solution; None where the equation has no waves, or too many."""
    waves = half_waves(model, field)
    if np.linalg.norm(waves) < FEWEST and not _is_adrift(model) and not _is_open(model):
        return None
    look = _even(model, waves, *LOOK)
    if look.size > LARGEST or least_determined(model, field, look) > DETERMINED:
        return None
    space = _even(model, waves, *OPINION[len(waves)])
    if space.size > LARGEST:
        return None
    return Opinion(correct_in(model, field, space), least_determined(model, field, space))


def _even(model: Model, waves: Array, degree: int, per_wave: float, besides: int) -> Space:
    """Even splines for so many half waves per coordinate."""
    degree = max(degree, max(model.orders) + 4)
    axes = []
    for (low, high), periodic, n in zip(model.problem.ranges, model.problem.periodic, waves, strict=True):
        count = max(int(np.ceil(per_wave * n)) + besides, degree + 1 if periodic else 1)
        axes.append(Axis(np.linspace(low, high, count + 1), degree, periodic))
    return Space(tuple(axes), len(model.problem.unknowns))


def half_waves(model: Model, field: Field) -> Array:
    """Half waves per coordinate that fit between the sides, by the linearised equation; zero where it has none."""
    ranges = model.problem.ranges
    nodes = [low + (high - low) * (np.arange(LOOKED) + 0.5) / LOOKED for low, high in ranges]
    points = np.stack(np.meshgrid(*nodes, indexing="ij"), -1)
    most = np.zeros(len(ranges))
    for equation in model.equations:
        jets = jets_on(field, nodes, equation.jets)
        weights = equation.linearise_numpy(points, jets)[1]
        of = {j.order: weights[..., k] for k, j in enumerate(equation.jets)}
        c = of.get((0,) * len(ranges), np.zeros(()))
        for axis, (low, high) in enumerate(ranges):
            a = of.get(tuple(2 * (i == axis) for i in range(len(ranges))), np.zeros(()))
            resonant = a * c > 0
            square = np.where(resonant, c / np.where(resonant, a, 1.0), 0.0)
            most[axis] = max(most[axis], float(np.sqrt(square.max())) * (high - low) / np.pi)
    return most


def _is_adrift(model: Model) -> bool:
    """Whether no condition holds a value, so that a constant may be almost free."""
    held = bool(model.conditions.layers) and any(layer.order == 0 for layer in model.conditions.layers)
    return not held and not any(j.total == 0 for _, row in model.rows for j in row.jets)


def _is_open(model: Model) -> bool:
    """Whether a coordinate has fewer conditions than derivatives, so that something may be added freely."""
    problem = model.problem
    given = [0] * problem.dimension
    for condition in problem.conditions:
        if condition.equation is not None and isinstance(condition.place, Side):
            given[condition.place.axis] += 1
    counted = zip(given, model.orders, problem.periodic, strict=True)
    return any(n < order and not periodic for n, order, periodic in counted)


def least_determined(model: Model, field: Field, space: Space) -> float:
    """min over v of \\|J v\\| / \\|terms of J v\\|, J linearised at the field, v in ``space`` with conditions of zero.

    Inverse iteration on J^T J v = s^2 M v with the mass matrix M gives v; both norms are then evaluated directly, so
    that ratios far below the root of the rounding unit are seen.
    """
    system = System(model, space)
    zero = np.zeros(space.shape)
    layers = [(layer, np.zeros(_face(space, layer.side.axis))) for layer in model.conditions.layers]
    _, fixed = fix(space, layers, zero, np.zeros(space.shape, dtype=bool))
    rows, weights = [], []
    for patch in system.patches:
        jets = jets_of(field, patch)
        rows.append(patch.rows_at(jets, []))
        weights.append(patch.equation.linearise(patch.points, jets)[1] * patch.root_weight.unsqueeze(-1))
    ordering = order_coefficients(space, fixed, model.device)
    normal = NormalEquations(rows, ordering)
    mass = [_mass(axis) for axis in space.axes]
    v = np.random.default_rng(0).standard_normal(space.shape)
    for _ in range(INVERSE_STEPS):
        image = v
        for i, m in enumerate(mass):
            image = along(m, image, i)
        free = normal.backsolve(image.reshape(-1)[ordering.free.cpu().numpy()][:, None])[:, 0]
        v = np.zeros(space.shape)
        v.reshape(-1)[ordering.free.cpu().numpy()] = free / np.abs(free).max()
    return _share(model, system, torch.from_numpy(v).to(model.device), weights, float(space.norm(v)[0]))


def _share(model: Model, system: System, v: torch.Tensor, weights: Sequence[torch.Tensor], norm: float) -> float:
    r"""\|J v\| over the terms of v in the equations: those it has, and those of a half wave across the box as large."""
    lengths = np.array([high - low for low, high in model.problem.ranges])
    squares = terms = 0.0
    for k, (patch, weight) in enumerate(zip(system.patches, weights, strict=True)):
        part = weight * patch.jets(v)
        squares += float((part.sum(-1) ** 2).sum())
        if k < len(model.equations):
            waves = [float(np.prod((np.pi / lengths) ** np.array(j.order))) for j in patch.equation.jets]
            mean = (weight**2).flatten(0, -2).sum(0).cpu().numpy() / patch.volume
            terms += float((part**2).sum()) + norm**2 * float((mean * np.square(waves)).sum())
    return float(np.sqrt(squares / terms))


def _face(space: Space, axis: int) -> tuple[int, ...]:
    return tuple(a.count for i, a in enumerate(space.axes) if i != axis)


def _mass(axis: Axis) -> Array:
    nodes, weights = axis.gauss(axis.degree + 1)
    table = axis.matrix(nodes.ravel())
    return table.T @ (weights.ravel()[:, None] * table)
