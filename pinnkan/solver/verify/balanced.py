"""Whether equations that vanish somewhere determine their solution after all: asked once more with rows of one size.

For any positive function w the rows w J bound an error as well as the rows J do: with sigma = min |w J v| / |v| it is
w r / sigma at most. Multiplied by powers of a radius equations see hardly anything of functions next to x = 0: log x,
cut off at h, has a residual of h^1/2 in x^2 u_xx + x u_x + u_yy = 0, of h^-3/2 in the same divided by x^2. So where the
rows as they stand leave something nearly free, and only there, each is divided by its size on narrow functions,

    size^2 = sum over jets j of (dF/du_j h^-order U_j)^2,    h far below the knots along one coordinate,

the one along which sizes differ most, to a power below one. What any weight leaves free stays free: constants under
derivatives, resonances, layers, growth, x^2 on one side of x u_x = 2 u.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.assembly.equation import CompiledEquation, coordinates_on
from pinnkan.assembly.model import DividedModel, Model
from pinnkan.kan.field import Array, Field, jets_on
from pinnkan.kan.product import ProductField, Space
from pinnkan.kan.table import Table
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.near_singular import Nearness, near_singular, nulls_of

#: Rows that differ by less than this factor are asked nothing new.
ALIKE = 3.0
#: The narrow functions, in the smallest intervals.
NARROW = 1.0 / 64.0
#: The power of its size by which a row is divided. A plate in polar coordinates, w''' = 0 in its middle, needs more
#: than 1/2 for x^2 log x to be seen; with 1, x^0.5 under x u_x = u / 2 is, which solves it and is zero where x is.
POWER = 0.75
#: A row is divided by no less than this share of the largest size.
LEAST = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class BalancedModel(Model):
    """A model whose rows are divided by their sizes at a function ``at``, on functions of some ``widths``.

    ``largest``: of the sizes, by equation, which are relative to that.
    """

    at: Field
    widths: tuple[float, ...]
    largest: tuple[float, ...]

    def weights(self, space: Space, tables: Sequence[Table]) -> list[float | torch.Tensor]:
        """See :class:`pinnkan.assembly.model.Model`."""
        sizes = [row_sizes(self, e, self.at, self.widths, tables) for e in self.equations]
        pairs = zip(super().weights(space, tables), sizes, self.largest, strict=True)
        return [own * (size / most).clamp(min=LEAST) ** -POWER for own, size, most in pairs]


def balanced_nearness(model: Model, found: tuple[Space, Array], halved: Space, terms: float) -> Nearness | None:
    """How near to singular the balanced rows are; None where rows are alike, or these leave something free as well.

    ``found``, ``terms``: as :func:`pinnkan.solver.verify.near_singular.near_singular` has them; ``halved``: the space
    with its intervals halved.
    """
    space, start = found
    rows = balanced(model, space, start, halved)
    if rows is None:
        return None
    loss = System(rows, halved).mean_square(space.prolong(start, halved))
    near = near_singular(rows, found, nulls_of(rows, space, start, halved), (loss, loss), terms)
    return near if near.free == 0.0 else None


def balanced(model: Model, space: Space, start: Array, halved: Space) -> BalancedModel | None:
    """The model with balanced rows; None where these are alike along any coordinate of space.

    ``space``: the knots that narrow functions are narrower than; ``start``: a function there; ``halved``: on whose
    points rows are looked at.
    """
    at, tables = ProductField(((space, start),)), System(model, halved).patches[0].tables
    ratio, widths, largest = max(_candidates(model, space, at, tables), default=(0.0, (), ()))
    return BalancedModel(**model.parts, at=at, widths=widths, largest=largest) if ratio > ALIKE else None


def _candidates(
    model: Model, space: Space, at: Field, tables: Sequence[Table]
) -> Iterator[tuple[float, tuple[float, ...], tuple[float, ...]]]:
    """By coordinate how much sizes differ on functions that are narrow along it, the widths, the largest sizes.

    Not by time: from where a_t has no weight, t a_t = a, other solutions begin.
    """
    lengths = [float(np.ptp(axis.breaks)) for axis in space.axes]
    for i, axis in enumerate(space.axes):
        if i == model.problem.time_axis:
            continue
        narrow = NARROW * float(np.diff(axis.breaks).min())
        widths = tuple(narrow if k == i else x for k, x in enumerate(lengths))
        sizes = [row_sizes(model, e, at, widths, tables) for e in model.equations]
        largest = tuple(float(size.max()) for size in sizes)
        if all(0.0 < most < np.inf for most in largest):
            pairs = zip(sizes, largest, strict=True)
            yield max(most / max(float(size.min()), LEAST * most) for size, most in pairs), widths, largest


@dataclass(frozen=True, eq=False, kw_only=True)
class PresentModel(DividedModel):
    """A model in time alone whose unknowns and rows are of size one in a slab, as they are there.

    Of an unknown that has decayed to a millionth a change by its natural size is none that is to be found: of u_t = -u,
    w_t = -0.5*w*u_t/u - 0.4*w one of 1e-4 in u made any w, where u was 8e-5, and that was taken for a second solution.
    """

    own: tuple[float, ...]

    @property
    def counted(self) -> tuple[float, ...]:
        """See :class:`pinnkan.assembly.model.Model`."""
        return tuple(most * max(size, 1.0) / size for most, size in zip(super().counted, self.own, strict=True))


def present(model: Model, space: Space, start: Array, halved: Space) -> tuple[PresentModel, float] | None:
    """The model in present units, and :func:`pinnkan.assembly.condition_weights.slowest_rate` there.

    None of problems in space, and where something is nothing.
    """
    if len(space.axes) > 1:
        return None
    at, tables = ProductField(((space, start),)), System(model, halved).patches[0].tables
    length = float(np.ptp(space.axes[0].breaks))
    sizes = tuple(map(float, space.norm(start) / np.sqrt(length)))
    rows = [_row_jets(model, e, at, [length], tables, sizes) for e in model.equations]
    by_row = tuple(float(torch.linalg.vector_norm(r, dim=-1).mean()) for r in rows)
    if not all(0.0 < size < np.inf for size in (*sizes, *by_row)):
        return None
    rates = dict.fromkeys(range(len(sizes)), 0.0)
    for equation, row, size in zip(model.equations, rows, by_row, strict=True):
        for k, jet in enumerate(equation.jets):
            if jet.order[-1] or not model.problem.orders_in_time[jet.unknown]:
                rates[jet.unknown] = max(rates[jet.unknown], float(row[..., k].abs().mean()) / size)
    return PresentModel(**model.parts, own=sizes, by_row=by_row), min(rates.values())


def row_sizes(
    model: Model, equation: CompiledEquation, at: Field, widths: Sequence[float], tables: Sequence[Table]
) -> torch.Tensor:
    """The size of the rows of an equation at all points of tables, (interval, point, interval, ..)."""
    return torch.linalg.vector_norm(_row_jets(model, equation, at, widths, tables, model.sizes), dim=-1)


def _row_jets(
    model: Model,
    equation: CompiledEquation,
    at: Field,
    widths: Sequence[float],
    tables: Sequence[Table],
    sizes: Sequence[float],
) -> torch.Tensor:
    """What functions of some ``sizes`` make of an equation by jet, (interval, point, interval, .., jet)."""
    shape, device = [n for t in tables for n in t.nodes.shape], tables[0].nodes.device
    jets = jets_on(at, [t.nodes.reshape(-1).cpu().numpy() for t in tables], equation.jets)
    slopes = equation.linearise_on(coordinates_on(tables), torch.from_numpy(jets).to(device).reshape(*shape, -1))[1]
    scale = [sizes[j.unknown] * np.prod(np.power(widths, np.negative(j.order))) for j in equation.jets]
    return slopes * torch.tensor(scale).to(slopes)
