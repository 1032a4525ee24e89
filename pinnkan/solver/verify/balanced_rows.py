"""Rows rescaled by their local size, for equations that degenerate at some points.

For every weight w > 0 an error is at most |w r| / sigma with sigma = min |w J v| / |v|, J the rows and r the residual.
Equations multiplied by powers of a radius hardly see narrow functions at x = 0: log x, cut off at h, has a residual of
h^1/2 in x^2 u_xx + x u_x + u_yy = 0, and of h^-3/2 in the same divided by x^2. Where the original rows leave a function
nearly free, each is divided by a power below one of its size on narrow functions,

    size^2 = sum over jets j of (dF/du_j h^-order U_j)^2,    h far below the knots in one coordinate,

that in which sizes differ most. What every weight leaves free stays free: constants under derivatives, resonances,
layers, growth, x^2 on one side of x u_x = 2 u.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.assembly.condition_weights import growth_residual, least_growth_residual
from pinnkan.assembly.equation import CompiledEquation, grid_coordinates
from pinnkan.assembly.model import DividedModel, Model
from pinnkan.kan.field import Array, Field, jets_on_grid
from pinnkan.kan.product import ProductField, Space
from pinnkan.kan.table import Table
from pinnkan.problem.units.term_sizes import jet_sizes
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.candidate import SpacePair
from pinnkan.solver.verify.failure_reasons import index_three_constraint
from pinnkan.solver.verify.findings import Refused
from pinnkan.solver.verify.neutral_waves import space_for_growing_waves
from pinnkan.solver.verify.stability import NearNull, compare_stability
from pinnkan.solver.verify.stability_bounds import StabilityBounds, near_null_pair, stability_bounds
from pinnkan.verdict.records import Reason

#: In a slab sigma below this share of the growth rate may fall further: heat backwards has 0.01, forwards 0.3.
FALLING_SHARE = 0.1
#: Below this share of the slowest rate a function is free in a slab, as t w is in t u_t = t u_xx + u where w_t = w_xx.
FREE_RATE_SHARE = 1e-4
#: Text where equations do not see a function that is zero at the start of a slab.
SINGULAR_TEXT = (
    "beside the solution from here on there are others with the same start: the equations are singular there"
)
#: Rows are rescaled only where the sizes of an equation differ by more than this factor. Heuristic.
MIN_SIZE_RATIO = 3.0
#: Width of the narrow functions, over the smallest interval.
NARROW_WIDTH = 1.0 / 64.0
#: The power of its size by which a row is divided. Above 1/2 the middle of a plate, w''' = 0 there, sees x^2 log x;
#: with 1, x^0.5, which solves x u_x = u / 2, would seem determined.
SIZE_EXPONENT = 0.75
#: Lower bound of the sizes of rows, over the largest size.
MIN_SIZE = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class BalancedModel(Model):
    """A model whose rows are divided by a power of their size, see :func:`row_sizes`.

    ``linearised_at``: the field at which equations are linearised; ``widths``: of the narrow functions, by coordinate;
    ``largest_sizes``: the largest size by equation; sizes are relative to it.
    """

    linearised_at: Field
    widths: tuple[float, ...]
    largest_sizes: tuple[float, ...]

    def weights(self, space: Space, tables: Sequence[Table]) -> list[float | torch.Tensor]:
        """See :class:`pinnkan.assembly.model.Model`."""
        sizes = [row_sizes(self, e, self.linearised_at, self.widths, tables) for e in self.equations]
        pairs = zip(super().weights(space, tables), sizes, self.largest_sizes, strict=True)
        return [own * (size / most).clamp(min=MIN_SIZE) ** -SIZE_EXPONENT for own, size, most in pairs]


def balanced_bounds(
    model: Model, piece: tuple[Space, Array], halved_space: Space, terms: float
) -> StabilityBounds | None:
    """Return how near to singular balanced rows are; None where sizes are alike, or where a function is free still.

    ``halved_space``: the space with its intervals halved; the others as
    :func:`pinnkan.solver.verify.stability_bounds.stability_bounds` has them.
    """
    space, start = piece
    rows = balanced_model(model, space, start, halved_space)
    if rows is None:
        return None
    loss = System(rows, halved_space).mean_square(space.prolong(start, halved_space))
    near = stability_bounds(rows, piece, near_null_pair(rows, space, start, halved_space), (loss, loss), terms)
    return near if near.free_share == 0.0 else None


def balanced_model(model: Model, space: Space, coefficients: Array, halved_space: Space) -> BalancedModel | None:
    """Return the model with balanced rows; None where the sizes of each equation are alike.

    ``space``, ``coefficients``: space and coefficients of the linearisation; ``halved_space``: at whose points sizes
    are evaluated.
    """
    at, tables = ProductField(((space, coefficients),)), System(model, halved_space).patches[0].tables
    ratio, widths, largest = max(_candidates(model, space, at, tables), default=(0.0, (), ()))
    return (
        BalancedModel(**model.field_values, linearised_at=at, widths=widths, largest_sizes=largest)
        if ratio > MIN_SIZE_RATIO
        else None
    )


def _candidates(
    model: Model, space: Space, field: Field, tables: Sequence[Table]
) -> Iterator[tuple[float, tuple[float, ...], tuple[float, ...]]]:
    """Yield by coordinate of space the largest ratio of sizes, widths of functions narrow along it, and largest sizes.

    Time is left out: where a derivative in time loses its weight, as in t a_t = a, other solutions begin.
    """
    lengths = [float(np.ptp(axis.breaks)) for axis in space.axes]
    for i, axis in enumerate(space.axes):
        if i == model.problem.time_axis:
            continue
        narrow = NARROW_WIDTH * float(np.diff(axis.breaks).min())
        widths = tuple(narrow if k == i else x for k, x in enumerate(lengths))
        sizes = [row_sizes(model, e, field, widths, tables) for e in model.equations]
        largest = tuple(float(size.max()) for size in sizes)
        if all(0.0 < most < np.inf for most in largest):
            pairs = zip(sizes, largest, strict=True)
            yield max(most / max(float(size.min()), MIN_SIZE * most) for size, most in pairs), widths, largest


@dataclass(frozen=True, eq=False, kw_only=True)
class SlabScaledModel(DividedModel):
    """A model in time alone, with its unknowns and rows scaled to size one in the current slab.

    ``slab_sizes``: root mean squares of the unknowns there. In natural units a change far above a decayed unknown would
    count.
    """

    slab_sizes: tuple[float, ...]

    @property
    def norm_weights(self) -> tuple[float, ...]:
        """The weights of the unknowns in a norm: those of the model, divided by sizes below one."""
        return tuple(
            most * max(size, 1.0) / size for most, size in zip(super().norm_weights, self.slab_sizes, strict=True)
        )


def slab_scaled_model(
    model: Model, space: Space, coefficients: Array, halved_space: Space
) -> tuple[SlabScaledModel, float] | None:
    """Return the model of a slab in its own units, and the rate of its slowest unknown in these.

    None for problems in space, and where a size is zero or not finite.
    """
    if len(space.axes) > 1:
        return None
    at, tables = ProductField(((space, coefficients),)), System(model, halved_space).patches[0].tables
    length = float(np.ptp(space.axes[0].breaks))
    sizes = tuple(map(float, space.norm(coefficients) / np.sqrt(length)))
    rows = [_row_jets(model, e, at, [length], tables, sizes) for e in model.equations]
    by_row = tuple(float(torch.linalg.vector_norm(r, dim=-1).mean()) for r in rows)
    if not all(0.0 < size < np.inf for size in (*sizes, *by_row)):
        return None
    rates = dict.fromkeys(range(len(sizes)), 0.0)
    for equation, row, size in zip(model.equations, rows, by_row, strict=True):
        for k, jet in enumerate(equation.jets):
            if jet.order[-1] or not model.problem.orders_in_time[jet.unknown]:
                rates[jet.unknown] = max(rates[jet.unknown], float(row[..., k].abs().mean()) / size)
    return SlabScaledModel(**model.field_values, slab_sizes=sizes, divisors=by_row), min(rates.values())


def row_sizes(
    model: Model, equation: CompiledEquation, field: Field, widths: Sequence[float], tables: Sequence[Table]
) -> torch.Tensor:
    """The size of the rows of an equation at all points of ``tables``: (interval, point, interval, ..)."""
    return torch.linalg.vector_norm(_row_jets(model, equation, field, widths, tables, model.sizes), dim=-1)


def _row_jets(
    model: Model,
    equation: CompiledEquation,
    field: Field,
    widths: Sequence[float],
    tables: Sequence[Table],
    sizes: Sequence[float],
) -> torch.Tensor:
    """The terms dF/du_j width^-order U_j of an equation, ``sizes`` U: (interval, point, interval, .., jet)."""
    shape, device = [n for t in tables for n in t.nodes.shape], tables[0].nodes.device
    jets = jets_on_grid(field, [t.nodes.reshape(-1).cpu().numpy() for t in tables], equation.jets)
    slopes = equation.linearise_grid(grid_coordinates(tables), torch.from_numpy(jets).to(device).reshape(*shape, -1))[1]
    return slopes * torch.from_numpy(jet_sizes(equation.jets, widths, sizes)).to(slopes)


def falling_stability(model: Model, spaces: SpacePair) -> Refused | None:
    """Return the finding that on finer knots the least residual of functions, zero at the start of a slab, falls.

    In a slab of length h a function of size one has a residual of about 1 / h on all knots; for the heat equation
    backwards, or Laplace's in time, the finest wave on the knots has ever less.
    """
    space, start, halved = spaces.space, spaces.coefficients, spaces.halved_space
    length = float(np.ptp(space.axes[-1].breaks))
    finding = _falling_in_slab(model, spaces.near_nulls or near_null_pair(model, space, start, halved), length)
    if finding is None:
        return None
    held = space_for_growing_waves(model, space, start)
    if held is not None:
        return falling_stability(model, SpacePair(*held, None, spaces.losses))
    now = slab_scaled_model(model, space, start, halved)
    if now is not None and not _falling_in_slab(model, near_null_pair(now[0], space, start, halved), length, now[1]):
        return None
    rows = balanced_model(model, space, start, halved)
    falls = rows is None or _falling_in_slab(model, near_null_pair(rows, space, start, halved), length)
    return finding if falls else None


def _falling_in_slab(
    model: Model, near_nulls: tuple[NearNull, NearNull], length: float, rate: float | None = None
) -> Refused | None:
    """Return the finding of the near-null functions of a slab of some length, on two levels of knots.

    ``rate``: what derivatives in time make of them, if not that of the problem.
    """
    slowest = least_growth_residual(model, length) if rate is None else rate
    if min(null.sigma for null in near_nulls) <= FREE_RATE_SHARE * slowest:
        return Refused(Reason.RANK_DEFICIENT, SINGULAR_TEXT)
    found = compare_stability(*near_nulls)
    if found.is_settled or found.halved_sigma > FALLING_SHARE * growth_residual(model, length):
        return None
    values = f"{found.solved_sigma:.1e}, {found.halved_sigma:.1e}"
    sentence = f"in time, the least residual of a function of size one falls on with more knots: {values}"
    sentence = "; ".join(filter(None, (index_three_constraint(model.problem), sentence)))
    return Refused(Reason.RANK_DEFICIENT, sentence, must_persist=True)
