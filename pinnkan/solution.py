"""The solved problem as users hold it: callable, with its verdict and its records."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pinnkan.domain.box import INSIDE_TOLERANCE
from pinnkan.domain.domain import Domain
from pinnkan.errors import UsageError
from pinnkan.kan.field import Array, Field
from pinnkan.kan.permuted_field import PermutedField
from pinnkan.problem.fields import parse_field_name
from pinnkan.problem.statement import Problem
from pinnkan.verdict.fit_records import Fit, FoundNumber
from pinnkan.verdict.records import Certificate, Iteration, Level, Reading
from pinnkan.verdict.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pyvista import UnstructuredGrid
    from xarray import Dataset

#: Of one coordinate a row of numbers will do.
Points: TypeAlias = Sequence[Sequence[float]] | Sequence[float] | Array

#: Times of frames and curves where the file asks for none.
FRAMES = 51


def _export(module: str) -> ModuleType:
    """What shows a solution lies to the right of it and imports it, so it is found by name, when it is asked for."""
    return import_module(f"pinnkan.export.{module}")


@dataclass(frozen=True, repr=False)
class Solution:
    """A solution, its error estimate as a function (None where the method has none), and how it was reached.

    ``quantities``: what the problem asks to be read off, curves over time at the times of the frames; ``certificate``:
    what is proven, where that was asked for; ``fit``: the numbers found from measured values, if any were sought;
    ``free_numbers``: those that equations and conditions determine, which follow the unknowns in the ``field``.
    """

    problem: Problem
    field: Field
    error: Field | None
    verdict: Verdict
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    seconds: float
    network: str
    quantities: Mapping[str, Reading] = dataclasses.field(default_factory=dict)
    certificate: Certificate | None = None
    fit: Fit | None = None
    free_numbers: Mapping[str, FoundNumber] = dataclasses.field(default_factory=dict)

    @property
    def estimate(self) -> Mapping[str, FoundNumber]:
        """The numbers that the file asked for under ``estimate``, by name; empty if it asked for none."""
        return self.free_numbers if self.fit is None else self.fit.numbers

    def __call__(self, points: Points) -> dict[str, Array]:
        """Values of the unknowns at ``points``, (point, coordinate) in the order of the coordinates.

        Of one coordinate (point,) will do; of several it is one point.

        Returns:
            unknown's name -> (point,)

        Raises:
            UsageError: a wrong number of columns, or a point that is not finite or outside the domain.
        """
        array = self.inside(points)
        values = self.field(array, [(0,) * self.problem.dimension])
        return {name: values[:, i, 0] for i, name in enumerate(self.problem.unknowns)}

    def derivative(self, name: str, points: Points) -> Array:
        """Values of ``u_x``, ``u_xt``, .. at ``points``, (point, coordinate); of an unknown itself its values.

        Returns:
            (point,)

        Raises:
            UsageError: the name is no derivative of an unknown, or as for the call.
        """
        jet = parse_field_name(name, self.problem)
        return self.field(self.inside(points), [jet.order])[:, jet.unknown, 0]

    def __repr__(self) -> str:
        verdict = self.verdict
        state = "converged" if verdict.converged else f"NOT CONVERGED ({verdict.reason})"
        size = f"error {verdict.estimate:.2g} of {verdict.tolerance:.2g}"
        return f"<Solution of {self.problem.name}: {state}, {size}, {self.parameters} parameters, {self.seconds:.2f} s>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict and the picture."""
        return str(_export("notebook").html_of(self))

    def plot(self) -> "Figure":
        """The picture of ``solution.png``: the unknowns with knots and errors, as a matplotlib figure."""
        return _export("pictures").figure_of(self)

    def to_pyvista(self, resolution: int | None = None, time: float | None = None) -> "UnstructuredGrid":
        """The grid of the VTK files with all its arrays, ``resolution`` samples per axis.

        With time it is the field at ``time``, by default at the last one.

        Raises:
            UsageError: pyvista is not there, or there is no such time.
        """
        return _export("notebook").to_pyvista(self, resolution, time)

    def to_xarray(self, resolution: int | None = None) -> "Dataset":
        """Unknowns and errors over named coordinates, time included, ``resolution`` samples per axis.

        Raises:
            UsageError: xarray is not there (it is optional).
        """
        return _export("notebook").to_xarray(self, resolution)

    def inside(self, points: Points) -> Array:
        """The points as an array (point, coordinate), checked; rounding beyond an end is moved onto it."""
        problem = self.problem
        names = ", ".join(c.name for c in problem.coordinates)
        try:
            array = np.array(points)
            array = array.astype(np.float64, casting="unsafe" if array.dtype.kind != "c" else "safe")
        except (ValueError, TypeError):
            wanted = f"wanted is an array (n, {problem.dimension}), columns {names}"
            raise UsageError(f"points are no numbers; {wanted}") from None
        array = array.reshape(-1, 1) if array.ndim < 2 and problem.dimension == 1 else np.atleast_2d(array)
        if array.ndim != 2 or array.shape[1] != problem.dimension:
            raise UsageError(f"points have shape {array.shape}; wanted is (n, {problem.dimension}), columns {names}")
        outside = ~self.domain.contains(array, INSIDE_TOLERANCE)
        if outside.any():
            row = int(np.argmax(outside))
            raise OutsideError(row, self.domain.outside_reason(array[row], [c.name for c in problem.coordinates]))
        return self.domain.nearest(array)

    @property
    def domain(self) -> Domain:
        """Where the solution is defined: that of the problem, and of its time what was reached."""
        time_axis = self.problem.time_axis
        if isinstance(self.field, PermutedField):
            box, axis = self.problem.box, self.field.order[-1]
            ends = self.field.breaks(axis)
            reached = float(ends[0]), float(ends[-1])
            return dataclasses.replace(box, ranges=(*box.ranges[:axis], reached, *box.ranges[axis + 1 :]))
        if time_axis is None:
            return self.problem.domain
        ends = self.field.breaks(time_axis)
        return self.problem.domain.time_part(float(ends[0]), float(ends[-1]))

    def times(self, count: int | None = None) -> Array:
        """So many times from the start to the time reached; None takes the number of frames of the file, or 51."""
        wanted = count if count is not None else self.problem.output.times
        return np.linspace(*self.domain.box.ranges[-1], FRAMES if wanted is None else wanted)

    @property
    def parameters(self) -> int:
        """Coefficients of the solution: those of the last level, or of all slabs together."""
        if self.levels and self.levels[0].time is not None:
            return sum(level.parameters for level in self.levels)
        return self.levels[-1].parameters if self.levels else 0

    @property
    def true_error(self) -> float | None:
        """Relative L2 error against ``exact``; None where the problem has none."""
        return self.levels[-1].true_error if self.levels else None


class OutsideError(UsageError):
    """A point where the solution is not defined: its row, counted from 0, and why."""

    def __init__(self, row: int, why: str) -> None:
        self.row, self.why = row, why
        super().__init__(f"point {row}: {why}")
